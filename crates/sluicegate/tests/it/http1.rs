//! HTTP/1.1 as callers write it: cuts, pipelining, old versions, odd methods, large heads, slow bodies.

use sluice_testkit::client::{Client, Ending, get, post};

use crate::rig::{KEY, Rig, assert_error, chat, chat_with_usage};

const INVALID: &str = "invalid_request_error";

#[tokio::test]
async fn a_request_in_any_cuts() {
    let rig = Rig::start().await;
    let request = post(KEY, "", chat("m", false));
    for size in [1, 2, 3, 50, request.len() - 1] {
        let mut client = rig.client().await;
        client.send_pieces(&request, size).await;
        let (head, body) = client.response().await;
        assert_eq!(head.status, 200, "{size}: {:?}", body.text());
        assert_eq!(rig.upstream.next_request().await.body, chat("m", false));
    }
}

#[tokio::test]
async fn many_requests_on_one_connection() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for n in 0..10 {
        let request = match n % 4 {
            0 => post(KEY, "", chat("m", false)),
            1 => post(KEY, "", chat("m", true)),
            2 => post(KEY, "", "not json"),
            _ => get("/v1/nowhere", ""),
        };
        let (head, body) = client.exchange(request).await;
        assert_eq!(head.status, [200, 200, 400, 404][n % 4], "{n}");
        assert_eq!(body.ending, Ending::Complete);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let rig = Rig::start().await;
    let first = chat("m", false).replace("prompt-canary", "first");
    let second = chat_with_usage("m").replace("prompt-canary", "second");
    let mut client = rig.client().await;
    client.send([post(KEY, "", &first), post(KEY, "", &second), get("/v1/nowhere", "")].concat()).await;
    let (head, body) = client.response().await;
    assert_eq!((head.status, &body.json()["object"]), (200, &serde_json::json!("chat.completion")));
    let (head, body) = client.response().await;
    assert_eq!((head.status, body.events().last().map(String::as_str)), (200, Some("[DONE]")));
    assert_eq!(client.response().await.0.status, 404);
    assert_eq!(rig.upstream.next_request().await.body, first);
    assert_eq!(rig.upstream.next_request().await.body, second);
}

#[tokio::test]
async fn connection_close_is_heeded() {
    let rig = Rig::start().await;
    for stream in [false, true] {
        let mut client = rig.client().await;
        let (head, body) = client.exchange(post(KEY, "connection: close\r\n", chat("m", stream))).await;
        assert_eq!((head.status, head.header("connection")), (200, Some("close")));
        assert_eq!(body.ending, Ending::Complete);
        assert_eq!(client.drain().await, (vec![], Ending::Eof));
    }
}

#[tokio::test]
async fn http_1_0() {
    let rig = Rig::start().await;
    let to_1_0 = |request: Vec<u8>| String::from_utf8(request).unwrap().replacen("HTTP/1.1", "HTTP/1.0", 1);
    let mut client = rig.client().await;
    let (head, body) = client.exchange(to_1_0(post(KEY, "", chat("m", false)))).await;
    assert_eq!(head.status, 200);
    assert!(!head.is_chunked() && body.text().contains("one two three"));
    let mut client = rig.client().await;
    let (head, body) = client.exchange(to_1_0(post(KEY, "", chat_with_usage("m")))).await;
    assert_eq!(head.status, 200);
    assert!(!head.is_chunked(), "chunks are not known to HTTP/1.0: {}", head.raw);
    assert!(body.text().ends_with("data: [DONE]\n\n"), "{:?}", body.text());
    assert_eq!(body.ending, Ending::Eof);
}

