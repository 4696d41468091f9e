//! The scan accepts a request exactly when the typed pass does, and finds the same in it.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sluice_chat::fuzzing::{prose_bytes, request_scan};
use sluice_chat::{ChatRequest, scan};

/// Top-level pairs, right and wrong ones.
const PAIRS: &[&str] = &[
    r#""temperature":0"#,
    r#""temperature":2.0"#,
    r#""temperature":2.1"#,
    r#""top_p":1"#,
    r#""top_p":-0"#,
    r#""top_p":-0.1"#,
    r#""n":1"#,
    r#""n":128"#,
    r#""n":129"#,
    r#""n":1.0"#,
    r#""stream":true"#,
    r#""stream":null"#,
    r#""stream":"x""#,
    r#""stream_options":{"include_usage":true}"#,
    r#""stream_options":{"include_usage":true,"include_usage":false}"#,
    r#""stream_options":{"include\u005fusage":true}"#,
    r#""stream_options":{"include_usage":0}"#,
    r#""stream_options":null"#,
    r#""stop":"x""#,
    r#""stop":["a","b"]"#,
    r#""stop":[]"#,
    r#""max_tokens":16"#,
    r#""max_tokens":0"#,
    r#""max_tokens":18446744073709551616"#,
    r#""max_completion_tokens":9"#,
    r#""presence_penalty":-2"#,
    r#""frequency_penalty":-2.5"#,
    r#""logit_bias":{"1":5,"1":6.5}"#,
    r#""logit_bias":{"1":null}"#,
    r#""logprobs":true"#,
    r#""top_logprobs":20"#,
    r#""top_logprobs":21"#,
    r#""seed":-9223372036854775808"#,
    r#""seed":9223372036854775808"#,
    r#""user":"\u00fc""#,
    r#""user":"\ud83d\ude00\n""#,
    r#""user":"\ud83d""#,
    r#""prompt_cache_key":"k""#,
    r#""metadata":{"a":"b","a":"c"}"#,
    r#""metadata":{"a":1}"#,
    r#""modalities":["text","aud\u0069o"]"#,
    r#""modalities":["smell"]"#,
    r#""audio":{"voice":"v","format":"wav"}"#,
    r#""audio":{"voice":{},"format":null}"#,
    r#""prediction":{"type":"content","content":"x"}"#,
    r#""prediction":{"type":"content","content":[{"type":"text","text":"x"}]}"#,
    r#""prediction":{"content":"x"}"#,
    r#""reasoning_effort":"low""#,
    r#""reasoning_effort":{"effort":"low"}"#,
    r#""reasoning_effort":{"effort":null}"#,
    r#""web_search_options":{}"#,
    r#""web_search_options":{"user_location":null,"search_context_size":"low"}"#,
    r#""response_format":{"type":"text","json_schema":7}"#,
    r#""response_format":{"json_schema":{"name":"n"},"type":"json_schema"}"#,
    r#""response_format":{"json_schema":7,"type":"json_schema"}"#,
    r#""response_format":{"type":"json_object","type":"json_schema"}"#,
    r#""tools":[]"#,
    r#""tools":[{"function":{"name":"f"}}]"#,
    r#""tools":[{"function":{"name":"f g"},"type":"function"}]"#,
    r#""tools":[{"function":7,"type":"other"}]"#,
    r#""tools":[{"function":7,"type":null}]"#,
    r#""tool_choice":"required""#,
    r#""tool_choice":{"type":"function"}"#,
    r#""tool_choice":{"type":null}"#,
    r#""parallel_tool_calls":false"#,
    r#""functions":[{"name":"f"}]"#,
    r#""function_call":{"name":"f"}"#,
    r#""function_call":"auto""#,
    r#""unknown":[1,{"a":[[]]},"x"]"#,
    r#""unknown":1e400"#,
    r#""":0"#,
];

