//! The usage chunk for a caller who asked for usage where the upstream sent none.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_chat::{Usage, sse};

/// The event, with the id, time and model of the stream whose first event is at the start of `like`.
pub(crate) fn usage_event(like: &[u8], usage: &Usage) -> Bytes {
    let first =
        like.split_inclusive(|b| *b == b'\n').find(|line| line.starts_with(b"data:")).unwrap_or_default();
    let first: Value = serde_json::from_slice(&sse::data_of(first)).unwrap_or_default();
    let chunk = json!({
        "id": first["id"], "object": "chat.completion.chunk", "created": first["created"],
        "model": first["model"], "choices": [], "usage": usage.to_wire(),
    });
    let mut event = Vec::new();
    sse::write_event(&mut event, chunk.to_string().as_bytes());
    event.into()
}

#[cfg(test)]
mod tests {
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
}
