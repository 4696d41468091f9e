//! What `/v1/models` says about models beside their names.

use serde_json::{Value, json};
use sluice_testkit::client::{Client, get};

use crate::rig::{KEY, base_config, launch, model};

#[tokio::test]
async fn models_say_what_holds_whichever_target_answers() {
    let provider = |name: &str, kind: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\nkind = \"{kind}\"\nbase_url = \"http://127.0.0.1:9\"\napi_keys = [\"a\", \"b\"]\n"
        )
    };
    let target = "{ provider = \"plain\", model = \"x\", context_length = 50, capabilities = [\"vision\", \"tools\"] }";
    let config = base_config()
        + &provider("open", "openai")
        + &provider("claude", "anthropic")
        + &provider("plain", "openai-compatible")
        + &model("one", &[("open", "gpt-4o-mini")], "")
        + &model("two", &[("open", "gpt-4o-mini"), ("claude", "claude-haiku-4-5")], "")
        + &model("unknown", &[("open", "gpt-4o-mini"), ("plain", "x")], "")
        + &model(
            "said",
            &[("plain", "x")],
            "context_length = 7\nmax_output_tokens = 3\ncapabilities = [\"own\"]",
        )
        + &format!(
            "[[models]]\nname = \"of targets\"\ntargets = [{target}, {{ provider = \"open\", model = \"gpt-4o-mini\" }}]\n"
        );
    let gateway = launch().config(&config).serve().await;
    let list = get("/v1/models", &format!("authorization: Bearer {KEY}\r\n"));
    let (_, body) = Client::connect(gateway.data).await.exchange(list).await;
    let list = body.json();
    let check = |id: &str, owner: &str, expect: Value| {
        let mut object = list["data"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
        let object = object.as_object_mut().unwrap();
        assert!(object["created"].is_u64());
        object.remove("created");
        let mut all = json!({ "id": id, "object": "model", "owned_by": owner });
        all.as_object_mut().unwrap().extend(expect.as_object().unwrap().clone());
        assert_eq!(Value::from(object.clone()), all);
    };
    let mini = ["tools", "parallel_tools", "json_schema", "vision", "pdf", "prompt_cache"];
    check(
        "one",
        "open",
        json!({ "context_length": 128_000, "max_output_tokens": 16_384, "capabilities": mini }),
    );
    let both = ["tools", "json_schema", "vision", "pdf", "prompt_cache"];
    check(
        "two",
        "sluicegate",
        json!({ "context_length": 128_000, "max_output_tokens": 16_384, "capabilities": both }),
    );
    check("unknown", "sluicegate", json!({}));
    check("said", "plain", json!({ "context_length": 7, "max_output_tokens": 3, "capabilities": ["own"] }));
    check("of targets", "sluicegate", json!({ "context_length": 50, "capabilities": ["tools", "vision"] }));
    check("sandbox/echo", "sandbox", json!({}));
}
