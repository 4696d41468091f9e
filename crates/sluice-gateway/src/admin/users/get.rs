//! `GET /admin/v1/users/{id}`.

use super::{find, shown};
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    Ok(Reply::ok(shown(&find(call, id).await?)))
}
