//! Idempotency keys.

use sluice_ledger::{
    NanoUsd, RequestId,
    record::{Outcome, Settle},
};
use tokio::task::JoinSet;

use super::made::{NOW_MS, batch, id, posting, session, settle, voided};
use crate::{
    SqlStore, Store as _, StoreError,
    books::{Refused, Session},
    claims::{CLAIM_MS, Claim, ClaimId, Claimed, Fingerprint},
};

pub(super) fn claim_id(key: &str, name: &str) -> ClaimId {
    ClaimId { key: key.to_owned(), name: Fingerprint::of(name.as_bytes()) }
}

/// The request `n` asks for the idempotency key `i` of the key `k`.
pub(super) fn claim(n: u64, body: &str) -> Claim {
    Claim { id: claim_id("k", "i"), body: Fingerprint::of(body.as_bytes()), request: id(n) }
}

async fn ask(store: &SqlStore, session: &Session, claim: Claim) -> Claimed {
    ask_at(store, session, claim, NOW_MS).await
}

async fn ask_at(store: &SqlStore, session: &Session, claim: Claim, unix_ms: u64) -> Claimed {
    store.claim(session, &[claim], unix_ms).await.unwrap()[0]
}

pub(super) async fn held_by_one_body(store: SqlStore) {
    let node = session(&store, "n").await;
    assert_eq!(store.claim(&node, &[], NOW_MS).await.unwrap(), []);
    assert_eq!(ask(&store, &node, claim(1, "a")).await, Claimed::Granted);
    assert_eq!(ask(&store, &node, claim(2, "a")).await, Claimed::Taken(id(1)));
    assert_eq!(ask(&store, &node, claim(2, "b")).await, Claimed::OtherBody);
    let newer = store.open_session("n", node.epoch, NOW_MS).await.unwrap();
    assert!(matches!(store.claim(&node, &[claim(3, "a")], NOW_MS).await, Err(StoreError::Superseded { .. })));
    assert_eq!(newer.epoch, node.epoch + 1);
}

pub(super) async fn of_each_key(store: SqlStore) {
    let node = session(&store, "n").await;
    let of = |n, key: &str, name: &str| Claim { id: claim_id(key, name), ..claim(n, "a") };
    // In no order, and one of them held.
    assert_eq!(ask(&store, &node, of(9, "k", "i")).await, Claimed::Granted);
    let all = [of(1, "k", "z"), of(2, "K", "i"), of(3, "k", "i"), of(4, "k", ""), of(5, "", "i")];
    let expect =
        [Claimed::Granted, Claimed::Granted, Claimed::Taken(id(9)), Claimed::Granted, Claimed::Granted];
    assert_eq!(store.claim(&node, &all, NOW_MS).await.unwrap(), expect);
}

pub(super) async fn freed_and_expired(store: SqlStore) {
    let node = session(&store, "n").await;
    let other = session(&store, "o").await;
    let free = async |n| store.release(&[(claim(1, "").id, id(n))]).await.unwrap();
    assert_eq!(ask(&store, &node, claim(1, "a")).await, Claimed::Granted);
    free(2).await;
    assert_eq!(ask(&store, &other, claim(2, "a")).await, Claimed::Taken(id(1)), "it was not theirs");
    free(1).await;
    free(1).await;
    assert_eq!(ask(&store, &other, claim(2, "b")).await, Claimed::Granted);
    let end = NOW_MS + CLAIM_MS;
    assert_eq!(ask_at(&store, &other, claim(4, "d"), end - 1).await, Claimed::OtherBody);
    assert_eq!(ask_at(&store, &other, claim(4, "d"), end).await, Claimed::Granted);
    assert_eq!(ask_at(&store, &node, claim(5, "d"), end).await, Claimed::Taken(id(4)));
    for n in 10..15 {
        let name = format!("name {n}");
        let claim = Claim { id: claim_id("k", &name), ..claim(n, "a") };
        assert_eq!(ask(&store, &node, claim).await, Claimed::Granted);
    }
    for expect in [3, 2, 0] {
        assert_eq!(store.retire_claims(end, 3).await.unwrap(), expect);
    }
    assert_eq!(ask(&store, &node, claim(5, "d")).await, Claimed::Taken(id(4)));
}

