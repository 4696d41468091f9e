//! Settings: what is in force, and what can be set from here.

use serde_json::{Value, json};
use sluice_testkit::process::Gateway;

use super::{Admin, SERVER};
use crate::rig::launch;

const PATH: &str = "/admin/v1/settings";

fn of<'a>(list: &'a Value, name: &str) -> &'a Value {
    list["data"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

/// Value, source, and whether it is read only.
fn told(list: &Value, name: &str) -> (Value, Value, Value) {
    let one = of(list, name);
    (one["value"].clone(), one["source"].clone(), one["read_only"].clone())
}

async fn serve(more: &str) -> Gateway {
    launch().config(&format!("{SERVER}{more}")).serve().await
}

#[tokio::test]
async fn settings_are_told_and_set() {
    let gateway = serve("[retention]\nrequest_rows_days = 7\n").await;
    let admin = Admin::of(&gateway);
    let list = admin.get(PATH).await;
    assert_eq!(told(&list, "retention.request_rows_days"), (json!(7), json!("file"), json!(true)));
    assert_eq!(told(&list, "sandbox.enabled"), (json!(true), json!("default"), json!(false)));
    assert_eq!(told(&list, "server.access_log"), (json!("json"), json!("file"), json!(true)));
    assert_eq!(told(&list, "redis.url"), (Value::Null, json!("default"), json!(true)));
    assert_eq!(told(&list, "console.default_language"), (json!("en"), json!("default"), json!(false)));

    let (_, secret) = admin.new_key("k", json!({})).await;
    assert_eq!(admin.ask(&secret, "sandbox/echo").await.0, 200);
    let list = admin.patch(PATH, json!({ "sandbox.enabled": false })).await;
    assert_eq!(told(&list, "sandbox.enabled"), (json!(false), json!("console"), json!(false)));
    assert_eq!(admin.ask(&secret, "sandbox/echo").await.0, 404);
    let euro = json!({ "code": "EUR", "usd_rate": 0.92 });
    admin.patch(PATH, json!({ "sandbox.enabled": null, "console.display_currency": euro.clone() })).await;
    assert_eq!(admin.ask(&secret, "sandbox/echo").await.0, 200);
    assert_eq!(
        told(&admin.get(PATH).await, "console.display_currency"),
        (euro, json!("console"), json!(false))
    );

    let entry = &admin.get("/admin/v1/audit").await["data"][1];
    assert_eq!(
        (&entry["object"], &entry["before"], &entry["after"]),
        (&json!("settings"), &json!({ "sandbox.enabled": null }), &json!({ "sandbox.enabled": false }))
    );
}

#[tokio::test]
async fn what_cannot_be_set() {
    let gateway = serve("[sandbox]\nenabled = true\n").await;
    let admin = Admin::of(&gateway);
    let check = async |body: Value, status: u16, code: &str, param: &str| {
        admin.refused(("PATCH", PATH), body, (status, code, Some(param))).await;
    };
    let file = "owned_by_file";
    check(json!({ "sandbox.enabled": false }), 403, file, "sandbox.enabled").await;
    check(json!({ "sandbox.enabled": null }), 403, file, "sandbox.enabled").await;
    check(json!({ "server.listen": "x" }), 403, file, "server.listen").await;
    check(json!({ "server.nothing": 1 }), 400, "unknown_parameter", "server.nothing").await;
    check(json!({ "console.default_language": "de" }), 400, "invalid_value", "console.default_language")
        .await;
    let rate = json!({ "console.display_currency": { "code": "EUR", "usd_rate": -1 } });
    check(rate, 400, "invalid_value", "console.display_currency.usd_rate").await;
    // All or nothing.
    let days = "retention.request_rows_days";
    check(
        json!({ days: 5, "console.default_language": 1 }),
        400,
        "invalid_value",
        "console.default_language",
    )
    .await;
    assert_eq!(told(&admin.get(PATH).await, days).1, json!("default"));
    admin.refused(("PATCH", PATH), json!([]), (400, "invalid_type", None)).await;
}

#[tokio::test]
async fn the_sandbox_stays_while_models_need_it() {
    let gateway = serve("").await;
    let admin = Admin::of(&gateway);
    let targets = json!([{ "provider": "sandbox", "model": "echo" }]);
    admin.create("/admin/v1/models", json!({ "name": "m", "targets": targets })).await;
    let refused = (400, "invalid_value", Some("sandbox.enabled"));
    admin.refused(("PATCH", PATH), json!({ "sandbox.enabled": false }), refused).await;
    admin.delete("/admin/v1/models/m").await;
    admin.patch(PATH, json!({ "sandbox.enabled": false })).await;
}
