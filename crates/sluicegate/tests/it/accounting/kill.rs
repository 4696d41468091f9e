//! kill -9 under load, again and again: what was acknowledged is in the books, once, and nothing is held for ever.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use sluice_ledger::{AccountId, NanoUsd, PurseId, Window};
use sluice_testkit::{
    client::{Client, Ending, post},
    process::Gateway,
};
use tokio::task::JoinSet;

use super::{DEAR, SERVER, books::Books, key};
use crate::rig::launch;

const SECRET: &str = "sk-killed-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const CALLERS: usize = 16;
/// Kills in an ordinary run; `SLUICEGATE_KILL_ROUNDS` sets another number.
const ROUNDS: usize = 10;

/// What callers were told: request ids, each with its cost in tokens where the answer said so.
type Acknowledged = Arc<Mutex<HashMap<String, Option<u64>>>>;

/// Calls until the connection breaks, streams and whole answers in turn.
async fn call_until_killed(addr: SocketAddr, first: usize, acknowledged: Acknowledged) {
    let Ok(stream) = tokio::net::TcpStream::connect(addr).await else { return };
    drop(stream);
    let mut client = Client::connect(addr).await;
    for turn in first.. {
        let stream = turn % 2 == 0;
        let body = format!(
            r#"{{"model":"dear","stream":{stream},"max_completion_tokens":20,"messages":[{{"role":"user","content":"{}"}}]}}"#,
            "word ".repeat(turn % 20 + 1)
        );
        let delay = if stream { "x-sandbox-fault: chunk_delay_ms=1\r\n" } else { "" };
        if client.try_send(post(SECRET, delay, body)).await.is_err() {
            return;
        }
        let Ok(head) = client.try_read_head().await else { return };
        let id = head.header("x-request-id").unwrap_or_default().to_owned();
        let body = client.read_body(&head).await;
        if body.ending != Ending::Complete || head.status != 200 {
            return;
        }
        let tokens = (!stream).then(|| body.json()["usage"]["total_tokens"].as_u64()).flatten();
        if stream && !body.text().ends_with("data: [DONE]\n\n") {
            return;
        }
        acknowledged.lock().unwrap().insert(id, tokens);
    }
}

/// Starts load, kills the gateway after `work` acknowledged requests.
async fn round(gateway: &mut Gateway, acknowledged: &Acknowledged, work: usize) {
    let before = acknowledged.lock().unwrap().len();
    let mut callers = JoinSet::new();
    for index in 0..CALLERS {
        callers.spawn(call_until_killed(gateway.data, index, Arc::clone(acknowledged)));
    }
    let enough = async {
        while acknowledged.lock().unwrap().len() < before + work {
            tokio::task::yield_now().await;
        }
    };
    sluice_testkit::patience::within("load", enough).await;
    gateway.kill().await;
    while callers.join_next().await.is_some() {}
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_charged_twice() {
    let rounds = std::env::var("SLUICEGATE_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    kill_rounds("", rounds).await;
}

/// Kills a gateway with `settings` so many times.
pub(super) async fn kill_rounds(settings: &str, rounds: usize) {
    let budget = "budget = { usd = 900000000.0, period = \"total\" }";
    let launch = launch().config(&format!("{SERVER}{settings}{DEAR}{}", key("k", SECRET, budget)));
    let acknowledged = Acknowledged::default();
    for index in 0..rounds {
        let mut gateway = launch.serve().await;
        round(&mut gateway, &acknowledged, 50 + index * 37 % 200).await;
    }
    // The start after the last kill settles what it left open.
    let mut gateway = launch.serve().await;
    gateway.terminate();
    assert!(gateway.ended().await.success());

    let books = Books::of(gateway.dir()).await;
    let rows = books.rows().await;
    let mut by_id: HashMap<String, NanoUsd> = HashMap::new();
    let mut total = 0_u64;
    for row in &rows {
        let charged = row.charged.unwrap_or_default();
        total += charged.0;
        assert!(by_id.insert(row.request.text(), charged).is_none(), "{} twice", row.request.text());
        assert!(charged <= row.reserved, "{row:?}");
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    for (id, tokens) in &acknowledged {
        let charged =
            by_id.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is not in the books"));
        if let Some(tokens) = tokens {
            assert_eq!(charged.0, tokens * 1_000_000_000, "{id}");
        }
        assert!(charged.0 > 0, "{id}");
    }
    let purse = PurseId { account: AccountId::key(&rows[0].key), window: Window(0) };
    assert_eq!(
        books.budget(&purse).await,
        (NanoUsd(total), NanoUsd(0)),
        "posted is the sum, nothing is held"
    );
    assert_eq!(books.mismatches().await, [""; 0]);
    assert!(acknowledged.len() >= rounds * 50, "{}", acknowledged.len());
}
