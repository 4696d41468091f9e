//! Leases of budgets.

use std::sync::Arc;

use sluice_ledger::{AccountId, NanoUsd, Period, PurseId, Window};
use tokio::task::JoinSet;

use super::made::{
    DAY_S, LIMIT, NOW_MS, ask, assert_sound, balance, batch, give, need, posting, purse, row, session,
};
use crate::{
    SqlStore, Store as _, StoreError,
    books::{LeaseAnswer, LeaseRefusal, LeaseRequest},
};

fn granted(amount: i64) -> LeaseAnswer {
    LeaseAnswer { amount, refused: None }
}

fn refused(amount: i64, why: LeaseRefusal) -> LeaseAnswer {
    LeaseAnswer { amount, refused: Some(why) }
}

fn is_out_of_step(found: &Result<LeaseAnswer, StoreError>) {
    assert!(matches!(found, Err(StoreError::LeaseOutOfStep { .. })), "{found:?}");
}

pub(super) async fn grants(store: SqlStore) {
    let (one, two) = (session(&store, "n").await, session(&store, "o").await);
    // Two percent of what is left, or what is needed.
    assert_eq!(ask(&store, &one, 1, need(1, 2)).await.unwrap(), granted(20));
    assert_eq!(ask(&store, &one, 2, need(500, 2)).await.unwrap(), granted(520));
    // The same again asks for the outcome, whatever else it says.
    assert_eq!(ask(&store, &one, 2, need(500, 2)).await.unwrap(), granted(520));
    assert_eq!(ask(&store, &one, 2, give(520)).await.unwrap(), granted(520));
    for op in [1, 4, 0, -1, i64::MAX, i64::MIN] {
        is_out_of_step(&ask(&store, &one, op, need(1, 2)).await);
    }
    // Refused: the change was not taken, and its number stands.
    assert_eq!(ask(&store, &two, 1, need(481, 2)).await.unwrap(), refused(0, LeaseRefusal::Held));
    assert_eq!(ask(&store, &two, 1, need(1_001, 2)).await.unwrap(), refused(0, LeaseRefusal::Spent));
    assert_eq!(ask(&store, &two, 1, need(480, 1)).await.unwrap(), granted(480));
    assert_eq!(balance(&store).await, (LIMIT, 0, LIMIT));
    assert_eq!(ask(&store, &one, 3, need(1, 2)).await.unwrap(), refused(520, LeaseRefusal::Held));
    store.post(&one, &batch([posting(1, 520)])).await.unwrap();
    assert_eq!(ask(&store, &one, 3, need(481, 2)).await.unwrap(), refused(0, LeaseRefusal::Spent));
    assert_sound(&store).await;
}

pub(super) async fn returns(store: SqlStore) {
    let one = session(&store, "n").await;
    assert_eq!(ask(&store, &one, 1, need(1, 1)).await.unwrap(), granted(1_000));
    assert_eq!(ask(&store, &one, 2, give(300)).await.unwrap(), granted(700));
    assert_eq!(ask(&store, &one, 2, give(300)).await.unwrap(), granted(700));
    is_out_of_step(&ask(&store, &one, 4, give(1)).await);
    assert_eq!(balance(&store).await, (LIMIT, 0, 700));
    // More than is held: all of it.
    store.post(&one, &batch([posting(1, 100)])).await.unwrap();
    assert_eq!(ask(&store, &one, 3, give(700)).await.unwrap(), granted(0));
    assert_eq!(ask(&store, &one, 4, give(u64::MAX)).await.unwrap(), granted(0));
    assert_eq!(balance(&store).await, (LIMIT, 100, 0));
    // Of a purse that nobody has leased.
    let two = session(&store, "o").await;
    assert_eq!(ask(&store, &two, 1, give(5)).await.unwrap(), granted(0));
    assert_sound(&store).await;
}

