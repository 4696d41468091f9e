//! `DELETE /admin/v1/providers/{name}`: only when no model has a target there.

use sluice_store::{CatalogChange, ObjectKind, StoreError};

use super::{find_own, shown_stored};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let config = call.shared.config.load_full();
    let catalog = call.catalog().await?;
    let before = Some(shown_stored(find_own(&catalog, &config, name)?, &config));
    if let Some(model) =
        catalog.models.iter().find(|m| m.targets.iter().any(|target| target.provider == name))
    {
        let by = format!("the model `{}`", model.name);
        let in_use = StoreError::InUse { kind: ObjectKind::Provider, name: name.to_owned(), by };
        return Err(refuse::store(&in_use));
    }
    let entry = Entry { action: "delete", object: "provider", id: name, before, after: None };
    change::make(call, catalog, CatalogChange::DeleteProvider(name.to_owned()), &entry).await?;
    Ok(Reply::nothing())
}
