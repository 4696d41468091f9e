//! Keys: made, used, changed, rotated, revoked.

use serde_json::{Value, json};

use super::{Admin, SERVER, each};
use crate::rig::launch;

#[tokio::test]
async fn a_key_works_from_its_answer_on_and_not_beyond_its_end() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let someone = admin.new_user("someone@example.com", json!({})).await;
    let made = admin
        .create(
            "/admin/v1/keys",
            json!({
                "name": "team a", "models": ["sandbox/*"], "limits": { "rpm": 100 }, "owner_user_id": someone,
                "budget": { "limit_nanousd": 5_000_000_000_u64, "period": "month" }, "expires_at": "2099-01-01T00:00:00Z",
            }),
        )
        .await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(id.starts_with("key_") && id.len() == 28, "{id}");
    assert!(secret.starts_with(made["prefix"].as_str().unwrap()));
    let path = format!("/admin/v1/keys/{id}");
    assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 200);
    let shown = admin.get(&path).await;
    assert!(shown.get("secret").is_none() && shown.get("hash").is_none(), "{shown}");
    assert_eq!(shown["budget"]["limit_nanousd"], 5_000_000_000_u64);
    assert_eq!(shown["budget"]["spent_nanousd"], 0);
    assert_eq!(
        (&shown["project"], &shown["revoked"], &shown["origin"]),
        (&json!("default"), &json!(false), &json!("admin"))
    );
    assert_eq!(shown["expires_at"], "2099-01-01T00:00:00Z");
    assert!(shown["created_at"].is_string());

    let patched =
        admin.patch(&path, json!({ "name": "team b", "limits": { "tpm": 5_000 }, "budget": null })).await;
    assert_eq!((&patched["name"], &patched["budget"]), (&json!("team b"), &Value::Null));
    assert_eq!((&patched["limits"]["rpm"], &patched["limits"]["tpm"]), (&json!(100), &json!(5_000)));
    assert_eq!(patched["owner_user_id"], someone, "what is not named stays");
    admin.patch(&path, json!({ "models": ["other"] })).await;
    assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 403);
    admin.patch(&path, json!({ "models": ["*"], "expires_at": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 401);
    admin.patch(&path, json!({ "expires_at": null })).await;
    assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 200);

    admin.delete(&path).await;
    assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 401);
    assert_eq!(admin.get(&path).await["revoked"], true, "it stays listed");
    assert!(each(&admin.get("/admin/v1/keys").await, "id").contains(&id.to_owned()));
    admin.delete(&path).await;
    admin.refused(("PATCH", &path), json!({ "name": "x" }), (409, "key_revoked", None)).await;
    admin.refused(("POST", &format!("{path}/rotate")), json!({}), (409, "key_revoked", None)).await;
}

#[tokio::test]
async fn two_secrets_overlap_as_long_as_was_said() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let (id, first) = admin.new_key("k", json!({})).await;
    let rotate = format!("/admin/v1/keys/{id}/rotate");
    let rotated = admin.call("POST", &rotate, json!({ "overlap_seconds": 3_600 }), 200).await;
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert!(rotated["previous_valid_until"].is_string());
    for secret in [&first, &second] {
        assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 200);
    }
    // With no overlap neither of those before is left.
    let third = admin.call("POST", &rotate, Value::Null, 200).await["secret"].as_str().unwrap().to_owned();
    assert_eq!(admin.ask(&third, "sandbox/echo").await.0, 200);
    for secret in [&first, &second] {
        assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 401);
    }
    for (body, param) in
        [(json!({ "overlap_seconds": 2_592_001 }), "overlap_seconds"), (json!({ "overlap": 1 }), "overlap")]
    {
        let (head, answer) = admin.send("POST", &rotate, body.to_string().as_bytes()).await;
        assert_eq!((head.status, &answer.json()["error"]["param"]), (400, &json!(param)));
    }
    assert_eq!(admin.ask(&third, "sandbox/echo").await.0, 200);
}

