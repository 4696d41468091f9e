//! Known conversion bugs that no vector can show: broken frames. The others are vectors by the same names.

use sluice_chat::scan::scan;
use sluice_chat::{ChatEvent, Failure, FailureKind};

use super::{Bedrock, GOTCHAS};
use crate::aws_stream::write;
use crate::dialect::{Call, DecoderTerms, Dialect, UpstreamModel};
use crate::vendor::vendor;

#[test]
fn every_case_has_a_vector() {
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/bedrock");
    let names: Vec<String> = std::fs::read_dir(vectors)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut numbers: Vec<u8> =
        names.iter().filter_map(|name| name.strip_prefix('g')?.get(..2)?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, GOTCHAS);
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    write(&[(":message-type", "event"), (":event-type", name)], payload.as_bytes())
}

/// What a stream gives, cut in every possible place.
fn check(body: &[u8], expect: Result<usize, FailureKind>) {
    let terms = DecoderTerms::plain(vendor("bedrock").unwrap(), true, 1 << 10);
    let read = |pieces: &[&[u8]]| -> (Vec<ChatEvent>, Result<(), Failure>) {
        let mut decoder = Bedrock.decoder(&terms);
        let mut events = Vec::new();
        let fed = pieces.iter().try_for_each(|piece| decoder.feed(piece, &mut events));
        let ended = fed.and_then(|()| decoder.end(&mut events));
        (events, ended)
    };
    let whole = read(&[body]);
    assert_eq!(whole.1.as_ref().map(|()| whole.0.len()).map_err(|failure| failure.kind), expect, "{whole:?}");
    for at in 0..=body.len() {
        assert_eq!(read(&[&body[..at], &body[at..]]), whole, "cut at {at}");
    }
    assert_eq!(read(&body.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn g59_frames_that_are_broken() {
    let start = event("messageStart", r#"{"role":"assistant"}"#);
    let text = event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"春"}}"#);
    let stop = event("messageStop", r#"{"stopReason":"end_turn"}"#);
    let whole = [start.clone(), text.clone(), stop].concat();
    check(&whole, Ok(3));
    for at in [start.len(), start.len() + 4, start.len() + 8, start.len() + 20, start.len() + text.len() - 1]
    {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        let too_large = at < start.len() + 8;
        let expect = if too_large { FailureKind::EventTooLarge } else { FailureKind::BadEvent };
        check(&broken, Err(expect));
    }
    let large = event("contentBlockDelta", &"x".repeat(1 << 10));
    check(&[start, large].concat(), Err(FailureKind::EventTooLarge));
}

#[test]
fn g60_something_else_in_place_of_a_stream() {
    check(b"", Err(FailureKind::BadResponse));
    check(b"<html>busy</html>", Err(FailureKind::BadResponse));
    check(b" \n{\"message\":\"Too many requests\"}", Err(FailureKind::RateLimited));
    check(b"upstream connect error", Err(FailureKind::BadResponse));
    let exception = write(&[(":message-type", "exception"), (":exception-type", "x")], b"not json");
    check(&exception, Err(FailureKind::ServerError));
}

/// Whatever was remembered is not to be trusted to be in order.
#[test]
fn g25_memory_of_something_else() {
    #[derive(Debug)]
    struct Wrong(&'static str);
    impl crate::Memory for Wrong {
        fn recall(&self, _: &str) -> Option<String> {
            Some(self.0.to_owned())
        }
        fn keep(&self, _: &str, _: &str) {}
    }
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"a",
        "type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"1"}]}"#;
    let body = bytes::Bytes::from_static(body);
    let scan = scan(&body).unwrap();
    let model = UpstreamModel::new("arn:aws:bedrock:x");
    for memory in [Wrong("a signature of somebody else"), Wrong("{}"), Wrong("[1,{\"type\":\"thinking\"}]")] {
        let call = Call { memory: &memory, ..Call::plain(&body, &scan, &model, vendor("bedrock").unwrap()) };
        let sent = Bedrock.encode(&call).unwrap().body.concat();
        assert!(!String::from_utf8(sent).unwrap().contains("reasoningContent"));
    }
}
