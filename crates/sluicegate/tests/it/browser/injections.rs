//! Names and texts that want to be markup or script: everywhere they are shown as what they are.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Client, post},
    upstream::Script,
};

use super::{
    rig::{Browser, By},
    world::World,
};
use crate::rig::chat;

/// Ends of whatever a text may stand in.
const ENDS: [&str; 14] = [
    "",
    "\"",
    "'",
    ">",
    "\">",
    "'>",
    "`",
    "</title>",
    "</textarea>",
    "</script>",
    "</style>",
    "-->",
    "]]>",
    "\\\"",
];
/// What is hoped to happen then. Whatever becomes an element has the class `came-in`.
const HOPES: [&str; 15] = [
    "<script class=came-in>window.cameIn=1</script>",
    "<img class=came-in src=/came-in onerror=window.cameIn=1>",
    "<svg class=came-in onload=window.cameIn=1>",
    "<svg><script class=came-in>window.cameIn=1</script></svg>",
    "<a class=came-in href=javascript:window.cameIn=1>a</a>",
    "<iframe class=came-in srcdoc='<script>parent.cameIn=1</script>'></iframe>",
    "<style class=came-in>@import '/came-in';</style>",
    "<link class=came-in rel=stylesheet href=/came-in>",
    "<base class=came-in href=//came-in.test/>",
    "<meta class=came-in http-equiv=refresh content=0;url=/came-in>",
    "<form class=came-in action=/came-in><button>a</button></form>",
    " class=came-in autofocus onfocus=window.cameIn=1 tabindex=1 x=",
    "&lt;img class=came-in src=/came-in onerror=window.cameIn=1&gt;",
    "{{window.cameIn=1}}${window.cameIn=1}<%window.cameIn=1%>",
    "javascript:window.cameIn=1//%3Cscript class=came-in%3E",
];

pub(super) fn payloads() -> Vec<String> {
    let all: Vec<String> =
        ENDS.iter().flat_map(|end| HOPES.map(|hope| format!("{end}{hope}").trim().to_owned())).collect();
    assert!(all.len() >= 200);
    all
}

/// Nothing of it came in, nothing ran, and the browser saw no attempt.
pub(super) async fn assert_harmless(browser: &Browser, name: &str) {
    let came =
        browser.ask("return document.querySelectorAll('.came-in').length + (window.cameIn ?? 0)", &[]).await;
    assert_eq!(came, 0, "{name}");
    assert_eq!(browser.complaints().await, [""; 0], "{name}");
}

/// All that can be read on a page, what stands in fields included.
pub(super) async fn told(browser: &Browser) -> String {
    let script = "const fields = [...document.querySelectorAll('input, select, textarea')].map((field) => field.value);
        return document.body.textContent + fields.join(' ')";
    browser.ask(script, &[]).await.as_str().unwrap_or_default().to_owned()
}

/// Where an object of the list is shown: `None` where the page says nothing of it.
fn page_of(kind: &str, made: &Value) -> String {
    let id = match kind {
        "keys" | "users" => made["id"].as_str(),
        _ => made["name"].as_str(),
    };
    let id: String = url::form_urlencoded::byte_serialize(id.expect("a name").as_bytes()).collect();
    format!("/{kind}/{}", id.replace('+', "%20"))
}

#[tokio::test]
async fn names_are_shown_as_they_are() {
    let world = World::empty().await;
    let (admin, browser) = (&world.admin, &world.browser);
    let target = json!([{ "provider": "up", "model": "a" }]);
    let mut made = Vec::new();
    for (at, payload) in payloads().iter().enumerate() {
        // Names of providers stand before a slash.
        let payload = if at % 4 == 3 { &payload.replace('/', "") } else { payload };
        let (kind, body) = match at % 4 {
            0 => ("keys", json!({ "name": payload })),
            1 => ("projects", json!({ "name": payload })),
            2 => ("models", json!({ "name": payload, "targets": target })),
            _ => (
                "providers",
                json!({ "name": payload, "kind": "openai-compatible", "base_url": "http://127.0.0.1:9", "api_key": "x", "internal": true }),
            ),
        };
        made.push((kind, payload.clone(), admin.create(&format!("/admin/v1/{kind}"), body).await));
    }
    for (kind, payload, object) in &made {
        let path = page_of(kind, object);
        browser.open(&path).await;
        browser.find(By::Css("h1")).await;
        assert!(told(browser).await.contains(payload.as_str()), "{path} tells {payload}");
        assert_harmless(browser, &path).await;
    }
    for path in [
        "/",
        "/keys",
        "/projects",
        "/models",
        "/providers",
        "/audit",
        "/status",
        "/playground",
        "/requests",
        "/users",
    ] {
        browser.open(path).await;
        browser.find(By::Css("h1")).await;
        assert_harmless(browser, path).await;
    }
}

#[tokio::test]
async fn so_is_what_callers_and_providers_say() {
    let world = World::empty().await;
    let (rig, browser) = (&world.rig, &world.browser);
    let payloads = payloads();
    let (_, secret) = world.admin.new_key("all", json!({})).await;
    let mut ids = Vec::new();
    for payload in payloads.iter().step_by(7) {
        let error =
            json!({ "error": { "message": payload, "type": payload, "code": payload, "param": payload } });
        rig.upstream.script(Script::new().write(answers::json_answer(400, &error.to_string())));
        let trace: String = payload.chars().filter(|c| c.is_ascii_graphic()).collect();
        let mut body: Value = serde_json::from_str(&chat("m", false)).expect("a request");
        body["messages"][0]["content"] = json!(payload);
        body["user"] = json!(payload);
        body["metadata"] = json!({ "tag": payload });
        let request =
            post(&secret, &format!("x-trace-id: {trace}\r\nuser-agent: {trace}\r\n"), body.to_string());
        let (head, _) = Client::connect(rig.gateway.data).await.exchange(request).await;
        ids.push(head.header("x-request-id").expect("an id").to_owned());
    }
    for id in &ids {
        world.admin.row(id).await;
        let path = format!("/requests/{id}");
        browser.open(&path).await;
        browser.find(By::Css("h1")).await;
        assert_harmless(browser, &path).await;
    }
    for (at, payload) in payloads.iter().enumerate() {
        let query: String = url::form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        let path = match at % 3 {
            0 => format!("/requests?q={query}&model={query}&status={query}"),
            1 => format!("/sign-in?next={query}"),
            _ => format!("/keys?cursor={query}&project={query}"),
        };
        browser.open(&path).await;
        browser.find(By::Css("h1")).await;
        let complaints = browser.complaints().await;
        // A page may say that it cannot do with the question, by its own status.
        assert!(complaints.iter().all(|one| one.contains("status of 4")), "{path}: {complaints:?}");
        assert_harmless(browser, &path).await;
    }
}
