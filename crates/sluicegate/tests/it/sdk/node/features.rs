//! Tools and structured output with the clients of Node.

use serde_json::json;

use super::{super::rig, run};

#[tokio::test]
async fn tools_and_structured_output() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("features.mjs"), "", &gateway.base_url()).await;
    for name in ["whole", "helper", "parse"] {
        let conversation = json!([["tool_calls", ["weather"]], ["stop", true, 0], ["stop", "thank you"]]);
        got.check(&[(name, conversation), (&format!("parallel_{name}"), json!(["weather", "clock"]))]);
    }
    let runner = json!([["clock", "weather"], true, ["user", "assistant", "tool", "tool", "assistant"]]);
    got.check(&[
        ("by_hand", json!([["weather", 1], ["clock", 1]])),
        ("runner_false", runner.clone()),
        ("runner_true", runner),
        ("refusal", json!([true, null])),
        ("length", json!("LengthFinishReasonError")),
        ("filter", json!("ContentFilterFinishReasonError")),
    ]);
    got.check_true(&["parsed", "parsed_stream"]);
}

#[tokio::test]
async fn vercel_tools_and_structured_output() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("vercel.mjs"), "features", &gateway.base_url()).await;
    got.check(&[
        ("tools", json!([[["weather"], []], "stop", true])),
        ("third_turn", json!("thank you")),
        ("tools_streamed", json!([[["weather"], []], "stop", true])),
        ("third_turn_streamed", json!("thank you")),
        ("forced", json!(1)),
        ("reasoning", json!([true, true])),
    ]);
    got.check_true(&["tool_parts", "object", "output", "output_streamed"]);
}
