//! `GET /admin/v1/projects/{name}`.

use super::{find, shown_alone};
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let catalog = call.catalog().await?;
    Ok(Reply::ok(shown_alone(call, find(call, &catalog, name)?).await?))
}
