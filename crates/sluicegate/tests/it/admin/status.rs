//! How things stand, and what wants an operator's eyes.

use serde_json::{Value, json};
use sluice_testkit::{patience::within, upstream::Refusing};

use super::{Admin, SERVER};
use crate::rig::launch;

const PATH: &str = "/admin/v1/status";

/// Kinds and severities of what wants attention.
fn attention(status: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let list = status["attention"].as_array().unwrap();
    list.iter().map(|item| (text(item, "kind"), text(item, "severity"))).collect()
}

#[tokio::test]
async fn a_node_tells_how_it_stands() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let status = admin.get(PATH).await;
    assert_eq!((&status["node"]["phase"], &status["node"]["tls"]), (&json!("serving"), &json!(false)));
    assert_eq!(status["node"]["listen"], json!(gateway.data.to_string()));
    assert_eq!(status["nodes"][0]["id"], status["node"]["id"]);
    assert_eq!(
        (&status["database"]["engine"], &status["database"]["is_away"]),
        (&json!("sqlite"), &json!(false))
    );
    assert!(status["database"]["schema_version"].as_u64().unwrap() >= 7);
    assert_eq!(status["redis"]["configured"], json!(false));
    assert_eq!((&status["targets"], &status["attention"]), (&json!([]), &json!([])));
    let look = async { while admin.get(PATH).await["overload"]["limit"].as_u64().unwrap() == 0 {} };
    within("the workers to tell their limits", look).await;
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let targets = json!([{ "provider": "sandbox", "model": "echo" }]);
    let price = json!({ "input_nanousd_per_mtok": 1_000_000_000_000_u64, "output_nanousd_per_mtok": 1 });
    admin.create("/admin/v1/models", json!({ "name": "dear", "targets": targets, "price": price })).await;
    let soon = json!({
        "budget": { "limit_nanousd": 2_000_000_000_u64, "period": "total" }, "expires_at": "2099-01-01T00:00:00Z",
    });
    let (id, secret) = admin.new_key("k", soon).await;
    assert_eq!(attention(&admin.get(PATH).await), []);
    let (status, request) = admin.ask(&secret, "dear").await;
    assert_eq!(status, 200);
    admin.row(&request).await;
    let key = format!("/admin/v1/keys/{id}");
    let spent = admin.get(&key).await["budget"]["spent_nanousd"].as_u64().unwrap();
    admin.patch(&key, json!({ "budget": { "limit_nanousd": spent, "period": "total" } })).await;
    let look = async {
        loop {
            let status = admin.get(PATH).await;
            if let Some(item) =
                status["attention"].as_array().unwrap().iter().find(|item| item["kind"] == "budget")
            {
                break item.clone();
            }
        }
    };
    let item = within("the budget to be told of", look).await;
    let expect = (&json!("key"), &json!(id), &json!("critical"));
    assert_eq!((&item["object"], &item["object_id"], &item["severity"]), expect);
    // A file that cannot be read.
    let config = gateway.dir().join("sluicegate.toml");
    assert!(config.exists(), "{config:?}");
    std::fs::write(&config, "nothing = 1").unwrap();
    gateway.reload();
    let look =
        async { while !attention(&admin.get(PATH).await).iter().any(|(kind, _)| kind == "file_refused") {} };
    within("the file to be told of", look).await;
}

#[tokio::test]
async fn a_provider_that_fails_is_told_of() {
    let nobody = Refusing::new();
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let gone = json!({
        "name": "up", "kind": "openai-compatible", "base_url": nobody.base_url(), "internal": true, "api_key": "sk-x",
    });
    admin.create("/admin/v1/providers", gone).await;
    let targets = json!([{ "provider": "up", "model": "x" }]);
    admin.create("/admin/v1/models", json!({ "name": "m", "targets": targets })).await;
    let (_, secret) = admin.new_key("k", json!({})).await;
    for _ in 0..10 {
        admin.ask(&secret, "m").await;
    }
    let status = admin.get(PATH).await;
    let target = &status["targets"][0];
    assert_eq!((&target["provider"], &target["models"]), (&json!("up"), &json!(["m"])));
    assert!(target["failures"].as_u64().unwrap() >= 5, "{target}");
    assert!(
        target["state"] != "closed" && target["since"].is_string() && target["reason"].is_string(),
        "{target}"
    );
    assert!(attention(&status).iter().any(|(kind, _)| kind == "breaker_open"), "{status}");
}
