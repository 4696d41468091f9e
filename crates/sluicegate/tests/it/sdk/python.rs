//! The official Python SDK.

mod features;

use serde_json::json;
use tokio::process::Command;

use super::{attempts, program, program::Facts, rig};
use crate::rig::NARROW_KEY;

async fn run(text: &str, base_url: &str) -> Facts {
    let mut command = Command::new(program::prepared("SLUICEGATE_TEST_PYTHON_OPENAI"));
    command.args(["-c", text]).env("NARROW_KEY", NARROW_KEY);
    program::run(command, base_url).await
}

#[tokio::test]
async fn main_path() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("python/main_path.py"), &gateway.base_url()).await;
    got.check(&[
        ("create", json!("one two three")),
        ("finish_reason", json!("stop")),
        ("usage", json!(true)),
        ("stream", json!("one two three")),
        ("stream_usage_chunks", json!(0)),
        ("stream_with_usage", json!("one two three")),
        ("stream_with_usage_chunks", json!(1)),
        ("async_create", json!("one two three")),
        ("async_stream", json!("one two three")),
        ("n", json!(2)),
        ("models", json!(true)),
        ("request_id", json!(true)),
        ("early_close", json!("one two three")),
    ]);
}

#[tokio::test]
async fn raw_responses_models_helpers_timeouts() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("python/surface.py"), &gateway.base_url()).await;
    got.check(&[
        ("raw_status", json!(200)),
        ("raw_text", json!("one two three")),
        ("raw_trace", json!("my-trace")),
        ("raw_provider", json!("sandbox")),
        ("raw_model", json!("echo")),
        ("raw_attempts", json!("1")),
        ("raw_stream_type", json!("text/event-stream")),
        ("raw_stream_end", json!("data: [DONE]")),
        ("raw_stream_text", json!("one two three")),
        ("model_alias", json!("gpt-4o-mini")),
        ("model_slash", json!("sandbox/echo")),
        ("model_object", json!("model")),
        ("model_missing", json!("model_not_found")),
        ("helper_deltas", json!("one two three")),
        ("helper_done", json!(["one two three"])),
        ("helper_final", json!("one two three")),
        ("helper_usage", json!(3)),
        ("helper_n", json!(["one two three", "one two three"])),
        ("timeout", json!("APITimeoutError")),
        ("timeout_stream", json!("APITimeoutError")),
        ("after_timeouts", json!("one two three")),
        ("async_helper", json!("one two three")),
        ("async_raw", json!("sandbox")),
        ("async_after", json!("one two three")),
    ]);
    got.check_true(&["raw_request_id", "models", "async_helper_events"]);
    got.check_true(&["async_models", "async_timeout", "async_cancelled"]);
}

#[tokio::test]
async fn error_classes() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("python/errors.py"), &gateway.base_url()).await;
    got.check(&[
        ("wrong_key", json!(["AuthenticationError", 401, "invalid_api_key"])),
        ("async_wrong_key", json!(["AuthenticationError", 401, "invalid_api_key"])),
        ("not_allowed", json!(["PermissionDeniedError", 403, "model_not_allowed"])),
        ("unknown_model", json!(["NotFoundError", 404, "model_not_found"])),
        ("unknown_path", json!("unknown_url")),
        ("out_of_range", json!(["BadRequestError", 400, "decimal_above_max_value"])),
        ("wrong_type", json!(["BadRequestError", 400, "invalid_type"])),
        ("empty_messages", json!(["BadRequestError", 400, "empty_array"])),
        ("param", json!("temperature")),
        ("upstream_422", json!(["UnprocessableEntityError", 422, "c"])),
        ("upstream_500", json!(["InternalServerError", 502, "upstream_bad_response"])),
        ("upstream_503", json!(["InternalServerError", 503, "server_is_overloaded"])),
        ("upstream_401", json!(["InternalServerError", 502, "upstream_auth"])),
        ("reset", json!(["InternalServerError", 502, "upstream_unreachable"])),
        ("limited", json!(["RateLimitError", 429, "rate_limit_exceeded"])),
        ("unreachable", json!("APIConnectionError")),
        ("after_errors", json!("one two three")),
    ]);
}

#[tokio::test]
async fn every_broken_stream_raises() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("python/broken_streams.py"), &gateway.base_url()).await;
    for how in ["", "helper_", "async_"] {
        for (name, code, text) in [
            ("cut", "upstream_truncated", "one two three"),
            ("stall", "upstream_stalled", "one two three"),
            ("malformed", "upstream_bad_event", "one two three"),
            ("error_event", "upstream_bad_response", "one two three"),
            ("no_finish", "upstream_truncated", "delivered"),
            ("upstream_cut", "upstream_truncated", "delivered"),
        ] {
            got.check(&[(&format!("{how}{name}"), json!(["APIError", code, text]))]);
        }
    }
    got.check(&[("no_done", json!("one two three four five six"))]);
}

#[tokio::test]
async fn retries_follow_the_headers() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("python/retries.py"), &gateway.base_url()).await;
    let permanent = json!(["InternalServerError", "false"]);
    got.check(&[
        ("auth-502", permanent.clone()),
        ("reset-502", permanent.clone()),
        ("bad-502", permanent.clone()),
        ("upstream-502", permanent),
        ("limited-429", json!(["RateLimitError", null])),
        ("limited-429-stream", json!(["RateLimitError", null])),
        ("overloaded-503", json!(["InternalServerError", null])),
        ("bad-400", json!(["BadRequestError", null])),
        ("missing-404", json!(["NotFoundError", null])),
    ]);
    let expect = json!({
        "auth-502": 1, "reset-502": 1, "bad-502": 1, "upstream-502": 1,
        "limited-429": 2, "limited-429-stream": 2, "overloaded-503": 2,
        "bad-400": 1, "missing-404": 1
    });
    let names: Vec<&str> = expect.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(attempts(&gateway, &names).await, expect);
}
