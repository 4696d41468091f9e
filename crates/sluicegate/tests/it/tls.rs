//! TLS on both sides: the listener speaks HTTP/1.1 and HTTP/2 by ALPN, upstreams are checked.

use sluice_testkit::{
    answers,
    client::{Client, Ending, post},
    gate::Gate,
    patience::within,
    process::Gateway,
    tls::Authority,
    upstream::{Script, Upstream},
};
use tokio::process::Command;

use crate::rig::{KEY, base_config, chat, chat_with_usage, config_for, launch, model, provider};

async fn tls_gateway(upstream: &Upstream, authority: &Authority) -> Gateway {
    let tls = "[server.tls]\ncert = \"{dir}/cert.pem\"\nkey = \"{dir}/key.pem\"\n";
    let launch = launch();
    authority.identity(&["localhost", "127.0.0.1"]).write_to(launch.dir());
    std::fs::write(launch.dir().join("ca.pem"), authority.pem()).unwrap();
    launch.config(&(config_for(upstream) + tls)).serve().await
}

/// Runs curl against the TLS listener; its output, the version it spoke and the status as the last line.
async fn curl(gateway: &Gateway, version: &str, body: &str) -> String {
    curl_with(gateway, version, "x-trace-id: t", body).await
}

/// As [`curl`], with a header.
async fn curl_with(gateway: &Gateway, version: &str, header: &str, body: &str) -> String {
    let port = gateway.data.port();
    let output = Command::new("curl")
        .args(["-sS", "-N", version, "--cacert"])
        .arg(gateway.dir().join("ca.pem"))
        .args(["-H", &format!("authorization: Bearer {KEY}"), "-H", "content-type: application/json"])
        .args(["-H", header, "-d", body, "-w", "\n%{http_version} %{http_code}"])
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1")])
        .arg(format!("https://localhost:{port}/v1/chat/completions"))
        .output();
    let output = within("curl", output).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
}

#[tokio::test]
async fn both_versions_of_http_under_tls() {
    let (upstream, authority) = (Upstream::start().await, Authority::new());
    let gateway = tls_gateway(&upstream, &authority).await;
    for (version, shown) in [("--http1.1", "1.1 200"), ("--http2", "2 200")] {
        let answer = curl(&gateway, version, &chat("m", false)).await;
        assert!(answer.contains("one two three") && answer.ends_with(shown), "{answer}");
        let answer = curl(&gateway, version, &chat_with_usage("m")).await;
        let events = answers::events(&["one ", "two ", "three"], true).concat();
        assert_eq!(answer, format!("{events}\n{shown}"));
    }
    let answer = curl(&gateway, "--http2", "not json").await;
    assert!(answer.contains("invalid_json") && answer.ends_with("2 400"), "{answer}");
}

#[tokio::test]
async fn a_broken_stream_is_an_error_for_http2_callers() {
    let (upstream, authority) = (Upstream::start().await, Authority::new());
    let gateway = tls_gateway(&upstream, &authority).await;
    let event = answers::text_event("delivered");
    let script = Script::new().write(answers::STREAM_HEAD).write(answers::chunk(event.as_bytes())).fin();
    upstream.respond(move |_| script.clone());
    for (version, error) in [("--http2", "(92)"), ("--http1.1", "(18)")] {
        let answer = curl(&gateway, version, &chat("m", true)).await;
        assert!(answer.starts_with(&event), "{version}: {answer}");
        assert!(answer.contains("upstream_truncated") && !answer.contains("[DONE]"), "{version}: {answer}");
        assert!(answer.contains(error), "{version}: curl sees the abnormal end: {answer}");
    }
}

#[tokio::test]
async fn events_pass_under_tls_one_by_one() {
    let (upstream, authority) = (Upstream::start().await, Authority::new());
    let gateway = tls_gateway(&upstream, &authority).await;
    let gate = Gate::new();
    let end = [answers::finish_event(), answers::DONE.to_owned()].concat();
    upstream.script(
        Script::new()
            .write(answers::STREAM_HEAD)
            .write(answers::chunk(answers::text_event("first").as_bytes()))
            .wait(&gate)
            .write(answers::chunk(end.as_bytes()))
            .write(answers::LAST_CHUNK),
    );
    let mut client = Client::connect_tls(gateway.data, authority.client_config(&["http/1.1"])).await;
    client.send(post(KEY, "", chat("m", true))).await;
    let head = client.read_head().await;
    client.read_until("first").await;
    gate.open();
    let body = client.read_body(&head).await;
    assert_eq!(body.ending, Ending::Complete);
}

