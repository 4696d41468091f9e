//! Sums of usage.

use sluice_ledger::{NanoUsd, Posting, record::Outcome};

use super::made::{DAY_S, assert_sound, batch, posting, session};
use crate::{
    SqlStore, Store as _,
    query::{Bucket, GroupBy, UsageQuery, UsageRow, Visible},
};

/// A request of somebody at some time, in milliseconds after the beginning of the day.
fn at(n: u64, ms: i64, names: [&str; 4], charged: u64) -> Posting {
    let mut posting = posting(n, charged);
    let [key, project, model, provider] = names.map(str::to_owned);
    posting.reserve.unix_ms = u64::try_from(DAY_S * 1_000 + ms).unwrap();
    posting.reserve.key_window = None;
    (posting.reserve.key, posting.reserve.project, posting.reserve.model) = (key, project, model);
    if let Outcome::Settled(settle) = &mut posting.outcome {
        std::sync::Arc::make_mut(&mut settle.answered).provider = provider;
    }
    posting
}

fn query(from: i64, to: i64, group_by: &[GroupBy]) -> UsageQuery {
    UsageQuery { from: DAY_S + from, to: DAY_S + to, group_by: group_by.to_vec(), ..UsageQuery::default() }
}

pub(super) async fn groups_and_filters(store: SqlStore) {
    let node = session(&store, "n").await;
    let sent = [
        at(1, 0, ["k1", "p1", "m1", "up"], 1),
        at(2, 1, ["k1", "p1", "m2", "up"], 10),
        at(3, 2, ["k2", "p1", "m1", "down"], 100),
        at(4, 3, ["k3", "p2", "m1", "up"], 1_000),
    ];
    store.post(&node, &batch(sent)).await.unwrap();
    let costs = async |query: &UsageQuery| -> Vec<(String, u64)> {
        let rows = store.usage(query).await.unwrap();
        let name = |row: &UsageRow| {
            let names = [&row.model, &row.key, &row.project, &row.provider];
            names.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        rows.iter().map(|row| (name(row), row.cost.0)).collect()
    };
    let check = async |group_by: &[GroupBy], expect: &[(&str, u64)]| {
        let found = costs(&query(0, 86_400, group_by)).await;
        let expect: Vec<_> = expect.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect();
        assert_eq!(found, expect, "{group_by:?}");
    };
    check(&[], &[("", 1_111)]).await;
    check(&[GroupBy::Model], &[("m1", 1_101), ("m2", 10)]).await;
    check(&[GroupBy::Key], &[("k1", 11), ("k2", 100), ("k3", 1_000)]).await;
    check(&[GroupBy::Project], &[("p1", 111), ("p2", 1_000)]).await;
    check(&[GroupBy::Provider], &[("down", 100), ("up", 1_011)]).await;
    check(&[GroupBy::Provider, GroupBy::Model], &[("m1 down", 100), ("m1 up", 1_001), ("m2 up", 10)]).await;
    let all = query(0, 86_400, &[]);
    let one = |text: &str| Some(text.to_owned());
    let filtered = [
        (UsageQuery { key: one("k1"), ..all.clone() }, 11),
        (UsageQuery { project: one("p1"), ..all.clone() }, 111),
        (UsageQuery { model: one("m1"), ..all.clone() }, 1_101),
        (UsageQuery { provider: one("up"), ..all.clone() }, 1_011),
        (UsageQuery { provider: one("up"), model: one("m1"), key: one("k1"), ..all.clone() }, 1),
    ];
    for (query, expect) in filtered {
        assert_eq!(costs(&query).await, [(String::new(), expect)], "{query:?}");
    }
    assert_eq!(costs(&UsageQuery { key: one("nobody"), ..all.clone() }).await, []);
    let seen = |visible: Visible| UsageQuery { visible, ..all.clone() };
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let by_projects = Visible::Projects(names(&["p1", "none", "a\0b", "'\"]"]));
    assert_eq!(
        costs(&seen(by_projects.clone())).await,
        costs(&UsageQuery { project: one("p1"), ..all.clone() }).await
    );
    assert_eq!(costs(&UsageQuery { project: one("p2"), ..seen(by_projects) }).await, []);
    assert_eq!(
        costs(&seen(Visible::Keys(names(&["k1"])))).await,
        costs(&UsageQuery { key: one("k1"), ..all.clone() }).await
    );
    for nothing in [Visible::Projects(Vec::new()), Visible::Keys(Vec::new())] {
        assert_eq!(costs(&seen(nothing)).await, []);
    }
    let whole = store.usage(&all).await.unwrap();
    let expect = UsageRow {
        requests: 4,
        prompt_tokens: 40,
        completion_tokens: 20,
        cached_tokens: 16,
        reasoning_tokens: 8,
        cost: NanoUsd(1_111),
        ..UsageRow::default()
    };
    assert_eq!(whole, [expect]);
    assert_sound(&store).await;
}

pub(super) async fn edges_of_hours_and_days(store: SqlStore) {
    let node = session(&store, "n").await;
    let (hour, day) = (3_600, 86_400);
    let who = ["k", "p", "m", "up"];
    let sent = [
        at(1, -1, who, 1),
        at(2, 0, who, 10),
        at(3, hour * 1_000 - 1, who, 100),
        at(4, hour * 1_000, who, 1_000),
        at(5, day * 1_000 - 1, who, 10_000),
        at(6, day * 1_000, who, 100_000),
    ];
    store.post(&node, &batch(sent)).await.unwrap();
    let check = async |from: i64, to: i64, bucket: Option<Bucket>, expect: &[(Option<i64>, u64)]| {
        let query = UsageQuery { bucket, ..query(from, to, &[]) };
        let found: Vec<_> = store.usage(&query).await.unwrap().iter().map(|r| (r.bucket, r.cost.0)).collect();
        let expect: Vec<_> = expect.iter().map(|(at, cost)| (at.map(|at| DAY_S + at), *cost)).collect();
        assert_eq!(found, expect, "{from} {to} {bucket:?}");
    };
    check(0, day, None, &[(None, 11_110)]).await;
    check(-day, 2 * day, None, &[(None, 111_111)]).await;
    check(0, hour, None, &[(None, 110)]).await;
    // Widened to whole hours.
    check(1, hour - 1, None, &[(None, 110)]).await;
    check(-1, 1, None, &[(None, 111)]).await;
    check(hour, day, None, &[(None, 11_000)]).await;
    check(-hour, day + hour, None, &[(None, 111_111)]).await;
    check(2 * hour, 3 * hour, None, &[]).await;
    check(day, 0, None, &[]).await;
    let days = [(Some(-day), 1), (Some(0), 11_110), (Some(day), 100_000)];
    check(-day, 2 * day, Some(Bucket::Day), &days).await;
    check(-hour, day + 1, Some(Bucket::Day), &days).await;
    let hours = [(Some(0), 110), (Some(hour), 1_000), (Some(day - hour), 10_000)];
    check(0, day, Some(Bucket::Hour), &hours).await;
}
