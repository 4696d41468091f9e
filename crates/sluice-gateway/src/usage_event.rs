//! The usage chunk for a caller who asked for usage where the upstream sent none.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use sluice_chat::{Usage, sse};

#[derive(Serialize)]
struct UsageChunk<'a> {
    id: Option<&'a RawValue>,
    object: &'static str,
    created: Option<&'a RawValue>,
    model: Option<&'a RawValue>,
    choices: [(); 0],
    usage: &'a Usage,
}

/// The event, with the id, time and model of the stream whose first event is at the start of `like`.
pub(crate) fn usage_event(like: &[u8], usage: &Usage) -> Bytes {
    let first =
        like.split_inclusive(|b| *b == b'\n').find(|line| line.starts_with(b"data:")).unwrap_or_default();
    let data = sse::data_of(first);
    let first: BTreeMap<String, &RawValue> = serde_json::from_slice(&data).unwrap_or_default();
    let chunk = UsageChunk {
        id: first.get("id").copied(),
        object: "chat.completion.chunk",
        created: first.get("created").copied(),
        model: first.get("model").copied(),
        choices: [],
        usage,
    };
    let mut event = Vec::new();
    // Of what was read just now and of numbers: it does not fail.
    sse::write_event(&mut event, &serde_json::to_vec(&chunk).unwrap_or_default());
    event.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_chunk_belongs_to_its_stream() {
        let like =
            b": hi\n\ndata: {\"id\":\"c1\",\"created\":7,\"model\":\"m\",\"choices\":[]}\n\ndata: {}\n\n";
        let usage = Usage { prompt_tokens: 3, completion_tokens: 4, ..Usage::default() };
        let event = usage_event(like, &usage);
        let chunk: Value = serde_json::from_slice(&sse::data_of(&event)).unwrap();
        assert_eq!(
            (&chunk["id"], &chunk["created"], &chunk["model"], &chunk["choices"]),
            (&json!("c1"), &json!(7), &json!("m"), &json!([]))
        );
        assert_eq!(chunk["usage"]["total_tokens"], 7);
    }

    #[test]
    fn what_the_first_event_does_not_say_is_null() {
        let check = |like: &str, expect: Value| {
            let event = usage_event(like.as_bytes(), &Usage::default());
            let chunk: Value = serde_json::from_slice(&sse::data_of(&event)).unwrap();
            assert_eq!(json!([chunk["id"], chunk["created"], chunk["model"]]), expect, "{like}");
        };
        check("data: {\"i\\u0064\":\"a\\n\",\"created\":1.5}\n\n", json!(["a\n", 1.5, null]));
        check("data: {\"id\":1,\"id\":2}\n\n", json!([2, null, null]));
        check("data: [1]\n\n", json!([null, null, null]));
        check("data: {\n\n", json!([null, null, null]));
        check(": hi\n\n", json!([null, null, null]));
    }
}
