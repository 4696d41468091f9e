//! One budget, three nodes.

use std::time::Duration;

use sluice_ledger::{AccountId, NanoUsd, PurseId, Window};
use sluice_testkit::{
    client::{Client, get, post},
    patience::within,
    process::Gateway,
};

use super::{
    DEAR, ask,
    books::Books,
    call,
    cluster::{Cluster, end},
    key,
};
use crate::rig::assert_error;

const SECRET: &str = "sk-nodes-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const DOLLAR: u64 = 1_000_000_000;
const CALLERS: usize = 200;
const NODES: usize = 3;
/// Often enough to see every state that lasts, seldom enough not to be the load.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// At no moment is there more spent and lent than the limit.
async fn watch(books: &Books, purses: &[(PurseId, u64)]) -> std::convert::Infallible {
    let mut looks = tokio::time::interval(BETWEEN_LOOKS);
    loop {
        looks.tick().await;
        for (purse, limit) in purses {
            let (posted, leased) = books.budget(purse).await;
            assert!(posted.0 + leased.0 <= *limit, "{posted:?} + {leased:?} > {limit} in {purse:?}");
        }
    }
}

/// The ids of those of [`CALLERS`] equal requests that were answered, spread over the nodes.
async fn answered(nodes: &[Gateway]) -> Vec<String> {
    let body = r#"{"model":"dear","max_completion_tokens":40,"messages":[{"role":"user","content":"go"}]}"#;
    let calls: Vec<_> = (0..CALLERS)
        .map(|index| {
            let addr = nodes[index % nodes.len()].data;
            tokio::spawn(async move {
                let mut client = Client::connect(addr).await;
                // Slow enough that none is over before all have come.
                let slow = "x-sandbox-fault: first_token_delay_ms=2500\r\n";
                let (head, body) = client.exchange(post(SECRET, slow, body)).await;
                // 503: the books did not answer within their time; it may be tried again.
                assert!([200, 402, 429, 503].contains(&head.status), "{}: {}", head.status, body.text());
                (head.status == 200).then(|| head.header("x-request-id").unwrap().to_owned())
            })
        })
        .collect();
    let mut answered = Vec::new();
    for call in calls {
        answered.extend(call.await.unwrap());
    }
    answered
}

/// A race at the edge of a budget of `dollars` that is the narrowest of `purses` (each with its limit in dollars).
async fn race(cluster: &Cluster, dollars: u64, accounts: impl Fn(&PurseId) -> Vec<(PurseId, u64)>) {
    let nodes = cluster.serve(NODES).await;
    let books = cluster.books().await;
    let of_key = books.purse_of_key("k").await;
    let purses: Vec<_> =
        accounts(&of_key).into_iter().map(|(purse, limit)| (purse, limit * DOLLAR)).collect();
    let answered = tokio::select! {
        answered = answered(&nodes) => answered,
        never = watch(&books, &purses) => match never {},
    };
    let mut sum = 0;
    let mut reserved = 0;
    for id in &answered {
        let row = books.row(id).await;
        sum += row.charged.unwrap().0;
        reserved = row.reserved.0;
    }
    end(nodes).await;
    for (purse, _) in &purses {
        assert_eq!(books.budget(purse).await, (NanoUsd(sum), NanoUsd(0)), "{purse:?}");
    }
    assert_eq!(books.mismatches().await, [""; 0]);
    let fits = usize::try_from(dollars * DOLLAR / reserved).unwrap();
    assert!(fits < CALLERS, "the budget is the edge: {fits}");
    assert!(answered.len() <= fits, "{} of {fits}", answered.len());
    assert!(answered.len() * 100 >= fits * 95, "{} of {fits} were admitted", answered.len());
}

#[tokio::test]
async fn a_key_at_its_edge() {
    let limit = 57_000;
    let budget = format!("budget = {{ usd = {limit}.0, period = \"total\" }}");
    let cluster = Cluster::start(&format!("{DEAR}{}", key("k", SECRET, &budget)));
    race(&cluster, limit, |of_key| vec![(of_key.clone(), limit)]).await;
}

#[tokio::test]
async fn a_key_and_its_project() {
    let limit = 57_000;
    let project =
        format!("[[projects]]\nname = \"team\"\nbudget = {{ usd = {limit}.0, period = \"total\" }}\n");
    let of_key = "project = \"team\"\nbudget = { usd = 56999.0, period = \"total\" }";
    let cluster = Cluster::start(&format!("{project}{DEAR}{}", key("k", SECRET, of_key)));
    let team = PurseId { account: AccountId::project("team"), window: Window(0) };
    race(&cluster, limit - 1, |of_key| vec![(of_key.clone(), limit - 1), (team.clone(), limit)]).await;
}

