//! Tools and structured output with async-openai.

use serde_json::json;

use super::{super::rig, run};

#[tokio::test]
async fn tools_and_structured_output() {
    let (gateway, _upstream) = rig().await;
    let got = run("features", &gateway.base_url()).await;
    let conversation = json!([true, ["weather"], [true], [false, 0], "thank you"]);
    got.check(&[("tools_false", conversation.clone()), ("tools_true", conversation)]);
    got.check_true(&["structured"]);
}
