//! What a store tells without being asked, and what it does while its database is away.

use sluice_ledger::Origin;
use sluice_testkit::{patience::within, services::Postgres};

use super::{
    catalog::key,
    made::{ask, assert_sound, balance, batch, entry, need, posting, purse, session},
};
use crate::{
    CatalogChange, Listener, SqlStore, Store as _, StoreError,
    books::{LeaseRefusal, StoreEvent},
};

async fn hear(listener: &mut Listener, expect: &StoreEvent) {
    assert_eq!(within("an event", listener.next()).await, *expect);
}

async fn make_key(store: &SqlStore, name: &str) -> Result<(), StoreError> {
    let change = CatalogChange::InsertKey(key(name, &format!("sk-{name}"), Origin::Admin));
    store.change(&change, &entry("create", name), 0).await
}

pub(super) async fn events(store: SqlStore) {
    let mut listener = store.listen();
    if store.is_shared() {
        hear(&mut listener, &StoreEvent::Reconnected).await;
    }
    make_key(&store, "a").await.unwrap();
    hear(&mut listener, &StoreEvent::CatalogChanged).await;
    // What did not happen is not told.
    make_key(&store, "a").await.unwrap_err();
    let (one, two) = (session(&store, "n").await, session(&store, "o").await);
    ask(&store, &one, 1, need(1, 1)).await.unwrap();
    assert_eq!(ask(&store, &two, 1, need(1, 2)).await.unwrap().refused, Some(LeaseRefusal::Held));
    if !store.is_shared() {
        hear(&mut listener, &StoreEvent::Recall(purse())).await;
    }
    // On PostgreSQL the process is the node that asks: it does not hear itself.
    make_key(&store, "b").await.unwrap();
    hear(&mut listener, &StoreEvent::CatalogChanged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_nodes_hear_what_concerns_them() {
    let server = Postgres::start();
    let url = server.database();
    let [mine, theirs] =
        [SqlStore::open_postgres(&url).await.unwrap(), SqlStore::open_postgres(&url).await.unwrap()];
    let (me, them) = (session(&mine, "n").await, session(&theirs, "o").await);
    let mut listener = mine.listen();
    hear(&mut listener, &StoreEvent::Reconnected).await;
    ask(&mine, &me, 1, need(1, 1)).await.unwrap();
    assert_eq!(ask(&theirs, &them, 1, need(1, 2)).await.unwrap().refused, Some(LeaseRefusal::Held));
    hear(&mut listener, &StoreEvent::Recall(purse())).await;
    make_key(&theirs, "a").await.unwrap();
    hear(&mut listener, &StoreEvent::CatalogChanged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_away_until_it_is_back() {
    let mut server = Postgres::start();
    let store = SqlStore::open_postgres(&server.database()).await.unwrap();
    let mut listener = store.listen();
    hear(&mut listener, &StoreEvent::Reconnected).await;
    let node = session(&store, "n").await;
    ask(&store, &node, 1, need(1, 1)).await.unwrap();
    store.post(&node, &batch([posting(1, 10)])).await.unwrap();

    server.stop();
    let away = |error: StoreError| {
        let text = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Away(_)), "{text}");
        assert!(!text.contains(server.password()), "{text}");
    };
    away(store.post(&node, &batch([posting(2, 10)])).await.unwrap_err());
    away(store.load_catalog().await.unwrap_err());
    away(ask(&store, &node, 2, need(1, 1)).await.unwrap_err());

    server.start_again();
    store.post(&node, &batch([posting(2, 10)])).await.unwrap();
    assert_eq!(balance(&store).await, (1_000, 20, 980));
    hear(&mut listener, &StoreEvent::Reconnected).await;
    make_key(&store, "a").await.unwrap();
    hear(&mut listener, &StoreEvent::CatalogChanged).await;
    assert_sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_connects_though_others_take_turns() {
    let server = Postgres::start();
    let store = SqlStore::open_postgres(&server.database()).await.unwrap();
    let mut listener = store.listen();
    let heard = async {
        loop {
            tokio::select! {
                biased;
                event = listener.next() => return event,
                () = tokio::task::yield_now() => {}
            }
        }
    };
    assert_eq!(within("a connection", heard).await, StoreEvent::Reconnected);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_its_password() {
    let mut server = Postgres::start();
    let url = server.database();
    server.stop();
    let text = SqlStore::open_postgres(&url).await.unwrap_err().to_string();
    assert!(text.contains("127.0.0.1") && !text.contains(server.password()), "{text}");
}
