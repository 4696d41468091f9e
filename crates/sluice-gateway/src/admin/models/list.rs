//! `GET /admin/v1/models`: in the order of their names.

use super::shown_to;
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let page = call.query.page()?;
    call.query.finish()?;
    let (models, next) = page.of(call.catalog().await?.models, |model| model.name.clone());
    Ok(Reply::list(models.iter().map(|model| shown_to(call, model)).collect(), next))
}
