//! Batches that are taken into the books.

use std::sync::Arc;

use sluice_chat::Usage;
use sluice_ledger::{NanoUsd, Posting, UsageSource, Window, record::Outcome};

use super::made::{
    DAY_S, LIMIT, NOW_MS, ask, assert_sound, balance, batch, details, give, id, need, posting, purse, row,
    session, voided,
};
use crate::{
    SqlStore, Store as _,
    books::{Batch, Cursor, Details, LeaseRefusal, Refused},
    query::{GroupBy, UsageQuery, UsageRow},
};

/// The day of all requests of this file, by model.
async fn usage(store: &SqlStore) -> Vec<UsageRow> {
    let query = UsageQuery {
        from: DAY_S,
        to: DAY_S + 86_400,
        group_by: vec![GroupBy::Model],
        ..UsageQuery::default()
    };
    store.usage(&query).await.unwrap()
}

/// Requests, errors and cost of them all.
async fn sums(store: &SqlStore) -> (u64, u64, u64) {
    let rows = usage(store).await;
    let sum = |of: fn(&UsageRow) -> u64| rows.iter().map(of).sum();
    (sum(|row| row.requests), sum(|row| row.errors), sum(|row| row.cost.0))
}

pub(super) async fn same_batch_twice(store: SqlStore) {
    let node = session(&store, "n").await;
    ask(&store, &node, 1, need(1, 1)).await.unwrap();
    let mut sent = batch([posting(1, 100), posting(2, 20), voided(3)]);
    sent.refused = vec![refused(4, 429)];
    for _ in 0..3 {
        store.post(&node, &sent).await.unwrap();
        assert_eq!(balance(&store).await, (LIMIT, 120, LIMIT - 120));
        assert_eq!(sums(&store).await, (4, 2, 120));
    }
    store.post(&node, &Batch::default()).await.unwrap();
    let failed = store.request(id(3)).await.unwrap().unwrap();
    assert_eq!((failed.charged, failed.reserved), (Some(NanoUsd(0)), NanoUsd(50)));
    assert_sound(&store).await;
}

/// Rows go some at a time: each comes as it was sent, whatever its place.
pub(super) async fn many_rows(store: SqlStore) {
    let node = session(&store, "n").await;
    let mut first = 1;
    for count in [1_u64, 7, 8, 9, 64, 65, 137] {
        let mut sent = batch((first..first + count).map(|n| posting(n, n)));
        for (n, (posting, found)) in (first..).zip(&mut sent.postings) {
            posting.reserve.model = format!("m{}", n % 3);
            *found = (n % 5 != 0).then(|| Details { total_us: n, ..details(200) });
        }
        sent.postings.reverse();
        store.post(&node, &sent).await.unwrap();
        for (posting, found) in &sent.postings {
            let row = store.request(posting.reserve.request).await.unwrap().unwrap();
            assert_eq!((row.unix_ms, row.charged), (posting.reserve.unix_ms, Some(posting.charged())));
            assert_eq!((&row.model, &row.details), (&posting.reserve.model, found));
        }
        first += count;
    }
    assert_eq!(sums(&store).await.0, first - 1);
    assert_sound(&store).await;
}

pub(super) async fn half_known_batch(store: SqlStore) {
    let node = session(&store, "n").await;
    ask(&store, &node, 1, need(1, 1)).await.unwrap();
    let mut first = batch([posting(1, 100)]);
    first.refused = vec![refused(8, 429)];
    store.post(&node, &first).await.unwrap();
    // What is known keeps what it was posted with.
    let mut second = batch([posting(1, 999), posting(2, 20), posting(3, 3)]);
    second.refused = vec![refused(8, 500), refused(9, 429)];
    second.postings[0].1 = Some(details(200));
    for _ in 0..2 {
        store.post(&node, &second).await.unwrap();
        assert_eq!(balance(&store).await, (LIMIT, 123, LIMIT - 123));
        assert_eq!(sums(&store).await, (5, 2, 123));
    }
    let known = store.request(id(1)).await.unwrap().unwrap();
    assert_eq!(known.charged, Some(NanoUsd(100)));
    // Its details were not there yet.
    assert_eq!(known.details, Some(details(200)));
    assert_sound(&store).await;
}

pub(super) async fn one_request_twice_in_a_batch(store: SqlStore) {
    let node = session(&store, "n").await;
    ask(&store, &node, 1, need(1, 1)).await.unwrap();
    store.post(&node, &batch([posting(1, 100), posting(2, 1), posting(1, 100)])).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 101, LIMIT - 101));
    assert_eq!(sums(&store).await, (2, 0, 101));
    assert_sound(&store).await;
}

fn refused(n: u64, status: u16) -> Refused {
    Refused {
        request: id(n),
        unix_ms: NOW_MS,
        key: "key_a".to_owned(),
        project: "p".to_owned(),
        model: "wish".to_owned(),
        stream: true,
        details: details(status),
    }
}

