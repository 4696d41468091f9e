//! `PATCH /admin/v1/models/{name}`: what is named changes, `null` takes away.

use sluice_store::{CatalogChange, ModelRecord};

use super::{find_own, form, has_targets, shown};
use crate::admin::{
    body::merge,
    call::{Call, Reply},
    change::{self, Entry},
    fields::Fields,
    names::keeps_its_name,
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let patch = call.json()?;
    let catalog = call.catalog().await?;
    let before = find_own(&catalog, name)?.clone();
    let mut merged = form::of(&before);
    merge(&mut merged, patch);
    let after = ModelRecord { origin: before.origin, ..form::read(&merged)? };
    if after.name != before.name {
        return Err(keeps_its_name(&Fields::root(&merged)?.need("name")?));
    }
    has_targets(&after, &catalog, &call.shared.config.load())?;
    if after != before {
        let entry = Entry {
            action: "update",
            object: "model",
            id: name,
            before: Some(shown(&before)),
            after: Some(shown(&after)),
        };
        let change = CatalogChange::UpdateModel { before: Box::new(before), after: Box::new(after.clone()) };
        change::make(call, catalog, change, &entry).await?;
    }
    Ok(Reply::ok(shown(&after)))
}
