//! `POST /admin/v1/providers/{id}/test`: one real call, and what came of it.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    upstream::{Refusing, Script, Upstream},
};

use super::{Admin, SERVER};
use crate::rig::{UPSTREAM_KEY, launch, model};

fn form(name: &str, base_url: &str) -> Value {
    json!({ "name": name, "kind": "openai-compatible", "base_url": base_url, "api_key": UPSTREAM_KEY, "internal": true })
}

#[tokio::test]
async fn what_came_of_a_call_is_told() {
    let upstream = Upstream::start().await;
    let nobody = Refusing::new();
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    admin.create("/admin/v1/providers", form("up", &upstream.base_url())).await;
    admin.create("/admin/v1/providers", form("away", &nobody.base_url())).await;
    let test = async |name: &str, body: Value| {
        let mut told = admin.call("POST", &format!("/admin/v1/providers/{name}/test"), body, 200).await;
        assert!(told["latency_ms"].is_u64(), "{told}");
        told.as_object_mut().unwrap().remove("latency_ms");
        told
    };
    let told = test("up", json!({ "model": "m" })).await;
    let expect =
        json!({ "ok": true, "provider": "up", "model": "m", "credential": 0, "status": 200, "error": null });
    assert_eq!(told, expect);
    let sent = upstream.next_request().await;
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}")));
    assert_eq!((&sent.json()["model"], &sent.json()["stream"]), (&json!("m"), &Value::Null));

    let said = answers::error_json(&format!("bad key {UPSTREAM_KEY}"), "auth", "invalid_api_key");
    upstream.script(Script::new().write(answers::json_answer(401, &said)));
    let told = test("up", json!({ "model": "m" })).await;
    assert_eq!((&told["ok"], &told["status"]), (&json!(false), &json!(401)));
    assert_eq!(told["error"]["message"], "bad key [credential]");
    assert_eq!(upstream.requests_so_far(), 2, "one call, whatever came of it");
    let told = test("away", json!({ "model": "m" })).await;
    assert_eq!((&told["status"], &told["error"]["code"]), (&Value::Null, &json!("upstream_unreachable")));
    let told = test("sandbox", Value::Null).await;
    assert_eq!((&told["ok"], &told["model"]), (&json!(true), &json!("echo")));
    admin.never_said(UPSTREAM_KEY);
}

#[tokio::test]
async fn the_model_and_the_credential_are_chosen() {
    let upstream = Upstream::start().await;
    let config = format!(
        "{SERVER}[[providers]]\nname = \"up\"\nkind = \"openai-compatible\"\nbase_url = \"{}\"\n\
         api_keys = [\"key-one\", \"key-two\"]\n{}",
        upstream.base_url(),
        model("alias", &[("up", "of the alias")], "")
    );
    let gateway = launch().config(&config).serve().await;
    let admin = Admin::of(&gateway);
    let path = "/admin/v1/providers/up/test";
    for (body, key, model) in [
        (Value::Null, "key-one", "of the alias"),
        (json!({ "credential": 1 }), "key-two", "of the alias"),
        (json!({ "model": "other/one", "credential": 0 }), "key-one", "other/one"),
    ] {
        let told = admin.call("POST", path, body, 200).await;
        assert_eq!((&told["ok"], &told["model"]), (&json!(true), &json!(model)));
        let sent = upstream.next_request().await;
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {key}")));
        assert_eq!(sent.json()["model"], model);
    }
    let (value, missing) = ("invalid_value", "missing_required_parameter");
    for (body, code, param) in [
        (json!({ "credential": 2 }), value, "credential"),
        (json!({ "credential": "a" }), "invalid_type", "credential"),
        (json!({ "model": "" }), value, "model"),
        (json!({ "key": 1 }), "unknown_parameter", "key"),
    ] {
        admin.refused(("POST", path), body, (400, code, Some(param))).await;
    }
    admin.create("/admin/v1/providers", form("unused", &upstream.base_url())).await;
    let unused = ("POST", "/admin/v1/providers/unused/test");
    admin.refused(unused, Value::Null, (400, missing, Some("model"))).await;
    let nobody = ("POST", "/admin/v1/providers/nobody/test");
    admin.refused(nobody, Value::Null, (404, "provider_not_found", None)).await;
    admin.refused(("GET", path), Value::Null, (405, "method_not_allowed", None)).await;
}
