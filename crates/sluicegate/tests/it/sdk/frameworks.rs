//! LangChain and LlamaIndex.

mod features;

use serde_json::json;
use tokio::process::Command;

use super::{program, program::Facts, rig};

/// Runs a program; `part` says to it how much of it.
async fn run(text: &str, part: &str, base_url: &str) -> Facts {
    let mut command = Command::new(program::prepared("SLUICEGATE_TEST_PYTHON_FRAMEWORKS"));
    command.args(["-c", text]).env("PART", part);
    program::run(command, base_url).await
}

#[tokio::test]
async fn lang_chain() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("python/lang_chain.py"), "", &gateway.base_url()).await;
    got.check(&[
        ("invoke", json!(["one two three", "stop"])),
        ("usage", json!(3)),
        ("stream", json!("one two three")),
        ("stream_usage", json!(3)),
        ("batch", json!(["one two three", "four"])),
        ("ainvoke", json!("one two three")),
        ("astream", json!("one two three")),
        ("wrong_key", json!("invalid_api_key")),
        ("cut", json!(["one two", "upstream_truncated"])),
    ]);
}

#[tokio::test]
async fn llama_index() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("python/llama.py"), "", &gateway.base_url()).await;
    got.check(&[
        ("chat", json!("one two three")),
        ("complete", json!("one two three")),
        ("stream", json!("one two three")),
        ("achat", json!("one two three")),
        ("astream", json!("one two three")),
        ("wrong_key", json!("invalid_api_key")),
        ("cut", json!(["one two", "upstream_truncated"])),
    ]);
}
