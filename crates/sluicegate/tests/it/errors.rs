//! Every row of the interface's error table that a caller can provoke, except those about upstreams
//! (`upstream_faults.rs`) and about bytes on the wire (`http1.rs`, `smuggling.rs`).

use serde_json::{Value, json};
use sluice_testkit::client::{get, post};

use crate::rig::{KEY, NARROW_KEY, Rig, assert_error, chat};

const INVALID: &str = "invalid_request_error";

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway.test\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n")
}

#[tokio::test]
async fn keys() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let cases = [
        ("no key", String::new()),
        ("empty", "authorization: \r\n".to_owned()),
        ("no token", "authorization: Bearer \r\n".to_owned()),
        ("another scheme", "authorization: Basic c2stYTpi\r\n".to_owned()),
        ("no scheme", format!("authorization: {KEY}\r\n")),
        ("unknown", bearer("sk-unknown-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        ("too short", bearer("sk-")),
        ("a known key and more", bearer(&format!("{KEY}x"))),
        ("a known key cut", bearer(&KEY[..KEY.len() - 1])),
        ("expired", bearer("sk-expired-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        ("two headers", format!("authorization: Bearer {KEY}\r\nauthorization: Bearer other\r\n")),
    ];
    let mut first = None;
    for (name, headers) in cases {
        let headers = if headers.contains("content-type") {
            headers
        } else {
            format!("{headers}content-type: application/json\r\n")
        };
        let got = rig.exchange(request("POST", "/v1/chat/completions", &headers, &body)).await;
        assert_error(name, &got, 401, INVALID, "invalid_api_key");
        // Nobody may learn from the text whether a key exists.
        if ["unknown", "expired", "a known key cut"].contains(&name) {
            let text = got.1.text().to_owned();
            assert_eq!(*first.get_or_insert(text.clone()), text, "{name}");
        }
        let models = rig.exchange(request("GET", "/v1/models", &headers, "")).await;
        assert_error(name, &models, 401, INVALID, "invalid_api_key");
    }
    assert_eq!(rig.upstream.requests_so_far(), 0);
    let lower = format!("authorization: bearer {KEY}\r\ncontent-type: application/json\r\n");
    let (head, _) = rig.exchange(request("POST", "/v1/chat/completions", &lower, &body)).await;
    assert_eq!(head.status, 200, "the scheme's name is not case sensitive");
}

#[tokio::test]
async fn models_and_paths() {
    let rig = Rig::start().await;
    for stream in [false, true] {
        let got = rig.exchange(post(NARROW_KEY, "", chat("m", stream))).await;
        assert_error("not allowed", &got, 403, INVALID, "model_not_allowed");
        for model in ["no-such-model", "up2/m", "sandbox/no-such", "m ", "M", ""] {
            let got = rig.ask(chat(model, stream)).await;
            assert_error(model, &got, 404, INVALID, "model_not_found");
        }
    }
    let auth = format!("authorization: Bearer {KEY}\r\n");
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "/V1/chat/completions",
        "/v1/chat/completions%2f",
        "/v1/./chat/completions",
        "/v1/chat/../chat/completions",
        "/v1/chat;a/completions",
        "/v1/completions",
        "/v2/models",
        "/admin/v1/keys",
        "/metrics",
    ] {
        let got = rig.exchange(get(path, &auth)).await;
        assert_error(path, &got, 404, INVALID, "unknown_url");
        let got = rig.exchange(get(path, "")).await;
        assert_error(path, &got, 404, INVALID, "unknown_url");
    }
    let got = rig.exchange(get("/v1/models/no-such-model", &auth)).await;
    assert_error("one model", &got, 404, INVALID, "model_not_found");
    let (head, _) = rig.exchange(post(NARROW_KEY, "", chat("other", false))).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn methods() {
    let rig = Rig::start().await;
    let cases: [(&str, &str, &[&str]); 4] = [
        ("/v1/chat/completions", "POST", &["GET", "PUT", "DELETE", "PATCH", "OPTIONS"]),
        ("/v1/models", "GET", &["POST", "PUT", "DELETE"]),
        ("/v1/models/m", "GET", &["POST", "DELETE"]),
        ("/health/live", "GET", &["POST"]),
    ];
    for (path, allowed, refused) in cases {
        for method in refused {
            let name = format!("{method} {path}");
            let got = rig.exchange(request(method, path, &bearer(KEY), "")).await;
            assert_error(&name, &got, 405, INVALID, "method_not_allowed");
            let allow = got.0.header("allow").unwrap_or_default();
            assert!(allow.split(',').any(|m| m.trim() == allowed), "{name}: allow: {allow}");
        }
    }
}

#[tokio::test]
async fn content_types() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    for (content_type, good) in [
        ("content-type: application/json\r\n", true),
        ("content-type: application/json; charset=utf-8\r\n", true),
        ("Content-Type: Application/JSON\r\n", true),
        ("content-type: text/plain\r\n", false),
        ("content-type: application/x-www-form-urlencoded\r\n", false),
        ("content-type: multipart/form-data; boundary=a\r\n", false),
        ("content-type: application/jsonp\r\n", false),
    ] {
        let headers = format!("authorization: Bearer {KEY}\r\n{content_type}");
        let got = rig.exchange(request("POST", "/v1/chat/completions", &headers, &body)).await;
        if good {
            assert_eq!(got.0.status, 200, "{content_type}");
        } else {
            assert_error(content_type, &got, 415, INVALID, "unsupported_media_type");
        }
    }
    for coding in ["gzip", "br", "deflate", "zstd"] {
        let headers = format!("{}content-encoding: {coding}\r\n", bearer(KEY));
        let got = rig.exchange(request("POST", "/v1/chat/completions", &headers, &body)).await;
        assert_error(coding, &got, 415, INVALID, "unsupported_media_type");
    }
}

/// A request that is right but for `change`.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    change(&mut body);
    body.to_string()
}

fn with(key: &str, value: Value) -> String {
    changed(|body| body[key] = value)
}

#[tokio::test]
async fn bodies_that_are_not_the_json_we_want() {
    let rig = Rig::start().await;
    let deep = format!(r#"{{"model":"m","messages":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("white space", b" \n".to_vec()),
        ("cut", b"{\"model\":\"m\"".to_vec()),
        ("text", b"hello".to_vec()),
        ("two values", [chat("m", false), chat("m", false)].concat().into_bytes()),
        ("trailing comma", b"{\"model\":\"m\",}".to_vec()),
        ("single quotes", b"{'model':'m'}".to_vec()),
        (
            "invalid UTF-8",
            b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}".to_vec(),
        ),
        ("a lone surrogate half", br#"{"model":"\ud800","messages":[]}"#.to_vec()),
        ("a control character", b"{\"model\":\"a\nb\",\"messages\":[]}".to_vec()),
        ("a byte order mark", [b"\xef\xbb\xbf".to_vec(), chat("m", false).into_bytes()].concat()),
        ("deep", deep.into_bytes()),
        ("NaN", br#"{"model":"m","temperature":NaN}"#.to_vec()),
    ];
    for (name, body) in cases {
        let got = rig.ask(&body).await;
        assert_error(name, &got, 400, INVALID, "invalid_json");
    }
    for (name, body) in [("an array", "[]"), ("a string", "\"a\""), ("a number", "1"), ("null", "null")] {
        let got = rig.ask(body).await;
        assert_eq!(got.0.status, 400, "{name}");
        assert_eq!(got.1.json()["error"]["type"], INVALID, "{name}");
    }
    assert_eq!(rig.upstream.requests_so_far(), 0);
}

#[tokio::test]
async fn fields() {
    let rig = Rig::start().await;
    let message = |value: Value| with("messages", json!([value]));
    let cases = [
        (with("model", Value::Null), "missing_required_parameter", "model"),
        (with("model", json!(1)), "invalid_type", "model"),
        (with("messages", Value::Null), "missing_required_parameter", "messages"),
        (with("messages", json!("hi")), "invalid_type", "messages"),
        (with("messages", json!([])), "empty_array", "messages"),
        (with("messages", json!(["hi"])), "invalid_type", "messages[0]"),
        (message(json!({ "content": "hi" })), "missing_required_parameter", "messages[0].role"),
        (message(json!({ "role": "robot", "content": "hi" })), "invalid_value", "messages[0].role"),
        (message(json!({ "role": "user" })), "missing_required_parameter", "messages[0].content"),
        (message(json!({ "role": "user", "content": 1 })), "invalid_type", "messages[0].content"),
        (
            message(json!({ "role": "user", "content": [{ "text": "a" }] })),
            "missing_required_parameter",
            "messages[0].content[0].type",
        ),
        (
            message(json!({ "role": "tool", "content": "a" })),
            "missing_required_parameter",
            "messages[0].tool_call_id",
        ),
        (with("temperature", json!(2.1)), "decimal_above_max_value", "temperature"),
        (with("temperature", json!(-0.1)), "decimal_below_min_value", "temperature"),
        (with("temperature", json!("1")), "invalid_type", "temperature"),
        (with("top_p", json!(1.5)), "decimal_above_max_value", "top_p"),
        (with("n", json!(0)), "integer_below_min_value", "n"),
        (with("n", json!(129)), "integer_above_max_value", "n"),
        (with("n", json!(1.5)), "invalid_type", "n"),
        (with("max_tokens", json!(0)), "integer_below_min_value", "max_tokens"),
        (with("max_completion_tokens", json!(0)), "integer_below_min_value", "max_completion_tokens"),
        (with("presence_penalty", json!(3)), "decimal_above_max_value", "presence_penalty"),
        (with("frequency_penalty", json!(-3)), "decimal_below_min_value", "frequency_penalty"),
        (with("top_logprobs", json!(21)), "integer_above_max_value", "top_logprobs"),
        (with("stop", json!(["a", "b", "c", "d", "e"])), "array_above_max_length", "stop"),
        (with("stop", json!(1)), "invalid_type", "stop"),
        (with("stream", json!("yes")), "invalid_type", "stream"),
        (with("stream_options", json!(true)), "invalid_type", "stream_options"),
        (with("response_format", json!({ "type": "xml" })), "invalid_value", "response_format.type"),
        (with("tools", json!({})), "invalid_type", "tools"),
        (with("metadata", json!({ "a": 1 })), "invalid_type", "metadata.a"),
    ];
    for (body, code, param) in cases {
        let got = rig.ask(&body).await;
        assert_error(&body, &got, 400, INVALID, code);
        assert_eq!(got.1.json()["error"]["param"], param, "{body}");
    }
    assert_eq!(rig.upstream.requests_so_far(), 0);
}

#[tokio::test]
async fn keys_that_decide_may_not_come_twice() {
    let rig = Rig::start().await;
    for (key, value) in [
        ("model", json!("m")),
        ("messages", json!([])),
        ("stream", json!(false)),
        ("stream_options", json!({})),
        ("n", json!(1)),
        ("max_tokens", json!(1)),
        ("max_completion_tokens", json!(1)),
        ("tools", json!([])),
        ("tool_choice", json!("none")),
    ] {
        let good = with("temperature", json!(1))
            .replace("\"temperature\":1", &format!("\"temperature\":1,{:?}:{value}", key));
        let twice = if good.matches(&format!("\"{key}\":")).count() == 2 {
            good
        } else {
            good.replacen('{', &format!("{{{key:?}:{value},"), 1)
        };
        let got = rig.ask(&twice).await;
        assert_error(&twice, &got, 400, INVALID, "duplicate_parameter");
        assert_eq!(got.1.json()["error"]["param"], key);
        // The same key in another spelling is the same key.
        let escaped = twice.replacen(
            &format!("\"{key}\""),
            &format!("\"\\u{:04x}{}\"", key.as_bytes()[0], &key[1..]),
            1,
        );
        let got = rig.ask(&escaped).await;
        assert_error(&escaped, &got, 400, INVALID, "duplicate_parameter");
    }
    let (head, _) = rig.ask(r#"{"model":"m","messages":[{"role":"user","content":"a"}],"x":1,"x":2}"#).await;
    assert_eq!(head.status, 200, "other keys pass as they are");
    let passed = rig.upstream.next_request().await;
    assert!(passed.body.ends_with(br#""x":1,"x":2}"#));
}

#[tokio::test]
async fn too_large_bodies() {
    let rig = Rig::start().await;
    let declared = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n{}content-length: {}\r\n\r\n",
        bearer(KEY),
        33 << 20
    );
    let got = rig.exchange(declared).await;
    assert_error("declared and not sent", &got, 413, INVALID, "request_too_large");
    assert_eq!(got.0.header("connection"), Some("close"));

    let body =
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#, "a".repeat(33 << 20));
    let mut client = rig.client().await;
    // The gateway may stop reading before all of it is sent; the answer has to arrive all the same.
    let _ = client.try_send(post(KEY, "", &body)).await;
    let got = client.response().await;
    assert_error("33 MiB", &got, 413, INVALID, "request_too_large");

    let mut client = rig.client().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n{}transfer-encoding: chunked\r\n\r\n",
        bearer(KEY)
    );
    client.send(head).await;
    let piece = [b"100000\r\n".as_slice(), &vec![b'a'; 1 << 20], b"\r\n"].concat();
    for _ in 0..33 {
        if client.try_send(&piece).await.is_err() {
            break;
        }
    }
    let got = client.response().await;
    assert_error("33 MiB in chunks", &got, 413, INVALID, "request_too_large");
    assert_eq!(rig.upstream.requests_so_far(), 0);

    let (head, _) = rig.ask(chat("m", false)).await;
    assert_eq!(head.status, 200, "and the process is up");
}

#[tokio::test]
async fn a_body_just_within_the_bound_passes() {
    let rig = Rig::start().await;
    let empty = chat("m", false);
    let text = "a".repeat((32 << 20) - empty.len());
    let body = empty.replace("prompt-canary", &format!("prompt-canary{text}"));
    assert_eq!(body.len(), 32 << 20);
    let (head, _) = rig.ask(&body).await;
    assert_eq!(head.status, 200);
    assert!(rig.upstream.next_request().await.body == body, "byte for byte");
}

#[tokio::test]
async fn errors_before_the_key_is_known_say_nothing_about_models() {
    let rig = Rig::start().await;
    let got = rig.exchange(post("sk-unknown-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", "not json")).await;
    assert_error("401 comes first", &got, 401, INVALID, "invalid_api_key");
}
