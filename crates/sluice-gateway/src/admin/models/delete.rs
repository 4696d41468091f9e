//! `DELETE /admin/v1/models/{name}`.

use sluice_store::CatalogChange;

use super::{find_own, shown};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let catalog = call.catalog().await?;
    let before = Some(shown(find_own(&catalog, name)?));
    let entry = Entry { action: "delete", object: "model", id: name, before, after: None };
    change::make(call, catalog, CatalogChange::DeleteModel(name.to_owned()), &entry).await?;
    Ok(Reply::nothing())
}
