//! Which headers pass: both ways by allow-list, seen by canaries.

use sluice_testkit::{
    answers,
    client::{Body, Head, get, post},
    upstream::Script,
};

use crate::rig::{KEY, Rig, UPSTREAM_KEY, chat, config_for};

/// What the upstream may get to see, in lower case.
const TO_UPSTREAM: &[&str] = &[
    "host",
    "content-type",
    "content-length",
    "accept",
    "accept-encoding",
    "user-agent",
    "authorization",
    "connection",
];

/// What the caller may get to see of a completion.
const TO_CALLER: &[&str] = &[
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "transfer-encoding",
    "x-accel-buffering",
    "x-request-id",
    "x-sluicegate-attempts",
    "x-sluicegate-dropped",
    "x-sluicegate-model",
    "x-sluicegate-provider",
    "x-trace-id",
];

const FROM_CALLER: &str = "cookie: canary=1\r\nx-forwarded-for: canary\r\nx-api-key: canary\r\n\
    openai-organization: canary\r\nuser-agent: canary\r\nreferer: canary\r\ntraceparent: canary\r\n\
    x-stainless-os: canary\r\nidempotency-key: canary-STREAM\r\nx-trace-id: trace-canary\r\n\
    x-sandbox-fault: status=500\r\nproxy-authorization: canary\r\naccept: text/canary\r\n\
    accept-language: canary\r\nforwarded: canary\r\nvia: canary\r\n";

#[tokio::test]
async fn to_the_upstream() {
    let rig = Rig::start().await;
    for stream in [false, true] {
        let from_caller = FROM_CALLER.replace("STREAM", &stream.to_string());
        let (head, _) = rig.exchange(post(KEY, &from_caller, chat("m", stream))).await;
        assert_eq!(head.status, 200);
        let request = rig.upstream.next_request().await;
        assert_eq!(request.request_line(), "POST /v1/chat/completions HTTP/1.1");
        for (name, value) in request.headers() {
            assert!(TO_UPSTREAM.contains(&name.to_ascii_lowercase().as_str()), "{name}: {value}");
            assert!(!value.contains("canary") || value.contains(UPSTREAM_KEY), "{name}: {value}");
        }
        assert_eq!(request.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}")));
        assert_eq!(request.header("host"), Some(rig.upstream.addr().to_string()));
        assert_eq!(request.header("content-type").as_deref(), Some("application/json"));
        assert_eq!(request.header("content-length"), Some(request.body.len().to_string()));
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("sluicegate")));
    }
}

#[tokio::test]
async fn static_headers_of_a_provider_are_sent() {
    let rig = Rig::with(|upstream| {
        config_for(upstream).replace(
            &format!("api_key = \"{UPSTREAM_KEY}\"\n"),
            &format!(
                "api_key = \"{UPSTREAM_KEY}\"\nheaders = {{ \"x-org\" = \"ours\" }}\n\
                 forward_headers = [\"openai-organization\"]\n"
            ),
        )
    })
    .await;
    rig.exchange(post(KEY, FROM_CALLER, chat("m", false))).await;
    let request = rig.upstream.next_request().await;
    assert_eq!(request.header("x-org").as_deref(), Some("ours"));
    assert_eq!(request.header("openai-organization").as_deref(), Some("canary"));
    assert_eq!(request.header("cookie"), None);
}

const FROM_UPSTREAM: &str = "set-cookie: canary=1\r\nlocation: /canary\r\nalt-svc: canary\r\nserver: canary\r\n\
    strict-transport-security: canary\r\naccess-control-allow-origin: canary\r\nx-request-id: canary\r\n\
    x-trace-id: canary\r\nopenai-organization: canary\r\nx-ratelimit-remaining-requests: canary\r\n\
    openai-processing-ms: canary\r\nconnection: x-canary\r\nx-canary: canary\r\nkeep-alive: canary\r\n\
    x-sluicegate-provider: canary\r\ntrailer: canary\r\nvary: canary\r\netag: canary\r\ncontent-language: canary\r\n";

