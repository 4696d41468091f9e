//! One log line a request, never a prompt or a secret; metrics.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Client, get, post},
    upstream::{Script, Upstream},
};

use crate::rig::{KEY, Rig, UPSTREAM_KEY, chat, config_for, model};

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

    let rig = Rig::with(|upstream| two_targets(upstream).replace("\"json\"", "\"text\"")).await;
    rig.upstream.script(Script::new().write(answers::json_answer(404, "{}")));
    let (head, _) = rig.ask(chat("two", false)).await;
    let id = head.header("x-request-id").unwrap().to_owned();
    let line = rig.gateway.lines.find("its line", |line| line.contains(&id).then(|| line.to_owned())).await;
    assert!(line.contains(" calls=up/a:model_missing:") && line.contains(",up/b:ok:"), "{line}");

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
    assert!(text.contains("\nsluicegate_http_requests_total 2\n"), "{text}");
    assert!(text.contains("\nsluicegate_refusals_total{status=\"401\"} 1\n"), "{text}");
    assert_no_secret("metrics", &text);
}

#[tokio::test]
async fn metrics_say_in_which_format_they_are() {
    let rig = Rig::start().await;
    let mut client = Client::connect(rig.gateway.admin).await;
    let mut check = async |accept: &str, expect: &str| {
        let (head, body) = client.exchange(get("/metrics", accept)).await;
        assert_eq!(head.header("content-type"), Some(expect), "{accept}");
        assert!(body.text().ends_with("# EOF\n"), "{accept}");
    };
    let old = "text/plain; version=0.0.4; charset=utf-8";
    let new = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    check("", old).await;
    check("accept: */*\r\n", old).await;
    check("accept: text/plain;version=0.0.4\r\n", old).await;
    check("accept: text/plain;q=0.3, application/openmetrics-text;version=1.0.0;q=0.5\r\n", new).await;
    check("accept: text/plain\r\naccept: Application/OpenMetrics-Text\r\n", new).await;
}

/// The second target of `two` answers where the first does not know its model.
fn two_targets(upstream: &Upstream) -> String {
    config_for(upstream) + &model("two", &[("up", "a"), ("up", "b")], "")
}

#[tokio::test]
async fn each_call_is_told_where_there_were_several() {
    let rig = Rig::with(two_targets).await;
    rig.upstream.script(Script::new().write(answers::json_answer(404, "{}")));
    let (head, _) = rig.ask(chat("two", true)).await;
    let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["attempts"], &line["upstream_model"]), (&json!(2), &json!("b")), "{line}");
    let calls = line["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2, "{line}");
    for (call, (name, expect)) in [
        (0, ("upstream_model", json!("a"))),
        (0, ("why", json!("first"))),
        (0, ("outcome", json!("failed"))),
        (0, ("status", json!(404))),
        (0, ("reason", json!("model_missing"))),
        (0, ("first_token_ms", Value::Null)),
        (1, ("provider", json!("up"))),
        (1, ("why", json!("fallback"))),
        (1, ("outcome", json!("ok"))),
        (1, ("reason", Value::Null)),
    ] {
        assert_eq!(calls[call][name], expect, "{name} in {line}");
    }
    for number in
        [&calls[0]["ended_ms"], &calls[1]["started_ms"], &calls[1]["first_token_ms"], &line["queue_ms"]]
    {
        assert!(number.is_number(), "{line}");
    }
    // One call that went well is told by the line itself.
    let (head, _) = rig.ask(chat("m", false)).await;
    let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["attempts"], &line["calls"], &line["hedged"]), (&json!(1), &Value::Null, &Value::Null));
    let text = metrics(&rig).await;
    for sample in [
        r#"attempts_total{model="two",provider="up",outcome="failed",reason="model_missing"} 1"#,
        r#"attempts_total{model="two",provider="up",outcome="ok",reason="none"} 1"#,
        r#"attempts_begun_total{model="two",provider="up",why="fallback"} 1"#,
        r#"targets{provider="up",upstream_model="a",state="open"} 1"#,
        r#"targets{provider="up",upstream_model="b",state="ready"} 1"#,
    ] {
        assert!(text.contains(&format!("\nsluicegate_{sample}\n")), "{sample} in {text}");
    }
}

#[tokio::test]
async fn callers_do_not_make_labels() {
    let rig = Rig::start().await;
    let (head, _) = rig.ask(chat("up/named-by-a-caller", false)).await;
    rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!(rig.ask(chat("nowhere/named-by-a-caller", false)).await.0.status, 404);
    let text = metrics(&rig).await;
    assert!(
        text.contains(r#"sluicegate_completions_total{model="(direct)",provider="up",status="200"} 1"#),
        "{text}"
    );
    assert!(!text.contains("named-by-a-caller"), "{text}");
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
