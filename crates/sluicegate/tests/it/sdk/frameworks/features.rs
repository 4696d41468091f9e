//! Tools and structured output with the frameworks.

use serde_json::json;

use super::{super::rig, run};

#[tokio::test]
async fn lang_chain_tools_and_structured_output() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("../python/lang_chain.py"), "features", &gateway.base_url()).await;
    let conversation = json!([["weather", "clock"], true, [], "thank you"]);
    got.check(&[
        ("tools_invoke", conversation.clone()),
        ("tools_stream", conversation),
        ("forced", json!(["clock"])),
    ]);
    got.check_true(&["structured_json_schema", "structured_function_calling", "structured_json_mode"]);
}

#[tokio::test]
async fn llama_index_tools_and_structured_output() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("../python/llama.py"), "features", &gateway.base_url()).await;
    let conversation = json!([["weather"], true, "thank you"]);
    got.check(&[("tools_false", conversation.clone()), ("tools_true", conversation)]);
    got.check_true(&["predict_and_call", "structured", "structured_by_call"]);
}
