//! Providers: their credentials go to one place, and are never shown.

use serde_json::{Value, json};
use sluice_testkit::upstream::Upstream;

use super::{Admin, SERVER, each};
use crate::rig::{UPSTREAM_KEY, launch, provider};

const OTHER_MASTER_KEY: &str = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
const HEADER: &str = "header-canary";

fn form(upstream: &Upstream) -> Value {
    json!({
        "name": "up", "kind": "openai-compatible", "base_url": upstream.base_url(), "api_key": UPSTREAM_KEY,
        "headers": { "x-org": HEADER }, "internal": true,
    })
}

#[tokio::test]
async fn a_credential_reaches_its_provider_and_nobody_else() {
    let upstream = Upstream::start().await;
    let launch = launch().config(SERVER);
    let mut gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    let made = admin.create("/admin/v1/providers", form(&upstream)).await;
    assert_eq!((&made["has_api_key"], &made["header_names"]), (&json!(true), &json!(["x-org"])));
    let (_, secret) = admin.new_key("k", json!({})).await;
    assert_eq!(admin.ask(&secret, "up/m").await.0, 200);
    let sent = upstream.next_request().await;
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}")));
    assert_eq!(sent.header("x-org").as_deref(), Some(HEADER));

    admin.patch("/admin/v1/providers/up", json!({ "forward_headers": ["x-more"] })).await;
    assert_eq!(admin.ask(&secret, "up/m").await.0, 200);
    let sent = upstream.next_request().await;
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}")), "it stays");
    assert_eq!(sent.header("x-org").as_deref(), Some(HEADER), "it stays");
    admin.patch("/admin/v1/providers/up", json!({ "api_key": "another-canary" })).await;
    assert_eq!(admin.ask(&secret, "up/m").await.0, 200);
    assert_eq!(
        upstream.next_request().await.header("authorization").as_deref(),
        Some("Bearer another-canary")
    );

    gateway.kill().await;
    let gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    assert_eq!(admin.ask(&secret, "up/m").await.0, 200);
    assert_eq!(
        upstream.next_request().await.header("authorization").as_deref(),
        Some("Bearer another-canary")
    );
    admin.patch("/admin/v1/providers/up", json!({ "api_key": null, "headers": { "x-org": null } })).await;
    assert_eq!(admin.ask(&secret, "up/m").await.0, 200);
    let sent = upstream.next_request().await;
    assert_eq!((sent.header("authorization"), sent.header("x-org")), (None, None));
    for path in ["/admin/v1/providers", "/admin/v1/providers/up", "/admin/v1/audit"] {
        admin.get(path).await;
    }
    for canary in [UPSTREAM_KEY, "another-canary", HEADER] {
        admin.never_said(canary);
    }
    admin.delete("/admin/v1/providers/up").await;
    assert_eq!(admin.ask(&secret, "up/m").await.0, 404);
}

#[tokio::test]
async fn a_credential_lies_sealed() {
    let upstream = Upstream::start().await;
    let launch = launch().config(SERVER);
    let mut gateway = launch.serve().await;
    Admin::of(&gateway).create("/admin/v1/providers", form(&upstream)).await;
    gateway.terminate();
    gateway.ended().await;
    for file in std::fs::read_dir(gateway.dir().join("data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [UPSTREAM_KEY, HEADER] {
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "{secret} stands in {}", path.display());
            }
        }
    }
    // Another master key opens nothing: that is said before anybody is served.
    let other = launch.clone().env("SLUICEGATE_MASTER_KEY", OTHER_MASTER_KEY);
    let refused =
        other.arg("--listen").arg("127.0.0.1:0").arg("--admin-listen").arg("127.0.0.1:0").run("serve").await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("provider `up`") && said.contains("SLUICEGATE_MASTER_KEY"), "{said}");
    let bad = launch.clone().env("SLUICEGATE_MASTER_KEY", "hunter2").run("serve").await;
    let said = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(bad.status.code() == Some(1) && said.contains("64 hexadecimal digits"), "{said}");
    let gateway = launch.serve().await;
    assert_eq!(Admin::of(&gateway).get("/admin/v1/providers/up").await["has_api_key"], true);
}

