//! The clients that people use, each as a program would use it. `cargo xtask test` prepares them.
//!
//! A program of `sdk/` prints what it saw as one JSON object; what it should have seen stands here.

mod async_openai;
mod frameworks;
mod node;
pub(crate) mod program;
mod provider_types;
mod python;
mod translated;

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Client, get},
    process::Gateway,
    upstream::{Script, Upstream},
};

use crate::rig::{KEY, base_config, launch, model, provider};

/// What every program may use: an alias to each sandbox model, one whose idle limit is short, and `m`, served by a
/// scripted upstream (see [`misbehaving`]). One worker, so that the lines of the log stand in order.
fn config(upstream: &Upstream) -> String {
    base_config().replace("[server]\n", "[server]\nworkers = 1\n")
        + &provider("up", &upstream.base_url())
        + &model("m", &[("up", "m")], "")
        + &model("other", &[("up", "other")], "")
        + &model("gpt-4o-mini", &[("sandbox", "echo")], "")
        + &model("prose", &[("sandbox", "text")], "")
        + &model("impatient", &[("sandbox", "echo")], "timeouts = { idle_ms = 200 }")
}

/// A gateway with [`config`], and its upstream.
async fn rig() -> (Gateway, Upstream) {
    let upstream = Upstream::start().await;
    upstream.respond(misbehaving);
    let gateway = launch().config(&config(&upstream)).serve().await;
    (gateway, upstream)
}

/// An upstream that does what the text of the first message says.
fn misbehaving(request: &sluice_testkit::upstream::Request) -> Script {
    let body = request.json();
    let text = body["messages"][0]["content"].as_str().unwrap_or_default();
    let role = json!({ "role": "assistant", "content": "" });
    let first = format!("data: {}\n\n", answers::chunk_json(&role, None)) + &answers::text_event("delivered");
    let stream = || Script::new().write(answers::STREAM_HEAD).write(answers::chunk(first.as_bytes()));
    let status =
        |status: u16| Script::new().write(answers::json_answer(status, &answers::error_json("no", "t", "c")));
    match text {
        // Ends properly, with [DONE], but without a finish_reason.
        "no finish" => stream().write(answers::chunk(answers::DONE.as_bytes())).write(answers::LAST_CHUNK),
        "cut" => stream().fin(),
        text => text.parse().map_or_else(|_| answers::default_script(request), status),
    }
}

/// How many requests the log has for each of these trace ids. The programs send one trace id with every attempt at a
/// call; a request of our own at the end, on the same worker, shows that no line is missing.
async fn attempts(gateway: &Gateway, traces: &[&str]) -> Value {
    let mut client = Client::connect(gateway.data).await;
    let (head, _) = client.exchange(get("/v1/models", &format!("authorization: Bearer {KEY}\r\n"))).await;
    gateway.access_line(head.header("x-request-id").unwrap()).await;
    let lines = gateway.lines.so_far();
    let count = |trace: &str| {
        let field = format!("\"trace_id\":\"{trace}\"");
        lines.iter().filter(|line| line.contains(&field)).count()
    };
    traces
        .iter()
        .map(|trace| ((*trace).to_owned(), json!(count(trace))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
