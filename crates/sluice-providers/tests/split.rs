//! However a stream is cut, it gives the same events, the same reply and the same knowledge of it.

#![expect(clippy::unwrap_used, reason = "test data that does not parse fails the test")]

use bytes::Bytes;
use proptest::prelude::*;
use sluice_chat::sse::SseReader;
use sluice_providers::{DecoderTerms, Passage, dialect, vendor};

const MAX_EVENT_BYTES: usize = 2048;

fn terms(kind: &str) -> DecoderTerms<'static> {
    DecoderTerms::plain(vendor(kind).unwrap(), true, MAX_EVENT_BYTES)
}

fn chunk(index: u32, delta: &serde_json::Value, finish: Option<&str>) -> String {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": index, "delta": delta, "finish_reason": finish }],
    })
    .to_string()
}

/// The data of one event: mostly what streams are made of, now and then something broken.
fn data() -> impl Strategy<Value = String> {
    let text = prop_oneof![Just(" word".to_owned()), ".{0,12}", Just("世界 \"quoted\" \\ \n".to_owned())];
    let key = prop_oneof![Just("content"), Just("reasoning_content"), Just("reasoning"), Just("refusal")];
    let said = (0..2u32, key, text)
        .prop_map(|(index, key, text)| chunk(index, &serde_json::json!({ key: text }), None));
    let call = (0..3u32, ".{0,8}").prop_map(|(index, arguments)| {
        let function =
            serde_json::json!({ "name": if index == 2 { "" } else { "f" }, "arguments": arguments });
        let call = serde_json::json!({ "index": index, "id": format!("call_{index}"), "function": function });
        chunk(0, &serde_json::json!({ "tool_calls": [call] }), None)
    });
    let finish = (0..2u32).prop_map(|index| chunk(index, &serde_json::json!({}), Some("stop")));
    let usage = (0..9i64).prop_map(|n| {
        format!(r#"{{"choices":[],"usage":{{"prompt_tokens":{},"completion_tokens":1}}}}"#, n - 1)
    });
    let odd = prop_oneof![
        Just("[DONE]".to_owned()),
        Just(r#"{"choices":null}"#.to_owned()),
        Just(r#"{"error":{"message":"m"}}"#.to_owned()),
        Just(r#"{"choices":[{"index":0,"delta":{"content":"a"}"#.to_owned()),
        Just("x".repeat(MAX_EVENT_BYTES + 1)),
        Just("3".to_owned()),
    ];
    prop_oneof![20 => said, 5 => call, 3 => finish, 3 => usage, 1 => odd]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![8 => Just("data: "), 1 => Just("data:"), 1 => Just("event: e\ndata: ")];
    let event = (field, data(), prop_oneof![9 => Just(""), 1 => Just(": comment\n\n")]);
    let line_end = prop_oneof![6 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r")];
    let events = prop::collection::vec(event, 0..24);
    (events, line_end, any::<bool>()).prop_map(|(events, line_end, done)| {
        let mut text: String =
            events.iter().map(|(field, data, comment)| format!("{comment}{field}{data}\n\n")).collect();
        if done {
            for index in 0..2 {
                text.push_str(&format!("data: {}\n\n", chunk(index, &serde_json::json!({}), Some("length"))));
            }
            text.push_str("data: [DONE]\n\n");
        }
        text.replace('\n', line_end).into_bytes()
    })
}

fn pieces<'a>(body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    places.extend([0, body.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect()
}

fn data_of(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut data = Vec::new();
    let mut reader = SseReader::new(usize::MAX / 4);
    reader.feed(stream, &mut |event| data.push(event.data.to_vec())).unwrap();
    data
}

fn passed(kind: &str, hide_usage: bool, pieces: &[&[u8]]) -> String {
    let mut passage = Passage::new(&terms(kind), hide_usage);
    let mut out = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| passage.push(Bytes::copy_from_slice(piece), &mut out));
    }
    result = result.and_then(|()| passage.end(&mut out));
    let progress = passage.progress();
    // Which line end a cut `[DONE]` brought along means nothing.
    let done = progress.done.is_some();
    let mut progress = progress.clone();
    progress.done = None;
    format!("{:?} {progress:?} {done} {result:?}", data_of(&out.concat()))
}

fn decoded(pieces: &[&[u8]]) -> String {
    let mut decoder = dialect(vendor("openai").unwrap(), "m").decoder(&terms("openai"));
    let mut events = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| decoder.feed(piece, &mut events));
    }
    result = result.and_then(|()| decoder.end(&mut events));
    format!("{events:?} {result:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_change_nothing(body in stream(), cuts in prop::collection::vec(any::<usize>(), 0..12), hide_usage: bool) {
        let cut = pieces(&body, &cuts);
        let each_byte: Vec<&[u8]> = body.chunks(1).collect();
        for kind in ["openai", "siliconflow", "vllm"] {
            let whole = passed(kind, hide_usage, &[&body]);
            prop_assert_eq!(&passed(kind, hide_usage, &cut), &whole, "{}", kind);
            prop_assert_eq!(&passed(kind, hide_usage, &each_byte), &whole, "{}", kind);
        }
        let whole = decoded(&[&body]);
        prop_assert_eq!(&decoded(&cut), &whole);
        prop_assert_eq!(&decoded(&each_byte), &whole);
    }

    /// Recognising an event by the one before it gives what reading it would have given.
    #[test]
    fn events_alone_say_what_they_say_together(all in prop::collection::vec(data(), 1..20)) {
        let mut together = Passage::new(&terms("openai"), false);
        let (mut content_events, mut content_bytes) = (0, 0);
        for data in &all {
            let event = Bytes::from(format!("data: {}\n\n", data));
            let mut alone = Passage::new(&terms("openai"), false);
            let apart = alone.push(event.clone(), &mut Vec::new()).is_ok();
            let here = together.push(event, &mut Vec::new()).is_ok();
            // `[DONE]` alone is the end of nothing.
            if !here || data == "[DONE]" {
                break;
            }
            prop_assert!(apart);
            content_events += alone.progress().content_events;
            content_bytes += alone.progress().content_bytes;
        }
        prop_assert_eq!(together.progress().content_events, content_events);
        prop_assert_eq!(together.progress().content_bytes, content_bytes);
    }
}
