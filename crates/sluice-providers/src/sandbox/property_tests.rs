//! Features in any combination, and faults with all of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Step;
use super::feature_tests::{tools, user};
use super::test_rig::{answer, asked, played};

/// What features a request may have, in any combination.
fn features() -> impl Strategy<Value = Value> {
    let maybe = |values: Vec<Value>| prop::option::weighted(0.4, prop::sample::select(values));
    let texts = [
        "",
        "hello there",
        "call: now, weather",
        "refuse: no, never",
        "filter: this or that",
        "漢字 \"quoted\" \\ \n end ",
    ];
    let schema = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": { "type": "object",
        "properties": { "a": { "type": "array", "items": { "type": "string" } } }, "required": ["a"] } } });
    (
        (
            prop::sample::select(texts.to_vec()),
            maybe(vec![tools()]),
            maybe(vec![json!("required"), json!("none"), json!("auto")]),
        ),
        (maybe(vec![json!({ "type": "json_object" }), schema]), maybe(vec![json!("low"), json!("high")])),
        (
            maybe(vec![json!(["text", "audio"])]),
            maybe(vec![json!({})]),
            maybe(vec![json!(true)]),
            maybe(vec![json!(2)]),
        ),
        (
            maybe(vec![json!(1), json!(4), json!(30)]),
            maybe(vec![json!("e"), json!([" ", "no"])]),
            maybe(vec![json!(1), json!(3)]),
        ),
        (maybe(vec![json!({ "type": "content", "content": "hello no" })]), maybe(vec![json!(7)])),
    )
        .prop_map(
            |(
                (text, tools, choice),
                (format, effort),
                (audio, search, logprobs, top),
                (limit, stop, n),
                (prediction, seed),
            )| {
                let mut body = json!({ "messages": user(text) });
                if audio.is_some() {
                    body["audio"] = json!({ "format": "pcm16", "voice": "alloy" });
                }
                for (key, value) in [
                    ("tools", tools),
                    ("tool_choice", choice),
                    ("response_format", format),
                    ("reasoning_effort", effort),
                    ("modalities", audio),
                    ("web_search_options", search),
                    ("logprobs", logprobs),
                    ("top_logprobs", top),
                    ("max_tokens", limit),
                    ("stop", stop),
                    ("n", n),
                    ("prediction", prediction),
                    ("seed", seed),
                ] {
                    if let Some(value) = value {
                        body[key] = value;
                    }
                }
                body
            },
        )
}

const FAULTS: [&str; 8] = [
    "cut_after=1",
    "stall_after=2",
    "malformed_at=1",
    "error_event_after=1",
    "no_done",
    "no_usage",
    "chunk_delay_ms=3",
    "first_token_delay_ms=2",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_says_what_the_whole_answer_says(more in features(), model in prop::sample::select(vec!["echo", "text"])) {
        let answer = answer(&more, model);
        prop_assert_eq!(answer["choices"].as_array().unwrap().len() as u64, more["n"].as_u64().unwrap_or(1));
    }

    #[test]
    fn faults_are_the_same_with_every_feature(
        more in features(), fault in prop::sample::select(FAULTS.to_vec()), stream in any::<bool>(),
    ) {
        let body = asked(&more, stream);
        let (pieces, end) = played(&body, "echo", Some(fault));
        let text = String::from_utf8_lossy(&pieces.concat()).into_owned();
        let (ends, done) = match fault.split('=').next().unwrap() {
            "cut_after" => (Step::Reset, false),
            "stall_after" => (Step::Silent, false),
            "error_event_after" => (Step::End, false),
            "no_done" => (Step::End, false),
            _ => (Step::End, true),
        };
        prop_assert_eq!(end, ends, "{}", text);
        prop_assert_eq!(text.ends_with("[DONE]\n\n"), done && stream, "{}", text);
        prop_assert_eq!(text.contains("sandbox was asked to fail"), fault.starts_with("error_event"), "{}", text);
        if fault == "malformed_at=1" {
            prop_assert!(stream == text.contains("chat.comp\n\n") && (stream || serde_json::from_str::<Value>(&text).is_err()));
        }
        let has_usage = text.contains("\"usage\":{");
        prop_assert!(fault != "no_usage" || !has_usage);
        prop_assert_eq!(played(&body, "echo", Some(fault)).0, pieces);
    }
}
