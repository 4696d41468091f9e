//! `PATCH /admin/v1/projects/{name}`: what is named changes, `null` takes away.

use sluice_ledger::Project;
use sluice_store::CatalogChange;

use super::{find_own, form, read, recorded, shown_alone};
use crate::admin::{
    body::merge,
    call::{Call, Reply},
    change::{self, Entry},
    fields::Fields,
    keys::all_fit,
    names::keeps_its_name,
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let patch = call.json()?;
    call.principal.may_patch(&patch)?;
    let catalog = call.catalog().await?;
    let before = find_own(call, &catalog, name)?.clone();
    let mut form = form(&before);
    merge(&mut form, patch);
    let after = Project { origin: before.origin, ..read(&form)? };
    if after.name != before.name {
        return Err(keeps_its_name(&Fields::root(&form)?.need("name")?));
    }
    all_fit(&after, &catalog)?;
    if after != before {
        let entry = Entry {
            action: "update",
            object: "project",
            id: name,
            before: Some(recorded(&before)),
            after: Some(recorded(&after)),
        };
        let change = CatalogChange::UpdateProject { before, after: after.clone() };
        change::make(call, catalog, change, &entry).await?;
    }
    Ok(Reply::ok(shown_alone(call, &after).await?))
}