#[tokio::test]
async fn head_and_options() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    client.send("HEAD /health/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let head = client.read_head().await;
    assert!(head.status == 200 || head.status == 405, "{}", head.raw);
    // Had a body followed, it would stand before this answer.
    let (head, _) = client.exchange(get("/health/live", "")).await;
    assert_eq!(head.status, 200);
    let mut client = rig.client().await;
    client.send("HEAD /v1/nowhere HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.read_head().await.status, 404);
    let (head, _) = client.exchange(get("/health/live", "")).await;
    assert_eq!(head.status, 200);
    let (head, _) = rig.exchange("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!((400..500).contains(&head.status), "{}", head.raw);
}

#[tokio::test]
async fn heads_that_are_too_large() {
    let rig = Rig::start().await;
    let many: String = (0..150).map(|n| format!("x-{n}: a\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(70 << 10));
    for (name, headers) in [("too many", &many), ("too large", &long)] {
        let got = rig.exchange(post(KEY, headers, chat("m", false))).await;
        assert_error(name, &got, 431, INVALID, "headers_too_large");
    }
    let far_too_many: String = (0..5_000).map(|n| format!("x-{n}: a\r\n")).collect();
    let endless = format!("x-long: {}", "a".repeat(4 << 20));
    let path = format!("/v1/{}", "a".repeat(1 << 20));
    for (name, bytes) in [
        ("far too many", post(KEY, &far_too_many, chat("m", false))),
        ("a header without end", format!("GET / HTTP/1.1\r\n{endless}").into_bytes()),
        ("a path without end", get(&path, "")),
    ] {
        let mut client = rig.client().await;
        let _ = client.try_send(bytes).await;
        client.finish_sending().await;
        match client.try_read_head().await {
            Ok(head) => assert!((400..500).contains(&head.status), "{name}: {}", head.raw),
            Err(ending) => assert_ne!(ending, Ending::Complete, "{name}"),
        }
    }
    let enough: String = (0..80).map(|n| format!("x-{n}: a\r\n")).collect();
    let large = format!("x-long: {}\r\n", "a".repeat(40 << 10));
    for headers in [enough, large] {
        assert_eq!(rig.exchange(post(KEY, &headers, chat("m", false))).await.0.status, 200);
    }
}

#[tokio::test]
async fn expect_100_continue() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let request = post(KEY, "expect: 100-continue\r\n", &body);
    let (front, back) = request.split_at(request.len() - body.len());
    let mut client = rig.client().await;
    client.send(front).await;
    assert_eq!(client.read_head().await.status, 100);
    client.send(back).await;
    assert_eq!(client.response().await.0.status, 200);

    let mut client = rig.client().await;
    let request = post("sk-wrong", "expect: 100-continue\r\n", &body);
    client.send(&request[..request.len() - body.len()]).await;
    assert_eq!(client.read_head().await.status, 401, "the body of a refused request is not asked for");
}

#[tokio::test]
async fn a_body_that_does_not_come() {
    let rig = Rig::start().await;
    let request = post(KEY, "", chat("m", false));
    let mut client = rig.client().await;
    client.send(&request[..request.len() - 10]).await;
    let got = client.response().await;
    assert_error("too slow", &got, 408, INVALID, "request_timeout");
    assert_eq!(client.drain().await.1, Ending::Eof);
    assert_eq!(rig.upstream.requests_so_far(), 0);
}

#[tokio::test]
async fn a_head_that_does_not_come() {
    let rig = Rig::start().await;
    let mut silent = rig.client().await;
    let mut half = rig.client().await;
    half.send("POST /v1/chat/completions HTTP/1.1\r\nhost:").await;
    let (answer, ending) = half.drain().await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text:?}");
    assert_ne!(ending, Ending::Complete);
    let (answer, _) = silent.drain().await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn an_early_refusal_is_seen_by_a_caller_who_still_uploads() {
    let rig = Rig::start().await;
    let body = vec![b'a'; 4 << 20];
    for (name, request, status) in [
        ("401", post("sk-wrong", "", &body), 401),
        (
            "404",
            String::from_utf8(post(KEY, "", &body)).unwrap().replacen("/v1/chat", "/v1/cat", 1).into_bytes(),
            404,
        ),
    ] {
        let mut client = rig.client().await;
        client.send(request).await;
        let (head, _) = client.response().await;
        assert_eq!(head.status, status, "{name}");
        assert_eq!(head.header("connection"), Some("close"), "{name}");
        assert_eq!(client.drain().await.1, Ending::Eof, "{name}: an end, not a reset");
    }
}

#[tokio::test]
async fn the_absolute_form_and_odd_hosts() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let request = String::from_utf8(post(KEY, "", &body)).unwrap();
    let absolute = request.replacen(" /v1", " http://elsewhere.test/v1", 1);
    let mut client = Client::connect(rig.gateway.data).await;
    let (head, _) = client.exchange(absolute).await;
    assert!(head.status == 200 || (400..500).contains(&head.status), "{}", head.raw);
    let query = request.replacen("/completions", "/completions?a=b", 1);
    assert_eq!(rig.exchange(query).await.0.status, 200, "a query is ignored");
    if let Some(seen) = (rig.upstream.requests_so_far() > 0).then(|| rig.upstream.next_request()) {
        assert_eq!(seen.await.request_line(), "POST /v1/chat/completions HTTP/1.1");
    }
}

fn live(version: &str, headers: &str) -> String {
    format!("GET /health/live HTTP/{version}\r\nhost: a\r\n{headers}\r\n")
}

#[tokio::test]
async fn more_requests_in_one_packet_than_one_turn_answers() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    client.send(live("1.1", "").repeat(300)).await;
    for n in 0..300 {
        let (head, body) = client.response().await;
        assert_eq!((head.status, body.text()), (200, "{\"status\":\"live\"}"), "{n}");
    }
    assert_eq!(client.exchange(post(KEY, "", chat("m", true))).await.0.status, 200, "and it goes on");
}

#[tokio::test]
async fn empty_lines_in_front_of_a_request() {
    let rig = Rig::start().await;
    let request = format!("\r\n\r\n{}", live("1.1", ""));
    for cut in 0..request.len() {
        let mut client = rig.client().await;
        let (front, back) = request.split_at(cut);
        client.send(front).await;
        client.send(back).await;
        let (head, _) = client.exchange(format!("\r\n{}", live("1.1", ""))).await;
        assert_eq!(head.status, 200, "{cut}");
        assert_eq!(client.response().await.0.status, 200, "{cut}");
    }
}

#[tokio::test]
async fn nothing_follows_a_body_that_was_not_read_or_came_in_chunks() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let chunks = format!("{:x};a=b\r\n{body}\r\n0\r\nx: y\r\n\r\n", body.len());
    let in_chunks = String::from_utf8(post(KEY, "transfer-encoding: chunked\r\n", "")).unwrap();
    let in_chunks = in_chunks.replace("content-length: 0\r\n", "") + &chunks;
    let unread = live("1.1", "content-length: 2\r\n") + "{}";
    for (name, request) in [("chunks", in_chunks), ("unread", unread)] {
        let mut client = rig.client().await;
        client.send(request + &live("1.1", "")).await;
        let (head, _) = client.response().await;
        assert_eq!((head.status, head.header("connection")), (200, Some("close")), "{name}");
        assert_eq!(client.drain().await, (vec![], Ending::Eof), "{name}");
    }
}