/// Fields of a message, right and wrong ones.
const FIELDS: &[&str] = &[
    r#""role":"user""#,
    r#""role":"user""#,
    r#""role":"assistant""#,
    r#""role":"\u0073ystem""#,
    r#""role":"tool","tool_call_id":"c""#,
    r#""role":"tool""#,
    r#""role":"function","name":"f""#,
    r#""role":"function""#,
    r#""role":"nobody""#,
    r#""role":null"#,
    r#""content":"x\ty""#,
    r#""role": "user""#,
    r#""content": "x""#,
    r#""content":"你好""#,
    r#""content":null"#,
    r#""content":[]"#,
    r#""content":7"#,
    r#""content":[{"type":"text","text":"x"}]"#,
    r#""content":[{"text":"\u20ac","type":"text"},{"type":"refusal","refusal":"no"}]"#,
    r#""content":[{"type":"image_url","image_url":{"url":"u"}}]"#,
    r#""content":[{"type":"image_url","image_url":{}}]"#,
    r#""content":[{"type":"image_url","image_url":{"url":7},"type":"text","text":"x"}]"#,
    r#""content":[{"type":"file","file":{"file_id":"f"},"file":null}]"#,
    r#""content":[{"type":"video_url","video_url":"u"},{"type":"input_audio","input_audio":{"data":"A"}}]"#,
    r#""content":[{"type":"other","text":7}]"#,
    r#""content":[{"text":"x"}]"#,
    r#""tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a\":1}"}}]"#,
    r#""tool_calls":[{"id":"c","type":"custom","function":7,"custom":{"name":"f","input":"i"}}]"#,
    r#""tool_calls":[{"function":{"name":"f"}}]"#,
    r#""tool_call_id":"c""#,
    r#""tool_call_id":null"#,
    r#""name":"n""#,
    r#""reasoning_content":"r""#,
    r#""refusal":null"#,
    r#""audio":{"id":"a"}"#,
    r#""audio":"a""#,
    r#""function_call":{"name":"f","arguments":""}"#,
    r#""prefix":true"#,
];

fn message() -> impl Strategy<Value = String> {
    let between = select(&[" , ", ",", ", "][..]);
    (prop::collection::vec(select(FIELDS), 1..5), between)
        .prop_map(|(fields, between)| format!("{{{}}}", fields.join(between)))
}

const GOOD_MESSAGES: &[&str] = &[
    r#"{"role":"user","content":""}"#,
    r#"{"role": "assistant", "content": "It\u00e9 \\ says: \"é\""}"#,
    r#"{"role":"system","content":"x","name":"n"}"#,
    r#"{"role":"user","content":"x","role":"assistant","content":[]}"#,
    r#"{"role":"user","content":"x\u0041y"}"#,
    r#"{"content":[{"type":"text","text":"é\n"},{"type":"image_url","image_url":"u"}],"role":"user"}"#,
    r#"{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}"#,
    r#"{"role":"tool","tool_call_id":"c","content":"1"}"#,
];

fn good_message() -> impl Strategy<Value = String> {
    select(GOOD_MESSAGES).prop_map(str::to_owned)
}

