//! The official SDK for Node, and the Vercel AI SDK.

mod features;

use serde_json::json;
use tokio::process::Command;

use super::{attempts, program, program::Facts, rig};
use crate::rig::NARROW_KEY;

/// Runs a module; `part` says to it how much of it.
async fn run(text: &str, part: &str, base_url: &str) -> Facts {
    let home = program::prepared("SLUICEGATE_TEST_NODE");
    let mut command = Command::new(home.join("bin/node"));
    // Modules given as text find packages from the working directory on.
    command.args(["--input-type=module", "--eval", text]).current_dir(&home);
    command.env("NARROW_KEY", NARROW_KEY).env("PART", part);
    program::run(command, base_url).await
}

#[tokio::test]
async fn main_path() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("node/main_path.mjs"), "", &gateway.base_url()).await;
    got.check(&[
        ("create", json!("one two three")),
        ("finish", json!("stop")),
        ("stream", json!("one two three")),
        ("usage_chunks", json!(1)),
        ("one_id", json!(1)),
        ("helper", json!("one two three")),
        ("helper_deltas", json!("one two three")),
        ("helper_usage", json!(3)),
        ("readable", json!("one two three")),
        ("raw_text", json!("one two three")),
        ("raw_trace", json!("my-trace")),
        ("raw_provider", json!("sandbox")),
        ("raw_attempts", json!("1")),
        ("model_alias", json!("gpt-4o-mini")),
        ("model_slash", json!("sandbox/echo")),
        ("timeout_false", json!("APIConnectionTimeoutError")),
        ("timeout_true", json!("APIConnectionTimeoutError")),
        ("aborted", json!("APIUserAbortError")),
        ("many", json!(["one two three"])),
    ]);
    got.check_true(&["usage", "request_id", "raw_request_id", "models"]);
}

#[tokio::test]
async fn errors_broken_streams_retries() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("node/errors.mjs"), "", &gateway.base_url()).await;
    got.check(&[
        ("wrong_key", json!(["AuthenticationError", 401, "invalid_api_key"])),
        ("not_allowed", json!(["PermissionDeniedError", 403, "model_not_allowed"])),
        ("unknown_model", json!(["NotFoundError", 404, "model_not_found"])),
        ("out_of_range", json!(["BadRequestError", 400, "decimal_above_max_value"])),
        ("empty_messages", json!(["BadRequestError", 400, "empty_array"])),
        ("param", json!("temperature")),
        ("upstream_422", json!(["UnprocessableEntityError", 422, "c"])),
        ("upstream_500", json!(["InternalServerError", 502, "upstream_bad_response"])),
        ("upstream_503", json!(["InternalServerError", 503, "server_is_overloaded"])),
        ("upstream_401", json!(["InternalServerError", 502, "upstream_auth"])),
        ("reset", json!(["InternalServerError", 502, "upstream_unreachable"])),
        ("limited", json!(["RateLimitError", 429, "rate_limit_exceeded"])),
        ("after", json!("one two three")),
    ]);
    for how in ["", "helper_"] {
        for (name, code, text) in [
            ("cut", "upstream_truncated", "one two three"),
            ("stall", "upstream_stalled", "one two three"),
            ("malformed", "upstream_bad_event", "one two three"),
            ("error_event", "upstream_bad_response", "one two three"),
            ("no_finish", "upstream_truncated", "delivered"),
            ("upstream_cut", "upstream_truncated", "delivered"),
        ] {
            got.check(&[(&format!("{how}{name}"), json!([true, code, text]))]);
        }
    }
    let expect =
        json!({ "auth-502": 1, "reset-502": 1, "limited-429": 2, "overloaded-503": 2, "bad-400": 1 });
    let names: Vec<&str> = expect.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(attempts(&gateway, &names).await, expect);
}

#[tokio::test]
async fn vercel_ai_sdk() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("node/vercel.mjs"), "", &gateway.base_url()).await;
    got.check(&[
        ("generate", json!(["one two three", "stop", 3])),
        ("stream", json!(["one two three", "stop", 3])),
        ("wrong_key", json!([true, 401, false, true])),
        ("limited", json!([429, true, "rate_limit_exceeded"])),
        ("cut", json!(["one two", 1, true])),
    ]);
}
