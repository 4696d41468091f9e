//! Providers, models and settings, as somebody makes and changes them in a browser.

use serde_json::{Value, json};
use sluice_testkit::{answers, upstream::Script};

use super::{rig::By, world::World};

/// The browser complains of nothing but what was refused on purpose.
async fn no_other_complaints(world: &World) {
    let complaints = world.browser.complaints().await;
    let other: Vec<&String> = complaints.iter().filter(|text| !text.contains("a status of 4")).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[tokio::test]
async fn a_provider_is_connected_with_a_model() {
    let world = World::empty().await;
    let (browser, admin, upstream) = (&world.browser, &world.admin, &world.rig.upstream);
    browser.open("/providers?next=%2Fmodels#create").await;
    browser.fill("Base URL", &upstream.base_url()).await;
    browser.fill("API key", "sk-connected").await;
    // The configuration file has a model of this name.
    browser.fill("Model to offer", "m").await;
    browser.click(By::Button("Save")).await;
    browser.find(By::Text("this address is on a network of your own")).await;
    browser.click(By::Label("On a network of our own")).await;
    browser.click(By::Button("Save")).await;
    browser.find(By::Text("There is already")).await;
    // The provider is there, and is not made again.
    browser.fill("Model to offer", "small").await;
    browser.click(By::Button("Save")).await;
    browser.until("location.pathname === '/models'").await;
    let model = admin.get("/admin/v1/models/small").await;
    assert_eq!(model["targets"][0]["provider"], "openai-compatible");

    browser.open("/providers/openai-compatible").await;
    let error = r#"{"error":{"message":"<b>no</b> such model here","code":"model_not_found"}}"#;
    upstream.script(Script::new().write(answers::json_answer(404, error)));
    browser.click(By::Button("Send a test call")).await;
    browser.find(By::Text("<b>no</b> such model here")).await;
    let list = r#"{"data":[{"id":"large/<i>"},{"id":"small"}]}"#;
    upstream.script(Script::new().write(answers::json_answer(200, list)));
    browser.click(By::Button("Ask for its models")).await;
    browser.click(By::Button("Offer large/<i>")).await;
    browser.find(By::Link("large/<i>")).await;
    assert_eq!(admin.get("/admin/v1/models/large%2F%3Ci%3E").await["targets"][0]["model"], "large/<i>");
    no_other_complaints(&world).await;
}

#[tokio::test]
async fn a_model_is_changed_after_a_preview() {
    let world = World::empty().await;
    let (browser, admin) = (&world.browser, &world.admin);
    let target = json!({ "provider": "up", "model": "a", "context_length": 4096 });
    let price = json!({ "input_nanousd_per_mtok": 150_000_000, "output_nanousd_per_mtok": 600_000_000 });
    admin.create("/admin/v1/models", json!({ "name": "small", "targets": [target], "price": price })).await;
    browser.open("/models/small").await;
    browser.fill("Weight", "3").await;
    browser.fill("Input", "0.123456789").await;
    browser.click(By::Button("Preview")).await;
    browser.find(By::Text("$0.123456789")).await;
    assert_eq!(admin.get("/admin/v1/models/small").await["price"]["input_nanousd_per_mtok"], 150_000_000);
    browser.ask("window.before = true", &[]).await;
    browser.click(By::Button("Save")).await;
    browser.until("!window.before").await;
    let model = admin.get("/admin/v1/models/small").await;
    let expect = json!({ "provider": "up", "model": "a", "weight": 3, "priority": 0, "context_length": 4096,
                         "max_output_tokens": null, "capabilities": null });
    assert_eq!(model["targets"], json!([expect]), "what was not touched stays");
    assert_eq!(model["price"]["input_nanousd_per_mtok"], 123_456_789);
    assert_eq!(model["price"]["output_nanousd_per_mtok"], 600_000_000);
    no_other_complaints(&world).await;
}

#[tokio::test]
async fn settings_are_made() {
    let world = World::empty().await;
    let (browser, admin) = (&world.browser, &world.admin);
    let value = async |name: &str| -> Value {
        let list = admin.get("/admin/v1/settings").await;
        list["data"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()["value"].clone()
    };
    browser.open("/settings").await;
    browser.fill("Currency", "EUR").await;
    browser.fill("One US dollar is", "-1").await;
    browser.click(By::Button("Save")).await;
    browser.find(By::Text("must be how much of it a dollar is")).await;
    browser.fill("One US dollar is", "0.92").await;
    browser.fill("Days that requests are kept", "30").await;
    browser.ask("window.before = true", &[]).await;
    browser.click(By::Button("Save")).await;
    browser.until("!window.before").await;
    assert_eq!(value("retention.request_rows_days").await, 30);
    assert_eq!(value("console.display_currency").await, json!({ "code": "EUR", "usd_rate": 0.92 }));
    browser.fill("Currency", "").await;
    browser.fill("Days that requests are kept", "").await;
    browser.ask("window.before = true", &[]).await;
    browser.click(By::Button("Save")).await;
    browser.until("!window.before").await;
    assert_eq!(value("retention.request_rows_days").await, 90);
    assert_eq!(value("console.display_currency").await, Value::Null);
    no_other_complaints(&world).await;
}
