//! What the fuzz targets run, so that ordinary tests can run it too. Each function takes any bytes and panics when
//! something that must hold does not.

use serde_json::Value;

use crate::json::cursor;
use crate::message::{Content, Message, Part};
use crate::request::{ChatRequest, Stop};
use crate::scan::{RequestScan, scan};
use crate::sse::{EventBoundary, SseReader, data_of};
use crate::tool::ToolCall;

/// The scan against serde_json and the typed pass.
pub fn request_scan(body: &[u8]) {
    let json = serde_json::from_slice::<Value>(body);
    assert_eq!(cursor::json(body).is_ok(), json.is_ok(), "the scan's JSON is not serde_json's: {json:?}");
    let scanned = scan(body);
    let parsed = ChatRequest::parse(body);
    assert_eq!(scanned.is_ok(), parsed.is_ok(), "the scan said {scanned:?}, the typed pass {parsed:?}");
    match (scanned, parsed) {
        (Ok(scan), Ok(request)) => {
            check_spans(body, &scan, &request);
            check_numbers(&scan, &request);
            check_features(&scan, &request);
        }
        (_, Err(error)) => {
            assert_eq!(error.kind, "invalid_request_error");
            assert!(error.code.is_some(), "an error without a code: {error:?}");
            assert!(!error.message.contains("expected form"), "checked and yet not of the types: {error:?}");
        }
        (Err(_), Ok(_)) => {}
    }
}

fn check_spans(body: &[u8], scan: &RequestScan, request: &ChatRequest) {
    let value_at = |span: crate::scan::Span| serde_json::from_slice::<Value>(span.of(body)).ok();
    assert_eq!(scan.model, request.model);
    assert_eq!(value_at(scan.model_value), Some(Value::from(&*request.model)));
    let messages = value_at(scan.messages);
    assert_eq!(messages.as_ref().and_then(Value::as_array).map(Vec::len), Some(request.messages.len()));
    for entry in &scan.entries {
        assert!(value_at(entry.key).is_some_and(|key| key.is_string()));
        assert!(value_at(entry.value).is_some());
    }
    assert_eq!(body.get(scan.end as usize), Some(&b'}'));
}

fn check_numbers(scan: &RequestScan, request: &ChatRequest) {
    assert_eq!(scan.stream, request.stream.unwrap_or_default());
    assert_eq!(scan.n, request.n.unwrap_or(1));
    assert_eq!(scan.max_tokens.map(|field| field.value), request.max_tokens);
    assert_eq!(scan.max_completion_tokens.map(|field| field.value), request.max_completion_tokens);
    assert_eq!(scan.output_limit(), request.output_limit());
    assert_eq!(scan.stream_options.is_some(), request.stream_options.is_some());
    let options = request.stream_options.as_ref();
    assert_eq!(scan.include_usage, options.and_then(|o| o.include_usage).unwrap_or_default());
    assert!(scan.text_bytes >= prose_bytes(request), "text went uncounted");
    assert!(request.stop.as_ref().map_or(0, |stop: &Stop| stop.as_slice().len()) <= 4);
}

/// What the types show, the scan has seen. (The scan may see more where keys are repeated.)
fn check_features(scan: &RequestScan, request: &ChatRequest) {
    let features = scan.features;
    let parts = || request.messages.iter().filter_map(|m| m.content.as_ref()).flat_map(parts_of);
    let has = |seen: bool, is: fn(&Part) -> bool| assert!(seen || !parts().any(is), "a part went unseen");
    has(features.image, |part| matches!(part, Part::ImageUrl(_)));
    has(features.input_audio, |part| matches!(part, Part::InputAudio(_)));
    has(features.file, |part| matches!(part, Part::File(_)));
    has(features.video, |part| matches!(part, Part::VideoUrl(_)));
    has(features.unknown_part.is_some(), |part| matches!(part, Part::Unknown(_)));
    let modality = |word| request.modalities.iter().flatten().any(|m| m == word);
    assert!(features.audio_output || !modality("audio"));
    assert!(features.image_output || !modality("image"));
    assert!(features.logprobs || request.logprobs != Some(true));
    assert_eq!(features.empty_tools, request.tools.as_ref().is_some_and(Vec::is_empty));
    let offered =
        request.tools.as_ref().is_some_and(|tools| !tools.is_empty()) || request.functions.is_some();
    assert!(features.tools || !offered);
    assert!(features.legacy_functions || (request.functions.is_none() && request.function_call.is_none()));
    assert!(features.prediction || request.prediction.is_none());
    assert!(features.web_search || request.web_search_options.is_none());
    assert!(features.reasoning_effort || request.reasoning_effort.is_none());
}

