//! Figures that are printed, not asserted: `cargo test --release -p sluice-store suite::figures -- --ignored --nocapture`.
#![expect(clippy::disallowed_methods, reason = "figures are measured")]

use std::time::Duration;

use sluice_testkit::services::Postgres;
use tokio::time::Instant;

use sluice_ledger::NanoUsd;

use super::made::{DAY_MS, DAY_S, batch, details, id, posting, session, sql};
use crate::{
    SqlStore, Store as _,
    books::{Batch, Session},
    engine::{Arg, Mode, Statement},
    latency::Latencies,
    query::{Bucket, GroupBy, RequestFilter, UsageQuery, Visible},
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

/// A million rows, the `$1`-th of ten within 30 days: ids in the order of time, a twentieth of them failures, one key
/// and one provider that are rare, calls as they are.
const FILL_REQUESTS: Statement = Statement::new(
    "WITH RECURSIVE c(n) AS (SELECT $1 * 1000000 UNION ALL SELECT n + 1 FROM c WHERE n < $1 * 1000000 + 999999) \
     INSERT INTO requests SELECT unhex(printf('%016x%016x', 1795219200000 + n * 259 / 1, n)), 1795219200000 + n * 259 / 1, \
     CASE WHEN n % 200000 = 7 THEN 'key_rare' ELSE 'key_' || (n * 7919 % 100) END, 'project-' || (n * 7919 % 7), \
     'model-' || (n * 31 % 10), n % 2 * 8, CASE n % 20 WHEN 3 THEN CASE n % 3 WHEN 0 THEN 429 ELSE 502 END ELSE 200 END, \
     1000, n % 5000, n % 20 = 3, CASE WHEN n % 20 = 3 THEN NULL WHEN n % 500000 = 9 THEN 'provider-rare' \
     ELSE 'provider-' || (n % 5) END, 'upstream-model', '2026-11', 'provider', 1000, 200, 100, 0, 50, \
     printf('%016x%016x', n * 7919, n), CASE n % 20 WHEN 3 THEN 'upstream_error' END, 120, 350000, 1000 + n * 7919 % 9000000, \
     0, '[[\"provider-' || (n % 5) || '\",\"upstream-model\",' || (1795219200000 + n * 259) || ',350000,2100000,200,\"ok\",null,\"first\"]]' \
     FROM c",
    "",
);

/// How long a page that was asked for twice took, the first time and the second.
async fn print_page(store: &SqlStore, name: &str, filter: &RequestFilter) {
    let mut took = Vec::new();
    let mut rows = 0;
    let mut more = false;
    for _ in 0..2 {
        let started = Instant::now();
        let page = store.requests(filter).await.unwrap();
        took.push(started.elapsed());
        (rows, more) = (page.rows.len(), page.next.is_some());
    }
    println!("requests {name}: {:?}, then {:?}, {rows} rows, more {more}", took[0], took[1]);
}

#[tokio::test]
#[ignore = "prints figures"]
async fn lists_of_ten_million_requests() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
    for part in 0..10 {
        let mut tx = store.begin(Mode::Write).await.unwrap();
        tx.execute(&FILL_REQUESTS, &[Arg::Int(part)]).await.unwrap();
        tx.commit().await.unwrap();
    }
    let size = std::fs::metadata(dir.path().join("db")).unwrap().len();
    println!("10 million rows, {} MB", size / 1_000_000);
    let all = RequestFilter { limit: 50, ..RequestFilter::default() };
    let some = |text: &str| Some(text.to_owned());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let middle = Some(DAY_MS + 15 * 86_400_000);
    let (key, project, model) = (some("key_7"), some("project-3"), some("model-4"));
    for (name, filter) in [
        ("newest", all.clone()),
        ("500 of them", RequestFilter { limit: 500, ..all.clone() }),
        ("of a key", RequestFilter { key: key.clone(), ..all.clone() }),
        ("of a rare key", RequestFilter { key: some("key_rare"), ..all.clone() }),
        ("of a key that is not there", RequestFilter { key: some("none"), ..all.clone() }),
        ("of a project", RequestFilter { project: project.clone(), ..all.clone() }),
        ("of a model", RequestFilter { model: model.clone(), ..all.clone() }),
        ("of a provider", RequestFilter { provider: some("provider-2"), ..all.clone() }),
        ("of a rare provider", RequestFilter { provider: some("provider-rare"), ..all.clone() }),
        ("of a key and a model", RequestFilter { key: key.clone(), model: model.clone(), ..all.clone() }),
        ("of a key and a model never together", RequestFilter { key, model: some("model-x"), ..all.clone() }),
        ("429", RequestFilter { status: Some((429, 429)), ..all.clone() }),
        ("503, of which there are none", RequestFilter { status: Some((503, 503)), ..all.clone() }),
        ("4xx", RequestFilter { status: Some((400, 499)), ..all.clone() }),
        ("errors", RequestFilter { failed: true, ..all.clone() }),
        ("errors of a provider", RequestFilter { failed: true, provider: some("provider-3"), ..all.clone() }),
        ("errors of a rare provider", RequestFilter { failed: true, provider: some("none"), ..all.clone() }),
        ("before the middle", RequestFilter { to_ms: middle, ..all.clone() }),
        ("of a model before the middle", RequestFilter { model, to_ms: middle, ..all.clone() }),
        ("slow ones", RequestFilter { min_total_us: Some(8_900_000), ..all.clone() }),
        ("slow ones that are not there", RequestFilter { min_total_us: Some(60_000_000), ..all.clone() }),
        (
            "dear ones of a project that are not there",
            RequestFilter { min_cost: Some(NanoUsd(1 << 40)), project, ..all.clone() },
        ),
        ("by the beginning of an id", RequestFilter { beginning: some("req_0000"), ..all.clone() }),
        ("by the beginning of a trace", RequestFilter { beginning: some("00000001"), ..all.clone() }),
        (
            "of two keys",
            RequestFilter { visible: Visible::Keys(names(&["key_1", "key_rare"])), ..all.clone() },
        ),
        (
            "of 30 projects that are not there",
            RequestFilter {
                visible: Visible::Projects((0..30).map(|n| format!("none-{n}")).collect()),
                ..all.clone()
            },
        ),
    ] {
        print_page(&store, name, &filter).await;
    }
}

