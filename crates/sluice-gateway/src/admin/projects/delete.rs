//! `DELETE /admin/v1/projects/{name}`: only when no key is in it.

use sluice_store::CatalogChange;

use super::{find_own, recorded};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let catalog = call.catalog().await?;
    let before = Some(recorded(find_own(call, &catalog, name)?));
    let entry = Entry { action: "delete", object: "project", id: name, before, after: None };
    change::make(call, catalog, CatalogChange::DeleteProject(name.to_owned()), &entry).await?;
    Ok(Reply::nothing())
}
