//! What a change would do, and what a form for it can offer.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    upstream::{Refusing, Script, Upstream},
};

use super::{Admin, SERVER};
use crate::rig::{UPSTREAM_KEY, launch};

#[tokio::test]
async fn a_dry_run_tells_and_changes_nothing() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let dry = async |method: &str, path: &str, body: Value| {
        admin.call(method, &format!("/admin/v1/{path}?dry_run=true"), body, 200).await
    };
    let provider = json!({
        "name": "up", "kind": "openai-compatible", "base_url": "http://127.0.0.1:9", "internal": true,
        "api_key": UPSTREAM_KEY,
    });
    let told = dry("POST", "providers", provider.clone()).await;
    assert_eq!((&told["dry_run"], &told["before"]), (&json!(true), &Value::Null));
    assert_eq!(told["after"]["name"], "up");
    admin.refused(("GET", "/admin/v1/providers/up"), Value::Null, (404, "provider_not_found", None)).await;
    admin.create("/admin/v1/providers", provider).await;

    let targets = json!([{ "provider": "up", "model": "unheard-of" }]);
    let model = json!({ "name": "m", "targets": targets });
    let warnings = dry("POST", "models", model.clone()).await["warnings"].to_string();
    assert!(warnings.contains("Nobody knows what") && warnings.contains("Nobody says what"), "{warnings}");
    admin.create("/admin/v1/models", model.clone()).await;
    let taken = (409, "name_taken", Some("name"));
    admin.refused(("POST", "/admin/v1/models?dry_run=true"), model, taken).await;
    let told = dry("PATCH", "models/m", json!({ "unpriced": "free" })).await;
    assert_eq!((&told["before"]["unpriced"], &told["after"]["unpriced"]), (&Value::Null, &json!("free")));
    let told = dry("PATCH", "models/m", json!({ "unpriced": null })).await;
    assert_eq!(told["before"], told["after"], "nothing would change");
    assert_eq!(admin.get("/admin/v1/models/m").await["unpriced"], Value::Null);

    let told = dry("POST", "keys", json!({ "name": "k" })).await;
    assert!(told["after"].get("secret").is_none(), "{told}");
    let wrong = (400, "invalid_value", Some("project"));
    let nowhere = json!({ "name": "k", "project": "none" });
    admin.refused(("POST", "/admin/v1/keys?dry_run=true"), nowhere, wrong).await;
    let wrong = (400, "invalid_value", Some("dry_run"));
    admin.refused(("POST", "/admin/v1/keys?dry_run=yes"), json!({ "name": "k" }), wrong).await;
    assert_eq!(admin.get("/admin/v1/audit").await["data"].as_array().unwrap().len(), 2);
    admin.never_said(UPSTREAM_KEY);
}

#[tokio::test]
async fn models_of_a_provider_are_listed() {
    let upstream = Upstream::start().await;
    let nobody = Refusing::new();
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    for (name, base_url) in [("up", upstream.base_url()), ("away", nobody.base_url())] {
        let form = json!({
            "name": name, "kind": "openai-compatible", "base_url": base_url, "internal": true, "api_key": UPSTREAM_KEY,
        });
        admin.create("/admin/v1/providers", form).await;
    }
    let list = r#"{"object":"list","data":[{"id":"b"},{"id":"a","display_name":"The A"}]}"#;
    upstream.script(Script::new().write(answers::json_answer(200, list)));
    let told = admin.get("/admin/v1/providers/up/models").await;
    assert_eq!(told["data"], json!([{ "id": "a", "label": "The A" }, { "id": "b", "label": null }]));
    let asked = upstream.next_request().await;
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}")));

    for (status, body) in [(401, format!("bad key {UPSTREAM_KEY}")), (200, "<html>".to_owned())] {
        upstream.script(Script::new().write(answers::json_answer(status, &body)));
        let (head, answer) = admin.send("GET", "/admin/v1/providers/up/models", b"").await;
        assert_eq!(head.status, 502, "{}", answer.text());
    }
    let (head, _) = admin.send("GET", "/admin/v1/providers/away/models", b"").await;
    assert_eq!(head.status, 502);
    let sandbox = admin.get("/admin/v1/providers/sandbox/models").await;
    assert!(sandbox["data"].as_array().unwrap().iter().any(|model| model["id"] == "echo"), "{sandbox}");
    let unknown = (404, "provider_not_found", None);
    admin.refused(("GET", "/admin/v1/providers/none/models"), Value::Null, unknown).await;
    admin.never_said(UPSTREAM_KEY);
}

#[tokio::test]
async fn kinds_of_providers_are_listed() {
    let gateway = launch().config(SERVER).serve().await;
    let vendors = Admin::of(&gateway).get("/admin/v1/vendors").await;
    let of = |kind: &str| vendors["data"].as_array().unwrap().iter().find(|row| row["kind"] == kind).cloned();
    let openai = of("openai").unwrap();
    assert_eq!((&openai["label"], &openai["needs_base_url"]), (&json!("OpenAI"), &json!(false)));
    assert_eq!(openai["fields"], json!([{ "name": "api_key", "is_secret": true }]));
    assert_eq!(of("newapi").unwrap()["needs_base_url"], json!(true));
    assert_eq!(of("bedrock").unwrap()["needs_base_url"], json!(false));
    assert!(of("sandbox").is_none());
}
