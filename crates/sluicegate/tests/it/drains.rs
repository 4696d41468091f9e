//! A provider whose calls go on when the caller leaves.

use serde_json::Value;
use sluice_testkit::{
    answers,
    client::{Client, get, post},
    gate::Gate,
    patience::within,
    upstream::{Script, Upstream},
};

use crate::{
    admin::Admin,
    rig::{KEY, Rig, base_config, chat, launch, model, provider},
};

fn config(upstream: &Upstream) -> String {
    base_config()
        + &provider("up", &upstream.base_url())
        + "on_disconnect = \"drain\"\n"
        + &model("m", &[("up", "m")], "price = { input = 1000.0, output = 1000.0 }")
}

/// Waits until the gateway has seen that its caller is gone: whoever asks is the only one there.
async fn gone(rig: &Rig) {
    let alone = async {
        loop {
            let mut client = Client::connect(rig.gateway.admin).await;
            let (_, body) = client.exchange("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
            if body.text().contains("sluicegate_connections 1\n") {
                return;
            }
        }
    };
    within("the end of the caller's connection", alone).await;
}

/// The row of the request whose caller has left.
async fn ended(rig: &Rig) -> Value {
    let admin = Admin::of(&rig.gateway);
    let look = async {
        loop {
            let list = admin.get("/admin/v1/requests").await;
            if list["data"][0]["status"].is_number() {
                return list;
            }
        }
    };
    within("the row of the request", look).await["data"][0].take()
}

/// What is charged for a call that was under way when its caller left: 9 and 3 tokens, as the upstream counts.
async fn charged(rig: &Rig) -> u64 {
    let row = ended(rig).await;
    assert_eq!(row["usage_source"], "provider", "{row}");
    row["charged_nanousd"].as_u64().unwrap()
}

#[tokio::test]
async fn a_stream_is_read_to_its_end() {
    let rig = Rig::with(config).await;
    let (begun, left, ended) = (Gate::new(), Gate::new(), Gate::new());
    let events = answers::events(&["one ", "two"], true);
    let (first, rest) = events.split_at(2);
    let chunks =
        |events: &[String]| events.iter().flat_map(|e| answers::chunk(e.as_bytes())).collect::<Vec<u8>>();
    rig.upstream.script(
        Script::new()
            .write(answers::STREAM_HEAD)
            .write(chunks(first))
            .note(&begun)
            .wait(&left)
            .write(chunks(rest))
            .write(answers::LAST_CHUNK)
            .note(&ended),
    );
    let (mut client, _) = rig.open_stream().await;
    client.read_until("one ").await;
    drop(client);
    gone(&rig).await;
    left.open();
    ended.passed("the end of the stream").await;
    assert_eq!(charged(&rig).await, 12_000_000);
}

#[tokio::test]
async fn so_is_what_had_not_begun() {
    for stream in [false, true] {
        let rig = Rig::with(config).await;
        let left = Gate::new();
        let answer = match stream {
            true => answers::chunked_stream(&answers::events(&["one"], true)),
            false => answers::whole("one"),
        };
        rig.upstream.script(Script::new().wait(&left).write(answer));
        let mut client = Client::connect(rig.gateway.data).await;
        client.send(post(KEY, "", chat("m", stream))).await;
        rig.upstream.next_request().await;
        drop(client);
        gone(&rig).await;
        left.open();
        assert_eq!(charged(&rig).await, 12_000_000, "stream={stream}");
    }
}

#[tokio::test]
async fn a_gateway_that_leaves_waits_for_them() {
    for begun in [false, true] {
        let upstream = Upstream::start().await;
        let launch = launch().config(&config(&upstream));
        let mut rig = Rig { gateway: launch.serve().await, upstream };
        let left = Gate::new();
        let events = answers::events(&["one ", "two"], true);
        let (first, rest) = events.split_at(if begun { 2 } else { 0 });
        let chunks =
            |events: &[String]| events.iter().flat_map(|e| answers::chunk(e.as_bytes())).collect::<Vec<u8>>();
        rig.upstream.script(
            Script::new()
                .write(answers::STREAM_HEAD)
                .write(chunks(first))
                .wait(&left)
                .write(chunks(rest))
                .write(answers::LAST_CHUNK),
        );
        let mut client = Client::connect(rig.gateway.data).await;
        client.send(post(KEY, "", chat("m", true))).await;
        rig.upstream.next_request().await;
        if begun {
            client.read_head().await;
            client.read_until("one ").await;
        }
        drop(client);
        gone(&rig).await;
        let mut idle = rig.client().await;
        idle.exchange(get("/health/live", "")).await;
        rig.gateway.terminate();
        idle.drain().await;
        assert!(rig.gateway.is_running(), "begun={begun}");
        left.open();
        assert!(rig.gateway.ended().await.success());
        rig.gateway = launch.serve().await;
        assert_eq!(charged(&rig).await, 12_000_000, "begun={begun}");
    }
}

/// A repair is for the caller: nobody is called, or waited for, to mend what nobody reads.
#[tokio::test]
async fn a_repair_ends_with_its_caller() {
    let rig = Rig::with(|upstream| {
        let targets = "targets = [{ provider = \"up\", model = \"x\" }, { provider = \"up\", model = \"y\", priority = 1 }]";
        base_config()
            + &provider("up", &upstream.base_url())
            + "on_disconnect = \"drain\"\n"
            + &format!("[[models]]\nname = \"m\"\n{targets}\nprice = {{ input = 1000.0, output = 1000.0 }}\n")
    })
    .await;
    let begun: Vec<u8> =
        answers::events(&["one "], true)[..2].iter().flat_map(|e| answers::chunk(e.as_bytes())).collect();
    rig.upstream.script(Script::new().write(answers::STREAM_HEAD).write(begun).reset());
    rig.upstream.script(Script::new().stall());
    let (mut client, _) = rig.open_stream().await;
    client.read_until("one ").await;
    rig.upstream.next_request().await;
    let repair = rig.upstream.next_request().await;
    assert_eq!(repair.json()["model"], "y");
    drop(client);
    rig.upstream.closed(repair.connection).await;
    let row = ended(&rig).await;
    assert_eq!((&row["usage_source"], &row["status"]), (&"interrupted".into(), &200.into()), "{row}");
    // One word of the answer, and what the prompt is estimated to have.
    assert_eq!(row["completion_tokens"], 1, "{row}");
    assert_eq!(row["charged_nanousd"], (1 + row["prompt_tokens"].as_u64().unwrap()) * 1_000_000, "{row}");
    assert_eq!(rig.upstream.requests_so_far(), 2);
}

#[tokio::test]
async fn calls_of_other_providers_are_cancelled_all_the_same() {
    let other = Upstream::start().await;
    let rig = Rig::with(|upstream| {
        base_config()
            + &provider("other", &other.base_url())
            + &provider("up", &upstream.base_url())
            + "on_disconnect = \"drain\"\n"
            + &model("m", &[("other", "m"), ("up", "m")], "")
    })
    .await;
    for stream in [false, true] {
        other.respond(|_| Script::new().stall());
        let mut client = Client::connect(rig.gateway.data).await;
        client.send(post(KEY, "", chat("m", stream))).await;
        let call = other.next_request().await;
        drop(client);
        other.closed(call.connection).await;
    }
    assert_eq!(rig.upstream.requests_so_far(), 0, "nobody is called for nobody");
}

#[tokio::test]
async fn what_fails_then_costs_nothing_and_is_not_tried_again() {
    for stream in [false, true] {
        let rig = Rig::with(config).await;
        let left = Gate::new();
        rig.upstream.script(Script::new().wait(&left).write(answers::json_answer(500, "{}")));
        let mut client = Client::connect(rig.gateway.data).await;
        client.send(post(KEY, "", chat("m", stream))).await;
        rig.upstream.next_request().await;
        drop(client);
        gone(&rig).await;
        left.open();
        let row = ended(&rig).await;
        assert_eq!((&row["charged_nanousd"], &row["status"]), (&0.into(), &499.into()), "{row}");
        assert_eq!(rig.upstream.requests_so_far(), 1, "stream={stream}");
    }
}
