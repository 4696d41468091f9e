//! How long answers took.

use sluice_ledger::{Posting, record::Outcome};

use super::made::{DAY_S, batch, details, posting, session};
use crate::{
    SqlStore, Store as _,
    books::{Batch, Details, Session},
    latency::Latencies,
    query::{Bucket, GroupBy, UsageQuery, Visible},
};

const HOUR_S: i64 = 3_600;

/// One of the model and the provider at some hour of the day, and how long it took, in milliseconds.
fn at(n: u64, hour: i64, names: [&str; 4], total_ms: u64) -> (Posting, Details) {
    let mut posting = posting(n, 0);
    let [key, project, model, provider] = names.map(str::to_owned);
    posting.reserve.unix_ms = u64::try_from(DAY_S + hour * HOUR_S).unwrap() * 1_000;
    posting.reserve.key_window = None;
    (posting.reserve.key, posting.reserve.project, posting.reserve.model) = (key, project, model);
    if let Outcome::Settled(settle) = &mut posting.outcome {
        std::sync::Arc::make_mut(&mut settle.answered).provider = provider;
    }
    let details = Details {
        first_token_us: Some(total_ms * 100).filter(|us| *us > 0),
        total_us: total_ms * 1_000,
        ..details(200)
    };
    (posting, details)
}

/// A batch with histograms of these requests.
fn timed(sent: &[(Posting, Details)]) -> Batch {
    let mut latencies = Latencies::default();
    sent.iter().for_each(|(posting, details)| latencies.add(posting, details));
    Batch { latencies, ..batch(sent.iter().map(|(posting, _)| posting.clone())) }
}

async fn post(store: &SqlStore, node: &Session, sent: &[(Posting, Details)]) {
    store.post(node, &timed(sent)).await.unwrap();
}

fn query(from: i64, to: i64) -> UsageQuery {
    UsageQuery { from: DAY_S + from * HOUR_S, to: DAY_S + to * HOUR_S, ..UsageQuery::default() }
}

pub(super) async fn groups_of_all_nodes(store: SqlStore) {
    let (one, two) = (session(&store, "one").await, session(&store, "two").await);
    let a = ["k1", "p1", "m1", "up1"];
    post(&store, &one, &[at(1, 1, a, 1_000), at(2, 1, ["k2", "p1", "m2", "up1"], 4_000)]).await;
    post(&store, &one, &[at(3, 1, a, 1_000), at(4, 30, a, 16_000)]).await;
    post(&store, &two, &[at(5, 1, ["k1", "p1", "m1", "up2"], 2_000)]).await;
    // The end that each row's slowest answer has, in seconds, and how many there were.
    let check = async |query: UsageQuery, expect: Option<&[(&str, u64, u64)]>| {
        let found = store.latency(&query).await.unwrap().map(|rows| {
            rows.iter()
                .map(|row| {
                    let bucket = row.bucket.map(|start| ((start - DAY_S) / HOUR_S).to_string());
                    let names = [bucket.as_ref(), row.model.as_ref(), row.key.as_ref()];
                    let names = names.into_iter().chain([row.project.as_ref(), row.provider.as_ref()]);
                    let names: Vec<&str> = names.flatten().map(String::as_str).collect();
                    assert_eq!(row.times.first_token.count(), row.times.total.count());
                    let slowest = row.times.total.quantile(1_000).unwrap();
                    // Within an eighth.
                    (names.join(" "), (slowest + 125_000) / 1_000_000, row.times.total.count())
                })
                .collect::<Vec<_>>()
        });
        let expect = expect
            .map(|rows| rows.iter().map(|(names, s, n)| ((*names).to_owned(), *s, *n)).collect::<Vec<_>>());
        assert_eq!(found, expect, "{query:?}");
    };
    let some = |text: &str| Some(text.to_owned());
    let by = |group_by: &[GroupBy], query: UsageQuery| UsageQuery { group_by: group_by.to_vec(), ..query };
    check(query(0, 24), Some(&[("", 4, 4)])).await;
    check(query(2, 24), Some(&[])).await;
    check(by(&[GroupBy::Model], query(0, 24)), Some(&[("m1", 2, 3), ("m2", 4, 1)])).await;
    check(by(&[GroupBy::Key], query(0, 24)), Some(&[("k1", 2, 3), ("k2", 4, 1)])).await;
    check(
        by(&[GroupBy::Model, GroupBy::Provider], query(1, 2)),
        Some(&[("m1 up1", 1, 2), ("m1 up2", 2, 1), ("m2 up1", 4, 1)]),
    )
    .await;
    check(UsageQuery { provider: some("up2"), ..query(0, 24) }, Some(&[("", 2, 1)])).await;
    check(UsageQuery { project: some("p1"), model: some("m2"), ..query(0, 24) }, Some(&[("", 4, 1)])).await;
    check(UsageQuery { model: some("\0"), ..query(0, 24) }, Some(&[])).await;
    check(UsageQuery { model: some("m1"), key: some("k1"), ..query(0, 24) }, None).await;
    check(by(&[GroupBy::Project, GroupBy::Provider], query(0, 24)), None).await;
    let seen = |visible: Visible| UsageQuery { visible, ..query(0, 24) };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    check(seen(Visible::Keys(names(&["k2", "\0"]))), Some(&[("", 4, 1)])).await;
    check(seen(Visible::Keys(names(&[]))), Some(&[])).await;
    check(seen(Visible::Projects(names(&["p1"]))), Some(&[("", 4, 4)])).await;
    check(by(&[GroupBy::Model], seen(Visible::Projects(names(&["p2"])))), Some(&[])).await;
    check(by(&[GroupBy::Model], seen(Visible::Keys(names(&["k1"])))), None).await;
    // The second day, whole and in part.
    let days = UsageQuery { bucket: Some(Bucket::Day), ..query(0, 48) };
    check(days, Some(&[("0", 4, 4), ("24", 15, 1)])).await;
    let hours = UsageQuery { bucket: Some(Bucket::Hour), ..query(0, 31) };
    check(hours, Some(&[("1", 4, 4), ("30", 15, 1)])).await;
    store.retire(u64::try_from(DAY_S + 30 * HOUR_S).unwrap() * 1_000, 10).await.unwrap();
    check(query(0, 23), Some(&[])).await;
    check(query(0, 24), Some(&[("", 4, 4)])).await;
}

pub(super) async fn what_is_sent_again_counts_once(store: SqlStore) {
    let node = session(&store, "n").await;
    let sent = [at(1, 1, ["k", "p", "m", "up"], 1_000)];
    post(&store, &node, &sent).await;
    post(&store, &node, &sent).await;
    let rows = store.latency(&query(0, 24)).await.unwrap().unwrap();
    assert_eq!(rows[0].times.total.count(), 1);
}
