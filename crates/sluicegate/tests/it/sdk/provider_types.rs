//! What is sent to providers, by the types of their own packages, and what callers get, by OpenAI's.

use serde_json::json;
use tokio::process::Command;

use super::program;

#[tokio::test]
async fn vectors_are_of_the_types_that_providers_publish() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../sluice-providers/vectors");
    let mut command = Command::new(program::prepared("SLUICEGATE_TEST_PYTHON_PROVIDERS"));
    command.args(["-c", include_str!("python/provider_types.py"), vectors]);
    let got = program::run(command, "http://127.0.0.1:1").await;
    let dialects = json!(["anthropic", "bedrock", "cohere", "gemini", "ollama"]);
    got.check(&[("wrong", json!([])), ("requests_of", dialects.clone()), ("replies_of", dialects)]);
}