/// Kills a node while it holds the only lease that is large enough for anything.
async fn kill_with_lease(node: &mut Gateway, books: &Books, purse: &PurseId) {
    let body = r#"{"model":"dear","stream":true,"max_completion_tokens":40,"messages":[{"role":"user","content":"go"}]}"#;
    let mut held = Client::connect(node.data).await;
    held.send(post(SECRET, "x-sandbox-fault: silent\r\n", body)).await;
    books.until(purse, |_, leased| leased.0 > 500 * DOLLAR).await;
    // Written down before anything is sent: wait until it runs.
    let running = async {
        loop {
            let (_, body) = Client::connect(node.admin).await.exchange(get("/metrics", "")).await;
            let open =
                body.text().lines().find_map(|line| line.strip_prefix("sluicegate_reservations_open "));
            if open.expect("the metric is there") == "1" {
                return;
            }
        }
    };
    within("an open reservation", running).await;
    node.kill().await;
}

/// What another node answers while the dead one holds the money.
async fn assert_held(name: &str, node: &Gateway) {
    let answer = call(&mut Client::connect(node.data).await, ask(SECRET, "dear", "go", 40)).await;
    assert_error(name, &answer, 429, "rate_limit_error", "rate_limit_exceeded");
    assert_eq!(answer.0.header("retry-after"), Some("1"), "{name}");
}

async fn assert_served(name: &str, node: &Gateway) {
    let (head, body) = call(&mut Client::connect(node.data).await, ask(SECRET, "dear", "go", 40)).await;
    assert_eq!(head.status, 200, "{name}: {}", body.text());
}

/// Sends an admin call and answers with the status.
async fn admin(node: &Gateway, call: &str) -> u16 {
    let token = std::fs::read_to_string(node.dir().join("data/admin.token")).unwrap();
    let request = format!(
        "{call} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
        token.trim()
    );
    Client::connect(node.admin).await.exchange(request).await.0.status
}

#[tokio::test]
async fn what_a_dead_node_holds_stays_held_until_it_is_back_or_written_off() {
    // Room for one request at a time.
    let budget = "budget = { usd = 1000.0, period = \"total\" }";
    let cluster = Cluster::start(&format!("{DEAR}{}", key("k", SECRET, budget)));
    let launch = cluster.node();
    let mut dying = launch.serve().await;
    let other = cluster.node().serve().await;
    let books = cluster.books().await;
    let purse = books.purse_of_key("k").await;

    kill_with_lease(&mut dying, &books, &purse).await;
    assert_held("dead", &other).await;
    let mut dying = launch.serve().await;
    assert_served("its next start gives back what it held", &other).await;

    kill_with_lease(&mut dying, &books, &purse).await;
    let dead = books.nodes().await.into_iter().max_by_key(|node| node.leased.0).unwrap();
    assert!(dead.leased.0 > 500 * DOLLAR, "{dead:?}");
    let write_off = format!("POST /admin/v1/nodes/{}/write-off", dead.node);
    assert_eq!(admin(&other, &write_off).await, 409, "it may still be alive");
    assert_held("dead again", &other).await;
    // As if it had been silent for long.
    cluster.sql(&format!("UPDATE nodes SET seen_ms = 0 WHERE node = '{}'", dead.node));
    assert_eq!(admin(&other, &write_off).await, 200);
    assert_served("an operator has written it off", &other).await;

    // Should it come back after all, it works, and what it left open costs nothing.
    let back = launch.serve().await;
    assert_served("written off and back", &back).await;
    end(vec![back, other]).await;
    let rows = books.rows().await;
    let cut: Vec<_> = rows.iter().filter(|row| row.usage_source.as_deref() == Some("interrupted")).collect();
    assert_eq!(cut.len(), 2, "{rows:?}");
    assert!(cut.iter().all(|row| row.flags.unconfirmed && row.charged == Some(NanoUsd(0))), "{cut:?}");
    let sum = rows.iter().map(|row| row.charged.unwrap_or_default().0).sum();
    assert_eq!(books.budget(&purse).await, (NanoUsd(sum), NanoUsd(0)));
    assert_eq!(books.mismatches().await, [""; 0]);
}
