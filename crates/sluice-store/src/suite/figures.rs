//! Figures that are printed, not asserted: `cargo test --release -p sluice-store suite::figures -- --ignored --nocapture`.
#![expect(clippy::disallowed_methods, reason = "figures are measured")]

use std::time::Duration;

use sluice_testkit::services::Postgres;
use tokio::time::Instant;

use super::made::{DAY_S, batch, details, id, posting, session, sql};
use crate::{
    SqlStore, Store as _,
    books::Session,
    query::{Bucket, GroupBy, UsageQuery},
};

const DAYS: i64 = 30;
const REQUESTS: u64 = 10_000_000;
/// Every group of every hour of 30 days: 100 keys, 10 models, 5 providers, 3.6 million rows in all. Two or three
/// requests each are 10 million.
const FILL_HOURLY: &str = "WITH RECURSIVE h(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM h WHERE n < 719), \
     k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < 99), \
     m(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM m WHERE n < 9), \
     p(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM p WHERE n < 4) \
     INSERT INTO usage_hourly SELECT 1795219200 + h.n * 3600, 'key_' || k.n, 'project-' || (k.n % 7), \
     'model-' || m.n, 'provider-' || p.n, 2 + (h.n % 9 < 7), 1, 1000, 500, 100, 50, 123456 FROM h, k, m, p";
const FILL_DAILY: &str = "INSERT INTO usage_daily SELECT start - start % 86400, key_id, project, model, provider, \
     SUM(requests), SUM(errors), SUM(prompt_tokens), SUM(completion_tokens), SUM(cached_tokens), \
     SUM(reasoning_tokens), SUM(cost) FROM usage_hourly GROUP BY 1, 2, 3, 4, 5";

#[tokio::test]
#[ignore = "prints figures"]
async fn usage_of_a_month() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
    sql(&store, FILL_HOURLY).await.unwrap();
    sql(&store, FILL_DAILY).await.unwrap();
    let month = UsageQuery { from: DAY_S, to: DAY_S + DAYS * 86_400, ..UsageQuery::default() };
    let asked = [
        ("by model", UsageQuery { group_by: vec![GroupBy::Model], ..month.clone() }),
        ("by key", UsageQuery { group_by: vec![GroupBy::Key], ..month.clone() }),
        ("by day", UsageQuery { bucket: Some(Bucket::Day), ..month.clone() }),
        (
            "by day and model",
            UsageQuery { bucket: Some(Bucket::Day), group_by: vec![GroupBy::Model], ..month },
        ),
    ];
    for (name, query) in asked {
        let started = Instant::now();
        let rows = store.usage(&query).await.unwrap();
        let requests: u64 = rows.iter().map(|row| row.requests).sum();
        assert!(requests.abs_diff(REQUESTS) < REQUESTS / 100, "{requests}");
        println!("usage of {requests} requests {name}: {:?}, {} rows", started.elapsed(), rows.len());
    }
}

/// What this process has spent of the processor in its own code, in clock ticks of 10 ms.
fn user_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = after_name.split_whitespace().nth(11).unwrap().parse().unwrap();
    Duration::from_millis(ticks * 10)
}

async fn print_posting(engine: &str, store: &SqlStore, node: &Session) {
    const BATCHES: u64 = 40;
    for size in [100, 500, 2_000] {
        let batches: Vec<_> = (0..BATCHES)
            .map(|n| {
                let first = size * 1_000_000 + n * size;
                let mut sent = batch((first..first + size).map(|n| posting(n, 5)));
                for (n, (posting, found)) in (0..).zip(&mut sent.postings) {
                    posting.reserve.key = format!("key_{}", n % 100);
                    // Ids are in the order of time, as those of the gateway are.
                    posting.reserve.request = id(posting.reserve.unix_ms);
                    *found = Some(details(200));
                }
                sent
            })
            .collect();
        let (started, user) = (Instant::now(), user_time());
        for sent in &batches {
            store.post(node, sent).await.unwrap();
        }
        let (took, user) = (started.elapsed(), user_time().saturating_sub(user));
        let rows = BATCHES * size;
        let per_second = u128::from(rows) * 1_000 / took.as_millis().max(1);
        let each = user.as_micros() / u128::from(rows);
        println!("{engine}, {size} a batch: {per_second} rows/s, {each} us of user time a row");
    }
}

#[tokio::test]
#[ignore = "prints figures"]
async fn posting_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
    let node = session(&store, "n").await;
    print_posting("SQLite", &store, &node).await;
    let server = Postgres::start();
    let store = SqlStore::open_postgres(&server.database()).await.unwrap();
    let node = session(&store, "n").await;
    print_posting("PostgreSQL (its own processes apart)", &store, &node).await;
}
