//! async-openai, the Rust client, in a program of its own (`async-openai/`).

mod features;

use serde_json::json;
use tokio::process::Command;

use super::{program, program::Facts, rig};

/// Runs the program; `part` says to it how much of it.
async fn run(part: &str, base_url: &str) -> Facts {
    let mut command = Command::new(program::prepared("SLUICEGATE_TEST_ASYNC_OPENAI"));
    command.env("PART", part);
    program::run(command, base_url).await
}

#[tokio::test]
async fn main_path_and_errors() {
    let (gateway, _upstream) = rig().await;
    let got = run("", &gateway.base_url()).await;
    got.check(&[
        ("plain_false", json!(["one two three", true, 0])),
        ("plain_true", json!(["one two three", true, 0])),
        ("usage", json!(["one two three", 1])),
        ("model", json!("gpt-4o-mini")),
        ("wrong_key_false", json!("invalid_api_key")),
        ("wrong_key_true", json!("invalid_api_key")),
        ("out_of_range_false", json!("decimal_above_max_value")),
        ("out_of_range_true", json!("decimal_above_max_value")),
    ]);
    got.check_true(&["models", "cut"]);
}
