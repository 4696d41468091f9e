//! The database goes away under load, and comes back.

use sluice_testkit::{client::Client, patience::within, process::Gateway, services::Postgres};

use super::{
    DEAR, ask,
    callers::{Callers, Told, assert_complete},
    cluster::{Cluster, end},
    key,
};

const SECRET: &str = "sk-away-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const UNKNOWN: &str = "sk-unknown-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const CALLERS: usize = 4;

/// Waits until a key that nobody made is answered with this status.
async fn unknown_key_is(gateway: &Gateway, status: u16) {
    let mut client = Client::connect(gateway.data).await;
    let answered = async {
        loop {
            let (head, body) = client.exchange(ask(UNKNOWN, "dear", "x", 5)).await;
            if head.status == status {
                return (head, body);
            }
            assert!([401, 503].contains(&head.status), "{}", body.text());
            // An answer that was there before all of its request was says so, and is the last of its connection.
            if head.header("connection") == Some("close") {
                client = Client::connect(gateway.data).await;
            }
        }
    };
    let (head, body) = within("the answer to an unknown key", answered).await;
    if status == 503 {
        assert_eq!(body.json()["error"]["code"], "accounting_unavailable");
        assert!(head.header("retry-after").is_some(), "{}", head.raw);
    }
}

/// Runs one of the slow calls of a server while everything else goes on.
async fn beside(cluster: Cluster, call: fn(&mut Postgres)) -> Cluster {
    let done = tokio::task::spawn_blocking(move || {
        let mut cluster = cluster;
        call(&mut cluster.postgres);
        cluster
    });
    done.await.unwrap()
}

async fn away_and_back(go: fn(&mut Postgres), come: fn(&mut Postgres)) {
    // Two nodes, so that each leases only a part: about thirty thousand dollars at a time.
    let budget = "budget = { usd = 1500000.0, period = \"total\" }";
    let cluster = Cluster::start(&format!("{DEAR}{}", key("k", SECRET, budget)));
    let mut nodes = cluster.serve(2).await;
    let purse = cluster.books().await.purse_of_key("k").await;
    // Not the first: it was alone when it started.
    let gateway = nodes.pop().unwrap();
    let told = Told::default();
    let callers = Callers::start((gateway.data, SECRET), &told, CALLERS, (&"word ".repeat(60), 40));
    told.more(CALLERS).await;

    let cluster = beside(cluster, go).await;
    told.more(2 * CALLERS).await;
    told.more_refused(CALLERS).await;
    unknown_key_is(&gateway, 503).await;
    told.more_refused(CALLERS).await;
    unknown_key_is(&gateway, 503).await;

    let cluster = beside(cluster, come).await;
    told.more(2 * CALLERS).await;
    unknown_key_is(&gateway, 401).await;
    told.more(2 * CALLERS).await;
    callers.stop().await;
    nodes.push(gateway);
    end(nodes).await;
    assert_complete(&cluster.books().await, &told, &purse).await;
}

#[tokio::test]
async fn stopped_and_started() {
    away_and_back(Postgres::stop, Postgres::start_again).await;
}

#[tokio::test]
async fn silent_and_awake() {
    away_and_back(|server| server.freeze(), |server| server.thaw()).await;
}