#[tokio::test]
async fn a_caller_under_tls_who_leaves_is_noticed() {
    let (upstream, authority) = (Upstream::start().await, Authority::new());
    let gateway = tls_gateway(&upstream, &authority).await;
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    let begun = Script::new().write(answers::STREAM_HEAD).write(event).stall();
    for (script, wait) in [(Script::new().stall(), ""), (begun, "delivered")] {
        upstream.script(script);
        let mut client = Client::connect_tls(gateway.data, authority.client_config(&["http/1.1"])).await;
        client.send(post(KEY, "", chat("m", true))).await;
        let request = upstream.next_request().await;
        if !wait.is_empty() {
            client.read_head().await;
            client.read_until(wait).await;
        }
        assert!(!upstream.is_closed(request.connection));
        drop(client);
        upstream.closed(request.connection).await;
    }
}

#[tokio::test]
async fn requests_side_by_side_under_tls() {
    let (upstream, authority) = (Upstream::start().await, Authority::new());
    let gateway = tls_gateway(&upstream, &authority).await;
    let mut client = Client::connect_tls(gateway.data, authority.client_config(&["http/1.1"])).await;
    for size in [0, 16_384 - 300, 40_000] {
        let body = chat("m", false).replace("prompt-canary", &"a".repeat(size));
        client.send([post(KEY, "", &body), post(KEY, "", &body)].concat()).await;
        for _ in 0..2 {
            assert_eq!(client.response().await.0.status, 200, "{size}");
            assert!(upstream.next_request().await.body == body, "{size}");
        }
    }
}

#[tokio::test]
async fn plain_text_on_the_tls_port_gets_nothing() {
    let (upstream, authority) = (Upstream::start().await, Authority::new());
    let gateway = tls_gateway(&upstream, &authority).await;
    let mut client = Client::connect(gateway.data).await;
    client.send(post(KEY, "", chat("m", false))).await;
    let (answer, _) = client.drain().await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(upstream.requests_so_far(), 0);
    assert!(curl(&gateway, "--http1.1", &chat("m", false)).await.ends_with("1.1 200"));
}

#[tokio::test]
async fn an_upstream_under_tls() {
    let authority = Authority::new();
    let upstream = Upstream::start_tls(&authority.identity(&["localhost"])).await;
    let wrong_name = Upstream::start_tls(&authority.identity(&["elsewhere.test"])).await;
    let launch = launch();
    let ca = launch.dir().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let config = base_config().replacen("[server]\n", "[server]\nnative_roots = true\n", 1)
        + &provider("up", &upstream.base_url())
        + &provider("wrong", &wrong_name.base_url())
        + &model("m", &[("up", "m")], "")
        + &model("wrong", &[("wrong", "m")], "retry = { max_attempts = 1 }");
    let gateway = launch.env("SSL_CERT_FILE", &ca.display().to_string()).config(&config).serve().await;
    let mut client = Client::connect(gateway.data).await;
    for stream in [false, true, false] {
        let (head, body) = client.exchange(post(KEY, "", chat("m", stream))).await;
        assert_eq!(head.status, 200, "{:?}", body.text());
        let request = upstream.next_request().await;
        assert_eq!(request.connection, 0, "connections under TLS are kept too");
        assert_eq!(request.header("host"), Some(format!("localhost:{}", upstream.addr().port())));
    }
    let (head, body) = client.exchange(post(KEY, "", chat("wrong", false))).await;
    assert_eq!((head.status, &body.json()["error"]["code"]), (502, &serde_json::json!("upstream_tls")));
    assert_eq!(wrong_name.requests_so_far(), 0);
}

