//! How streams end: complete, or with a declared error and an abnormal close. After a failure never a `[DONE]`, never
//! an invented finish, never the zero chunk.

use serde_json::Value;
use sluice_testkit::{
    answers,
    client::{Body, Client, Ending, post},
    gate::Gate,
    upstream::{Script, Upstream},
};

use crate::rig::{KEY, Rig, assert_error_object, base_config, chat_with_usage, model, provider};

fn config(upstream: &Upstream) -> String {
    let clocks = "timeouts = { idle_ms = 300, first_token_ms = 60000 }\nretry = { max_attempts = 1 }";
    base_config() + &provider("up", &upstream.base_url()) + &model("m", &[("up", "m")], clocks)
}

/// Content that every case begins with.
fn begun() -> Script {
    let events = answers::text_event("delivered;");
    Script::new().write(answers::STREAM_HEAD).write(answers::chunk(events.as_bytes()))
}

fn assert_failed(name: &str, body: &Body, delivered: &str, kind: &str, code: &str) {
    let text = body.text();
    assert!(text.starts_with(delivered), "{name}: what was delivered stays: {text:?}");
    assert_eq!(body.ending, Ending::Eof, "{name}: an end without the zero chunk: {text:?}");
    assert!(!text.contains("[DONE]"), "{name}: {text:?}");
    assert!(!text.contains("\"finish_reason\":\""), "{name}: {text:?}");
    let rest = &text[delivered.len()..];
    let data = rest.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n"));
    let data = data.unwrap_or_else(|| panic!("{name}: one error event and nothing else: {rest:?}"));
    let value: Value = serde_json::from_str(data).unwrap_or_else(|e| panic!("{name}: {e}: {data:?}"));
    assert_error_object(name, &value, kind, code);
}

