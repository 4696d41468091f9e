//! What outlives a process, and what other nodes know.

use sluice_testkit::{
    answers,
    client::{Body, Client, Head},
    process::Gateway,
    upstream::{Script, Upstream},
};

use super::{assert_again, call, keyed, request_id};
use crate::{
    accounting::cluster::{Cluster, end},
    rig::{KEY, assert_error, chat, config_for, launch},
};

const TAKEN: &str = "idempotency_replay_unavailable";

async fn ask(gateway: &Gateway, name: &str, body: impl AsRef<[u8]>) -> (Head, Body) {
    call(&mut Client::connect(gateway.data).await, keyed(KEY, name, body)).await
}

fn assert_taken_by(first: &str, refused: &(Head, Body)) {
    assert_error(first, refused, 409, "invalid_request_error", TAKEN);
    assert!(refused.1.text().contains(first), "{}", refused.1.text());
}

#[tokio::test]
async fn after_a_kill_only_what_was_charged_stays_taken() {
    let upstream = Upstream::start().await;
    let launch = launch().config(&config_for(&upstream));
    let mut gateway = launch.serve().await;
    let complete = ask(&gateway, "complete", chat("m", false)).await;
    assert_eq!(complete.0.status, 200);
    // Nothing has come of this one, and something of that.
    upstream.script(Script::new().stall());
    let mut waiting = Client::connect(gateway.data).await;
    waiting.send(keyed(KEY, "waiting", chat("m", false))).await;
    upstream.next_request().await;
    upstream.next_request().await;
    let text = answers::text_event(&"a word of the answer ".repeat(100));
    upstream.script(Script::new().write(answers::STREAM_HEAD).write(answers::chunk(text.as_bytes())).stall());
    let mut half = Client::connect(gateway.data).await;
    half.send(keyed(KEY, "half", chat("m", true))).await;
    let half_head = half.read_head().await;
    half.read_until("a word").await;
    gateway.kill().await;

    let gateway = launch.serve().await;
    assert_taken_by(request_id(&complete.0), &ask(&gateway, "complete", chat("m", false)).await);
    assert_taken_by(request_id(&half_head), &ask(&gateway, "half", chat("m", true)).await);
    let reused = ask(&gateway, "half", chat("m", false)).await;
    assert_error("another body", &reused, 409, "invalid_request_error", "idempotency_key_reused");
    let again = ask(&gateway, "waiting", chat("m", false)).await;
    assert_eq!((again.0.status, again.0.header("x-sluicegate-replay-of")), (200, None), "{}", again.1.text());
}

#[tokio::test]
async fn nodes_share_keys_but_not_answers() {
    let upstream = Upstream::start().await;
    let config = config_for(&upstream);
    let (_, objects) = config.split_once("[[keys]]").expect("keys");
    let mut cluster = Cluster::start(&format!("[[keys]]{objects}"));
    let nodes = cluster.serve(2).await;
    let first = ask(&nodes[0], "k", chat("m", true)).await;
    assert_eq!(first.0.status, 200, "{}", first.1.text());
    assert_again(&first, &ask(&nodes[0], "k", chat("m", true)).await);
    assert_taken_by(request_id(&first.0), &ask(&nodes[1], "k", chat("m", true)).await);
    let reused = ask(&nodes[1], "k", chat("m", false)).await;
    assert_error("another body", &reused, 409, "invalid_request_error", "idempotency_key_reused");
    // What failed on one may be tried on the other.
    upstream.script(Script::new().write(answers::json_answer(400, &answers::error_json("no", "t", "c"))));
    assert_eq!(ask(&nodes[0], "failed", chat("m", false)).await.0.status, 400);
    let tried = async {
        loop {
            let (head, _) = ask(&nodes[1], "failed", chat("m", false)).await;
            if head.status == 200 {
                return;
            }
            assert_eq!(head.status, 409, "it is freed behind the answer");
        }
    };
    sluice_testkit::patience::within("the key of a request that failed", tried).await;

    // Without the database no new key can be had, and what is here is here.
    let cluster = tokio::task::spawn_blocking(move || {
        cluster.postgres.stop();
        cluster
    });
    let mut cluster = cluster.await.unwrap();
    assert_again(&first, &ask(&nodes[0], "k", chat("m", true)).await);
    let mut client = Client::connect(nodes[0].data).await;
    for _ in 0..3 {
        let refused = client.exchange(keyed(KEY, "new", chat("m", false))).await;
        assert_error("no database", &refused, 503, "service_unavailable_error", "accounting_unavailable");
        assert!(refused.0.header("retry-after").is_some(), "{}", refused.0.raw);
    }
    let back = tokio::task::spawn_blocking(move || {
        cluster.postgres.start_again();
        cluster
    });
    let _cluster = back.await.unwrap();
    assert_eq!(ask(&nodes[0], "new", chat("m", false)).await.0.status, 200, "nobody has it for ever");
    end(nodes).await;
}
