//! A model with several targets, each an upstream of its own.

use std::collections::HashMap;

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Body, Client, Head, post},
    process::Gateway,
    upstream::{Request, Script, Upstream},
};

use crate::{
    admin::Admin,
    rig::{KEY, base_config, launch, provider},
};

/// A target: the name of its provider, its model there, its priority, and further settings.
pub(super) type Target<'a> = (&'a str, &'a str, u32, &'a str);

pub(super) struct World {
    upstreams: HashMap<String, Upstream>,
    pub(super) gateway: Gateway,
}

impl World {
    /// The model `m` with these targets, and further settings of the model.
    pub(super) async fn start(targets: &[Target<'_>], extra: &str) -> Self {
        let mut upstreams = HashMap::new();
        let mut config = base_config();
        let mut lines = Vec::new();
        for (name, model, priority, more) in targets {
            let upstream = Upstream::start().await;
            config += &provider(name, &upstream.base_url());
            lines.push(format!(
                "{{ provider = \"{name}\", model = \"{model}\", priority = {priority}{more} }}"
            ));
            upstreams.insert((*name).to_owned(), upstream);
        }
        config += &format!("[[models]]\nname = \"m\"\ntargets = [{}]\n{extra}\n", lines.join(", "));
        let gateway = launch().config(&config).serve().await;
        Self { upstreams, gateway }
    }

    pub(super) fn upstream(&self, name: &str) -> &Upstream {
        &self.upstreams[name]
    }

    /// Lets an upstream answer every request in one way.
    pub(super) fn always(&self, name: &str, script: &Script) {
        let script = script.clone();
        self.upstream(name).respond(move |_| script.clone());
    }

    /// How many requests each of these upstreams got.
    pub(super) fn calls<const N: usize>(&self, names: [&str; N]) -> [usize; N] {
        names.map(|name| self.upstream(name).requests_so_far())
    }

    pub(super) async fn client(&self) -> Client {
        Client::connect(self.gateway.data).await
    }

    pub(super) async fn ask(&self, request: &Value) -> (Head, Body) {
        self.client().await.exchange(post(KEY, "", request.to_string())).await
    }

    /// The row of a request in the books, once it is there.
    pub(super) async fn row(&self, head: &Head) -> Value {
        Admin::of(&self.gateway).row(head.header("x-request-id").unwrap()).await
    }

    /// The line of a request in the access log.
    pub(super) async fn logged(&self, head: &Head) -> Value {
        self.gateway.access_line(head.header("x-request-id").unwrap()).await
    }
}

/// A request for `m`.
pub(super) fn request(stream: bool) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": "tell" }], "stream": stream })
}

/// The same, with usage.
pub(super) fn with_usage() -> Value {
    let mut request = request(true);
    request["stream_options"] = json!({ "include_usage": true });
    request
}

/// An upstream that does as it is asked, with this text.
pub(super) fn telling(text: &str) -> impl Fn(&Request) -> Script + Send + 'static {
    let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    move |request| {
        let asked = request.json();
        if asked["stream"] != json!(true) {
            return Script::new().write(answers::whole(&words.concat()));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let usage = asked["stream_options"]["include_usage"] == json!(true);
        Script::new().write(answers::chunked_stream(&answers::events(&words, usage)))
    }
}

/// What a caller read of a stream.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) ids: Vec<String>,
    pub(super) models: Vec<String>,
    pub(super) finish: Vec<String>,
    pub(super) usage: Option<Value>,
    pub(super) error: Option<Value>,
    pub(super) done: bool,
    pub(super) comments: usize,
}

impl Told {
    pub(super) fn of(body: &Body) -> Self {
        let mut told = Self::default();
        for event in body.text().split("\n\n").filter(|event| !event.is_empty()) {
            let Some(data) = event.strip_prefix("data: ") else {
                assert!(event.starts_with(':'), "neither data nor a comment: {event:?}");
                told.comments += 1;
                continue;
            };
            assert!(!told.done && told.error.is_none(), "nothing follows the end: {event:?}");
            if data == "[DONE]" {
                told.done = true;
                continue;
            }
            told.chunk(&serde_json::from_str(data).unwrap());
        }
        told
    }

    fn chunk(&mut self, chunk: &Value) {
        if chunk.get("error").is_some() {
            self.error = Some(chunk["error"].clone());
            return;
        }
        for (list, key) in [(&mut self.ids, "id"), (&mut self.models, "model")] {
            let value = chunk[key].as_str().unwrap().to_owned();
            if !list.contains(&value) {
                list.push(value);
            }
        }
        if chunk["usage"].is_object() {
            self.usage = Some(chunk["usage"].clone());
        }
        for choice in chunk["choices"].as_array().unwrap() {
            self.text += choice["delta"]["content"].as_str().unwrap_or_default();
            self.finish.extend(choice["finish_reason"].as_str().map(str::to_owned));
        }
    }
}
