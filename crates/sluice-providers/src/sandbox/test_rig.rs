//! Asking the sandbox for a whole answer and for a stream of it.

use serde_json::{Value, json};
use sluice_chat::{Chunk, assemble};

use super::{Step, play};
use crate::dialect::{DecoderTerms, dialect};
use crate::vendor::vendor;

pub(super) fn asked(more: &Value, stream: bool) -> Vec<u8> {
    let mut body = json!({ "model": "echo", "messages": [{ "role": "user", "content": "one two three" }] });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
    }
    body.to_string().into_bytes()
}

/// The pieces of the body and how it ended.
pub(super) fn played(body: &[u8], model: &str, faults: Option<&str>) -> (Vec<Vec<u8>>, Step) {
    let mut pieces = Vec::new();
    for step in play(body, model, faults, 1) {
        match step {
            Step::Bytes(bytes) => pieces.push(bytes.to_vec()),
            Step::Head { .. } | Step::WaitMs(_) => {}
            last => return (pieces, last),
        }
    }
    panic!("a script without an end");
}

/// What the real decoder and the real assembly make of a body, without its id.
pub(super) fn assembled(pieces: &[Vec<u8>], streaming: bool) -> Value {
    let row = vendor("sandbox").unwrap();
    let mut decoder = dialect(row, "echo").decoder(&DecoderTerms::plain(row, streaming, 1 << 20));
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut events).unwrap();
    }
    decoder.end(&mut events).unwrap();
    let mut completion = assemble::completion(&events).unwrap();
    completion.id.clear();
    serde_json::to_value(completion).unwrap()
}

/// The whole answer, after it was seen to be the same as the stream's.
pub(super) fn answer(more: &Value, model: &str) -> Value {
    let (whole, _) = played(&asked(more, false), model, None);
    let (stream, end) = played(&asked(more, true), model, None);
    assert_eq!(end, Step::End, "{more}");
    assert_eq!(assembled(&whole, false), assembled(&stream, true), "{more}");
    in_openais_order(&stream);
    let answer: Value = serde_json::from_slice(&whole.concat()).unwrap();
    usage_adds_up(&answer["usage"]);
    answer
}

pub(super) fn usage_adds_up(usage: &Value) {
    let count = |place: &str| usage.pointer(place).and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(count("/total_tokens"), count("/prompt_tokens") + count("/completion_tokens"), "{usage}");
    let sum = |object: &str, names: &[&str]| -> u64 {
        names.iter().map(|name| count(&format!("/{object}/{name}"))).sum()
    };
    let prompt = ["text_tokens", "audio_tokens", "image_tokens", "video_tokens", "file_tokens"];
    assert_eq!(count("/prompt_tokens"), sum("prompt_tokens_details", &prompt), "{usage}");
    let completion = ["text_tokens", "audio_tokens", "reasoning_tokens", "rejected_prediction_tokens"];
    assert_eq!(count("/completion_tokens"), sum("completion_tokens_details", &completion), "{usage}");
    assert!(count("/prompt_tokens_details/cached_tokens") <= count("/prompt_tokens"), "{usage}");
}

/// Roles first, reasoning before everything else, one finish for each choice, then usage, then `[DONE]`.
pub(super) fn in_openais_order(stream: &[Vec<u8>]) {
    let data = |event: &Vec<u8>| {
        let text = std::str::from_utf8(event).unwrap();
        text.strip_prefix("data: ").and_then(|text| text.strip_suffix("\n\n")).unwrap().to_owned()
    };
    let mut events: Vec<String> = stream.iter().map(data).collect();
    assert_eq!(events.pop().unwrap(), "[DONE]");
    let usage: Value = serde_json::from_str(&events.pop().unwrap()).unwrap();
    assert!(usage["choices"] == json!([]) && usage["usage"].is_object(), "{usage}");
    let mut phases = std::collections::HashMap::<u64, u8>::new();
    let mut calls = std::collections::HashMap::<u64, u64>::new();
    for event in events {
        let chunk: Value = serde_json::from_str(&event).unwrap();
        assert_eq!(chunk["usage"], Value::Null, "{event}");
        serde_json::from_value::<Chunk>(chunk.clone()).unwrap();
        let choice = &chunk["choices"][0];
        let delta = choice["delta"].as_object().unwrap();
        let index = choice["index"].as_u64().unwrap();
        let phase = match () {
            () if delta.contains_key("role") => 1,
            () if choice["finish_reason"].is_string() => 4,
            () if delta.contains_key("reasoning_content") => 2,
            () => 3,
        };
        let before = phases.insert(index, phase).unwrap_or(0);
        let once = phase == 1 || phase == 4;
        assert!(before < phase || before == phase && !once, "{event}");
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let begun = calls.entry(index).or_default();
            if let Some(id) = call.get("id") {
                assert!(id.is_string() && call["index"] == *begun, "{event}");
                *begun += 1;
            } else {
                assert_eq!(call["index"], *begun - 1, "{event}");
            }
        }
    }
    assert!(phases.values().all(|phase| *phase == 4), "every choice finishes");
}
