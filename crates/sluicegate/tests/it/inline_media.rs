//! URLs in requests: nobody can make the gateway go where it should not, and without `inline_media` it goes nowhere.

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Client, post},
    process::Gateway,
    upstream::{Script, Upstream},
};

use crate::rig::{KEY, assert_error_object, base_config, launch, model};

async fn gateway(upstream: &Upstream, lines: &str) -> Gateway {
    let config = base_config()
        + &format!(
            "[[providers]]\nname = \"p\"\nkind = \"gemini\"\nbase_url = \"http://{}/v1beta\"\napi_key = \"k\"\n{lines}\n",
            upstream.addr()
        )
        + &model("m", &[("p", "gemini-2.0-flash")], "");
    launch().config(&config).serve().await
}

/// A request with this URL wherever one can be.
fn request(url: &str) -> String {
    json!({ "model": "m", "user": url, "metadata": { "url": url }, "messages": [
        { "role": "user", "name": url, "content": [
            { "type": "text", "text": url },
            { "type": "image_url", "image_url": { "url": url } },
        ] },
    ] })
    .to_string()
}

/// Every way to name the tripwire or its like.
fn places(tripwire: &Upstream) -> Vec<String> {
    let port = tripwire.addr().port();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "127.0.0.1.",
        "user@127.0.0.1",
        "public.example@127.0.0.1",
    ];
    let mut all: Vec<String> = hosts.iter().map(|host| format!("http://{host}:{port}/i.png")).collect();
    all.push(format!("https://127.0.0.1:{port}/i.png"));
    all.extend(
        ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "file:///etc/passwd"]
            .map(str::to_owned),
    );
    all
}

#[tokio::test]
async fn nobody_leads_the_gateway_into_its_own_network() {
    let (upstream, tripwire) = (Upstream::start().await, Upstream::start().await);
    let gateway = gateway(&upstream, "inline_media = true").await;
    for url in places(&tripwire) {
        for stream in [false, true] {
            let mut body: serde_json::Value = serde_json::from_str(&request(&url)).unwrap();
            body["stream"] = stream.into();
            let (head, body) =
                Client::connect(gateway.data).await.exchange(post(KEY, "", body.to_string())).await;
            assert_eq!(head.status, 400, "{url}: {:?}", String::from_utf8_lossy(&body.bytes));
            // What is no web address at all is refused before anything is fetched.
            let code = if url.starts_with("http") { "invalid_image_url" } else { "invalid_value" };
            assert_error_object(&url, &body.json(), "invalid_request_error", code);
        }
    }
    assert_eq!((tripwire.connections_so_far(), upstream.requests_so_far()), (0, 0));
}

#[tokio::test]
async fn without_the_setting_no_url_is_followed() {
    let (upstream, tripwire) = (Upstream::start().await, Upstream::start().await);
    upstream.respond(|_| Script::new().write(answers::json_answer(500, "no")));
    let gateway = gateway(&upstream, "").await;
    for url in places(&tripwire) {
        Client::connect(gateway.data).await.exchange(post(KEY, "", request(&url))).await;
    }
    assert_eq!(tripwire.connections_so_far(), 0);
}

/// What a provider answers is followed no more than what callers say.
#[tokio::test]
async fn a_provider_that_redirects_is_not_followed() {
    let (upstream, tripwire) = (Upstream::start().await, Upstream::start().await);
    let location = format!("location: http://{}/v1/chat/completions\r\n", tripwire.addr());
    upstream.respond(move |_| Script::new().write(answers::answer(307, &location, b"")));
    let gateway = gateway(&upstream, "inline_media = true").await;
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hello" }] }).to_string();
    let (head, _) = Client::connect(gateway.data).await.exchange(post(KEY, "", body)).await;
    assert_eq!(head.status, 502);
    assert_eq!(tripwire.connections_so_far(), 0);
}
