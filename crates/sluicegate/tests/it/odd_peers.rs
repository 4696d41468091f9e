//! Callers and upstreams that are neither good nor plainly broken.

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Client, Ending, post},
    patience::within,
    upstream::Script,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::rig::{KEY, Rig, assert_error, base_config, chat, launch, model, provider};

fn two_choices() -> String {
    json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }], "stream": true, "n": 2 })
        .to_string()
}

fn choice(index: u32, delta: &str, finish: &str) -> Vec<u8> {
    let data = format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":{index},"delta":{delta},"finish_reason":{finish}}}]}}"#
    );
    answers::chunk(answers::event(&data).as_bytes())
}

#[tokio::test]
async fn a_stream_is_complete_when_all_choices_are() {
    let rig = Rig::start().await;
    let first = [choice(0, r#"{"content":"one"}"#, "null"), choice(0, "{}", r#""stop""#)].concat();
    let second = [choice(1, r#"{"content":"two"}"#, "null"), choice(1, "{}", r#""stop""#)].concat();
    let done = answers::chunk(answers::DONE.as_bytes());
    let script = || Script::new().write(answers::STREAM_HEAD).write(first.clone());
    // A provider that gives fewer choices than it was asked for says so by [DONE].
    for (name, script, complete) in [
        ("the second never comes", script().write(answers::LAST_CHUNK), false),
        ("the second never comes, FIN", script().fin(), false),
        ("both come", script().write(second.clone()).write(answers::LAST_CHUNK), true),
        ("one, then [DONE]", script().write(done.clone()).write(answers::LAST_CHUNK), true),
    ] {
        rig.upstream.script(script);
        let (_, body) = rig.ask(two_choices()).await;
        assert_eq!(body.text().ends_with(answers::DONE), complete, "{name}: {}", body.text());
        assert_eq!(body.ending, if complete { Ending::Complete } else { Ending::Eof }, "{name}");
        assert_eq!(body.text().contains("upstream_truncated"), !complete, "{name}: {}", body.text());
    }
}

#[tokio::test]
async fn a_request_that_was_half_answered_is_not_replayed_for_free() {
    let rig = Rig::with(|upstream| {
        base_config()
            + &provider("up", &upstream.base_url())
            + &model("m", &[("up", "m")], "retry = { max_attempts = 1 }")
    })
    .await;
    let mut client = rig.client().await;
    client.exchange(post(KEY, "", chat("m", false))).await;
    rig.upstream.next_request().await;
    rig.upstream.script(Script::new().write("HTTP/1.1 103 Early Hints\r\n\r\n").reset());
    rig.upstream.script(Script::new().write(answers::whole("said again")));
    let refused = client.exchange(post(KEY, "", chat("m", false))).await;
    assert_error("103, then a reset", &refused, 502, "upstream_error", "upstream_unreachable");
}

/// An upstream that answers as soon as it has seen the head, and never reads the body.
#[tokio::test]
async fn an_answer_before_the_request_was_read_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let config = base_config() + &provider("up", &base_url) + &model("m", &[("up", "m")], "");
    let gateway = launch().config(&config).serve().await;
    let large = json!({ "model": "m", "messages": [{ "role": "user", "content": "x".repeat(20 << 20) }] });
    let mut client = Client::connect(gateway.data).await;
    let call = client.exchange(post(KEY, "", large.to_string()));
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0u8; 1024];
        let _ = stream.read(&mut some).await.unwrap();
        let body = r#"{"error":{"message":"too large for us","type":"invalid_request_error","code":"request_too_large"}}"#;
        let head = format!(
            "HTTP/1.1 413 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await.unwrap();
        stream
    };
    let ((head, body), _open) = tokio::join!(call, answer);
    assert_eq!((head.status, body.json()["error"]["message"].as_str()), (413, Some("too large for us")));
}

#[tokio::test]
async fn the_status_of_an_error_counts_without_its_body() {
    let rig = Rig::start().await;
    rig.upstream.script(
        Script::new()
            .write("HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 500\r\n\r\n{\"error\":")
            .stall(),
    );
    let refused = rig.ask(chat("m", false)).await;
    assert_error("429 without its body", &refused, 429, "rate_limit_error", "rate_limit_exceeded");
    assert_eq!(refused.0.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn a_departure_hidden_behind_bytes_is_seen() {
    let rig = Rig::start().await;
    for behind in ["\r\n", "GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"] {
        rig.upstream.script(Script::new().stall());
        let mut client = rig.client().await;
        client.send(post(KEY, "", chat("m", true))).await;
        let request = rig.upstream.next_request().await;
        client.send(behind).await;
        drop(client);
        rig.upstream.closed(request.connection).await;
    }
}

#[tokio::test]
async fn the_word_chunked_is_not_a_transfer_coding() {
    let rig = Rig::start().await;
    let (head, _) = rig.exchange(post(KEY, "X-Note: this is chunked\r\n", chat("m", false))).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn a_request_names_one_host() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let request = |target: &str, hosts: &str| {
        format!(
            "POST {target} HTTP/1.1\r\n{hosts}Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let path = "/v1/chat/completions";
    for (name, request, status) in [
        ("one", request(path, "Host: a\r\n"), 200),
        ("none", request(path, ""), 400),
        ("two", request(path, "Host: a\r\nHost: b\r\n"), 400),
        ("the same in the target", request(&format!("http://a{path}"), "Host: a\r\n"), 200),
        ("another in the target", request(&format!("http://b{path}"), "Host: a\r\n"), 400),
    ] {
        let (head, body) = rig.exchange(request).await;
        assert_eq!(head.status, status, "{name}: {}", body.text());
    }
}

#[tokio::test]
async fn a_silent_sandbox_is_a_stalled_upstream() {
    let config = base_config() + &model("m", &[("sandbox", "echo")], "timeouts = { idle_ms = 200 }");
    let gateway = launch().config(&config).serve().await;
    let body =
        json!({ "model": "m", "stream": true, "messages": [{ "role": "user", "content": "a b c d e" }] });
    let request = post(KEY, "x-sandbox-fault: stall_after=3\r\n", body.to_string());
    let (_, body) = Client::connect(gateway.data).await.exchange(request).await;
    assert!(body.text().contains("upstream_stalled"), "{}", body.text());
    assert_eq!(body.ending, Ending::Eof);
}

/// Whoever sent a request before the gateway was told to leave gets an answer, be it accepted by then or not.
#[tokio::test]
async fn what_was_sent_before_the_end_is_answered() {
    let mut rig = Rig::start().await;
    let mut clients = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(rig.gateway.data).await.unwrap();
        stream.write_all(&post(KEY, "", chat("m", false))).await.unwrap();
        clients.push(stream);
    }
    rig.gateway.terminate();
    for mut stream in clients {
        let mut answer = Vec::new();
        within("the end of an answer", stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    }
    assert!(rig.gateway.ended().await.success());
}

#[tokio::test]
async fn a_long_name_does_not_fill_the_log() {
    let rig = Rig::start().await;
    let body = json!({ "model": "n".repeat(100_000), "messages": [{ "role": "user", "content": "x" }] });
    let (head, _) = rig.ask(body.to_string()).await;
    assert_eq!(head.status, 404);
    let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!(line["model"].as_str().map(str::len), Some(200), "{line}");
}

#[tokio::test]
async fn a_reader_who_takes_longer_than_an_idle_connection_lives_is_owed_the_rest() {
    // The idle clock itself is far too long for a test: what counts is that a whole answer much larger than all
    // sockets hold is on its way, nothing of it is lost, and the connection is used again behind it.
    let rig = Rig::start().await;
    let text = "x".repeat(24 << 20);
    rig.upstream.script(Script::new().write(answers::whole(&text)));
    let mut slow = Client::connect_narrow(rig.gateway.data).await;
    let (head, body) = slow.exchange(post(KEY, "", chat("m", false))).await;
    assert_eq!((head.status, body.ending), (200, Ending::Complete));
    assert_eq!(body.json()["choices"][0]["message"]["content"].as_str().map(str::len), Some(text.len()));
    let (head, _) = slow.exchange(post(KEY, "", chat("m", false))).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn a_cap_holds_for_both_names_of_the_limit() {
    let capped = "sk-capped-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let rig = Rig::with(|upstream| {
        base_config()
            + &format!("[[keys]]\nname = \"capped\"\nsecret = \"{capped}\"\nmodels = [\"*\"]\nlimits = {{ max_output_tokens = 100 }}\n")
            + &provider("up", &upstream.base_url())
            + &model("m", &[("up", "m")], "")
    })
    .await;
    for (limits, param) in [
        (json!({ "max_tokens": 101 }), Some("max_tokens")),
        (json!({ "max_completion_tokens": 101 }), Some("max_completion_tokens")),
        (json!({ "max_completion_tokens": 10, "max_tokens": 1_000_000 }), Some("max_tokens")),
        (json!({ "max_completion_tokens": 100, "max_tokens": 100 }), None),
        (json!({}), None),
    ] {
        let mut body: serde_json::Value = serde_json::from_str(&chat("m", false)).unwrap();
        body.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        let (head, answer) = rig.exchange(post(capped, "", body.to_string())).await;
        assert_eq!(head.status == 400, param.is_some(), "{limits}: {}", answer.text());
        assert_eq!(answer.json()["error"]["param"].as_str(), param, "{limits}");
    }
}
