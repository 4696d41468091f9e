//! The audit log.

use super::{
    catalog::key,
    made::{NOW_MS, assert_sound, entry, sql},
};
use crate::{CatalogChange, SqlStore, Store as _, query::AuditFilter};
use sluice_ledger::Origin;

async fn three_entries(store: &SqlStore) {
    for name in ["a", "b", "c"] {
        let change = CatalogChange::InsertKey(key(name, &format!("sk-{name}"), Origin::Admin));
        store.change(&change, &entry("create", name), NOW_MS).await.unwrap();
    }
}

pub(super) async fn entries_come_with_what_they_say(store: SqlStore) {
    three_entries(&store).await;
    // One that is refused leaves no entry and no gap.
    let twice = CatalogChange::InsertKey(key("a", "sk-a2", Origin::Admin));
    store.change(&twice, &entry("create", "a"), NOW_MS).await.unwrap_err();
    let mut odd = entry("create\0", "d\0");
    odd.before = Some("\0".to_owned());
    let change = CatalogChange::InsertKey(key("d", "sk-d", Origin::Admin));
    store.change(&change, &odd, NOW_MS + 1).await.unwrap();

    let all = store.audit(&AuditFilter::newest(10)).await.unwrap();
    assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!(all[3].entry, entry("create", "a"));
    assert_eq!((all[0].unix_ms, all[0].entry.object_id.as_str()), (NOW_MS + 1, "d\u{fffd}"));
    let page = store.audit(&AuditFilter { before: Some(4), ..AuditFilter::newest(2) }).await.unwrap();
    assert_eq!(page, all[1..3]);
    let check = async |filter: AuditFilter, expect: &[i64]| {
        let found = store.audit(&filter).await.unwrap();
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), expect, "{filter:?}");
    };
    let (all, text) = (|| AuditFilter::newest(10), |text: &str| Some(text.to_owned()));
    check(AuditFilter { object_id: text("b"), ..all() }, &[2]).await;
    check(AuditFilter { object: text("key"), actor: text("admin_token"), before: Some(3), ..all() }, &[2, 1])
        .await;
    check(AuditFilter { object: text("project"), ..all() }, &[]).await;
    check(AuditFilter { actor: text("'nobody"), ..all() }, &[]).await;
    assert_eq!(store.audit(&AuditFilter { before: Some(1), ..AuditFilter::newest(2) }).await.unwrap(), []);
    assert_sound(&store).await;
}

pub(super) async fn nothing_of_it_can_be_changed(store: SqlStore) {
    three_entries(&store).await;
    let before = store.audit(&AuditFilter::newest(10)).await.unwrap();
    for text in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "DELETE FROM audit WHERE id = 3"] {
        let error = sql(&store, text).await.unwrap_err().to_string();
        assert!(error.contains("only appended to"), "{text}: {error}");
    }
    assert_eq!(store.audit(&AuditFilter::newest(10)).await.unwrap(), before);
}

/// Who may change the schema can take the triggers away; the chain of hashes shows what he did.
pub(super) async fn tampering_shows(store: SqlStore) {
    three_entries(&store).await;
    if store.is_shared() {
        sql(&store, "DROP TRIGGER audit_is_not_changed ON audit").await.unwrap();
    } else {
        sql(&store, "DROP TRIGGER audit_is_not_updated").await.unwrap();
        sql(&store, "DROP TRIGGER audit_is_not_deleted").await.unwrap();
    }
    let wrong = async || {
        let found = store.self_check().await.unwrap();
        found.into_iter().map(|mismatch| mismatch.what).collect::<Vec<_>>()
    };
    sql(&store, "UPDATE audit SET actor = 'nobody' WHERE id = 2").await.unwrap();
    assert_eq!(wrong().await, ["hash of audit entry 2"]);
    sql(&store, "DELETE FROM audit WHERE id = 2").await.unwrap();
    assert_eq!(wrong().await, ["audit entries before 3"]);
}
