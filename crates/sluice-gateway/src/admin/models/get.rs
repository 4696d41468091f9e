//! `GET /admin/v1/models/{name}`.

use super::{find, shown_to};
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let catalog = call.catalog().await?;
    Ok(Reply::ok(shown_to(call, find(&catalog, name)?)))
}
