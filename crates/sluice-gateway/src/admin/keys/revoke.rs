//! `DELETE /admin/v1/keys/{id}`: nobody can use the key any more; it stays listed, and so does what it spent.

use sluice_ledger::Key;
use sluice_store::CatalogChange;

use super::{find_own, recorded};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let catalog = call.catalog().await?;
    let before = find_own(call, &catalog, id)?.clone();
    if before.revoked {
        return Ok(Reply::nothing());
    }
    let after = Key { revoked: true, previous: None, ..before.clone() };
    let now = call.unix_s();
    let entry = Entry {
        action: "revoke",
        object: "key",
        id,
        before: Some(recorded(&before, now)),
        after: Some(recorded(&after, now)),
    };
    let change = CatalogChange::UpdateKey { before: Box::new(before), after: Box::new(after) };
    change::make(call, catalog, change, &entry).await?;
    Ok(Reply::nothing())
}