/// A gateway under TLS is the HTTP/2 upstream of another one: both sides of HTTP/2 at once.
struct Chain {
    upstream: Upstream,
    _behind: Gateway,
    front: Gateway,
}

impl Chain {
    async fn start() -> Self {
        let (upstream, authority) = (Upstream::start().await, Authority::new());
        let behind = tls_gateway(&upstream, &authority).await;
        let launch = launch();
        let ca = launch.dir().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let base_url = format!("https://localhost:{}/v1", behind.data.port());
        let config = base_config().replacen("[server]\n", "[server]\nnative_roots = true\n", 1)
            + &provider("behind", &base_url).replace(crate::rig::UPSTREAM_KEY, KEY)
            + "http2 = true\n"
            + &model("m", &[("behind", "m")], "retry = { max_attempts = 1 }");
        let front = launch.env("SSL_CERT_FILE", &ca.display().to_string()).config(&config).serve().await;
        Self { upstream, _behind: behind, front }
    }
}

#[tokio::test]
async fn an_upstream_over_http2() {
    let chain = Chain::start().await;
    let mut client = Client::connect(chain.front.data).await;
    let (head, body) = client.exchange(post(KEY, "", chat("m", false))).await;
    assert_eq!((head.status, body.text()), (200, answers::completion("one two three").as_str()));
    let (head, body) = client.exchange(post(KEY, "", chat_with_usage("m"))).await;
    let events = answers::events(&["one ", "two ", "three"], true).concat();
    assert_eq!((head.status, body.text(), body.ending), (200, events.as_str(), Ending::Complete));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let addr = chain.front.data;
        running.spawn(async move {
            let (head, _) = Client::connect(addr).await.exchange(post(KEY, "", chat("m", true))).await;
            assert_eq!(head.status, 200);
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_caller_who_leaves_is_noticed_through_http2() {
    let chain = Chain::start().await;
    let event = answers::chunk(answers::text_event("first").as_bytes());
    chain.upstream.script(Script::new().write(answers::STREAM_HEAD).write(event).stall());
    let mut client = Client::connect(chain.front.data).await;
    client.send(post(KEY, "", chat("m", true))).await;
    client.read_head().await;
    let request = chain.upstream.next_request().await;
    drop(client);
    chain.upstream.closed(request.connection).await;
}

#[tokio::test]
async fn a_broken_stream_is_told_through_http2() {
    let chain = Chain::start().await;
    let gate = Gate::new();
    let first = answers::text_event("first");
    let event = answers::chunk(first.as_bytes());
    chain.upstream.script(Script::new().write(answers::STREAM_HEAD).write(event).wait(&gate).fin());
    let mut client = Client::connect(chain.front.data).await;
    client.send(post(KEY, "", chat("m", true))).await;
    let head = client.read_head().await;
    assert_eq!(client.read_until("first").await, first.as_bytes(), "before the next is sent");
    gate.open();
    let rest = client.read_body(&head).await;
    // What the gateway behind says of its own upstream is, in front, a failure that the upstream declared.
    assert!(rest.text().contains("the provider closed the connection"), "{}", rest.text());
    assert!(rest.text().contains(r#""code":"upstream_bad_response""#), "{}", rest.text());
    assert!(!rest.text().contains("[DONE]"), "{}", rest.text());
    assert_eq!(rest.ending, Ending::Eof);
}

#[tokio::test]
async fn an_answer_is_given_again_over_http2() {
    let upstream = Upstream::start().await;
    let gateway = tls_gateway(&upstream, &Authority::new()).await;
    for stream in [false, true] {
        let header = format!("idempotency-key: k{stream}");
        let ask = async |version| loop {
            let answer = curl_with(&gateway, version, &header, &chat("m", stream)).await;
            // A busy machine's database may not say in time whose the key is.
            if !answer.contains("accounting_unavailable") {
                return answer;
            }
        };
        let first = ask("--http2").await;
        assert!(first.ends_with("\n2 200"), "{first}");
        assert_eq!(ask("--http2").await, first);
        assert_eq!(ask("--http1.1").await, first.replace("\n2 200", "\n1.1 200"));
    }
    assert_eq!(upstream.requests_so_far(), 2);
}
