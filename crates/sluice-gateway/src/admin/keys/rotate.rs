//! `POST /admin/v1/keys/{id}/rotate`: a new secret, shown this once; the one before stays valid for a while.

use serde_json::Value;
use sluice_ledger::{Key, KeyHash, secret};
use sluice_store::CatalogChange;

use super::{find_own, not_revoked, recorded, shown_alone};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    fields::Fields,
    refuse::Checked,
};

/// Longest time for which two secrets are valid: thirty days.
const OVERLAP_SECONDS_MAX: u64 = 30 * 86_400;

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let overlap = match call.body.is_empty() {
        true => 0,
        false => overlap(&call.json()?)?,
    };
    let catalog = call.catalog().await?;
    let before = find_own(call, &catalog, id)?.clone();
    not_revoked(&before)?;
    let secret = call.new_secret()?;
    let now = call.unix_s();
    let previous = (overlap > 0).then(|| (before.hash, now.saturating_add(overlap)));
    let after =
        Key { hash: KeyHash::of(&secret), prefix: secret::shown_prefix(&secret), previous, ..before.clone() };
    let entry = Entry {
        action: "rotate",
        object: "key",
        id,
        before: Some(recorded(&before, now)),
        after: Some(recorded(&after, now)),
    };
    let change = CatalogChange::UpdateKey { before: Box::new(before), after: Box::new(after.clone()) };
    change::make(call, catalog, change, &entry).await?;
    let mut object = shown_alone(call, &after).await?;
    object["secret"] = secret.into();
    Ok(Reply::ok(object))
}

/// Seconds for which the secret before is valid beside the new one; 0 where nothing is said.
fn overlap(body: &Value) -> Checked<i64> {
    let fields = Fields::root(body)?;
    let seconds = fields.integer("overlap_seconds", 0..=OVERLAP_SECONDS_MAX)?.unwrap_or_default();
    fields.finish()?;
    Ok(i64::try_from(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn overlaps() {
        let check = |body: Value, expect: Result<i64, &str>| {
            let found = overlap(&body).map_err(|refusal| refusal.error.param.unwrap_or_default());
            assert_eq!(found, expect.map_err(str::to_owned), "{body}");
        };
        check(json!({}), Ok(0));
        check(json!({ "overlap_seconds": 2_592_000 }), Ok(2_592_000));
        check(json!({ "overlap_seconds": 2_592_001 }), Err("overlap_seconds"));
        check(json!({ "overlap_seconds": -1 }), Err("overlap_seconds"));
        check(json!({ "overlap": 1 }), Err("overlap"));
    }
}
