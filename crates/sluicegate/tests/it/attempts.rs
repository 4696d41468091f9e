//! What is tried, and when: one free replay on a fresh connection, repeats, equals, fallbacks, hedges and repairs.

mod eligible;
mod hedges;
mod repair;
mod rows;
mod silence;
mod world;

use sluice_testkit::{
    answers,
    gate::Gate,
    upstream::{Refusing, Script, Upstream},
};

use crate::rig::{Rig, base_config, chat, launch, model, provider};

#[tokio::test]
async fn a_reused_connection_that_died_is_replayed_once_for_free() {
    for end in [Script::new().reset(), Script::new().fin()] {
        for stream in [false, true] {
            let rig = Rig::with(|upstream| {
                base_config()
                    + &provider("up", &upstream.base_url())
                    + &model("m", &[("up", "m")], "retry = { max_attempts = 1 }")
            })
            .await;
            let mut client = rig.client().await;
            let post = |stream| sluice_testkit::client::post(crate::rig::KEY, "", chat("m", stream));
            assert_eq!(client.exchange(post(false)).await.0.status, 200);
            let first = rig.upstream.next_request().await;
            // The same caller connection is served by the same worker, which has the pooled connection.
            rig.upstream.script(end.clone());
            let (head, body) = client.exchange(post(stream)).await;
            assert_eq!(head.status, 200, "{:?}", body.text());
            let died = rig.upstream.next_request().await;
            let replayed = rig.upstream.next_request().await;
            assert_eq!(died.connection, first.connection, "the pooled connection was used");
            assert_ne!(replayed.connection, died.connection, "the replay has a fresh one");
            assert_eq!(died.body, replayed.body);
            assert_eq!(head.header("x-sluicegate-attempts"), Some("1"), "it is free");
        }
    }
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for n in 0..6 {
        let body = chat("m", n % 2 == 1);
        client.exchange(sluice_testkit::client::post(crate::rig::KEY, "", body)).await;
        assert_eq!(rig.upstream.next_request().await.connection, 0, "call {n}");
    }
}

/// Two upstreams behind one model.
struct Pair {
    first: Upstream,
    second: Upstream,
    rig: sluice_testkit::process::Gateway,
}

impl Pair {
    async fn start(extra: &str) -> Self {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let config = base_config()
            + &provider("first", &first.base_url())
            + &provider("second", &second.base_url())
            + &model("m", &[("first", "first-m"), ("second", "second-m")], extra);
        let rig = launch().config(&config).serve().await;
        Self { first, second, rig }
    }

    async fn ask(&self, stream: bool) -> (sluice_testkit::client::Head, sluice_testkit::client::Body) {
        let mut client = sluice_testkit::client::Client::connect(self.rig.data).await;
        client.exchange(sluice_testkit::client::post(crate::rig::KEY, "", chat("m", stream))).await
    }
}