pub(super) async fn refused_rows(store: SqlStore) {
    let node = session(&store, "n").await;
    let sent = Batch { refused: vec![refused(1, 429), refused(2, 404)], ..Batch::default() };
    store.post(&node, &sent).await.unwrap();
    let found = store.request(id(1)).await.unwrap().unwrap();
    assert_eq!((found.charged, found.reserved, found.provider), (Some(NanoUsd(0)), NanoUsd(0), None));
    assert!(found.stream);
    assert_eq!(found.details, Some(details(429)));
    let by_model: Vec<_> = usage(&store).await.into_iter().map(|row| (row.model, row.errors)).collect();
    // A name that nobody knows gets no sum of its own.
    assert_eq!(by_model, [(Some(String::new()), 1), (Some("wish".to_owned()), 1)]);
    assert_sound(&store).await;
}

pub(super) async fn late_details(store: SqlStore) {
    let node = session(&store, "n").await;
    let mut first = batch([posting(1, 5), posting(2, 5), voided(3)]);
    first.postings[1].1 = Some(Details { total_us: 77, ..details(200) });
    store.post(&node, &first).await.unwrap();
    assert_eq!(store.request(id(1)).await.unwrap().unwrap().details, None);
    let late = [(1, details(200)), (2, details(500)), (3, details(504)), (4, details(200))];
    let late = Batch { late_details: late.map(|(n, details)| (id(n), details)).into(), ..Batch::default() };
    store.post(&node, &late).await.unwrap();
    let found = async |n: u64| store.request(id(n)).await.unwrap().map(|row| row.details);
    assert_eq!(found(1).await, Some(Some(details(200))));
    // Those that were there stay.
    assert_eq!(found(2).await.flatten().map(|details| (details.total_us, details.status)), Some((77, 200)));
    assert_eq!(found(3).await, Some(Some(details(504))));
    assert_eq!(found(4).await, None);
    assert_eq!(sums(&store).await, (3, 1, 10));
    assert_sound(&store).await;
}

pub(super) async fn charges_beyond_the_lease(store: SqlStore) {
    let node = session(&store, "n").await;
    assert_eq!(ask(&store, &node, 1, need(100, 2)).await.unwrap().amount, 100);
    // One after the other: the first takes 70, of the second 30 are covered, nothing of the third.
    store.post(&node, &batch([posting(1, 70), posting(2, 50), posting(3, 10)])).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 130, 0));
    assert_eq!(ask(&store, &node, 2, give(100)).await.unwrap().amount, 0);
    // Above the limit: nothing more is granted.
    store.post(&node, &batch([posting(4, 900)])).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 1_030, 0));
    assert_eq!(ask(&store, &node, 3, need(1, 1)).await.unwrap().refused, Some(LeaseRefusal::Spent));
    assert_eq!(ask(&store, &node, 3, need(0, 1)).await.unwrap().refused, Some(LeaseRefusal::Spent));
    assert_sound(&store).await;
}

pub(super) async fn without_lease_or_row(store: SqlStore) {
    let (node, other) = (session(&store, "n").await, session(&store, "o").await);
    ask(&store, &node, 1, need(100, 2)).await.unwrap();
    // What another node spends comes out of its own lease, and here it has none.
    let mut two_purses = posting(1, 40);
    two_purses.reserve.project_window = Some(Window(0));
    store.post(&other, &batch([two_purses])).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 40, 100));
    let project =
        sluice_ledger::PurseId { account: sluice_ledger::AccountId::project("p"), window: Window(0) };
    assert_eq!(row(&store, &project).await, None);
    let rows = store.budgets(&[project, purse()]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(store.budgets(&[]).await.unwrap(), []);
    assert_sound(&store).await;
}

pub(super) async fn cursors(store: SqlStore) {
    let node = session(&store, "n").await;
    let at = |epoch, worker, seq| Cursor { epoch, worker, seq };
    let post = async |cursors: &[Cursor]| {
        let sent = Batch { cursors: cursors.to_vec(), ..Batch::default() };
        store.post(&node, &sent).await.unwrap();
        store.cursors("n").await.unwrap()
    };
    assert_eq!(store.cursors("n").await.unwrap(), []);
    assert_eq!(post(&[at(1, 0, 5), at(1, 1, 7), at(1, 0, 9), at(1, 0, 6)]).await, [at(1, 0, 9), at(1, 1, 7)]);
    // They never go back.
    assert_eq!(post(&[at(1, 0, 8), at(1, 1, 8)]).await, [at(1, 0, 9), at(1, 1, 8)]);
    assert_eq!(store.cursors("o").await.unwrap(), []);
    assert_eq!(
        post(&[at(2, u16::MAX, u64::MAX >> 1)]).await,
        [at(1, 0, 9), at(1, 1, 8), at(2, u16::MAX, u64::MAX >> 1)]
    );
    // Those of runs that are long over are forgotten.
    store.open_session("n", 600, NOW_MS).await.unwrap();
    assert_eq!(store.cursors("n").await.unwrap(), []);
}

