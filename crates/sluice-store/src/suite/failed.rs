//! Requests whose caller got an error: as many in the sums as in the list, by every property.

use sluice_testkit::services::Postgres;

use super::made::{DAY_S, NOW_MS, assert_sound, batch, details, id, posting, session, sql, voided};
use crate::{
    SqlStore, Store as _,
    books::{AttemptDetails, Batch, Details, Refused},
    query::{GroupBy, RequestFilter, UsageQuery},
};

/// An end with this status and code, after calls of these providers.
fn ended(status: u16, code: Option<&str>, called: &[&str]) -> Details {
    let attempt = |name: &&str| AttemptDetails {
        provider: (*name).to_owned(),
        outcome: "failed",
        ..Default::default()
    };
    Details {
        error_code: code.map(str::to_owned),
        attempts: called.iter().map(attempt).collect(),
        ..details(status)
    }
}

fn refused(n: u64) -> Refused {
    let (key, project, model) = ("key_a".to_owned(), "p".to_owned(), "m".to_owned());
    let details = ended(429, Some("rate_limit_exceeded"), &[]);
    Refused { request: id(n), unix_ms: NOW_MS, key, project, model, stream: false, details }
}

/// Requests of every kind of end: answered, broken after 200, left by the caller, failed at one or two providers, and
/// failed with nothing known of it.
fn sent() -> Vec<(u64, Option<Details>)> {
    vec![
        (1, Some(ended(200, None, &["up"]))),
        (2, Some(ended(200, Some("upstream_truncated"), &["up"]))),
        (3, Some(ended(499, None, &["up"]))),
        (14, Some(ended(502, Some("upstream_bad_response"), &["up"]))),
        (15, Some(ended(502, Some("upstream_timeout"), &["up", "down"]))),
        (16, Some(ended(200, Some("upstream_truncated"), &["down", "up"]))),
        (17, None),
    ]
}

/// Those with a number above 10 cost nothing.
fn all(found: Vec<(u64, Option<Details>)>) -> Batch {
    let made = |n| if n > 10 { voided(n) } else { posting(n, n) };
    let mut sent = batch(found.iter().map(|(n, _)| made(*n)));
    for ((_, details), (_, found)) in sent.postings.iter_mut().zip(found) {
        *details = found;
    }
    sent.refused.push(refused(18));
    sent
}

/// What the sums say of a provider, and how many rows stand behind them: of all requests, and of those that failed.
async fn check(store: &SqlStore, provider: Option<&str>, expect: (u64, u64)) {
    let provider = provider.map(str::to_owned);
    let (from, to) = (DAY_S, DAY_S + 86_400);
    let usage = UsageQuery { from, to, provider: provider.clone(), ..UsageQuery::default() };
    for query in [usage.clone(), UsageQuery { from: from + 1, ..usage }] {
        let sums = store.usage(&query).await.unwrap();
        let sums = sums.first().map_or((0, 0), |row| (row.requests, row.errors));
        assert_eq!(sums, expect, "{provider:?}");
    }
    for (failed, expect) in [(false, expect.0), (true, expect.1)] {
        let filter =
            RequestFilter { provider: provider.clone(), failed, limit: 50, ..RequestFilter::default() };
        let rows = store.requests(&filter).await.unwrap().rows;
        assert_eq!(rows.len() as u64, expect, "{filter:?}");
        assert!(rows.iter().all(|row| filter.takes(row)), "{rows:?}");
    }
}

async fn check_all(store: &SqlStore) {
    check(store, None, (8, 7)).await;
    check(store, Some("up"), (5, 4)).await;
    check(store, Some("down"), (1, 1)).await;
    check(store, Some("other"), (0, 0)).await;
    let by_provider = UsageQuery {
        from: DAY_S,
        to: DAY_S + 86_400,
        group_by: vec![GroupBy::Provider],
        ..UsageQuery::default()
    };
    let rows = store.usage(&by_provider).await.unwrap();
    let rows: Vec<_> =
        rows.into_iter().map(|row| (row.provider.unwrap(), row.requests, row.errors)).collect();
    let expect =
        [("", 2, 2), ("down", 1, 1), ("up", 5, 4)].map(|(name, n, errors)| (name.to_owned(), n, errors));
    assert_eq!(rows, expect);
    assert_sound(store).await;
}

pub(super) async fn are_as_many_as_the_list_has(store: SqlStore) {
    let node = session(&store, "n").await;
    let sent = all(sent());
    for _ in 0..2 {
        store.post(&node, &sent).await.unwrap();
        check_all(&store).await;
    }
    // What a batch says that its rows will be.
    for row in sent.rows() {
        assert_eq!(store.request(row.request).await.unwrap(), Some(row));
    }
}

pub(super) async fn come_late(store: SqlStore) {
    let node = session(&store, "n").await;
    let bare = all(sent().into_iter().map(|(n, _)| (n, None)).collect());
    store.post(&node, &bare).await.unwrap();
    // Nothing is known but who was charged for what.
    check(&store, None, (8, 5)).await;
    let late = sent().into_iter().filter_map(|(n, details)| Some((id(n), details?))).collect();
    let late = Batch { late_details: late, ..Batch::default() };
    for _ in 0..2 {
        store.post(&node, &late).await.unwrap();
        check_all(&store).await;
    }
    // The same, beside postings that are known.
    store.post(&node, &all(sent())).await.unwrap();
    check_all(&store).await;
}

/// As an older version kept it, and as it is after the next start.
#[tokio::test]
async fn older_books_are_counted_anew() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Postgres::start());
    let (path, url) = (dir.path().join("db"), server.database());
    for on_sqlite in [true, false] {
        let open = async || match on_sqlite {
            true => SqlStore::open_sqlite(&path).await.unwrap(),
            false => SqlStore::open_postgres(&url).await.unwrap(),
        };
        let store = open().await;
        let node = session(&store, "n").await;
        store.post(&node, &all(sent())).await.unwrap();
        for before in [
            "UPDATE requests SET failed = 0 WHERE charged > 0",
            "DELETE FROM usage_hourly",
            "INSERT INTO usage_hourly SELECT unix_ms / 3600000 * 3600, key_id, project, model, COALESCE(provider, ''), \
             COUNT(*), SUM(failed), 0, 0, 0, 0, SUM(charged) FROM requests GROUP BY 1, 2, 3, 4, 5",
            "DELETE FROM usage_daily",
            "INSERT INTO usage_daily SELECT start / 86400 * 86400, key_id, project, model, provider, requests, errors, \
             0, 0, 0, 0, cost FROM usage_hourly",
            "DELETE FROM _sqlx_migrations WHERE version = 8",
        ] {
            sql(&store, before).await.unwrap();
        }
        check(&store, None, (8, 5)).await;
        store.close().await;
        check_all(&open().await).await;
    }
}
