//! One log line a request, never a prompt or a secret; metrics.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Client, get, post},
    upstream::Script,
};

use crate::rig::{KEY, Rig, UPSTREAM_KEY, chat, config_for};

const SECRETS: &[&str] = &[KEY, UPSTREAM_KEY, "prompt-canary", "answer-canary", "canary-header"];

fn assert_no_secret(name: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {name}: {text}");
    }
}

#[tokio::test]
async fn one_line_a_request() {
    let rig = Rig::start().await;
    rig.upstream.script(Script::new().write(answers::whole("answer-canary")));
    let headers = "x-trace-id: trace-7\r\nx-other: canary-header\r\n";
    let (head, _) = rig.exchange(post(KEY, headers, chat("alias", false))).await;
    let id = head.header("x-request-id").unwrap();
    let line = rig.gateway.access_line(id).await;
    for (key, expect) in [
        ("trace_id", json!("trace-7")),
        ("status", json!(200)),
        ("model", json!("alias")),
        ("provider", json!("up")),
        ("upstream_model", json!("up-m")),
        ("stream", json!(false)),
        ("prompt_tokens", json!(9)),
        ("completion_tokens", json!(3)),
    ] {
        assert_eq!(line[key], expect, "{key} in {line}");
    }
    assert!(line["total_ms"].is_number(), "{line}");
    // Each further request has its own line, refused ones too.
    let mut ids = vec![id.to_owned()];
    for (request, status) in [
        (post(KEY, "", chat("m", true)), 200),
        (post("sk-wrong-canary-header", "", chat("m", true)), 401),
        (post(KEY, "", r#"{"model":"prompt-canary"}"#), 400),
        (get("/v1/nowhere?prompt-canary", ""), 404),
    ] {
        let (head, _) = rig.exchange(request).await;
        assert_eq!(head.status, status);
        let id = head.header("x-request-id").unwrap().to_owned();
        assert_eq!(rig.gateway.access_line(&id).await["status"], status);
        ids.push(id);
    }
    let lines = rig.gateway.lines.so_far();
    for id in ids {
        assert_eq!(lines.iter().filter(|line| line.contains(&id)).count(), 1, "one line for {id}");
    }
    assert_no_secret("the log", &lines.join("\n"));
}

#[tokio::test]
async fn failures_keep_secrets_too() {
    let rig = Rig::start().await;
    let echo = answers::error_json(
        &format!("Incorrect API key provided: {UPSTREAM_KEY}"),
        "invalid_request_error",
        "invalid_api_key",
    );
    for status in [401, 403, 404, 500] {
        let echo = echo.clone();
        rig.upstream.respond(move |_| Script::new().write(answers::json_answer(status, &echo)));
        let (head, body) = rig.ask(chat("m", false)).await;
        assert_no_secret("the answer", &format!("{}{}", head.raw, body.text()));
        rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    }
    assert_no_secret("the log", &rig.gateway.lines.so_far().join("\n"));
}

#[tokio::test]
async fn other_forms_of_the_log() {
    let text =
        Rig::with(|upstream| config_for(upstream).replace("access_log = \"json\"", "access_log = \"text\""))
            .await;
    let (head, _) = text.exchange(post(KEY, "x-trace-id: trace-7\r\n", chat("m", false))).await;
    let id = head.header("x-request-id").unwrap().to_owned();
    let line = text
        .gateway
        .lines
        .find("the request's line", |line| line.contains(&id).then(|| line.to_owned()))
        .await;
    assert!(line.contains("200") && line.contains("trace-7"), "{line}");
    assert_no_secret("the text log", &text.gateway.lines.so_far().join("\n"));

    let mut off =
        Rig::with(|upstream| config_for(upstream).replace("access_log = \"json\"", "access_log = \"off\""))
            .await;
    let (head, _) = off.ask(chat("m", false)).await;
    let id = head.header("x-request-id").unwrap().to_owned();
    off.gateway.terminate();
    off.gateway.ended().await;
    assert!(!off.gateway.lines.so_far().join("\n").contains(&id));
}

#[tokio::test]
async fn lines_are_written_before_the_process_ends() {
    let mut rig = Rig::start().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(rig.ask(chat("m", false)).await.0.header("x-request-id").unwrap().to_owned());
    }
    rig.gateway.terminate();
    rig.gateway.ended().await;
    for id in ids {
        rig.gateway.access_line(&id).await;
    }
}

#[tokio::test]
async fn trace_ids_cannot_forge_lines() {
    let rig = Rig::start().await;
    let forged = r#"a","status":599,"x":"b"#;
    let (head, _) = rig.exchange(post(KEY, &format!("x-trace-id: {forged}\r\n"), chat("m", false))).await;
    let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["trace_id"], &line["status"]), (&json!(forged), &json!(200)));
}

async fn metrics(rig: &Rig) -> String {
    let mut client = Client::connect(rig.gateway.admin).await;
    let (head, body) = client.exchange(get("/metrics", "")).await;
    assert_eq!(head.status, 200, "on loopback without a token");
    body.text().to_owned()
}

#[tokio::test]
async fn metrics_count_requests_and_name_no_secret() {
    let rig = Rig::start().await;
    let (head, _) = rig.ask(chat("m", false)).await;
    rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    let (head, _) = rig.exchange(post("sk-wrong", "", chat("m", false))).await;
    rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    let text = metrics(&rig).await;
    assert!(text.ends_with("# EOF\n") || text.contains("# TYPE"), "{text}");
    assert!(text.lines().any(|line| line.contains("requests") && !line.starts_with('#')), "{text}");
    assert_no_secret("metrics", &text);
}

#[tokio::test]
async fn the_data_plane_has_no_metrics_and_the_admin_plane_no_completions() {
    let rig = Rig::start().await;
    assert_eq!(rig.exchange(get("/metrics", "")).await.0.status, 404);
    let mut admin = Client::connect(rig.gateway.admin).await;
    let (head, _) = admin.exchange(post(KEY, "", chat("m", false))).await;
    assert!((400..500).contains(&head.status), "{}", head.raw);
    assert_eq!(rig.upstream.requests_so_far(), 0);
}

#[tokio::test]
async fn models_are_listed_for_the_key_that_asks() {
    let rig = Rig::start().await;
    let list = |key: &str| get("/v1/models", &format!("authorization: Bearer {key}\r\n"));
    let ids = |value: &Value| -> Vec<String> {
        value["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    let (head, body) = rig.exchange(list(KEY)).await;
    assert_eq!((head.status, &body.json()["object"]), (200, &json!("list")));
    let all = ids(&body.json());
    for wanted in ["m", "alias", "other", "sandbox/echo", "sandbox/text"] {
        assert!(all.iter().any(|id| id == wanted), "{wanted} in {all:?}");
    }
    let (_, body) = rig.exchange(list(crate::rig::NARROW_KEY)).await;
    assert_eq!(ids(&body.json()), ["other"]);
    for (id, status) in [("m", 200), ("sandbox/echo", 200), ("sandbox%2fecho", 200), ("nope", 404)] {
        let (head, body) =
            rig.exchange(get(&format!("/v1/models/{id}"), &format!("authorization: Bearer {KEY}\r\n"))).await;
        assert_eq!(head.status, status, "{id}: {}", body.text());
        if status == 200 {
            // SDKs escape the slash of an id.
            let id = id.replace("%2f", "/");
            assert_eq!((&body.json()["id"], &body.json()["object"]), (&json!(id), &json!("model")));
        }
    }
}