#[tokio::test]
#[ignore = "prints figures"]
async fn times_of_a_month() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
    let node = session(&store, "n").await;
    // Every hour of 30 days, 100 keys in 7 projects, 10 models at 5 providers, 20 sizes of times each.
    for hour in 0..720_u64 {
        let mut latencies = Latencies::default();
        for n in 0..2_000 {
            let mut posting = posting(n, 5);
            posting.reserve.unix_ms = DAY_MS + hour * 3_600_000;
            posting.reserve.key = format!("key_{}", n % 100);
            posting.reserve.project = format!("project-{}", n % 7);
            posting.reserve.model = format!("model-{}", n % 10);
            if let sluice_ledger::record::Outcome::Settled(settle) = &mut posting.outcome {
                std::sync::Arc::make_mut(&mut settle.answered).provider = format!("provider-{}", n / 10 % 5);
            }
            let mut found = details(200);
            (found.first_token_us, found.total_us) = (Some(20_000 << (n % 7)), 300_000 << (n % 9));
            latencies.add(&posting, &found);
        }
        store.post(&node, &Batch { latencies, ..Batch::default() }).await.unwrap();
    }
    let month = UsageQuery { from: DAY_S, to: DAY_S + DAYS * 86_400, ..UsageQuery::default() };
    let odd = UsageQuery { from: DAY_S + 3_600, to: DAY_S + DAYS * 86_400 - 3_600, ..month.clone() };
    let hours = UsageQuery { to: DAY_S + 14 * 86_400, bucket: Some(Bucket::Hour), ..month.clone() };
    for (name, query) in [
        ("by model", UsageQuery { group_by: vec![GroupBy::Model], ..month.clone() }),
        ("by key", UsageQuery { group_by: vec![GroupBy::Key], ..month.clone() }),
        ("by day and key", UsageQuery { bucket: Some(Bucket::Day), group_by: vec![GroupBy::Key], ..month }),
        ("of a month with parts of days", odd),
        ("of two weeks by the hour", hours.clone()),
        ("of two weeks by the hour and key", UsageQuery { group_by: vec![GroupBy::Key], ..hours }),
    ] {
        let started = Instant::now();
        let rows = store.latency(&query).await.unwrap().unwrap();
        println!("times {name}: {:?}, {} rows", started.elapsed(), rows.len());
    }
}
