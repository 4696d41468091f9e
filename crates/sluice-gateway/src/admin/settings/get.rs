//! `GET /admin/v1/settings`.

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let stored = call.catalog().await?.settings;
    Ok(Reply::list(shown(&call.shared.config.load(), &stored), None))
}