#[tokio::test]
async fn the_second_target_answers_when_the_first_fails_before_content() {
    let overloaded = answers::json_answer(503, &answers::error_json("full", "a", "b"));
    let role = answers::chunk(answers::events(&[], false)[0].as_bytes());
    let error =
        answers::chunk(answers::event(r#"{"error":{"message":"no","type":"server_error"}}"#).as_bytes());
    let head = || Script::new().write(answers::STREAM_HEAD);
    let cases = [
        ("503", Script::new().write(overloaded)),
        ("500", Script::new().write(answers::json_answer(500, "{}"))),
        ("401", Script::new().write(answers::json_answer(401, "{}"))),
        ("404", Script::new().write(answers::json_answer(404, "{}"))),
        ("429", Script::new().write(answers::json_answer(429, "{}"))),
        ("RST", Script::new().reset()),
        ("FIN", Script::new().fin()),
        ("HTML", Script::new().write(answers::answer(200, "content-type: text/html\r\n", b"<html>"))),
        ("FIN after the head", head().fin()),
        ("FIN after the role", head().write(role.clone()).fin()),
        ("an error as first event", head().write(error.clone()).stall()),
        ("an error after the role", head().write(role).write(error).stall()),
        ("silence", Script::new().stall()),
    ];
    for (name, script) in cases {
        for stream in [true, false] {
            if !stream
                && (name.contains("head")
                    || name.contains("role")
                    || name.contains("event")
                    || name == "silence")
            {
                continue;
            }
            let pair = Pair::start("timeouts = { first_token_ms = 300 }").await;
            let script = script.clone();
            pair.first.respond(move |_| script.clone());
            let (head, body) = pair.ask(stream).await;
            assert_eq!(head.status, 200, "{name}: {:?}", body.text());
            assert_eq!(pair.first.next_request().await.json()["model"], "first-m", "{name}");
            assert_eq!(pair.second.next_request().await.json()["model"], "second-m", "{name}");
            assert_eq!(head.header("x-sluicegate-provider"), Some("second"), "{name}");
            assert_eq!(head.header("x-sluicegate-model"), Some("second-m"), "{name}");
            if stream {
                let text = answers::events(&["one ", "two ", "three"], false).concat();
                assert_eq!(body.text(), text, "{name}: nothing of the first answer is left");
            }
        }
    }
}

#[tokio::test]
async fn the_first_target_answers_when_it_can() {
    let pair = Pair::start("").await;
    for stream in [false, true] {
        let (head, _) = pair.ask(stream).await;
        assert_eq!(head.header("x-sluicegate-provider"), Some("first"));
        assert_eq!(head.header("x-sluicegate-attempts"), Some("1"));
    }
    assert_eq!(pair.second.requests_so_far(), 0);
}

#[tokio::test]
async fn a_refusal_of_the_request_is_final() {
    let pair = Pair::start("").await;
    let error = answers::error_json("no such thing", "invalid_request_error", "bad");
    pair.first.respond(move |_| Script::new().write(answers::json_answer(400, &error)));
    let (head, _) = pair.ask(true).await;
    assert_eq!(head.status, 400);
    assert_eq!(pair.second.requests_so_far(), 0);
}

#[tokio::test]
async fn after_content_nothing_is_tried_again() {
    let pair = Pair::start("").await;
    let (sent, gate) = (Gate::new(), Gate::new());
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    pair.first.script(Script::new().write(answers::STREAM_HEAD).write(event).note(&sent).wait(&gate).fin());
    let mut client = sluice_testkit::client::Client::connect(pair.rig.data).await;
    client.send(sluice_testkit::client::post(crate::rig::KEY, "", chat("m", true))).await;
    let head = client.read_head().await;
    client.read_until("delivered").await;
    gate.open();
    let rest = client.read_body(&head).await;
    assert!(rest.text().contains("upstream_truncated"), "{:?}", rest.text());
    assert_eq!(pair.second.requests_so_far(), 0);
}

#[tokio::test]
async fn a_refused_connection_leads_to_the_next_target() {
    let refusing = Refusing::new();
    let upstream = Upstream::start().await;
    let config = base_config()
        + &provider("gone", &refusing.base_url())
        + &provider("up", &upstream.base_url())
        + &model("m", &[("gone", "a"), ("up", "b")], "");
    let gateway = launch().config(&config).serve().await;
    for stream in [false, true] {
        let mut client = sluice_testkit::client::Client::connect(gateway.data).await;
        let (head, _) =
            client.exchange(sluice_testkit::client::post(crate::rig::KEY, "", chat("m", stream))).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("x-sluicegate-provider"), Some("up"));
    }
}

#[tokio::test]
async fn nothing_left_says_what_the_last_failure_was() {
    let pair = Pair::start("").await;
    for upstream in [&pair.first, &pair.second] {
        upstream.respond(|_| Script::new().write(answers::json_answer(500, "{}")));
    }
    let (head, body) = pair.ask(false).await;
    assert_eq!(head.status, 502);
    assert_eq!(body.json()["error"]["code"], "upstream_bad_response");
    assert!(pair.first.requests_so_far() >= 1 && pair.second.requests_so_far() >= 1);
}