/// A request that ended although nobody freed its claim: what it cost decides.
pub(super) async fn after_the_end_of_its_request(store: SqlStore) {
    let node = session(&store, "n").await;
    let other = session(&store, "o").await;
    let mut n = 0;
    let mut check = async |end: fn(RequestId) -> crate::books::Batch, expect: fn(RequestId) -> Claimed| {
        n += 1;
        let first = Claim { id: claim_id("k", &format!("{n}")), ..claim(n, "a") };
        assert_eq!(ask(&store, &node, first.clone()).await, Claimed::Granted);
        store.post(&node, &end(id(n))).await.unwrap();
        let second = Claim { request: id(n + 100), ..first };
        assert_eq!(ask(&store, &other, second).await, expect(id(n)), "{n}");
    };
    let granted = |_| Claimed::Granted;
    check(|request| batch([posting(number_of(request), 5)]), Claimed::Taken).await;
    check(|request| batch([voided(number_of(request))]), granted).await;
    // Unpriced, but it was answered.
    check(|request| batch([settled(request, |s| s.charged = None)]), Claimed::Taken).await;
    check(|request| batch([settled(request, |s| s.charged = Some(NanoUsd(0)))]), Claimed::Taken).await;
    // Killed before anything came.
    let nothing = |request| {
        batch([settled(request, |s| {
            s.charged = Some(NanoUsd(0));
            s.usage = sluice_chat::Usage::default();
        })])
    };
    check(nothing, granted).await;
    let refused = |request| crate::books::Batch {
        refused: vec![Refused {
            request,
            unix_ms: NOW_MS,
            key: "k".to_owned(),
            project: "p".to_owned(),
            model: "m".to_owned(),
            stream: false,
            details: super::made::details(429),
        }],
        ..crate::books::Batch::default()
    };
    check(refused, granted).await;
}

fn number_of(request: RequestId) -> u64 {
    u64::from_be_bytes(request.0[8..].try_into().unwrap())
}

fn settled(request: RequestId, change: fn(&mut Settle)) -> sluice_ledger::Posting {
    let n = number_of(request);
    let mut settle = settle(n, 5);
    change(&mut settle);
    sluice_ledger::Posting { outcome: Outcome::Settled(settle), ..posting(n, 5) }
}

pub(super) async fn of_an_earlier_run(store: SqlStore) {
    let old = session(&store, "n").await;
    assert_eq!(ask(&store, &old, claim(1, "a")).await, Claimed::Granted);
    let new = store.open_session("n", old.epoch, NOW_MS).await.unwrap();
    // Its journal is in the books, and this request is not.
    assert_eq!(ask(&store, &new, claim(2, "b")).await, Claimed::Granted);
    store.post(&new, &batch([posting(2, 1)])).await.unwrap();
    let newest = store.open_session("n", new.epoch, NOW_MS).await.unwrap();
    assert_eq!(ask(&store, &newest, claim(3, "b")).await, Claimed::Taken(id(2)));
    assert_eq!(ask(&store, &newest, claim(3, "c")).await, Claimed::OtherBody);
}

/// Whether it lives or not: what its journal has, only its next run can tell.
pub(super) async fn of_another_node(store: SqlStore) {
    let node = session(&store, "n").await;
    let other = session(&store, "o").await;
    assert_eq!(ask(&store, &other, claim(1, "a")).await, Claimed::Granted);
    let late = NOW_MS + CLAIM_MS - 1;
    assert_eq!(ask_at(&store, &node, claim(2, "a"), late).await, Claimed::Taken(id(1)));
    store.open_session("o", other.epoch, late).await.unwrap();
    assert_eq!(ask_at(&store, &node, claim(2, "a"), late).await, Claimed::Taken(id(1)));
}

pub(super) async fn race(store: SqlStore) {
    const TASKS: u64 = 8;
    const NAMES: u64 = 20;
    let nodes = [session(&store, "n").await, session(&store, "o").await];
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, node) = (store.clone(), nodes[usize::try_from(task % 2).unwrap()].clone());
        tasks.spawn(async move {
            let claims: Vec<Claim> = (0..NAMES)
                .map(|name| {
                    // Each in an order of its own.
                    let name = (name * 7 + task * 3) % NAMES;
                    Claim { id: claim_id("k", &name.to_string()), ..claim(task * NAMES + name, "a") }
                })
                .collect();
            let answers = store.claim(&node, &claims, NOW_MS).await.unwrap();
            answers.into_iter().filter(|answer| *answer == Claimed::Granted).count()
        });
    }
    let granted: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(u64::try_from(granted).unwrap(), NAMES);
}