#[tokio::test]
async fn broken_streams_end_in_a_declared_error() {
    let rig = Rig::with(config).await;
    let delivered = answers::text_event("delivered;");
    let half = answers::chunk(&answers::text_event("half of this").as_bytes()[..40]);
    let raw = |data: &str| answers::chunk(answers::event(data).as_bytes());
    let done = answers::chunk(answers::DONE.as_bytes());
    let upstream_error =
        raw(r#"{"error":{"message":"the model fell over","type":"server_error","code":"boom"}}"#);
    let huge = answers::chunk(format!("data: {}", "x".repeat(9 << 20)).as_bytes());
    let cases = [
        ("FIN", begun().fin(), "upstream_truncated"),
        ("RST", begun().reset(), "upstream_truncated"),
        ("the zero chunk without a finish", begun().write(answers::LAST_CHUNK), "upstream_truncated"),
        ("[DONE] without a finish", begun().write(done).write(answers::LAST_CHUNK), "upstream_truncated"),
        ("FIN in an event", begun().write(half.clone()).fin(), "upstream_truncated"),
        ("RST in an event", begun().write(half).reset(), "upstream_truncated"),
        ("FIN in a chunk", begun().write("40\r\ndata: {").fin(), "upstream_truncated"),
        ("a stall", begun().stall(), "upstream_stalled"),
        ("not JSON", begun().write(raw("{oops")).stall(), "upstream_bad_event"),
        ("a bad chunk size", begun().write("zz\r\n").stall(), "upstream_bad_event"),
        ("a line without end", begun().write(huge).stall(), "event_too_large"),
    ];
    for (name, script, code) in cases {
        rig.upstream.script(script);
        let (head, body) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
        assert_eq!(head.status, 200, "{name}");
        assert_failed(name, &body, &delivered, "upstream_error", code);
        let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
        assert_eq!(line["error_code"], code, "{name}: {line}");
    }
    rig.upstream.script(begun().write(upstream_error).stall());
    let (_, body) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
    let text = body.text();
    assert!(text.contains("the model fell over") && !text.contains("[DONE]"), "{text:?}");
    assert_eq!(body.ending, Ending::Eof);
}

#[tokio::test]
async fn a_broken_upstream_connection_is_not_used_again() {
    let rig = Rig::with(config).await;
    rig.upstream.script(begun().stall());
    rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
    let first = rig.upstream.next_request().await;
    rig.upstream.closed(first.connection).await;
    let (head, _) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
    assert_eq!(head.status, 200);
    assert_ne!(rig.upstream.next_request().await.connection, first.connection);
}

#[tokio::test]
async fn streams_that_said_finish_are_complete() {
    let rig = Rig::with(config).await;
    let content =
        [answers::text_event("delivered;"), answers::finish_event(), answers::usage_event()].concat();
    let whole = format!("{content}{}", answers::DONE);
    let front = || Script::new().write(answers::STREAM_HEAD).write(answers::chunk(content.as_bytes()));
    let done = answers::chunk(answers::DONE.as_bytes());
    let after = answers::chunk(answers::text_event("too late").as_bytes());
    let to_the_end = || Script::new().write(format!("{}{content}", answers::STREAM_HEAD_TO_CLOSE));
    let cases = [
        ("as it should", front().write(done.clone()).write(answers::LAST_CHUNK)),
        ("no [DONE]", front().write(answers::LAST_CHUNK)),
        ("no [DONE], FIN", front().fin()),
        ("no [DONE], RST", front().reset()),
        ("no [DONE], silence", front().stall()),
        ("no zero chunk after [DONE]", front().write(done.clone()).fin()),
        ("silence after [DONE]", front().write(done.clone()).stall()),
        ("[DONE] twice", front().write(done.clone()).write(done.clone()).write(answers::LAST_CHUNK)),
        ("data after [DONE]", front().write(done.clone()).write(after).write(answers::LAST_CHUNK)),
        ("garbage after [DONE]", front().write(done).write("zz\r\n").stall()),
        ("to the end, no [DONE]", to_the_end().fin()),
        ("to the end", to_the_end().write(answers::DONE).fin()),
        (
            "trailers",
            front().write(answers::chunk(answers::DONE.as_bytes())).write("0\r\nx-trailer: canary\r\n\r\n"),
        ),
    ];
    for (name, script) in cases {
        rig.upstream.script(script);
        let (head, body) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
        assert_eq!(head.status, 200, "{name}");
        assert_eq!(body.text(), whole, "{name}");
        assert_eq!(body.ending, Ending::Complete, "{name}");
    }
}

#[tokio::test]
async fn the_connection_lives_on_after_a_complete_stream() {
    let rig = Rig::with(config).await;
    let mut client = rig.client().await;
    for _ in 0..3 {
        let (_, body) = client.exchange(post(KEY, "", chat_with_usage("m"))).await;
        assert_eq!(body.ending, Ending::Complete);
    }
}

#[tokio::test]
async fn the_error_event_reaches_a_slow_reader() {
    let rig = Rig::with(config).await;
    let (written, gate) = (Gate::new(), Gate::new());
    // More than sockets hold on the way, so that the end is far behind what the caller has read.
    let events: Vec<String> =
        (0..4_000).map(|n| answers::text_event(&format!("{n}:{}", "x".repeat(1_000)))).collect();
    let mut script = Script::new().write(answers::STREAM_HEAD);
    for event in &events {
        script = script.write(answers::chunk(event.as_bytes()));
    }
    rig.upstream.script(script.note(&written).wait(&gate).reset());
    let mut client = Client::connect_narrow(rig.gateway.data).await;
    client.send(post(KEY, "", chat_with_usage("m"))).await;
    let head = client.read_head().await;
    let mut seen = Vec::new();
    while !written.is_open() {
        seen.extend_from_slice(&client.next_chunk().await.unwrap());
    }
    gate.open();
    rig.upstream.closed(0).await;
    // The reset has happened while much was still on the way to us. All that the gateway had read is delivered.
    let rest = client.read_body(&head).await;
    seen.extend_from_slice(&rest.bytes);
    let text = String::from_utf8(seen).unwrap();
    assert_eq!(rest.ending, Ending::Eof, "an end, not a reset over unread data");
    assert!(!text.contains("[DONE]"));
    let last = sluice_testkit::client::events(&text).pop().unwrap();
    assert_error_object(
        "slow",
        &serde_json::from_str(&last).unwrap(),
        "upstream_error",
        "upstream_truncated",
    );
    let delivered: Vec<&str> = text.split_inclusive("\n\n").collect();
    for (got, sent) in delivered[..delivered.len() - 1].iter().zip(&events) {
        assert_eq!(got, sent, "in order and whole");
    }
}