fn assert_only_ours(name: &str, (head, _): &(Head, Body)) {
    for (header, value) in &head.headers {
        let lower = header.to_ascii_lowercase();
        assert!(
            TO_CALLER.contains(&lower.as_str())
                || lower == "retry-after"
                || lower == "retry-after-ms"
                || lower == "x-should-retry",
            "{name}: {header}: {value}"
        );
        assert!(!value.contains("canary"), "{name}: {header}: {value}");
    }
    for wanted in ["x-request-id", "x-trace-id", "content-type"] {
        assert_eq!(
            head.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(wanted)).count(),
            1,
            "{name}: {wanted}"
        );
    }
}

#[tokio::test]
async fn to_the_caller() {
    let rig = Rig::start().await;
    let json = format!("content-type: application/json\r\n{FROM_UPSTREAM}");
    rig.upstream.script(Script::new().write(answers::answer(
        200,
        &json,
        answers::completion("a").as_bytes(),
    )));
    let got = rig.ask(chat("m", false)).await;
    assert_eq!(got.0.status, 200);
    assert_only_ours("whole", &got);
    assert_eq!(got.0.header("content-type"), Some("application/json"));
    assert_eq!(got.0.header("x-sluicegate-provider"), Some("up"));
    assert_eq!(got.0.header("x-sluicegate-model"), Some("m"));
    assert_eq!(got.0.header("x-sluicegate-attempts"), Some("1"));

    let stream = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n{FROM_UPSTREAM}\
                          transfer-encoding: chunked\r\n\r\n"
    );
    let mut bytes = stream.into_bytes();
    bytes.extend(answers::chunk(answers::events(&["a"], false).concat().as_bytes()));
    bytes.extend(answers::LAST_CHUNK.bytes());
    rig.upstream.script(Script::new().write(bytes));
    let got = rig.ask(chat("m", true)).await;
    assert_eq!(got.0.status, 200);
    assert_only_ours("stream", &got);
    assert!(got.0.header("content-type").unwrap().starts_with("text/event-stream"));
    assert_eq!(got.0.header("x-sluicegate-provider"), Some("up"));

    let error = answers::error_json("no", "invalid_request_error", "bad");
    rig.upstream.respond(move |_| Script::new().write(answers::answer(400, &json, error.as_bytes())));
    let got = rig.ask(chat("m", false)).await;
    assert_eq!(got.0.status, 400);
    assert_only_ours("error", &got);
}

/// `None`: the gateway makes one of its own.
async fn check_trace_id(rig: &Rig, sent: &[u8], expect: Option<&str>) {
    let name = String::from_utf8_lossy(sent).into_owned();
    for request in [get("/v1/nowhere", ""), post(KEY, "", chat("m", false)), post("sk-x", "", "{}")] {
        let cut = request.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
        let bytes = [&request[..cut], b"x-trace-id: ", sent, b"\r\n", &request[cut..]].concat();
        let (head, _) = rig.exchange(bytes).await;
        let got = head.header("x-trace-id").unwrap_or_else(|| panic!("{name}: {}", head.raw));
        match expect {
            Some(expect) => assert_eq!(got, expect),
            None => {
                assert!(
                    !got.is_empty() && got.len() <= 128 && got.bytes().all(|b| b.is_ascii_graphic()),
                    "{got}"
                );
                assert_ne!(got.as_bytes(), sent);
            }
        }
    }
}

#[tokio::test]
async fn trace_ids() {
    let rig = Rig::start().await;
    check_trace_id(&rig, b"abc-123", Some("abc-123")).await;
    check_trace_id(&rig, b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", Some("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
        .await;
    let longest = "a".repeat(128);
    check_trace_id(&rig, longest.as_bytes(), Some(&longest)).await;
    check_trace_id(&rig, "a".repeat(129).as_bytes(), None).await;
    check_trace_id(&rig, b"", None).await;
    check_trace_id(&rig, b"two words", None).await;
    check_trace_id(&rig, "caf\u{e9}".as_bytes(), None).await;
    check_trace_id(&rig, b"\xff", None).await;
}

#[tokio::test]
async fn request_ids_are_ours_and_differ() {
    let rig = Rig::start().await;
    let mut seen = std::collections::HashSet::new();
    let mut client = rig.client().await;
    for _ in 0..3 {
        let (head, _) = client.exchange(post(KEY, "x-request-id: theirs\r\n", chat("m", false))).await;
        let id = head.header("x-request-id").unwrap().to_owned();
        assert_ne!(id, "theirs");
        assert!(seen.insert(id));
    }
}
