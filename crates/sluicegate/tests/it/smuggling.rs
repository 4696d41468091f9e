//! Requests whose framing is in doubt: refused, the connection closed, nothing sent upstream.
//! The rule behind all cases: one request in means at most one upstream request, with the same body.

use sluice_testkit::client::Client;

use crate::rig::{KEY, Rig, chat};

fn head(lines: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\n{lines}\r\n"
    )
}

/// Sends `bytes` and takes what comes until the connection is over; what is wrong with it, if anything.
async fn refusal_fault(rig: &Rig, bytes: &[u8]) -> Option<String> {
    let before = rig.upstream.requests_so_far();
    let mut client = Client::connect(rig.gateway.data).await;
    // Our side stays open: an end of ours would look like a caller who left, which hides what went on.
    let _ = client.try_send(bytes).await;
    let mut text = Vec::new();
    // An answer with keep-alive would leave the connection open: read one, and then what else is there.
    if let Ok(head) = client.try_read_head().await {
        text.extend_from_slice(head.raw.as_bytes());
        if head.status < 400 {
            return Some(format!("status {}", head.status));
        }
        if head.header("connection") != Some("close") {
            return Some(format!("status {}, but the connection goes on", head.status));
        }
    }
    let (rest, _) = client.drain().await;
    text.extend_from_slice(&rest);
    let text = String::from_utf8_lossy(&text).into_owned();
    if text.matches("HTTP/1.1 ").count() > 1 {
        return Some(format!("more than one answer: {text:?}"));
    }
    (rig.upstream.requests_so_far() > before).then(|| "it went to the upstream".to_owned())
}

#[tokio::test]
async fn doubtful_framing_is_refused() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let n = body.len();
    let chunked = format!("{n:x}\r\n{body}\r\n0\r\n\r\n");
    let te = "transfer-encoding: chunked\r\n";
    let inner = format!("{}{body}", head(&format!("content-length: {n}\r\n")));
    let cases: Vec<(&str, String)> = vec![
        ("CL and TE", head(&format!("content-length: {n}\r\n{te}")) + &chunked),
        ("TE and CL", head(&format!("{te}content-length: {}\r\n", chunked.len())) + &chunked),
        ("two different CL", head(&format!("content-length: {n}\r\ncontent-length: {}\r\n", n + 1)) + &body),
        ("a list of CL", head(&format!("content-length: {n}, {}\r\n", n + 1)) + &body),
        ("CL with a sign", head(&format!("content-length: +{n}\r\n")) + &body),
        ("negative CL", head("content-length: -1\r\n") + &body),
        ("CL in hex", head("content-length: 0x10\r\n") + &body),
        ("CL of letters", head("content-length: ten\r\n") + &body),
        ("CL too large for anything", head("content-length: 99999999999999999999999\r\n") + &body),
        ("unknown coding", head("transfer-encoding: gzip\r\n") + &body),
        ("two codings", head("transfer-encoding: gzip, chunked\r\n") + &chunked),
        ("chunked not last", head("transfer-encoding: chunked, identity\r\n") + &chunked),
        ("chunked misspelled", head("transfer-encoding: xchunked\r\n") + &chunked),
        ("chunked twice", head(&format!("{te}{te}")) + &chunked),
        ("chunk size of letters", head(te) + &format!("zz\r\n{body}\r\n0\r\n\r\n")),
        ("negative chunk size", head(te) + &format!("-{n:x}\r\n{body}\r\n0\r\n\r\n")),
        ("empty chunk size", head(te) + &format!("\r\n{body}\r\n0\r\n\r\n")),
        ("chunk size with 0x", head(te) + &format!("0x{n:x}\r\n{body}\r\n0\r\n\r\n")),
        ("chunk size too large", head(te) + &format!("ffffffffffffffffff\r\n{body}\r\n0\r\n\r\n")),
        ("chunk longer than said", head(te) + &format!("{:x}\r\n{body}\r\n0\r\n\r\n", n - 5)),
        ("no CRLF after chunk", head(te) + &format!("{n:x}\r\n{body}0\r\n\r\n")),
        ("space before colon", head("content-length : 5\r\n") + &body),
        ("folded header", head(&format!("x-a: b\r\n c: d\r\ncontent-length: {n}\r\n")) + &body),
        ("NUL in a header", head(&format!("x-a: b\0c\r\ncontent-length: {n}\r\n")) + &body),
        ("CR in a header", head(&format!("x-a: b\rc\r\ncontent-length: {n}\r\n")) + &body),
        ("no colon", head(&format!("x-a\r\ncontent-length: {n}\r\n")) + &body),
        ("HTTP/1.0 with TE", head(te).replace("HTTP/1.1", "HTTP/1.0") + &chunked),
        ("HTTP/2 in clear text", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned() + &inner),
        ("no HTTP at all", "hello gateway\r\n\r\n".to_owned()),
        ("HTTP/3.7", head(&format!("content-length: {n}\r\n")).replace("HTTP/1.1", "HTTP/3.7") + &body),
        ("TLS to a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}".to_owned()),
        (
            "a body hidden behind a GET",
            format!("GET /v1/nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n{te}\r\n{inner}"),
        ),
    ];
    let mut faults = Vec::new();
    for (name, bytes) in &cases {
        if let Some(fault) = refusal_fault(&rig, bytes.as_bytes()).await {
            faults.push(format!("{name}: {fault}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(rig.ask(&body).await.0.status, 200, "and the process is up");
}

#[tokio::test]
async fn a_request_in_the_unread_body_of_a_refused_one_is_never_served() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let inner = head(&format!("content-length: {}\r\n", body.len())) + &body;
    // Refused at the head (no key, wrong path, wrong type): its body happens to be a good request.
    for first in ["POST /v1/chat/completions", "POST /v1/nowhere", "PUT /v1/chat/completions"] {
        let outer = format!("{first} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{inner}", inner.len());
        let mut client = Client::connect(rig.gateway.data).await;
        client.send(outer).await;
        client.finish_sending().await;
        let (answer, _) = client.drain().await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{first}: {text}");
        assert_eq!(rig.upstream.requests_so_far(), 0, "{first}");
    }
}

#[tokio::test]
async fn upgrades_are_not_taken() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    for upgrade in ["websocket", "h2c"] {
        let lines = format!(
            "connection: upgrade, http2-settings\r\nupgrade: {upgrade}\r\nhttp2-settings: AAMAAABk\r\ncontent-length: {}\r\n",
            body.len()
        );
        let mut client = Client::connect(rig.gateway.data).await;
        client.send(head(&lines) + &body).await;
        let head = client.read_head().await;
        assert_ne!(head.status, 101, "{upgrade}");
    }
    let mut client = Client::connect(rig.gateway.data).await;
    client.send("CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n").await;
    let head = client.read_head().await;
    assert!((400..500).contains(&head.status), "{}", head.raw);
}