#[tokio::test]
async fn a_body_is_asked_for_only_where_its_caller_waits() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let expect = "expect: 100-continue\r\n";
    let whole = String::from_utf8(post(KEY, expect, &body)).unwrap();
    let check = async |name: &str, request: String, status| {
        let mut client = rig.client().await;
        client.send(request).await;
        assert_eq!(client.read_head().await.status, status, "{name}");
    };
    check("it has come", whole.clone(), 200).await;
    check("HTTP/1.0 knows no such word", whole.replacen("HTTP/1.1", "HTTP/1.0", 1), 200).await;
    check("there is none", live("1.1", expect), 200).await;
    let chunked = whole.replace(&format!("content-length: {}", body.len()), "transfer-encoding: chunked");
    let (head, _) = chunked.split_once("\r\n\r\n").unwrap();
    let mut client = rig.client().await;
    client.send(format!("{head}\r\n\r\n")).await;
    assert_eq!(client.read_head().await.status, 100);
    client.send(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
    assert_eq!(client.response().await.0.status, 200);
}

#[tokio::test]
async fn http_1_0_keeps_a_connection_where_it_is_asked_to() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        let (head, body) = client.exchange(live("1.0", "connection: keep-alive\r\n")).await;
        assert!(head.raw.starts_with("HTTP/1.0 200 "), "{}", head.raw);
        assert_eq!((head.header("connection"), body.ending), (Some("keep-alive"), Ending::Complete));
    }
    let stream = String::from_utf8(post(KEY, "connection: keep-alive\r\n", chat("m", true))).unwrap();
    let (head, body) = client.exchange(stream.replacen("HTTP/1.1", "HTTP/1.0", 1)).await;
    assert_eq!(head.header("connection"), Some("close"), "only its end tells where a stream ends");
    assert_eq!(body.ending, Ending::Eof);
}

#[tokio::test]
async fn extensions_of_chunks_are_bounded() {
    let rig = Rig::start().await;
    let request = String::from_utf8(post(KEY, "transfer-encoding: chunked\r\n", "")).unwrap();
    let request = request.replace("content-length: 0\r\n", "");
    let chunks = format!("1;{}\r\n \r\n", "x".repeat(1000)).repeat(100);
    let mut client = rig.client().await;
    let _ = client.try_send(request + &chunks).await;
    let got = client.response().await;
    assert_eq!((got.0.status, got.0.header("connection")), (400, Some("close")));
    assert_eq!(rig.upstream.requests_so_far(), 0);
}

#[tokio::test]
async fn garbage_behind_a_request() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    client.send(live("1.1", "") + "\u{1}\u{2}").await;
    assert_eq!(client.response().await.0.status, 200);
    let got = client.response().await;
    assert_eq!((got.0.status, got.0.header("connection")), (400, Some("close")));
    assert_eq!(client.drain().await, (vec![], Ending::Eof));
}

#[tokio::test]
async fn requests_side_by_side_at_any_edge_of_a_read() {
    let rig = Rig::start().await;
    for pad in [16_000, 16_384 - 200, 16_384, 40_000] {
        let body = chat("m", false).replace("prompt-canary", &"a".repeat(pad));
        let request = post(KEY, "", &body);
        for around in [16_384, request.len()] {
            for cut in around.min(request.len()) - 1..(around + 2).min(request.len()) {
                let mut client = rig.client().await;
                let both = [&request[..], &request[..]].concat();
                client.send(&both[..cut]).await;
                client.send(&both[cut..]).await;
                for _ in 0..2 {
                    assert_eq!(client.response().await.0.status, 200, "{pad} {cut}");
                    assert!(rig.upstream.next_request().await.body == body, "{pad} {cut}");
                }
            }
        }
    }
}
