//! An event that is like one before becomes what repairing it anew would make of it.

use proptest::prelude::*;

use super::*;
use crate::vendor::{Relay, vendors};

const MAX_EVENT_BYTES: usize = 4096;

fn rows() -> Vec<&'static VendorRow> {
    vendors().iter().filter(|row| row.relay == Relay::Normalise).collect()
}

/// What a stream becomes: the bytes, what is known at the end, how it ended.
fn passed(mut passage: NormalisedPassage, events: &[String]) -> (String, String, String) {
    passage.progress_mut().transcript = Some(Box::default());
    let mut out = Vec::new();
    let mut outcome = Ok(());
    for event in events {
        outcome = outcome.and_then(|()| passage.push(format!("data: {event}\n\n").as_bytes(), &mut out));
    }
    outcome = outcome.and_then(|()| passage.end(&mut out));
    let bytes = String::from_utf8(out.concat()).unwrap();
    let transcript = passage.progress_mut().transcript.take();
    (bytes, format!("{:?} {transcript:?}", passage.progress()), format!("{outcome:?}"))
}

/// Passes a stream with and without learning.
fn check(row: &VendorRow, hide_usage: bool, events: &[String]) {
    let new = || NormalisedPassage::new(row, hide_usage, MAX_EVENT_BYTES);
    let mut plain = new();
    plain.state.recurring = Recurring::none();
    assert_eq!(passed(new(), events), passed(plain, events), "{} {events:#?}", row.kind);
}

/// Whether the last event is written like one of those before it.
fn check_recurs(kind: &str, events: &[&str], expect: bool) {
    let row = rows().into_iter().find(|row| row.kind == kind).unwrap();
    let (last, before) = events.split_last().unwrap();
    let mut passage = NormalisedPassage::new(row, false, MAX_EVENT_BYTES);
    let mut out = Vec::new();
    for event in before {
        passage.push(format!("data: {event}\n\n").as_bytes(), &mut out).unwrap();
    }
    let got = passage.state.recurring.write(last.as_bytes(), &mut Vec::new(), None);
    assert_eq!(got.is_some(), expect, "{kind} {events:#?}");
    check(row, false, &events.iter().map(|&event| event.to_owned()).collect::<Vec<_>>());
}

fn said(delta: &str) -> String {
    format!(r#"{{"id":"i","created":1,"model":"m","choices":[{{"index":0,"delta":{delta}}}]}}"#)
}

#[test]
fn what_recurs() {
    let a = &*said(r#"{"role":"assistant","content":"a"}"#);
    let b = &*said(r#"{"role":"assistant","content":"b\n\u00e9"}"#);
    for row in rows() {
        check_recurs(&row.kind, &[a, b], true);
    }
    let thought = |text: &str| said(&format!(r#"{{"content":null,"reasoning":"{text}"}}"#));
    check_recurs("vllm", &[&thought("a"), &thought("b")], true);
    check_recurs("vllm", &[&thought("a"), a, &thought("b")], true);
    check_recurs("vllm", &[&thought("a"), &thought("")], false);
    check_recurs("vllm", &[a, &said(r#"{"content":"b"}"#)], false);
    check_recurs("vllm", &[a, &said(r#"{"role":"assistant","content":"\ud800"}"#)], false);
    check_recurs("vllm", &[a, &format!("{b} ")], false);
    let two = |text: &str| said(&format!(r#"{{"content":"{text}","reasoning":"{text}"}}"#));
    check_recurs("vllm", &[&two("a"), &two("b")], false);
    // What changes the repairer, ends it: a call, a finish, counts.
    let call = &*said(r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#);
    check_recurs("vllm", &[a, call, b], false);
    check_recurs("vllm", &[a, call, a, b], true);
    let finish = &*said("{}").replace(r#""delta":{}"#, r#""delta":{},"finish_reason":"stop""#);
    check_recurs("vllm", &[a, finish, b], false);
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    check_recurs("vllm", &[a, usage, b], false);
}

/// Texts, among them what JSON may write in several ways.
fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => Just(" word"),
        1 => Just(""),
        1 => Just(r"\u00e9\u4e16"),
        1 => Just("世界"),
        1 => Just(r#"\"\\\n\t"#),
        1 => Just(r"a\/b\u0007\u007f"),
        1 => Just(r"\ud83d\ude00"),
        1 => Just(r"\ud83d"),
        1 => Just("\u{10FFFD}text\u{10FFFD}"),
    ];
    text.prop_map(str::to_owned)
}

fn event() -> impl Strategy<Value = String> {
    let key = prop_oneof![3 => Just("content"), 1 => Just("reasoning_content"), 1 => Just("reasoning"), 1 => Just("refusal")];
    let more = prop_oneof![
        6 => Just(""),
        1 => Just(r#","role":"assistant""#),
        1 => Just(r#","reasoning":"r""#),
        1 => Just(r#","content":"""#),
        1 => Just(r#","tool_calls":null"#),
        1 => Just(r#","tool_calls":[{"id":"","function":{"name":"f","arguments":"{}"}}]"#),
        1 => Just(r#","audio":{}"#),
    ];
    let beside = prop_oneof![
        6 => Just(""),
        1 => Just(r#","finish_reason":null"#),
        1 => Just(r#","finish_reason":"""#),
        1 => Just(r#","finish_reason":"eos""#),
        1 => Just(r#","logprobs":{"content":[]}"#),
        1 => Just(r#","message":{"content":"whole"}"#),
        1 => Just(r#","usage":{"prompt_tokens":1,"completion_tokens":1}"#),
    ];
    let head = prop_oneof![
        6 => Just(r#""id":"i","object":"chat.completion.chunk","created":1.0,"model":"m","#),
        2 => Just(r#""service_tier":"","id":"","#),
        1 => Just(r#""usage":null, "x":1e3,"#),
        1 => Just(r#""usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4},"#),
        1 => Just(r#""x_groq":{"id":"r\u00e9q"},"#),
        1 => Just(""),
    ];
    let said = (head, prop_oneof![4 => Just(0), 1 => Just(1)], key, text(), more, beside).prop_map(
        |(head, index, key, text, more, beside)| {
            format!(r#"{{{head}"choices":[{{"index":{index},"delta":{{"{key}":"{text}"{more}}}{beside}}}]}}"#)
        },
    );
    let other = prop_oneof![
        Just(r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#),
        Just(r#"{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":9}}"#),
        Just(r#"{"error":{"message":"m"}}"#),
        Just("[DONE]"),
    ];
    let other = other.prop_map(str::to_owned);
    prop_oneof![12 => said, 1 => other]
}

proptest! {
    #[test]
    fn nothing_is_written_otherwise(
        kinds in prop::collection::vec(event(), 1..5),
        order in prop::collection::vec((any::<prop::sample::Index>(), text()), 1..24),
        row in any::<prop::sample::Index>(),
        hide_usage: bool,
    ) {
        // Few kinds of events that come again and again, with other texts.
        let events: Vec<String> =
            order.iter().map(|(kind, text)| kind.get(&kinds).replace(" word", text)).collect();
        check(rows()[row.index(rows().len())], hide_usage, &events);
    }
}
