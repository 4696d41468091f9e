//! Projects: limits and budgets that keys share.

use serde_json::{Value, json};

use super::{Admin, SERVER, each};
use crate::rig::launch;

#[tokio::test]
async fn a_project_from_its_beginning_to_its_end() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let name = "blue / 青";
    let path = "/admin/v1/projects/blue%20%2F%20%E9%9D%92";
    let made = admin.create("/admin/v1/projects", json!({ "name": name, "limits": { "rpm": 2 } })).await;
    assert_eq!(
        (&made["name"], &made["limits"]["rpm"], &made["budget"]),
        (&json!(name), &json!(2), &Value::Null)
    );
    assert_eq!(admin.get(path).await, made);
    assert_eq!(each(&admin.get("/admin/v1/projects").await, "name"), [name]);
    let (id, secret) = admin.new_key("k", json!({ "project": name })).await;
    let statuses = [admin.ask(&secret, "sandbox/echo").await.0, admin.ask(&secret, "sandbox/echo").await.0];
    assert_eq!((statuses, admin.ask(&secret, "sandbox/echo").await.0), ([200, 200], 429), "the limit holds");
    let patch = json!({ "limits": { "rpm": null }, "budget": { "limit_nanousd": 7, "period": "week" } });
    let patched = admin.patch(path, patch).await;
    assert_eq!(patched["limits"]["rpm"], Value::Null);
    let budget = json!({ "limit_nanousd": 7, "spent_nanousd": 0, "reserved_nanousd": 0, "period": "week" });
    assert_eq!(patched["budget"], budget);
    assert_eq!(admin.ask(&secret, "sandbox/echo").await.0, 200, "the limit is gone");
    assert_eq!(
        admin.patch(path, json!({ "budget": { "limit_nanousd": 8 } })).await["budget"]["period"],
        "week"
    );

    admin.refused(("DELETE", path), Value::Null, (409, "in_use", None)).await;
    admin.patch(&format!("/admin/v1/keys/{id}"), json!({ "project": "default" })).await;
    // A key that nobody can use does not hold its project.
    let (revoked, _) = admin.new_key("gone", json!({ "project": name })).await;
    admin.delete(&format!("/admin/v1/keys/{revoked}")).await;
    admin.delete(path).await;
    assert_eq!(admin.get(&format!("/admin/v1/keys/{revoked}")).await["project"], name);
    admin.refused(("GET", path), Value::Null, (404, "project_not_found", None)).await;
    admin.refused(("DELETE", path), Value::Null, (404, "project_not_found", None)).await;
}

#[tokio::test]
async fn mistakes_are_named_and_change_nothing() {
    let gateway = launch().config(&format!("{SERVER}[[projects]]\nname = \"filed\"\n")).serve().await;
    let admin = Admin::of(&gateway);
    admin.create("/admin/v1/projects", json!({ "name": "p", "limits": { "rpm": 10 } })).await;
    admin.new_key("k", json!({ "project": "p", "limits": { "rpm": 10 } })).await;
    let before = admin.get("/admin/v1/projects").await;
    let path = "/admin/v1/projects/p";
    for (body, code, param) in [
        (json!({ "name": "q" }), "invalid_value", "name"),
        (json!({ "limits": 1 }), "invalid_type", "limits"),
        (json!({ "limits": { "tpm": 0 } }), "integer_below_min_value", "limits.tpm"),
        (json!({ "budget": { "period": "day" } }), "missing_required_parameter", "budget.limit_nanousd"),
        (
            json!({ "budget": { "limit_nanousd": 2_000_000_000_000_000_000_u64, "period": "day" } }),
            "integer_above_max_value",
            "budget.limit_nanousd",
        ),
        (json!({ "owner": "me" }), "unknown_parameter", "owner"),
    ] {
        admin.refused(("PATCH", path), body, (400, code, Some(param))).await;
    }
    // A key may only narrow its project.
    admin
        .refused(("PATCH", path), json!({ "limits": { "rpm": 9 } }), (409, "key_wider", Some("limits.rpm")))
        .await;
    admin
        .refused(("POST", "/admin/v1/projects"), json!({ "name": "p" }), (409, "name_taken", Some("name")))
        .await;
    admin
        .refused(
            ("POST", "/admin/v1/projects"),
            json!({ "name": "a\u{0}b" }),
            (400, "invalid_value", Some("name")),
        )
        .await;
    admin.refused(("PATCH", "/admin/v1/projects/filed"), json!({}), (403, "owned_by_file", None)).await;
    admin.refused(("DELETE", "/admin/v1/projects/filed"), Value::Null, (403, "owned_by_file", None)).await;
    assert_eq!(admin.get("/admin/v1/projects").await, before);
}
