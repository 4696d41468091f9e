//! The official Python SDK, as a program would use it. `cargo xtask test` prepares the interpreter.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    patience::within,
    upstream::{Script, Upstream},
};
use tokio::process::Command;

use crate::rig::{KEY, base_config, config_for, launch, model};

/// The interpreter with the SDK, or a failure that says why there is none.
fn python() -> String {
    std::env::var("SLUICEGATE_TEST_PYTHON").unwrap_or_else(|_| {
        let reason = std::env::var("SLUICEGATE_TEST_NO_PYTHON")
            .unwrap_or_else(|_| "run the tests with `cargo xtask test`, which prepares it".to_owned());
        panic!("no Python with the OpenAI SDK: {reason}")
    })
}

/// Runs one of the programs in `sdk/` against `base_url`; it prints one JSON object.
async fn run(program: &str, base_url: &str) -> BTreeMap<String, Value> {
    let mut command = Command::new(python());
    command.arg("-c").arg(program).env("OPENAI_BASE_URL", base_url).env("OPENAI_API_KEY", KEY);
    command.env("NO_PROXY", "127.0.0.1").kill_on_drop(true);
    let output = within("the Python program", command.output()).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    serde_json::from_str(text.lines().last().unwrap_or(""))
        .unwrap_or_else(|e| panic!("{e}: {text}\n{errors}"))
}

#[tokio::test]
async fn the_main_path_on_the_sandbox() {
    let config = base_config() + &model("gpt-4o-mini", &[("sandbox", "echo")], "");
    let gateway = launch().config(&config).serve().await;
    let got = run(include_str!("sdk/main_path.py"), &gateway.base_url()).await;
    for (key, expect) in [
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
    ] {
        assert_eq!(got.get(key), Some(&expect), "{key} in {got:?}");
    }
}

#[tokio::test]
async fn error_classes() {
    let upstream = Upstream::start().await;
    let gateway = launch().config(&config_for(&upstream)).serve().await;
    upstream.respond(|request| {
        let body = request.json();
        let text = body["messages"][0]["content"].as_str().unwrap_or_default();
        let event = answers::chunk(answers::text_event("delivered").as_bytes());
        match text {
            "429" => Script::new().write(answers::json_answer(429, "{}")),
            "500" => Script::new().write(answers::json_answer(500, "{}")),
            "503" => Script::new().write(answers::json_answer(503, "{}")),
            "cut" => Script::new().write(answers::STREAM_HEAD).write(event).fin(),
            "422" => Script::new().write(answers::json_answer(422, &answers::error_json("no", "t", "c"))),
            _ => answers::default_script(request),
        }
    });
    let got = run(include_str!("sdk/errors.py"), &gateway.base_url()).await;
    for (key, expect) in [
        ("wrong_key", json!(["AuthenticationError", 401, "invalid_api_key"])),
        ("unknown_model", json!(["NotFoundError", 404, "model_not_found"])),
        ("bad_request", json!(["BadRequestError", 400, "decimal_above_max_value"])),
        ("upstream_422", json!(["UnprocessableEntityError", 422, "c"])),
        ("rate_limited", json!(["RateLimitError", 429, "rate_limit_exceeded"])),
        ("upstream_500", json!(["InternalServerError", 502, "upstream_bad_response"])),
        ("upstream_503", json!(["InternalServerError", 503, "server_is_overloaded"])),
        ("cut_stream", json!(["APIError", "delivered", "upstream_truncated"])),
        ("after_errors", json!("one two three")),
    ] {
        assert_eq!(got.get(key), Some(&expect), "{key} in {got:?}");
    }
}

#[tokio::test]
async fn a_permanent_failure_is_not_repeated_by_the_sdk() {
    let upstream = Upstream::start().await;
    let gateway = launch().config(&config_for(&upstream)).serve().await;
    upstream.respond(|_| Script::new().write(answers::json_answer(401, "{}")));
    let got = run(include_str!("sdk/retries.py"), &gateway.base_url()).await;
    assert_eq!(got.get("error"), Some(&json!("InternalServerError")), "{got:?}");
    assert_eq!(upstream.requests_so_far(), 1, "x-should-retry: false is heeded");
}
