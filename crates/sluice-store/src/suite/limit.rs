//! Limits of windows that are open when a budget changes.

use sluice_ledger::{AccountId, Budget, Key, NanoUsd, Origin, Period, Project, PurseId, Window};

use super::{
    catalog::key,
    made::{DAY_S, NOW_MS, ask, batch, budget, entry, give, need, posting, purse, row, session},
};
use crate::{
    Catalog, CatalogChange, SqlStore, Store as _,
    books::{LeaseRefusal, LeaseRequest, Session},
};

fn key_a(budget: Option<Budget>, origin: Origin) -> Key {
    Key { id: "key_a".to_owned(), budget, ..key("a", "sk-a", origin) }
}

async fn change_key(store: &SqlStore, before: Option<Budget>, after: Option<Budget>) {
    let [before, after] = [before, after].map(|budget| Box::new(key_a(budget, Origin::Admin)));
    let change = CatalogChange::UpdateKey { before, after };
    store.change(&change, &entry("update", "key_a"), NOW_MS).await.unwrap();
}

async fn lease(store: &SqlStore, session: &Session, window: i64) -> PurseId {
    let purse = PurseId { account: AccountId::key("key_a"), window: Window(window) };
    // What the node believes the limit to be is of no use where the database knows better.
    let request = LeaseRequest { purse: purse.clone(), limit: NanoUsd(7), op: 1, ask: need(5, 2) };
    store.lease(session, &request).await.unwrap();
    purse
}

pub(super) async fn follows_a_changed_budget(store: SqlStore) {
    let node = session(&store, "n").await;
    store.insert_key(&key_a(budget(100, Period::Day), Origin::Admin)).await.unwrap();
    let today = lease(&store, &node, DAY_S).await;
    let yesterday = lease(&store, &node, DAY_S - 86_400).await;
    assert_eq!(row(&store, &today).await.unwrap().limit, NanoUsd(100));
    change_key(&store, budget(100, Period::Day), budget(250, Period::Day)).await;
    assert_eq!(row(&store, &today).await.unwrap().limit, NanoUsd(250));
    // What is over stays as it was.
    assert_eq!(row(&store, &yesterday).await.unwrap().limit, NanoUsd(100));
    change_key(&store, budget(250, Period::Day), None).await;
    assert_eq!(row(&store, &today).await.unwrap().limit, NanoUsd(250));
    change_key(&store, None, budget(40, Period::Day)).await;
    assert_eq!(row(&store, &today).await.unwrap().limit, NanoUsd(40));

    let project = |limit| Project {
        name: "p".to_owned(),
        limits: sluice_ledger::Limits::default(),
        budget: budget(limit, Period::Total),
        origin: Origin::Admin,
    };
    let created = CatalogChange::InsertProject(project(60));
    store.change(&created, &entry("create", "p"), NOW_MS).await.unwrap();
    let purse = PurseId { account: AccountId::project("p"), window: Window(0) };
    let request = LeaseRequest { purse: purse.clone(), limit: NanoUsd(7), op: 1, ask: need(5, 2) };
    store.lease(&node, &request).await.unwrap();
    assert_eq!(row(&store, &purse).await.unwrap().limit, NanoUsd(60));
    let raised = CatalogChange::UpdateProject { before: project(60), after: project(90) };
    store.change(&raised, &entry("update", "p"), NOW_MS).await.unwrap();
    assert_eq!(row(&store, &purse).await.unwrap().limit, NanoUsd(90));
}

pub(super) async fn follows_another_period(store: SqlStore) {
    let node = session(&store, "n").await;
    let month = Period::Month.window(DAY_S).0;
    store.insert_key(&key_a(budget(1_000, Period::Month), Origin::Admin)).await.unwrap();
    let by_month = lease(&store, &node, month).await;
    let charged = |n: u64, charged: u64, window: i64| {
        let mut posting = posting(n, charged);
        posting.reserve.key_window = Some(Window(window));
        posting
    };
    store.post(&node, &batch([charged(1, 30, month)])).await.unwrap();
    change_key(&store, budget(1_000, Period::Month), budget(500, Period::Day)).await;
    let by_day = lease(&store, &node, DAY_S).await;
    assert_eq!(row(&store, &by_day).await.unwrap().posted, NanoUsd(30));
    store.post(&node, &batch([charged(2, 12, DAY_S)])).await.unwrap();
    // Back again: the row of the month has missed what was charged to the day.
    change_key(&store, budget(500, Period::Day), budget(2_000, Period::Month)).await;
    let back = row(&store, &by_month).await.unwrap();
    assert_eq!((back.limit, back.posted), (NanoUsd(2_000), NanoUsd(42)));
    assert_eq!(row(&store, &by_day).await.unwrap().limit, NanoUsd(500));
}