#[tokio::test]
async fn mistakes_are_named_and_change_nothing() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let project = json!({
        "name": "small", "limits": { "rpm": 10, "parallel": 2 }, "budget": { "limit_nanousd": 1000, "period": "day" },
    });
    admin.create("/admin/v1/projects", project).await;
    let (id, _) = admin.new_key("there", json!({ "project": "small" })).await;
    let path = format!("/admin/v1/keys/{id}");
    let before = admin.get("/admin/v1/keys").await;
    let (value, kind, large) = ("invalid_value", "invalid_type", "integer_above_max_value");
    for (body, code, param) in [
        (json!({ "name": "" }), value, "name"),
        (json!({ "name": 7 }), kind, "name"),
        (json!({ "project": "none" }), value, "project"),
        (json!({ "models": [] }), value, "models"),
        (json!({ "models": ["a*b"] }), value, "models[0]"),
        (json!({ "limits": { "rpm": 4_294_967_296_u64 } }), large, "limits.rpm"),
        (json!({ "limits": { "rpm": 11 } }), value, "limits.rpm"),
        (json!({ "limits": { "parallel": 3 } }), value, "limits.parallel"),
        (json!({ "model_limits": { "m": { "rpm": 11 } } }), value, "model_limits.m.rpm"),
        (json!({ "model_limits": { "m": 1 } }), kind, "model_limits.m"),
        (json!({ "budget": { "limit_nanousd": 1001, "period": "day" } }), value, "budget"),
        (json!({ "budget": { "limit_nanousd": 1, "period": "year" } }), value, "budget.period"),
        (json!({ "budget": { "limit_nanousd": "1", "period": "day" } }), kind, "budget.limit_nanousd"),
        (json!({ "default_max_output_tokens": 0 }), "integer_below_min_value", "default_max_output_tokens"),
        (json!({ "expires_at": "tomorrow" }), value, "expires_at"),
        (json!({ "owner_user_id": 1 }), kind, "owner_user_id"),
        (json!({ "hash": "x" }), "unknown_parameter", "hash"),
        (json!({ "secret": null }), "unknown_parameter", "secret"),
    ] {
        admin.refused(("PATCH", &path), body.clone(), (400, code, Some(param))).await;
        let mut whole = json!({ "name": "new", "project": "small" });
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        admin.refused(("POST", "/admin/v1/keys"), whole, (400, code, Some(param))).await;
    }
    admin
        .refused(("POST", "/admin/v1/keys"), json!({}), (400, "missing_required_parameter", Some("name")))
        .await;
    admin
        .refused(("POST", "/admin/v1/keys"), json!({ "name": "there" }), (409, "name_taken", Some("name")))
        .await;
    for method in ["GET", "PATCH", "DELETE"] {
        admin.refused((method, "/admin/v1/keys/key_0"), json!({}), (404, "key_not_found", None)).await;
    }
    assert_eq!(admin.get("/admin/v1/keys").await, before);
}

#[tokio::test]
async fn keys_of_the_file_are_read_only() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let list = admin.get("/admin/v1/keys").await;
    let key = list["data"].as_array().unwrap().iter().find(|key| key["name"] == "of the file").unwrap();
    assert_eq!(key["origin"], "file");
    let path = format!("/admin/v1/keys/{}", key["id"].as_str().unwrap());
    admin.refused(("PATCH", &path), json!({ "name": "mine" }), (403, "owned_by_file", None)).await;
    admin.refused(("DELETE", &path), Value::Null, (403, "owned_by_file", None)).await;
    admin.refused(("POST", &format!("{path}/rotate")), json!({}), (403, "owned_by_file", None)).await;
    admin
        .refused(
            ("POST", "/admin/v1/keys"),
            json!({ "name": "of the file" }),
            (409, "name_taken", Some("name")),
        )
        .await;
    admin.never_said("sk-file-canary-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

#[tokio::test]
async fn a_secret_is_said_once() {
    let launch = launch().config(SERVER);
    let mut gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    let (id, secret) = admin.new_key("k", json!({})).await;
    let after = Admin::of(&gateway);
    after.get(&format!("/admin/v1/keys/{id}")).await;
    after.get("/admin/v1/keys").await;
    after.patch(&format!("/admin/v1/keys/{id}"), json!({ "name": "l" })).await;
    after.get("/admin/v1/audit").await;
    after.never_said(&secret);
    // kill -9: what was acknowledged is there.
    gateway.kill().await;
    let gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    assert_eq!(admin.get(&format!("/admin/v1/keys/{id}")).await["name"], "l");
    assert_eq!(admin.ask(&secret, "sandbox/echo").await.0, 200);
    let said = gateway.lines.so_far().join("\n");
    assert!(!said.contains(&secret) && !said.contains(&admin.token), "{said}");
    for file in std::fs::read_dir(gateway.dir().join("data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{}", path.display());
        }
    }
}