pub(super) async fn end_leases_of_one_node(store: SqlStore) {
    let (one, two) = (session(&store, "n").await, session(&store, "o").await);
    ask(&store, &one, 1, need(300, 2)).await.unwrap();
    ask(&store, &two, 1, need(200, 2)).await.unwrap();
    let day = PurseId { account: AccountId::project("p"), window: Window(DAY_S) };
    let request = LeaseRequest { purse: day.clone(), limit: NanoUsd(50), op: 1, ask: need(1, 1) };
    store.lease(&one, &request).await.unwrap();
    // A later run of the node ends what an earlier one leased.
    let one = store.open_session("n", one.epoch, NOW_MS).await.unwrap();
    for _ in 0..2 {
        store.end_leases(&one).await.unwrap();
        assert_eq!(balance(&store).await, (LIMIT, 0, 200));
        assert_eq!(row(&store, &day).await.unwrap().leased, NanoUsd(0));
    }
    // It begins again with the first change.
    assert_eq!(ask(&store, &one, 1, need(800, 2)).await.unwrap(), granted(800));
    assert_sound(&store).await;
}

pub(super) async fn rows_begin_with_what_was_spent(store: SqlStore) {
    let one = session(&store, "n").await;
    let at = |n: u64, unix_s: i64, charged: u64| {
        let mut posting = posting(n, charged);
        posting.reserve.unix_ms = u64::try_from(unix_s).unwrap() * 1_000;
        posting.reserve.key_window = None;
        posting
    };
    let month = Period::Month.window(DAY_S).0;
    store
        .post(&one, &batch([at(1, month - 1, 1), at(2, month, 10), at(3, DAY_S - 1, 100), at(4, DAY_S, 300)]))
        .await
        .unwrap();
    let mut of_others = posting(5, 7);
    of_others.reserve.key = "key_b".to_owned();
    of_others.reserve.key_window = None;
    store.post(&one, &batch([of_others])).await.unwrap();
    let check = async |account: AccountId, window: i64, posted: u64| {
        let purse = PurseId { account, window: Window(window) };
        assert_eq!(row(&store, &purse).await, None);
        let request = LeaseRequest { purse: purse.clone(), limit: NanoUsd(5_000), op: 1, ask: need(1, 1) };
        store.lease(&one, &request).await.unwrap();
        assert_eq!(row(&store, &purse).await.unwrap().posted, NanoUsd(posted), "{purse:?}");
    };
    let key = AccountId::key("key_a");
    check(key.clone(), 0, 411).await;
    check(key.clone(), month, 410).await;
    check(key, DAY_S, 300).await;
    check(AccountId::project("p"), DAY_S, 307).await;
    check(AccountId::project("key_a"), DAY_S, 0).await;
}

/// Many nodes on one purse. Whatever order they come in: what was spent and what is leased stays within the limit.
pub(super) async fn race(store: SqlStore) {
    const TASKS: u64 = 200;
    let mut tasks = JoinSet::new();
    let store = Arc::new(store);
    for n in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let node = session(&store, &format!("node-{n}")).await;
            let answer = ask(&store, &node, 1, need(12, 200)).await.unwrap();
            let (limit, posted, leased) = balance(&store).await;
            assert!(posted + leased <= limit, "{posted} + {leased}");
            if answer.refused.is_some() {
                assert_eq!(answer.amount, 0);
                return 0;
            }
            let held = u64::try_from(answer.amount).unwrap();
            assert!(held >= 12);
            let charged = n % 13;
            store.post(&node, &batch([posting(n, charged)])).await.unwrap();
            if n % 2 == 0 {
                ask(&store, &node, 2, give(held - charged)).await.unwrap();
            }
            let (limit, posted, leased) = balance(&store).await;
            assert!(posted + leased <= limit, "{posted} + {leased}");
            charged
        });
    }
    let spent: u64 = tasks.join_all().await.into_iter().sum();
    let (limit, posted, leased) = balance(&store).await;
    assert_eq!(posted, spent);
    assert!(posted + leased <= limit && posted > 0, "{posted} + {leased}");
    assert_eq!(row(&store, &purse()).await.unwrap().purse, purse());
    assert_sound(&store).await;
}