pub(super) async fn follows_the_file(store: SqlStore) {
    let node = session(&store, "n").await;
    let file = |limit| Catalog {
        keys: vec![key_a(budget(limit, Period::Total), Origin::File)],
        ..Catalog::default()
    };
    store.apply_file(&file(300)).await.unwrap();
    let purse = lease(&store, &node, 0).await;
    assert_eq!(row(&store, &purse).await.unwrap().limit, NanoUsd(300));
    store.apply_file(&file(80)).await.unwrap();
    assert_eq!(row(&store, &purse).await.unwrap().limit, NanoUsd(80));
}

pub(super) async fn waits_after_it_was_lowered(store: SqlStore) {
    let node = session(&store, "n").await;
    store.insert_key(&key_a(budget(1_000, Period::Total), Origin::Admin)).await.unwrap();
    ask(&store, &node, 1, need(600, 1)).await.unwrap();
    change_key(&store, budget(1_000, Period::Total), budget(100, Period::Total)).await;
    assert_eq!(ask(&store, &node, 2, need(1, 1)).await.unwrap().refused, Some(LeaseRefusal::Held));
    ask(&store, &node, 2, give(950)).await.unwrap();
    assert_eq!(row(&store, &purse()).await.unwrap().leased, NanoUsd(50));
    assert_eq!(ask(&store, &node, 3, need(51, 1)).await.unwrap().refused, Some(LeaseRefusal::Held));
    assert_eq!(ask(&store, &node, 3, need(50, 1)).await.unwrap().amount, 100);
}

pub(super) async fn counts_what_ran_when_it_came(store: SqlStore) {
    let node = session(&store, "n").await;
    store.insert_key(&key_a(None, Origin::Admin)).await.unwrap();
    let ran = |n: u64, charged: u64, window: Option<i64>| {
        let mut posting = posting(n, charged);
        posting.reserve.key_window = window.map(Window);
        posting
    };
    let posted = async |purse: &PurseId| row(&store, purse).await.unwrap().posted.0;
    store.post(&node, &batch([ran(1, 30, None)])).await.unwrap();
    change_key(&store, None, budget(100, Period::Day)).await;
    let today = lease(&store, &node, DAY_S).await;
    assert_eq!(posted(&today).await, 30);
    for _ in 0..2 {
        store.post(&node, &batch([ran(2, 20, None)])).await.unwrap();
        assert_eq!(posted(&today).await, 50, "what ran when the budget was added");
    }
    let held = row(&store, &today).await.unwrap().leased;
    change_key(&store, budget(100, Period::Day), budget(100, Period::Total)).await;
    let total = lease(&store, &node, 0).await;
    store.post(&node, &batch([ran(3, 5, Some(DAY_S)), ran(4, 1, Some(0))])).await.unwrap();
    assert_eq!((posted(&today).await, posted(&total).await), (55, 56), "what ran when its period changed");
    assert_eq!(
        row(&store, &today).await.unwrap().leased.0,
        held.0.saturating_sub(5),
        "from where it was taken"
    );
    // A request whose clock is behind the window that it was taken from belongs to that window alone.
    change_key(&store, budget(100, Period::Total), budget(100, Period::Day)).await;
    let mut behind = ran(5, 3, Some(DAY_S));
    behind.reserve.unix_ms = NOW_MS - 86_400_000;
    let yesterday = lease(&store, &node, DAY_S - 86_400).await;
    let before = posted(&yesterday).await;
    store.post(&node, &batch([behind])).await.unwrap();
    assert_eq!(posted(&yesterday).await, before);
}
