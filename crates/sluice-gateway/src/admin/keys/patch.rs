//! `PATCH /admin/v1/keys/{id}`: what is named changes, `null` takes away.

use sluice_store::CatalogChange;

use super::{Form, find_own, fits, has_owner, not_revoked, recorded, shown_alone};
use crate::admin::{
    body::merge,
    call::{Call, Reply},
    change::{self, Entry},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let patch = call.json()?;
    call.principal.may_patch(&patch)?;
    let catalog = call.catalog().await?;
    let before = find_own(call, &catalog, id)?.clone();
    not_revoked(&before)?;
    let mut form = Form::of(&before);
    merge(&mut form, patch);
    let mut after = before.clone();
    Form::read(&form)?.write(&mut after);
    fits(call, &after, &catalog, after.project == before.project)?;
    if after.owner != before.owner {
        has_owner(call, &after).await?;
    }
    if after != before {
        let now = call.unix_s();
        let entry = Entry {
            action: "update",
            object: "key",
            id,
            before: Some(recorded(&before, now)),
            after: Some(recorded(&after, now)),
        };
        let change = CatalogChange::UpdateKey { before: Box::new(before), after: Box::new(after.clone()) };
        change::make(call, catalog, change, &entry).await?;
    }
    Ok(Reply::ok(shown_alone(call, &after).await?))
}
