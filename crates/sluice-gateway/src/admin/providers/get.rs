//! `GET /admin/v1/providers/{name}`.

use sluice_store::ObjectKind;

use super::all;
use crate::admin::{
    call::{Call, Reply},
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let catalog = call.catalog().await?;
    let found = all(&catalog, &call.shared.config.load()).into_iter().find(|object| object["name"] == name);
    found.map(Reply::ok).ok_or_else(|| refuse::not_found(ObjectKind::Provider, name))
}