#[tokio::test]
async fn a_credential_does_not_move() {
    let upstream = Upstream::start().await;
    let other = Upstream::start().await;
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    admin.create("/admin/v1/providers", form(&upstream)).await;
    let path = "/admin/v1/providers/up";
    let moved = json!({ "base_url": other.base_url() });
    admin.refused(("PATCH", path), moved.clone(), (400, "invalid_value", Some("api_key"))).await;
    admin.refused(("PATCH", path), json!({ "kind": "vllm" }), (400, "invalid_value", Some("api_key"))).await;
    let with_key = json!({ "base_url": other.base_url(), "api_key": "for-the-other" });
    admin.refused(("PATCH", path), with_key.clone(), (400, "invalid_value", Some("headers"))).await;
    let mut beside = with_key.clone();
    beside["headers"] = json!({ "x-more": "more" });
    admin.refused(("PATCH", path), beside, (400, "invalid_value", Some("headers"))).await;
    let mut whole = with_key;
    whole["headers"] = json!({ "x-org": "org-for-the-other" });
    admin.patch(path, whole).await;
    let (_, secret) = admin.new_key("k", json!({})).await;
    assert_eq!(admin.ask(&secret, "up/m").await.0, 200);
    assert_eq!(other.next_request().await.header("authorization").as_deref(), Some("Bearer for-the-other"));
    assert_eq!(upstream.requests_so_far(), 0);
}

#[tokio::test]
async fn the_environment_does_not_lend_its_credential() {
    let upstream = Upstream::start().await;
    let gateway = launch().env("OPENAI_API_KEY", "env-canary").config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let list = admin.get("/admin/v1/providers").await;
    assert_eq!(each(&list, "name"), ["openai", "sandbox"]);
    assert_eq!(each(&list, "origin"), ["environment", "built_in"]);
    admin
        .refused(("DELETE", "/admin/v1/providers/openai"), Value::Null, (403, "owned_by_environment", None))
        .await;
    admin.refused(("PATCH", "/admin/v1/providers/sandbox"), json!({}), (403, "built_in", None)).await;
    let body =
        json!({ "name": "openai", "kind": "openai", "base_url": upstream.base_url(), "internal": true });
    assert_eq!(admin.create("/admin/v1/providers", body).await["has_api_key"], false);
    let (_, secret) = admin.new_key("k", json!({})).await;
    assert_eq!(admin.ask(&secret, "openai/m").await.0, 200);
    assert_eq!(upstream.next_request().await.header("authorization"), None);
    admin.never_said("env-canary");
}

#[tokio::test]
async fn mistakes_are_named_and_change_nothing() {
    let upstream = Upstream::start().await;
    let config = format!("{SERVER}{}", provider("filed", &upstream.base_url()));
    let gateway = launch().config(&config).serve().await;
    let admin = Admin::of(&gateway);
    admin.create("/admin/v1/providers", form(&upstream)).await;
    let before = admin.get("/admin/v1/providers").await;
    let (value, kind) = ("invalid_value", "invalid_type");
    for (body, code, param) in [
        (json!({ "name": "a/b" }), value, "name"),
        (json!({ "name": "other" }), value, "name"),
        (json!({ "kind": "nobody" }), value, "kind"),
        (json!({ "kind": 1 }), kind, "kind"),
        (json!({ "kind": null }), "missing_required_parameter", "kind"),
        (json!({ "base_url": null }), "missing_required_parameter", "base_url"),
        (json!({ "base_url": "h" }), value, "base_url"),
        (json!({ "base_url": "https://user:url-canary@h" }), value, "base_url"),
        (json!({ "internal": false }), value, "base_url"),
        (json!({ "internal": "no" }), kind, "internal"),
        (json!({ "api_key": "a\nkey-canary" }), value, "api_key"),
        (json!({ "headers": { "host": "h" } }), value, "headers.host"),
        (json!({ "forward_headers": ["authorization"] }), value, "forward_headers[0]"),
        (json!({ "http2": 1 }), kind, "http2"),
        (json!({ "sealed": "x" }), "unknown_parameter", "sealed"),
    ] {
        admin.refused(("PATCH", "/admin/v1/providers/up"), body, (400, code, Some(param))).await;
    }
    admin.refused(("POST", "/admin/v1/providers"), form(&upstream), (409, "name_taken", Some("name"))).await;
    admin.refused(("PATCH", "/admin/v1/providers/filed"), json!({}), (403, "owned_by_file", None)).await;
    admin.refused(("GET", "/admin/v1/providers/none"), Value::Null, (404, "provider_not_found", None)).await;
    let model = json!({ "name": "m", "targets": [{ "provider": "up", "model": "x" }] });
    admin.create("/admin/v1/models", model).await;
    admin.refused(("DELETE", "/admin/v1/providers/up"), Value::Null, (409, "in_use", None)).await;
    assert_eq!(admin.get("/admin/v1/providers").await, before);
    for canary in [UPSTREAM_KEY, "url-canary", "key-canary", "header-canary"] {
        admin.never_said(canary);
    }
}