pub(super) async fn odd_texts_and_numbers(store: SqlStore) {
    let node = session(&store, "n").await;
    let mut odd = posting(1, u64::MAX);
    odd.reserve.model = format!("\"\\ '名\u{1f4b0}{}", "é".repeat(1_000));
    odd.reserve.key = "k\0hidden".to_owned();
    odd.reserve.reserved = NanoUsd(u64::MAX);
    if let Outcome::Settled(settle) = &mut odd.outcome {
        settle.usage.prompt_tokens = u64::MAX;
        Arc::make_mut(&mut settle.answered).provider = "\u{feff}\u{202e}".to_owned();
    }
    let details = Details { error_code: Some("\0".to_owned()), total_us: u64::MAX, ..details(200) };
    let again = Posting {
        reserve: sluice_ledger::record::Reserve { request: id(2), ..odd.reserve.clone() },
        outcome: odd.outcome.clone(),
    };
    let mut sent = batch([odd, again]);
    sent.postings[0].1 = Some(details);
    // In one batch, and in two.
    store.post(&node, &sent).await.unwrap();
    let found = store.request(id(1)).await.unwrap().unwrap();
    assert!(found.model.starts_with("\"\\ '名\u{1f4b0}éé") && found.model.len() <= 800);
    assert_eq!(found.key, "k");
    assert_eq!(found.provider.as_deref(), Some("\u{feff}\u{202e}"));
    assert_eq!(found.charged, Some(NanoUsd(i64::MAX as u64)));
    let third = Posting {
        reserve: sluice_ledger::record::Reserve { request: id(3), ..sent.postings[0].0.reserve.clone() },
        outcome: sent.postings[0].0.outcome.clone(),
    };
    store.post(&node, &batch([third])).await.unwrap();
    // Sums end at the largest number; no sum fails.
    assert_eq!(usage(&store).await[0].cost, NanoUsd(i64::MAX as u64));
}

/// A request as a copy of a journal closes it: at its last mark, or at nothing.
fn cut_off(n: u64, mark: Option<u64>) -> Posting {
    let mut posting = posting(n, mark.unwrap_or(0));
    if let Outcome::Settled(settle) = &mut posting.outcome {
        settle.source = UsageSource::Interrupted;
        if mark.is_none() {
            (settle.usage, settle.answered) = (Usage::default(), Arc::default());
            settle.flags.unconfirmed = true;
        }
    }
    posting
}

pub(super) async fn true_ends_of_what_was_cut_off(store: SqlStore) {
    let (copy, original) = (session(&store, "n").await, session(&store, "o").await);
    ask(&store, &copy, 1, need(1, 1)).await.unwrap();
    let closed = [cut_off(1, None), cut_off(2, Some(30)), cut_off(3, Some(7)), cut_off(4, Some(9))];
    store.post(&copy, &batch(closed)).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 46, LIMIT - 46));
    // Answered in full; answered for less than was marked; failed; and the caller left before the mark.
    let ends = [posting(1, 100), posting(2, 20), voided(3), cut_off(4, Some(8))];
    for _ in 0..2 {
        store.post(&original, &batch(ends.clone())).await.unwrap();
        assert_eq!(balance(&store).await, (LIMIT, 129, LIMIT - 46), "the lease of the copy stays its own");
        assert_eq!(sums(&store).await, (4, 1, 129));
    }
    let query = UsageQuery { to: i64::MAX, group_by: vec![GroupBy::Provider], ..UsageQuery::default() };
    let by_provider: Vec<_> = store.usage(&query).await.unwrap();
    let by_provider: Vec<_> = by_provider.iter().map(|row| (row.provider.as_deref(), row.requests)).collect();
    assert_eq!(by_provider, [(Some(""), 1), (Some("up"), 3)]);
    let rows = [(1, Some(100), Some("provider")), (2, Some(20), Some("provider")), (3, Some(0), None)];
    for (n, charged, source) in rows {
        let row = store.request(id(n)).await.unwrap().unwrap();
        assert_eq!((row.charged, row.usage_source.as_deref()), (charged.map(NanoUsd), source), "{n}");
        assert!(!row.flags.unconfirmed, "{n}");
    }
    // What the copy says again changes nothing.
    store.post(&copy, &batch([cut_off(1, None), cut_off(3, Some(7)), cut_off(4, Some(9))])).await.unwrap();
    assert_eq!(balance(&store).await, (LIMIT, 129, LIMIT - 46));
    assert_sound(&store).await;
}

pub(super) async fn largest_sums(store: SqlStore) {
    let node = session(&store, "n").await;
    let other = |n: u64, model: &str| {
        let mut posting = posting(n, u64::MAX);
        posting.reserve.model = model.to_owned();
        posting
    };
    store.post(&node, &batch([other(1, "a"), other(2, "b"), posting(3, 7)])).await.unwrap();
    let query = UsageQuery { from: DAY_S, to: DAY_S + 86_400, ..UsageQuery::default() };
    assert_eq!(store.usage(&query).await.unwrap()[0].cost, NanoUsd(i64::MAX as u64));
    assert_eq!(usage(&store).await.iter().map(|row| row.cost.0).min(), Some(7));
    // A budget that begins with them has nothing left.
    assert_eq!(ask(&store, &node, 1, need(1, 1)).await.unwrap().refused, Some(LeaseRefusal::Spent));
}
