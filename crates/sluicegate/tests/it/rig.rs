//! A gateway in front of a scripted upstream.

use serde_json::{Value, json};
use sluice_testkit::{
    client::{Body, Client, Head, post},
    process::{Gateway, Launch},
    upstream::Upstream,
};

/// Secret of the key `dev`. Tests look for it where it must not be.
pub(crate) const KEY: &str = "sk-caller-canary-aaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// Secret of the key `narrow`, which may only use the model `other`.
pub(crate) const NARROW_KEY: &str = "sk-narrow-canary-aaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// What the gateway shows to the upstream.
pub(crate) const UPSTREAM_KEY: &str = "upstream-canary-bbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The binary under test.
pub(crate) fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_sluicegate"))
}

/// Settings that every test shares: the keys and the log.
pub(crate) fn base_config() -> String {
    format!(
        "[server]\ndata_dir = \"{{dir}}/data\"\naccess_log = \"json\"\n\
         [[keys]]\nname = \"dev\"\nsecret = \"{KEY}\"\nmodels = [\"*\"]\n\
         [[keys]]\nname = \"narrow\"\nsecret = \"{NARROW_KEY}\"\nmodels = [\"other\"]\n\
         [[keys]]\nname = \"old\"\nsecret = \"sk-expired-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\nmodels = [\"*\"]\n\
         expires_at = \"2020-01-01T00:00:00Z\"\n"
    )
}

/// One plain OpenAI-compatible provider.
pub(crate) fn provider(name: &str, base_url: &str) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\nkind = \"openai-compatible\"\nbase_url = \"{base_url}\"\n\
         api_key = \"{UPSTREAM_KEY}\"\n"
    )
}

/// One model whose targets are `(provider, upstream model)`, in order of priority. Stream repair is off: what an
/// upstream's end looks like to the caller is what these tests are about. `extra` are further lines of the model.
pub(crate) fn model(name: &str, targets: &[(&str, &str)], extra: &str) -> String {
    let targets: Vec<String> = targets
        .iter()
        .enumerate()
        .map(|(priority, (provider, model))| {
            format!("{{ provider = \"{provider}\", model = \"{model}\", priority = {priority} }}")
        })
        .collect();
    format!(
        "[[models]]\nname = \"{name}\"\ntargets = [{}]\nstream_repair = \"off\"\n{extra}\n",
        targets.join(", ")
    )
}

/// The settings of [`Rig::start`]: the model `m` (called the same upstream), and `alias` (called `up-m` upstream).
pub(crate) fn config_for(upstream: &Upstream) -> String {
    base_config()
        + &provider("up", &upstream.base_url())
        + &model("m", &[("up", "m")], "")
        + &model("alias", &[("up", "up-m")], "")
        + &model("other", &[("up", "other")], "")
}

/// A gateway and its one upstream.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) upstream: Upstream,
}

impl Rig {
    /// The usual settings.
    pub(crate) async fn start() -> Self {
        Self::with(config_for).await
    }

    /// Settings made for the upstream.
    pub(crate) async fn with(config: impl FnOnce(&Upstream) -> String) -> Self {
        let upstream = Upstream::start().await;
        let gateway = launch().config(&config(&upstream)).serve().await;
        Self { gateway, upstream }
    }

    /// A new connection to the data plane.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.gateway.data).await
    }

    /// Sends raw bytes on a connection of their own and reads the response.
    pub(crate) async fn exchange(&self, request: impl AsRef<[u8]>) -> (Head, Body) {
        self.client().await.exchange(request).await
    }

    /// Asks as the key `dev`.
    pub(crate) async fn ask(&self, body: impl AsRef<[u8]>) -> (Head, Body) {
        self.exchange(post(KEY, "", body)).await
    }

    /// Asks with `stream: true` and reads the head; the upstream must have begun by then.
    pub(crate) async fn open_stream(&self) -> (Client, Head) {
        let mut client = self.client().await;
        client.send(post(KEY, "", chat("m", true))).await;
        let head = client.read_head().await;
        (client, head)
    }
}

/// A small request.
pub(crate) fn chat(model: &str, stream: bool) -> String {
    let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": "prompt-canary" }] });
    if stream {
        body["stream"] = json!(true);
    }
    body.to_string()
}

/// A small request for a stream with usage: the one that no edit of ours changes.
pub(crate) fn chat_with_usage(model: &str) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": "prompt-canary" }], "stream": true,
            "stream_options": { "include_usage": true } })
    .to_string()
}

/// Asserts that a response is an error of ours: status, `type`, `code`, and all four keys.
pub(crate) fn assert_error(name: &str, (head, body): &(Head, Body), status: u16, kind: &str, code: &str) {
    assert_eq!(head.status, status, "{name}: {:?}", String::from_utf8_lossy(&body.bytes));
    assert_eq!(head.header("content-type"), Some("application/json"), "{name}");
    assert_error_object(name, &body.json(), kind, code);
    assert!(head.header("x-request-id").is_some(), "{name}: {}", head.raw);
    assert!(head.header("x-trace-id").is_some(), "{name}: {}", head.raw);
}

/// Asserts that `value` is `{"error":{…}}` with these.
pub(crate) fn assert_error_object(name: &str, value: &Value, kind: &str, code: &str) {
    let error = value["error"].as_object().unwrap_or_else(|| panic!("{name}: no error object in {value}"));
    let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "message", "param", "type"], "{name}: {value}");
    assert_eq!((&error["type"], &error["code"]), (&json!(kind), &json!(code)), "{name}: {value}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {value}");
    assert!(error["param"].is_null() || error["param"].is_string(), "{name}: {value}");
}