fn request() -> impl Strategy<Value = String> {
    let messages = prop_oneof![
        3 => prop::collection::vec(good_message(), 1..4),
        2 => prop::collection::vec(message(), 0..3),
    ];
    let pairs = prop_oneof![
        3 => subsequence(PAIRS, 0..4),
        1 => prop::collection::vec(select(PAIRS), 0..6),
    ];
    (messages, pairs.prop_shuffle(), 0_usize..5).prop_map(|(messages, pairs, at)| {
        let mut all: Vec<String> = pairs.into_iter().map(str::to_owned).collect();
        all.insert(at.min(all.len()), format!("\"messages\" : [{}]", messages.join(",")));
        all.insert(at % 2, r#""model":"m/\u00e9""#.to_owned());
        format!(" {{ {} }}\n", all.join(", "))
    })
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(
            &[
                "null",
                "true",
                "false",
                "0",
                "-0",
                "12.5e-3",
                "1e308",
                "1e309",
                "-",
                "01",
                "1.",
                "tru",
                "123456789012345678901"
            ][..]
        )
        .prop_map(str::to_owned),
        "\"([a-z\\PC]|\\\\[\"\\\\/bfnrtux]|\\\\u[0-9a-fD]{4}){0,40}\"",
        any::<f64>().prop_map(|f| f.to_string()),
        any::<i64>().prop_map(|i| i.to_string()),
    ];
    leaf.prop_recursive(6, 48, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec(inner, 0..4).prop_map(|items| {
                let pairs: Vec<_> = items.iter().map(|item| format!("\"k\":{item}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_passes_agree(body in request()) {
        request_scan(body.as_bytes());
    }

    #[test]
    fn both_passes_agree_on_damaged_bytes(
        body in request(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut body = body.into_bytes();
        for (at, byte) in hits {
            let at = at.index(body.len());
            body[at] = byte;
        }
        request_scan(&body);
    }

    #[test]
    fn json_is_what_serde_json_says(text in json()) {
        request_scan(text.as_bytes());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        request_scan(&bytes);
    }

    #[test]
    fn texts_of_any_length_are_measured(text in "[ -~é你\u{1F600}\\n\"\\\\]{0,300}", escaped in any::<bool>()) {
        let mut written = serde_json::to_string(&text).unwrap();
        if escaped {
            written = written.replace('é', "\\u00E9").replace('\u{1F600}', "\\ud83d\\uDE00");
        }
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{written}}}]}}"#);
        request_scan(body.as_bytes());
        prop_assert_eq!(scan(body.as_bytes()).unwrap().text_bytes, text.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Texts that are read in blocks, with one byte that should not be there or that cuts a character.
    #[test]
    fn both_passes_agree_on_damaged_long_texts(
        pieces in prop::collection::vec("[a-z ]{0,70}|[你é\u{1F600}]{1,9}|\\\\[nt\"\\\\/]|\\\\u[0-9a-fD]{4}", 1..12),
        spaced in any::<bool>(),
        hit in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let text = pieces.concat();
        let message = if spaced {
            format!("{{\"role\": \"user\", \"content\": \"{text}\"}}")
        } else {
            format!("{{\"role\":\"user\",\"content\":\"{text}\"}}")
        };
        let mut body = format!("{{\"model\":\"m\",\"messages\":[{message},{message}]}}").into_bytes();
        if let Some((at, byte)) = hit {
            let at = at.index(body.len());
            body[at] = byte;
        }
        request_scan(&body);
    }
}

#[test]
fn generated_requests_are_often_valid() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let valid = (0..500)
        .filter(|_| scan(request().new_tree(&mut runner).unwrap().current().as_bytes()).is_ok())
        .count();
    assert!((50..450).contains(&valid), "{valid} of 500: the generator tests one side only");
}

#[test]
fn text_is_counted_as_the_types_count_it() {
    let body = br#"{"model":"m","messages":[
        {"role":"user","name":"ab","content":[{"type":"text","text":"\u00e9x"},{"type":"refusal","refusal":"no"},
            {"type":"image_url","image_url":{"url":"long url"},"text":"not a text"}]},
        {"role":"assistant","reasoning_content":"think","refusal":"r","content":"c",
            "tool_calls":[{"id":"id","function":{"name":"f","arguments":"{}"}},{"id":"i","type":"custom","custom":{"name":"g","input":"in"}}],
            "function_call":{"name":"h","arguments":"12"}}]}"#;
    let scanned = scan(body).unwrap();
    assert_eq!(scanned.text_bytes, prose_bytes(&ChatRequest::parse(body).unwrap()));
    assert_eq!(scanned.text_bytes, 23);
    assert_eq!(scanned.media_parts, 1);
}

#[test]
fn what_the_scan_finds() {
    let body =
        br#" {"mod\u0065l":"a\u0062","messages":[{"role":"user","content":[{"type":"odd"},{"type":"odder"}]},
        {"role":"user","content":"x"}],"n":3,"max_tokens":7,"max_completion_tokens":9,"prompt_cache_key":"k",
        "tools":[{"function":{"name":"f"}}],"tool_choice":"required","stream_options":null} "#;
    let scanned = scan(body).unwrap();
    assert_eq!(scanned.model, "ab");
    assert_eq!(scanned.model_value.of(body), br#""a\u0062""#);
    assert_eq!(scanned.features.unknown_part, Some((0, 0)));
    assert_eq!((scanned.n, scanned.output_limit()), (3, Some(9)));
    let limit = scanned.max_tokens.unwrap();
    assert_eq!(scanned.entries[limit.entry].key.of(body), br#""max_tokens""#);
    assert_eq!(scanned.prompt_cache_key.unwrap().of(body), br#""k""#);
    assert!(scanned.features.tools && scanned.features.tool_choice_forced && !scanned.features.empty_tools);
    assert_eq!(scanned.schema_bytes, br#"[{"function":{"name":"f"}}]"#.len() as u64);
    assert_eq!(scanned.stream_options, None);
    assert_eq!(scanned.entries.len(), 9);
}
