//! Tools and structured output with the Python SDK.

use serde_json::json;

use super::{super::rig, run};

#[tokio::test]
async fn tools_and_functions() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("tools.py"), &gateway.base_url()).await;
    for name in ["whole", "streamed", "helper"] {
        let conversation =
            json!([["tool_calls", ["weather"], "function"], ["stop", true, false], ["stop", "thank you"]]);
        got.check(&[
            (name, conversation),
            (&format!("parallel_{name}"), json!(["weather", "clock"])),
            (&format!("not_parallel_{name}"), json!(1)),
            (&format!("none_{name}"), json!(["stop", false])),
        ]);
        got.check_true(&[&format!("ids_differ_{name}")]);
    }
    got.check(&[
        ("forced", json!(["clock"])),
        ("functions", json!(["function_call", "weather", "stop", true])),
        ("functions_streamed", json!(["function_call", "weather", "stop", true])),
        ("async_call", json!(["clock"])),
    ]);
    got.check_true(&["required", "parsed_arguments"]);
}

#[tokio::test]
async fn structured_output() {
    let (gateway, _upstream) = rig().await;
    let got = run(include_str!("structured.py"), &gateway.base_url()).await;
    got.check_true(&[
        "parse",
        "parse_sides",
        "top_logprobs",
        "stream",
        "stream_done",
        "same",
        "json_object",
        "json_schema",
    ]);
    got.check_true(&["refusal_events", "async_parse"]);
    got.check(&[
        ("finish", json!("stop")),
        ("logprobs", json!("one two three")),
        ("refusal", json!([true, null, null])),
        ("refusal_streamed", json!([true, null])),
        ("length_parse", json!("LengthFinishReasonError")),
        ("length_stream", json!("LengthFinishReasonError")),
        ("filter_parse", json!("ContentFilterFinishReasonError")),
        ("filter_stream", json!("ContentFilterFinishReasonError")),
    ]);
}
