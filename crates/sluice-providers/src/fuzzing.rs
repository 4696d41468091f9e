//! What the fuzz targets run, so that ordinary tests can run it too. Each function takes any bytes and panics when
//! something that must hold does not.

use std::collections::BTreeMap;

use bytes::Bytes;
use sluice_chat::scan::scan;
use sluice_chat::{ChatEvent, Failure};

use crate::aws_stream;
use crate::dialect::{Call, DecoderTerms, UpstreamModel, dialect};
use crate::passage::Passage;
use crate::vendor::{VendorRow, vendor};

const MAX_EVENT_BYTES: usize = 1 << 16;

/// An answer to a vendor's model, read whole and in pieces. The first three bytes of the input say whether it is a
/// stream and how it is cut.
pub fn answer(kind: &str, model: &str, input: &[u8]) {
    let Some(row) = vendor(kind) else { return };
    let Some((&[streaming, stride, offset], body)) = input.split_first_chunk() else { return };
    let terms = DecoderTerms { upstream_model: model, ..terms(row, streaming % 2 == 0) };
    let (head, tail) = body.split_at(usize::from(offset).min(body.len()));
    let pieces: Vec<&[u8]> = std::iter::once(head).chain(tail.chunks(usize::from(stride % 29) + 1)).collect();
    let (events, ended) = decoded(&terms, &[body]);
    let cut = decoded(&terms, &pieces);
    assert_eq!((&events, &ended), (&cut.0, &cut.1), "the cut shows in the events");
    in_order(&events, ended.is_ok());
    if terms.streaming {
        assert_eq!(passed(&terms, &[body]), passed(&terms, &pieces), "the cut shows in the reply");
    }
}

/// An answer in AWS's frames, given as lines: `event NAME PAYLOAD`, `exception NAME PAYLOAD`, or any other line, which
/// stays as it is. Bytes that are changed in frames would not get by their checksums.
pub fn framed_answer(kind: &str, model: &str, input: &[u8]) {
    let Some((&head, lines)) = input.split_first_chunk::<3>() else { return };
    let mut framed = head.to_vec();
    for line in lines.split(|byte| *byte == b'\n') {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let (message, name, payload) = (word(), String::from_utf8_lossy(word()).into_owned(), word());
        match message {
            b"event" => {
                let headers = [(":message-type", "event"), (":event-type", name.as_str())];
                framed.extend(aws_stream::write(&headers, payload));
            }
            b"exception" => {
                let headers = [(":message-type", "exception"), (":exception-type", name.as_str())];
                framed.extend(aws_stream::write(&headers, payload));
            }
            _ => framed.extend_from_slice(line),
        }
    }
    answer(kind, model, &framed);
}

/// A request for a vendor's model: it is written as JSON, or refused with a code and a place.
pub fn request(kind: &str, model: &str, body: &[u8]) {
    let (Some(row), Ok(scan)) = (vendor(kind), scan(body)) else { return };
    let (body, model) = (Bytes::copy_from_slice(body), UpstreamModel::new(model));
    let call = Call::plain(&body, &scan, &model, row);
    let dialect = dialect(row, model.name());
    dialect.media_to_inline(&call);
    match dialect.encode(&call) {
        Ok(encoded) => {
            let sent: Vec<u8> = encoded.body.iter().flat_map(|slice| slice.to_vec()).collect();
            let json = serde_json::from_slice::<serde_json::Value>(&sent);
            assert!(json.is_ok_and(|json| json.is_object()), "sent what is no object");
            assert!(encoded.path.starts_with('/') && encoded.path.is_ascii(), "a path: {}", encoded.path);
        }
        Err(error) => {
            assert!(error.code.is_some() && error.param.is_some(), "an error without a place: {error:?}")
        }
    }
}

fn terms(row: &VendorRow, streaming: bool) -> DecoderTerms<'_> {
    DecoderTerms { call_id: "call0", ..DecoderTerms::plain(row, streaming, MAX_EVENT_BYTES) }
}

fn decoded(terms: &DecoderTerms<'_>, pieces: &[&[u8]]) -> (Vec<ChatEvent>, Result<(), Failure>) {
    let mut decoder = dialect(terms.row, terms.upstream_model).decoder(terms);
    let mut events = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| decoder.feed(piece, &mut events));
    }
    let result = result.and_then(|()| decoder.end(&mut events));
    (events, result)
}

fn passed(terms: &DecoderTerms<'_>, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Failure>) {
    let mut passage = Passage::new(terms, false);
    let mut out = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| passage.push(Bytes::copy_from_slice(piece), &mut out));
    }
    let result = result.and_then(|()| passage.end(&mut out));
    (out.concat(), result)
}

/// The head comes first and once, calls are counted densely and begin before their arguments, nothing of a choice
/// comes after its end, every choice of a complete answer has one, and the counts come last.
fn in_order(events: &[ChatEvent], complete: bool) {
    let mut choices: BTreeMap<u32, (u32, bool)> = BTreeMap::new();
    for (position, event) in events.iter().enumerate() {
        let choice = match event {
            ChatEvent::Started { .. } => {
                assert_eq!(position, 0, "the head comes late, or twice");
                continue;
            }
            ChatEvent::Usage(_) => {
                assert_eq!(position + 1, events.len(), "something after the counts");
                continue;
            }
            ChatEvent::Failed(_) => continue,
            ChatEvent::Text { choice, .. }
            | ChatEvent::Reasoning { choice, .. }
            | ChatEvent::ThinkingBlock { choice, .. }
            | ChatEvent::Refusal { choice, .. }
            | ChatEvent::ToolCallStarted { choice, .. }
            | ChatEvent::ToolCallArguments { choice, .. }
            | ChatEvent::Annotation { choice, .. }
            | ChatEvent::Audio { choice, .. }
            | ChatEvent::Logprobs { choice, .. }
            | ChatEvent::Finished { choice, .. } => *choice,
        };
        assert!(matches!(events.first(), Some(ChatEvent::Started { .. })), "no head");
        let (calls, finished) = choices.entry(choice).or_default();
        assert!(!*finished, "something after the end of a choice");
        match event {
            ChatEvent::ToolCallStarted { index, id, kind, .. } => {
                assert_eq!(index, calls, "calls are not counted densely");
                assert!(!id.is_empty() || *kind == sluice_chat::event::ToolCallKind::LegacyFunction);
                *calls += 1;
            }
            ChatEvent::ToolCallArguments { index, .. } => assert!(index < calls, "arguments of no call"),
            ChatEvent::Finished { .. } => *finished = true,
            _ => {}
        }
    }
    let all = !choices.is_empty() && choices.values().all(|(_, finished)| *finished);
    assert!(all || !complete, "a complete answer without its ends: {events:?}");
}
