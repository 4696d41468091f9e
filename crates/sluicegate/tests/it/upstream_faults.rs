//! What a caller gets when the upstream fails before any content: a status and a body of ours, never half an answer.

use serde_json::Value;
use sluice_testkit::{
    answers,
    tls::Authority,
    upstream::{Refusing, Script, Upstream},
};

use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::rig::{Rig, assert_error, base_config, chat, launch, model, provider};

const UPSTREAM: &str = "upstream_error";

fn config(upstream: &Upstream) -> String {
    let once = "timeouts = { first_token_ms = 300, total_ms = 600 }\nretry = { max_attempts = 1 }";
    let patient = "retry = { max_attempts = 1 }";
    base_config()
        + &provider("up", &upstream.base_url())
        + &model("m", &[("up", "m")], patient)
        + &model("hasty", &[("up", "m")], once)
}

/// Both forms of the request get this, and nothing of the upstream's own body.
async fn check(rig: &Rig, name: &str, script: &Script, (status, kind, code): (u16, &str, &str)) {
    for (stream, model) in [(false, "m"), (true, "m")] {
        let script = script.clone();
        rig.upstream.respond(move |_| script.clone());
        let name = format!("{name}, stream {stream}");
        let got = rig.ask(chat(model, stream)).await;
        assert_error(&name, &got, status, kind, code);
        if status == 502 || status == 504 {
            assert_eq!(got.0.header("x-should-retry"), Some("false"), "{name}");
        }
        assert!(!got.1.text().contains("canary"), "{name}: {}", got.1.text());
        let line = rig.gateway.access_line(got.0.header("x-request-id").unwrap()).await;
        assert_eq!(
            (line["status"].as_u64(), &line["error_code"]),
            (Some(status.into()), &Value::from(code)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn connections_that_break() {
    let rig = Rig::with(config).await;
    let bad = (502, UPSTREAM, "upstream_bad_response");
    let unreachable = (502, UPSTREAM, "upstream_unreachable");
    let part =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"id\":\"canary";
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{\"id\"";
    for (name, script, expect) in [
        ("RST before the head", Script::new().reset(), unreachable),
        ("FIN before the head", Script::new().fin(), unreachable),
        ("FIN in the head", Script::new().write("HTTP/1.1 200 OK\r\ncontent-").fin(), unreachable),
        ("RST in the body", Script::new().write(part).reset(), bad),
        ("FIN in the body", Script::new().write(part).fin(), bad),
        ("FIN in a chunk", Script::new().write(chunked).fin(), bad),
    ] {
        check(&rig, name, &script, expect).await;
    }
    rig.upstream.respond(answers::default_script);
    assert_eq!(rig.ask(chat("m", false)).await.0.status, 200, "and it goes on");
}

#[tokio::test]
async fn answers_that_are_none() {
    let rig = Rig::with(config).await;
    let bad = (502, UPSTREAM, "upstream_bad_response");
    let json = "content-type: application/json\r\n";
    let sse = "content-type: text/event-stream\r\n";
    let html = b"<html>canary: please sign in</html>".as_slice();
    let good = answers::completion("canary");
    let too_many: String = (0..200).map(|n| format!("x-{n}: canary\r\n")).collect();
    let scripts = [
        ("HTML", answers::answer(200, "content-type: text/html\r\n", html)),
        ("HTML that calls itself JSON", answers::answer(200, json, html)),
        ("HTML that calls itself a stream", answers::answer(200, sse, html)),
        ("an empty body", answers::answer(200, json, b"")),
        ("an empty stream", answers::answer(200, sse, b"")),
        ("a stream of [DONE] alone", answers::answer(200, sse, answers::DONE.as_bytes())),
        ("no content", answers::answer(204, "", b"")),
        ("an empty object", answers::answer(200, json, b"{}")),
        ("no choices", answers::answer(200, json, br#"{"id":"canary","choices":[]}"#)),
        ("cut JSON", answers::answer(200, json, &good.as_bytes()[..40])),
        (
            "gzip",
            answers::answer(200, &format!("{json}content-encoding: gzip\r\n"), b"\x1f\x8b\x08\x00canary"),
        ),
        ("a redirect", answers::answer(302, "location: http://127.0.0.1:9/canary\r\n", b"")),
        ("a permanent redirect", answers::answer(308, "location: /canary\r\n", b"")),
        ("a status that does not exist", "HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n".into()),
        ("garbage", "\u{1}\u{2}canary\r\n\r\n".into()),
        ("another protocol", "SSH-2.0-canary\r\n\r\n".into()),
        (
            "two lengths",
            format!("HTTP/1.1 200 OK\r\n{json}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}").into(),
        ),
        (
            "length and chunks",
            format!(
                "HTTP/1.1 200 OK\r\n{json}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            )
            .into(),
        ),
        ("a negative length", format!("HTTP/1.1 200 OK\r\n{json}content-length: -2\r\n\r\n{{}}").into()),
        ("too many headers", format!("HTTP/1.1 200 OK\r\n{too_many}content-length: 2\r\n\r\n{{}}").into()),
        ("an upgrade", "HTTP/1.1 101 Switching Protocols\r\nupgrade: canary\r\n\r\n".into()),
        ("500 of HTML", answers::answer(500, "content-type: text/html\r\n", html)),
    ];
    for (name, bytes) in scripts {
        check(&rig, name, &Script::new().write(bytes).fin(), bad).await;
    }
    let header = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "a".repeat(1 << 20));
    check(&rig, "an endless header", &Script::new().write(header).stall(), bad).await;
}

#[tokio::test]
async fn statuses() {
    let rig = Rig::with(config).await;
    let said = |status: u16| {
        let error = answers::error_json("what the upstream says", "upstream_type", "upstream_code");
        Script::new().write(answers::json_answer(status, &error))
    };
    for (status, expect) in [
        (400, (400, "upstream_type", "upstream_code")),
        (422, (422, "upstream_type", "upstream_code")),
        (413, (413, "upstream_type", "upstream_code")),
        (401, (502, UPSTREAM, "upstream_auth")),
        (403, (502, UPSTREAM, "upstream_auth")),
        (404, (502, UPSTREAM, "upstream_model_not_found")),
        (402, (502, UPSTREAM, "upstream_balance")),
        (500, (502, UPSTREAM, "upstream_bad_response")),
        (502, (502, UPSTREAM, "upstream_bad_response")),
        (503, (503, "service_unavailable_error", "server_is_overloaded")),
        (529, (503, "service_unavailable_error", "server_is_overloaded")),
        (429, (429, "rate_limit_error", "rate_limit_exceeded")),
    ] {
        check(&rig, &status.to_string(), &said(status), expect).await;
    }
    // What the upstream says about the request goes to the caller word for word.
    let error = r#"{"error":{"message":"too long, see caf\u00e9","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    rig.upstream.respond(|_| Script::new().write(answers::json_answer(400, error)));
    let (head, body) = rig.ask(chat("m", false)).await;
    assert_eq!((head.status, body.json()), (400, serde_json::from_str(error).unwrap()));
}

#[tokio::test]
async fn errors_in_a_200() {
    let rig = Rig::with(config).await;
    for (code, status, expect) in [
        (r#""rate_limit_exceeded""#, 429, ("rate_limit_error", "rate_limit_exceeded")),
        ("429", 429, ("rate_limit_error", "rate_limit_exceeded")),
    ] {
        let error = format!(r#"{{"error":{{"message":"slow down","type":"x","code":{code}}}}}"#);
        rig.upstream.respond(move |request| {
            let stream = request.json()["stream"] == true;
            let bytes = if stream {
                answers::chunked_stream(&[answers::event(&error)])
            } else {
                answers::json_answer(200, &error)
            };
            Script::new().write(bytes)
        });
        for stream in [false, true] {
            let got = rig.ask(chat("m", stream)).await;
            assert_error(&format!("{code} {stream}"), &got, status, expect.0, expect.1);
        }
    }
    // A target that said so is left alone for a while.
    let rig = Rig::with(config).await;
    let error = r#"{"error":{"message":"it broke","type":"server_error","code":null}}"#;
    let bad = (502, UPSTREAM, "upstream_bad_response");
    check(&rig, "an error of theirs", &Script::new().write(answers::json_answer(200, error)), bad).await;
}

#[tokio::test]
async fn rate_limits_carry_their_time() {
    let rig = Rig::with(config).await;
    let error = answers::error_json("slow down", "requests", "rate_limit_exceeded");
    let answer = |after: &str| {
        let headers = format!("content-type: application/json\r\nretry-after: {after}\r\n");
        Script::new().write(answers::answer(429, &headers, error.as_bytes()))
    };
    rig.upstream.script(answer("7"));
    let got = rig.ask(chat("m", false)).await;
    assert_error("429", &got, 429, "rate_limit_error", "rate_limit_exceeded");
    let after: u32 = got.0.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=7).contains(&after), "{after}");
    assert!(got.0.header("retry-after-ms").is_some());
}

#[tokio::test]
async fn silence() {
    let rig = Rig::with(config).await;
    for (name, script, stream) in [
        ("no head", Script::new().stall(), true),
        ("no head", Script::new().stall(), false),
        ("a head and nothing more", Script::new().write(answers::STREAM_HEAD).stall(), true),
    ] {
        rig.upstream.respond(move |_| script.clone());
        let got = rig.ask(chat("hasty", stream)).await;
        assert_error(name, &got, 504, UPSTREAM, "upstream_timeout");
        assert_eq!(got.0.header("x-should-retry"), Some("false"), "{name}");
        let request = rig.upstream.next_request().await;
        rig.upstream.closed(request.connection).await;
    }
}

#[tokio::test]
async fn nobody_there() {
    let refusing = Refusing::new();
    let authority = Authority::new();
    let tls = Upstream::start_tls(&authority.identity(&["localhost"])).await;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let not_tls = format!("https://{}/v1", plain.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let config = base_config()
        + &provider("refusing", &refusing.base_url())
        + &provider("unknown-ca", &tls.base_url())
        + &provider("not-tls", &not_tls)
        + &provider("no-name", "http://no-such-host.invalid/v1")
        + &["refusing", "unknown-ca", "not-tls", "no-name"]
            .map(|name| model(name, &[(name, "m")], "retry = { max_attempts = 1 }"))
            .concat();
    let gateway = launch().config(&config).serve().await;
    for (name, code) in [
        ("refusing", "upstream_unreachable"),
        ("unknown-ca", "upstream_tls"),
        ("not-tls", "upstream_tls"),
        ("no-name", "upstream_unreachable"),
    ] {
        for stream in [false, true] {
            let mut client = sluice_testkit::client::Client::connect(gateway.data).await;
            let got =
                client.exchange(sluice_testkit::client::post(crate::rig::KEY, "", chat(name, stream))).await;
            assert_error(name, &got, 502, UPSTREAM, code);
        }
    }
    assert_eq!(tls.requests_so_far(), 0, "nothing was sent to an upstream that is not trusted");
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let rig = Rig::with(config).await;
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </canary>\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
    ] {
        for whole in [answers::whole("a"), answers::chunked_stream(&answers::events(&["a"], true))] {
            let stream = !whole.starts_with(answers::whole("a").get(..60).unwrap());
            rig.upstream.script(Script::new().write(interim).write(whole));
            let (head, body) = rig.ask(chat("m", stream)).await;
            assert_eq!(head.status, 200, "{interim:?}: {:?}", body.text());
            assert!(!head.raw.contains("canary"));
        }
    }
    let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10_000);
    let bad = (502, UPSTREAM, "upstream_bad_response");
    check(&rig, "a flood of them", &Script::new().write(flood).stall(), bad).await;
}

#[tokio::test]
async fn unusual_but_right_answers() {
    let rig = Rig::with(config).await;
    let body = answers::completion("a");
    let json = "content-type: application/json\r\n";
    let mut trailers = format!("HTTP/1.1 200 OK\r\n{json}transfer-encoding: chunked\r\n\r\n").into_bytes();
    trailers.extend(answers::chunk(body.as_bytes()));
    trailers.extend_from_slice(b"0\r\nx-trailer: canary\r\n\r\n");
    let mut extended =
        format!("HTTP/1.1 200\r\n{json}Transfer-Encoding: Chunked\r\n\r\n{:X};a=b\r\n", body.len());
    extended.push_str(&body);
    extended.push_str("\r\n000\r\n\r\n");
    for (name, bytes) in [
        ("trailers", trailers),
        ("chunk extensions, no reason phrase", extended.into_bytes()),
        ("no content type", answers::answer(200, "", body.as_bytes()).to_vec()),
        (
            "a charset",
            answers::answer(200, "content-type: application/json; charset=utf-8\r\n", body.as_bytes())
                .to_vec(),
        ),
    ] {
        rig.upstream.script(Script::new().write(bytes));
        let (head, got) = rig.ask(chat("m", false)).await;
        assert_eq!((head.status, got.text()), (200, body.as_str()), "{name}");
        assert!(!head.raw.contains("canary"), "{name}");
    }
    let old = format!("HTTP/1.0 200 OK\r\n{json}\r\n{body}");
    rig.upstream.script(Script::new().write(old).fin());
    let (head, got) = rig.ask(chat("m", false)).await;
    assert_eq!((head.status, got.text()), (200, body.as_str()), "HTTP/1.0");
}
