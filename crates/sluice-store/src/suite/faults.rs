//! Every call of the engine fails once, also the answer to a commit that happened. Whoever sends again gets what he
//! would have got, once.

use sluice_ledger::Origin;

use super::{
    catalog::key,
    claim::claim,
    made::{
        LIMIT, NOW_MS, ask, assert_sound, balance, batch, details, entry, give, id, need, posting, session,
    },
};
use crate::{
    CatalogChange, SqlStore, Store as _, StoreError,
    books::{Batch, Cursor},
    claims::Claimed,
    query::AuditFilter,
};

/// More calls of the engine than any transaction makes.
const CALLS_MAX: i64 = 40;

/// Whether the failure has happened; if it has, it was told as that of a database that is away.
fn failed<T: std::fmt::Debug>(store: &SqlStore, done: &Result<T, StoreError>) -> bool {
    let happened = store.faults().happened();
    store.faults().fail_at(i64::MAX);
    assert_eq!(happened, matches!(done, Err(StoreError::Away(_))), "{done:?}");
    happened
}

pub(super) async fn post_fails_at_each_statement(store: SqlStore) {
    let node = session(&store, "n").await;
    ask(&store, &node, 1, need(1, 1)).await.unwrap();
    let mut posted = 0;
    for n in 1..=CALLS_MAX {
        let first = u64::try_from(n).unwrap() * 10;
        let mut sent = batch([posting(first, 3), posting(first + 1, 4)]);
        sent.late_details = vec![(id(first), details(200))];
        sent.cursors = vec![Cursor { epoch: node.epoch, worker: 0, seq: first }];
        store.faults().fail_at(n);
        let done = store.post(&node, &sent).await;
        let failed = failed(&store, &done);
        let half = Batch { postings: sent.postings[..1].to_vec(), ..Batch::default() };
        store.post(&node, &half).await.unwrap();
        store.post(&node, &sent).await.unwrap();
        posted += 7;
        assert_eq!(balance(&store).await, (LIMIT, posted, LIMIT - posted), "call {n}");
        assert_eq!(store.cursors("n").await.unwrap(), sent.cursors, "call {n}");
        assert_eq!(store.request(id(first)).await.unwrap().unwrap().details, Some(details(200)));
        assert_sound(&store).await;
        if !failed {
            assert!(n > 5, "only {n} calls");
            return;
        }
    }
    panic!("it always fails");
}

pub(super) async fn lease_fails_at_each_statement(store: SqlStore) {
    let node = session(&store, "n").await;
    let (mut op, mut held) = (0, 0);
    for change in [1, -1] {
        let asked = if change > 0 { need(20, 1_000) } else { give(20) };
        let mut ended = false;
        for n in 1..=CALLS_MAX {
            op += 1;
            held += 20 * change;
            store.faults().fail_at(n);
            let done = ask(&store, &node, op, asked).await;
            let failed = failed(&store, &done);
            let answer = ask(&store, &node, op, asked).await.unwrap();
            assert_eq!((answer.amount, answer.refused), (held, None), "call {n}");
            assert_eq!(balance(&store).await.2, held.unsigned_abs(), "call {n}");
            assert_sound(&store).await;
            if !failed {
                assert!(n > 5, "only {n} calls");
                ended = true;
                break;
            }
        }
        assert!(ended, "it always fails");
    }
}

pub(super) async fn change_fails_at_each_statement(store: SqlStore) {
    for n in 1..=CALLS_MAX {
        let made = key(&format!("k{n}"), &format!("sk-{n}"), Origin::Admin);
        let change = CatalogChange::InsertKey(made.clone());
        store.faults().fail_at(n);
        let done = store.change(&change, &entry("create", &made.id), 0).await;
        let failed = failed(&store, &done);
        // Both or neither: the object and its entry.
        let is_there = store.load_catalog().await.unwrap().keys.contains(&made);
        let newest = store.audit(&AuditFilter::newest(1)).await.unwrap().pop().map(|row| row.entry.object_id);
        assert_eq!(newest.as_ref() == Some(&made.id), is_there, "call {n}");
        assert_sound(&store).await;
        if !failed {
            assert!(is_there && n > 5, "only {n} calls");
            return;
        }
    }
    panic!("it always fails");
}

/// A claim whose answer was lost is freed before the next is asked for.
pub(super) async fn claim_fails_at_each_statement(store: SqlStore) {
    let node = session(&store, "n").await;
    for n in 1..=CALLS_MAX {
        let first = claim(u64::try_from(n).unwrap(), "a");
        store.faults().fail_at(n);
        let done = store.claim(&node, std::slice::from_ref(&first), NOW_MS).await;
        let failed = failed(&store, &done);
        store.release(&[(first.id, first.request)]).await.unwrap();
        let next = claim(u64::try_from(n).unwrap() + 1_000, "b");
        assert_eq!(
            store.claim(&node, std::slice::from_ref(&next), NOW_MS).await.unwrap(),
            [Claimed::Granted],
            "call {n}"
        );
        store.release(&[(next.id, next.request)]).await.unwrap();
        if !failed {
            assert!(n > 3, "only {n} calls");
            return;
        }
    }
    panic!("it always fails");
}
