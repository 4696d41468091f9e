//! curl, as the documentation shows it.

use serde_json::Value;
use sluice_testkit::process::Gateway;
use tokio::process::Command;

use crate::{
    rig::{KEY, base_config, launch, model},
    sdk::program,
};

async fn gateway() -> Gateway {
    launch().config(&(base_config() + &model("gpt-4o-mini", &[("sandbox", "echo")], ""))).serve().await
}

/// Runs curl against the chat endpoint. Returns its exit code, its standard output and its standard error.
async fn curl(gateway: &Gateway, key: &str, args: &[&str], body: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new("curl");
    // No settings of whoever runs the tests, no proxy.
    command.args(["--disable", "--noproxy", "*", "--silent", "--show-error", "--include"]).args(args);
    command.arg(format!("{}/chat/completions", gateway.base_url()));
    command.args(["-H", &format!("Authorization: Bearer {key}"), "-H", "Content-Type: application/json"]);
    command.args(["-d", body]);
    let output = program::output(command).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn body(stream: bool) -> String {
    let messages = r#"[{"role":"user","content":"one two three"}]"#;
    format!(r#"{{"model":"gpt-4o-mini","messages":{messages},"stream":{stream}}}"#)
}

/// Head and body of what `--include` printed.
fn split(output: &str) -> (&str, &str) {
    output.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {output}"))
}

#[tokio::test]
async fn whole() {
    let gateway = gateway().await;
    let (code, output, errors) = curl(&gateway, KEY, &[], &body(false)).await;
    let (head, body) = split(&output);
    assert_eq!(code, Some(0), "{output}\n{errors}");
    assert!(head.starts_with("HTTP/1.1 200 "), "{output}");
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {output}"));
    assert_eq!(answer["choices"][0]["message"]["content"], "one two three", "{output}");
}

#[tokio::test]
async fn stream() {
    let gateway = gateway().await;
    let (code, output, errors) = curl(&gateway, KEY, &["-N"], &body(true)).await;
    let (head, body) = split(&output);
    assert_eq!(code, Some(0), "{output}\n{errors}");
    assert!(head.to_ascii_lowercase().contains("content-type: text/event-stream"), "{output}");
    assert!(body.ends_with("data: [DONE]\n\n"), "{output}");
    for word in ["one", " two", " three"] {
        assert!(body.contains(&format!("\"content\":\"{word}\"")), "{word} in {output}");
    }
}

/// A stream that breaks is told by the exit code too: 18, a partial transfer.
#[tokio::test]
async fn broken_stream() {
    let gateway = gateway().await;
    let fault = ["-N", "-H", "x-sandbox-fault: cut_after=2"];
    let (code, output, errors) = curl(&gateway, KEY, &fault, &body(true)).await;
    assert_eq!(code, Some(18), "{output}\n{errors}");
    assert!(output.contains("\"upstream_truncated\"") && !output.contains("[DONE]"), "{output}");
}

#[tokio::test]
async fn error() {
    let gateway = gateway().await;
    for (key, args, status, expect) in [
        ("sk-wrong", &["--fail-with-body"][..], "401", "invalid_api_key"),
        (KEY, &["--fail-with-body", "-H", "x-sandbox-fault: status=429"][..], "429", "rate_limit_exceeded"),
    ] {
        let (code, output, errors) = curl(&gateway, key, args, &body(false)).await;
        let (head, body) = split(&output);
        assert_eq!(code, Some(22), "{output}\n{errors}");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{output}");
        let answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {output}"));
        assert_eq!(answer["error"]["code"], expect, "{output}");
    }
}