fn parts_of(content: &Content) -> &[Part] {
    match content {
        Content::Text(_) => &[],
        Content::Parts(parts) => parts,
    }
}

/// The text of all messages, from the types.
pub fn prose_bytes(request: &ChatRequest) -> u64 {
    request.messages.iter().map(message_bytes).sum()
}

fn message_bytes(message: &Message) -> u64 {
    let len = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() as u64);
    let part = |part: &Part| match part {
        Part::Text(part) => part.text.len() as u64,
        Part::Refusal(part) => part.refusal.len() as u64,
        _ => 0,
    };
    let call = |call: &ToolCall| match call {
        ToolCall::Function(call) => call.function.name.len() as u64 + len(&call.function.arguments),
        ToolCall::Custom(call) => call.custom.name.len() as u64 + len(&call.custom.input),
        ToolCall::Other(_) => 0,
    };
    let content = match &message.content {
        Some(Content::Text(text)) => text.len() as u64,
        Some(Content::Parts(parts)) => parts.iter().map(part).sum(),
        None => 0,
    };
    let legacy =
        message.function_call.as_ref().map_or(0, |call| call.name.len() as u64 + len(&call.arguments));
    let calls: u64 = message.tool_calls.iter().flatten().map(call).sum();
    content + legacy + calls + len(&message.name) + len(&message.reasoning_content) + len(&message.refusal)
}

/// The reader fed whole against the reader fed in pieces, and against the boundary finder. The first two bytes of
/// the input say how it is cut.
pub fn sse_reader(input: &[u8]) {
    let Some((&[stride, offset], stream)) = input.split_first_chunk() else { return };
    let pieces = cut(stream, usize::from(stride % 29) + 1, usize::from(offset));
    let whole = read(&[stream], MAX_EVENT_BYTES);
    assert_eq!(whole, read(&pieces, MAX_EVENT_BYTES), "the cut shows in the events");
    let small = usize::from(offset % 64) + 1;
    assert_eq!(read(&[stream], small), read(&pieces, small), "the cut shows where events are too large");
    if !stream.starts_with(BYTE_ORDER_MARK) {
        assert_eq!(whole.data, bounded_data(&[stream]), "boundary finder and reader differ");
        assert_eq!(whole.data, bounded_data(&pieces), "the cut shows in the boundaries");
    }
}

const MAX_EVENT_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Pieces of `stride` bytes, the first one of `offset` more.
fn cut(stream: &[u8], stride: usize, offset: usize) -> Vec<&[u8]> {
    let (head, tail) = stream.split_at(offset.min(stream.len()));
    std::iter::once(head).chain(tail.chunks(stride)).collect()
}

#[derive(Debug, PartialEq)]
struct Reading {
    data: Vec<Vec<u8>>,
    names: Vec<Option<Vec<u8>>>,
    too_large: bool,
}

fn read(pieces: &[&[u8]], max_event_bytes: usize) -> Reading {
    let mut reader = SseReader::new(max_event_bytes);
    let mut reading = Reading { data: Vec::new(), names: Vec::new(), too_large: false };
    for piece in pieces {
        let fed = reader.feed(piece, &mut |event| {
            assert!(event.data.len() <= max_event_bytes, "larger than the bound");
            reading.data.push(event.data.to_vec());
            reading.names.push(event.event.map(<[u8]>::to_vec));
        });
        reading.too_large |= fed.is_err();
    }
    reading
}

/// The data of all whole events, by way of [`EventBoundary`] and [`data_of`].
fn bounded_data(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut boundary = EventBoundary::new();
    let mut block = Vec::new();
    let mut data = Vec::new();
    for piece in pieces {
        let mut from = 0;
        while let Some(end) = boundary.next_end(piece, from) {
            block.extend_from_slice(&piece[from..end]);
            data.push(data_of(&block).into_owned());
            block.clear();
            from = end;
        }
        block.extend_from_slice(&piece[from..]);
    }
    data.retain(|data| !data.is_empty());
    data
}
