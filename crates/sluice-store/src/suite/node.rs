//! Nodes and their runs.

use super::{
    catalog::key,
    made::{LIMIT, NOW_MS, ask, assert_sound, balance, batch, entry, need, posting, session},
};
use crate::{
    CatalogChange, SqlStore, Store as _, StoreError,
    books::{NODE_ALIVE_MS, Session},
    query::{AuditFilter, NodeRow},
};
use sluice_ledger::{NanoUsd, Origin};

fn is_superseded<T: std::fmt::Debug>(found: &Result<T, StoreError>) {
    assert!(matches!(found, Err(StoreError::Superseded { node }) if node == "n"), "{found:?}");
}

pub(super) async fn epochs_rise(store: SqlStore) {
    let check = async |known: u32, expect: u32| {
        let opened = store.open_session("n", known, NOW_MS).await.unwrap();
        assert_eq!(opened, Session { node: "n".to_owned(), epoch: expect });
    };
    check(0, 1).await;
    // The first wrote nothing: the node may not know of it.
    check(0, 2).await;
    let second = Session { node: "n".to_owned(), epoch: 2 };
    store.heartbeat(&second, NOW_MS).await.unwrap();
    for known in [0, 1] {
        is_superseded(&store.open_session("n", known, NOW_MS).await);
    }
    check(2, 3).await;
    check(10, 11).await;
    is_superseded(&store.open_session("n", u32::MAX, NOW_MS).await);
    // What leases and posts has written as well.
    let third = Session { node: "n".to_owned(), epoch: 11 };
    ask(&store, &third, 1, need(1, 1)).await.unwrap();
    is_superseded(&store.open_session("n", 10, NOW_MS).await);
}

pub(super) async fn older_runs_are_fenced_off(store: SqlStore) {
    let old = session(&store, "n").await;
    ask(&store, &old, 1, need(100, 1)).await.unwrap();
    let new = store.open_session("n", old.epoch, NOW_MS).await.unwrap();
    is_superseded(&store.post(&old, &batch([posting(1, 10)])).await);
    is_superseded(&ask(&store, &old, 2, need(1, 1)).await);
    is_superseded(&store.heartbeat(&old, NOW_MS).await);
    is_superseded(&store.end_leases(&old).await);
    assert_eq!(balance(&store).await, (LIMIT, 0, LIMIT));
    assert_eq!(store.request(super::made::id(1)).await.unwrap(), None);
    // The new run holds what the old one held.
    store.post(&new, &batch([posting(1, 10)])).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 10, LIMIT - 10));
    let stranger = Session { node: "n".to_owned(), epoch: new.epoch + 1 };
    is_superseded(&store.post(&stranger, &batch([posting(2, 10)])).await);
    assert_sound(&store).await;
}

pub(super) async fn heartbeats(store: SqlStore) {
    let one = session(&store, "n").await;
    let two = session(&store, "o").await;
    let first = store.heartbeat(&one, NOW_MS).await.unwrap();
    assert_eq!(first.live_nodes, 2);
    let live = async |unix_ms: u64| store.heartbeat(&two, unix_ms).await.unwrap().live_nodes;
    assert_eq!(live(NOW_MS + NODE_ALIVE_MS).await, 2);
    assert_eq!(live(NOW_MS + NODE_ALIVE_MS + 1).await, 1);
    let change = CatalogChange::InsertKey(key("k", "sk-k", Origin::Admin));
    store.change(&change, &entry("create", "k"), NOW_MS).await.unwrap();
    let after = store.heartbeat(&one, NOW_MS).await.unwrap();
    assert_eq!(after.catalog_version, first.catalog_version + 1);
    store.change(&change, &entry("create", "k"), NOW_MS).await.unwrap_err();
    assert_eq!(store.heartbeat(&one, NOW_MS).await.unwrap().catalog_version, after.catalog_version);
}

pub(super) async fn all_nodes(store: SqlStore) {
    assert_eq!(store.nodes().await.unwrap(), []);
    let b = store.open_session("b", 6, NOW_MS).await.unwrap();
    session(&store, "a").await;
    ask(&store, &b, 1, need(30, 2)).await.unwrap();
    store.heartbeat(&b, NOW_MS + 5).await.unwrap();
    let node = |node: &str, epoch, seen_ms, leased| NodeRow {
        node: node.to_owned(),
        epoch,
        seen_ms,
        leased: NanoUsd(leased),
    };
    assert_eq!(store.nodes().await.unwrap(), [node("a", 1, NOW_MS, 0), node("b", 7, NOW_MS + 5, 30)]);
}

pub(super) async fn write_off(store: SqlStore) {
    let dead = session(&store, "n").await;
    let other = session(&store, "o").await;
    ask(&store, &dead, 1, need(300, 2)).await.unwrap();
    ask(&store, &other, 1, need(200, 2)).await.unwrap();
    let entry = entry("write_off", "n");
    let missing = store.write_off("nobody", &entry, NOW_MS).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
    let alive = store.write_off("n", &entry, NOW_MS + NODE_ALIVE_MS).await;
    assert!(matches!(alive, Err(StoreError::InUse { .. })), "{alive:?}");
    assert_eq!(store.audit(&AuditFilter::newest(10)).await.unwrap(), []);
    assert_eq!(balance(&store).await, (LIMIT, 0, 500));

    store.write_off("n", &entry, NOW_MS + NODE_ALIVE_MS + 1).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 0, 200));
    assert_eq!(store.audit(&AuditFilter::newest(10)).await.unwrap()[0].entry, entry);
    // Should it be alive after all, it has to begin anew, and still posts what it spent.
    is_superseded(&store.post(&dead, &batch([posting(1, 10)])).await);
    let back = store.open_session("n", dead.epoch, NOW_MS).await.unwrap();
    store.post(&back, &batch([posting(1, 10)])).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 10, 200));
    assert_sound(&store).await;
}
