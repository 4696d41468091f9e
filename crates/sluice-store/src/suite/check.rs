//! Retention, and the comparison of what is kept twice.

use super::made::{DAY_S, NOW_MS, ask, assert_sound, batch, need, posting, session, sql};
use crate::{
    SqlStore, Store as _,
    books::Cursor,
    query::{RequestFilter, UsageQuery},
};

pub(super) async fn retire_in_steps(store: SqlStore) {
    let node = session(&store, "n").await;
    store.post(&node, &batch((1..=10).map(|n| posting(n, 1)))).await.unwrap();
    let before = NOW_MS + 8;
    for expect in [3, 3, 1, 0] {
        assert_eq!(store.retire(before, 3).await.unwrap(), expect);
        assert_sound(&store).await;
    }
    let filter = RequestFilter { limit: 100, ..RequestFilter::default() };
    let left: Vec<_> = store.requests(&filter).await.unwrap().rows.iter().map(|row| row.unix_ms).collect();
    assert_eq!(left, [NOW_MS + 10, NOW_MS + 9, NOW_MS + 8]);
    let query = UsageQuery { from: DAY_S, to: DAY_S + 86_400, ..UsageQuery::default() };
    assert_eq!(store.usage(&query).await.unwrap()[0].requests, 10);
}

pub(super) async fn retire_waits_for_nodes_that_were_cut_off(store: SqlStore) {
    const HOUR: u64 = 3_600_000;
    let node = session(&store, "n").await;
    let old = |n: u64, unix_ms| {
        let mut posting = posting(n, 1);
        posting.reserve.unix_ms = unix_ms;
        posting
    };
    let mut sent = batch([old(1, NOW_MS - 2 * HOUR), old(2, NOW_MS - HOUR / 2)]);
    sent.cursors = vec![Cursor { epoch: 1, worker: 0, seq: 1 }];
    store.post(&node, &sent).await.unwrap();
    let later = NOW_MS + 20 * 24 * HOUR;
    assert_eq!(store.retire(later, 10).await.unwrap(), 1, "only what it cannot post again");
    assert_eq!(store.retire(later, 10).await.unwrap(), 0);
    store.post(&node, &sent).await.unwrap();
    let node = store.open_session("n", node.epoch, later).await.unwrap();
    assert_eq!(store.retire(later, 10).await.unwrap(), 1, "it is about to post them again");
    assert_eq!(store.retire(NOW_MS + 31 * 24 * HOUR, 10).await.unwrap(), 1, "it does not come back");

    store.post(&node, &batch([old(3, NOW_MS)])).await.unwrap();
    assert_eq!(store.retire(later, 10).await.unwrap(), 0);
    store.end_leases(&node).await.unwrap();
    assert_eq!(store.retire(later, 10).await.unwrap(), 1, "it has ended properly");
    store.post(&node, &batch([old(4, NOW_MS)])).await.unwrap();
    store.heartbeat(&node, NOW_MS).await.unwrap();
    assert_eq!(store.retire(later, 10).await.unwrap(), 0, "it runs again");
}

pub(super) async fn planted_mismatches(store: SqlStore) {
    let node = session(&store, "n").await;
    ask(&store, &node, 1, need(100, 2)).await.unwrap();
    store.post(&node, &batch([posting(1, 7)])).await.unwrap();
    assert_sound(&store).await;
    let check = async |plant: &'static str, mend: &'static str, expect: &[&str]| {
        sql(&store, plant).await.unwrap();
        let found = store.self_check().await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|one| {
                one.what.split_once(|c: char| c.is_ascii_digit()).map_or(one.what.as_str(), |(word, _)| word)
            })
            .collect();
        assert_eq!(found, expect, "{plant}");
        sql(&store, mend).await.unwrap();
        assert_sound(&store).await;
    };
    check(
        "UPDATE usage_hourly SET cost = cost + 1",
        "UPDATE usage_hourly SET cost = cost - 1",
        &["cost of the hour ", "cost of the day "],
    )
    .await;
    check(
        "UPDATE usage_daily SET requests = requests + 1",
        "UPDATE usage_daily SET requests = requests - 1",
        &["requests of the day "],
    )
    .await;
    check("UPDATE requests SET failed = 1", "UPDATE requests SET failed = 0", &["errors of the hour "]).await;
    check(
        "UPDATE leases SET amount = amount + 1",
        "UPDATE leases SET amount = amount - 1",
        &["leased of key:key_a in the window "],
    )
    .await;
    check(
        "UPDATE budgets SET leased = leased + 1",
        "UPDATE budgets SET leased = leased - 1",
        &["leased of key:key_a in the window "],
    )
    .await;
}
