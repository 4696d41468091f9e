//! Models: names and who answers for them.

use serde_json::{Value, json};

use super::{Admin, SERVER, each};
use crate::rig::{launch, model};

fn form() -> Value {
    json!({ "name": "team/echo", "targets": [{ "provider": "sandbox", "model": "echo" }] })
}

#[tokio::test]
async fn a_model_from_its_beginning_to_its_end() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let (_, secret) = admin.new_key("k", json!({})).await;
    assert_eq!(admin.ask(&secret, "team/echo").await.0, 404);
    let made = admin.create("/admin/v1/models", form()).await;
    assert_eq!((&made["origin"], &made["price"]), (&json!("admin"), &Value::Null));
    assert_eq!(admin.ask(&secret, "team/echo").await.0, 200);
    assert_eq!(each(&admin.get("/admin/v1/models").await, "name"), ["team/echo"]);
    for path in ["/admin/v1/models/team/echo", "/admin/v1/models/team%2Fecho"] {
        assert_eq!(admin.get(path).await["name"], "team/echo");
    }
    let path = "/admin/v1/models/team/echo";
    let price = json!({ "input_nanousd_per_mtok": 150_000_000, "output_nanousd_per_mtok": 600_000_000 });
    let patched = admin
        .patch(path, json!({ "price": price, "timeouts": { "idle_ms": 7 }, "hedge": { "enabled": true } }))
        .await;
    assert_eq!(patched["price"]["input_nanousd_per_mtok"], 150_000_000);
    assert_eq!(patched["timeouts"]["idle_ms"], 7);
    assert_eq!(patched["hedge"]["enabled"], true);
    let patched =
        admin.patch(path, json!({ "price": { "output_nanousd_per_mtok": 1 }, "hedge": null })).await;
    assert_eq!(patched["price"]["input_nanousd_per_mtok"], 150_000_000, "what is not named stays");
    assert_eq!(
        (&patched["price"]["output_nanousd_per_mtok"], &patched["hedge"]["enabled"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(admin.patch(path, json!({ "price": null })).await["price"], Value::Null);
    admin.delete(path).await;
    assert_eq!(admin.ask(&secret, "team/echo").await.0, 404);
    admin.refused(("GET", path), Value::Null, (404, "model_not_found", None)).await;
}

#[tokio::test]
async fn mistakes_are_named_and_change_nothing() {
    let config = format!("{SERVER}{}", model("filed", &[("sandbox", "echo")], ""));
    let gateway = launch().config(&config).serve().await;
    let admin = Admin::of(&gateway);
    admin.create("/admin/v1/models", form()).await;
    let before = admin.get("/admin/v1/models").await;
    let path = "/admin/v1/models/team/echo";
    let (value, kind) = ("invalid_value", "invalid_type");
    for (body, code, param) in [
        (json!({ "name": "other" }), value, "name"),
        (json!({ "targets": [] }), value, "targets"),
        (json!({ "targets": null }), "missing_required_parameter", "targets"),
        (json!({ "targets": [{ "provider": "none", "model": "x" }] }), value, "targets[0].provider"),
        (json!({ "targets": [{ "provider": "sandbox", "model": "x" }] }), value, "targets[0].model"),
        (json!({ "targets": [{ "provider": "sandbox" }] }), "missing_required_parameter", "targets[0].model"),
        (
            json!({ "targets": [{ "provider": "sandbox", "model": "echo", "weight": 0 }] }),
            "integer_below_min_value",
            "targets[0].weight",
        ),
        (json!({ "price": { "input": 1 } }), "missing_required_parameter", "price.input_nanousd_per_mtok"),
        (
            json!({ "price": { "input_nanousd_per_mtok": 0.15, "output_nanousd_per_mtok": 1 } }),
            kind,
            "price.input_nanousd_per_mtok",
        ),
        (json!({ "unpriced": true }), kind, "unpriced"),
        (json!({ "timeouts": { "total_ms": 0 } }), "integer_below_min_value", "timeouts.total_ms"),
        (json!({ "retry": { "max_attempts": 21 } }), "integer_above_max_value", "retry.max_attempts"),
        (json!({ "stream_repair": "maybe" }), value, "stream_repair"),
        (json!({ "capabilities": ["Tools"] }), value, "capabilities[0]"),
        (json!({ "owner": "me" }), "unknown_parameter", "owner"),
    ] {
        admin.refused(("PATCH", path), body.clone(), (400, code, Some(param))).await;
        if param != "name" {
            let mut whole = form();
            whole["name"] = json!("new");
            whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            admin.refused(("POST", "/admin/v1/models"), whole, (400, code, Some(param))).await;
        }
    }
    admin.refused(("POST", "/admin/v1/models"), form(), (409, "name_taken", Some("name"))).await;
    admin.refused(("PATCH", "/admin/v1/models/filed"), json!({}), (403, "owned_by_file", None)).await;
    admin.refused(("DELETE", "/admin/v1/models/filed"), Value::Null, (403, "owned_by_file", None)).await;
    assert_eq!(admin.get("/admin/v1/models").await, before);
}
