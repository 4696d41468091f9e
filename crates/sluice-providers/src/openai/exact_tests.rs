//! The byte-exact way back: what goes out, and what is known of it.

use super::*;
use crate::transcript::Channel;

const MAX_EVENT_BYTES: usize = 1 << 16;

/// Runs a body through a passage in pieces and shows its end: `out`, then progress or the failure.
fn run(body: &str, hide_usage: bool, piece_bytes: usize) -> (String, String) {
    let mut passage = ExactPassage::new(hide_usage, MAX_EVENT_BYTES);
    let mut out = Vec::new();
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let mut result = Ok(());
    for start in (0..bytes.len()).step_by(piece_bytes) {
        let piece = bytes.slice(start..bytes.len().min(start + piece_bytes));
        result = result.and_then(|()| passage.push(piece, &mut out));
    }
    let result = result.and_then(|()| passage.end());
    let out: Vec<u8> = out.iter().flat_map(|piece| piece.to_vec()).collect();
    let p = passage.progress();
    let end = match result {
        Err(failure) => format!("{:?} {}", failure.kind, failure.error.code.as_deref().unwrap_or("-")),
        Ok(()) => format!("finished={} done={}", p.finished, p.done.is_some()),
    };
    let usage =
        p.usage.map(|u| format!(" usage={}+{}", u.prompt_tokens, u.completion_tokens)).unwrap_or_default();
    let absurd = if p.usage_absurd { " absurd" } else { "" };
    let content = format!(" content={}/{}/{}", p.has_content, p.content_events, p.content_bytes);
    (String::from_utf8(out).unwrap(), format!("{end}{usage}{absurd}{content}"))
}

fn check(body: &str, hide_usage: bool, out: &str, state: &str) {
    for piece_bytes in [usize::MAX, 1, 2, 3, 7, 50] {
        let got = run(body, hide_usage, piece_bytes.min(body.len().max(1)));
        assert_eq!((got.0.as_str(), got.1.as_str()), (out, state), "pieces of {piece_bytes} bytes of {body}");
    }
}

const ROLE: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
const FINISH: &str =
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn text(text: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

#[test]
fn a_stream_goes_on_as_it_came() {
    let body = [ROLE, &text("Hel"), &text("lo, wörld \\u4e16"), FINISH].concat();
    let state = "finished=true done=true content=true 2/17".replace("true 2", "true/2");
    check(&[&body, DONE].concat(), false, &body, &state);
    check(
        &[&body, USAGE, DONE].concat(),
        false,
        &[&body, USAGE].concat(),
        &state.replace(" content", " usage=3+2 content"),
    );
    check(&[&body, USAGE, DONE].concat(), true, &body, &state.replace(" content", " usage=3+2 content"));
    check(&[&body, DONE, "data: trailing nonsense\n\n"].concat(), true, &body, &state);
    check(&body, false, &body, &state.replace("done=true", "done=false"));
}

#[test]
fn only_a_chunk_of_nothing_but_usage_is_hidden() {
    let on_finish = FINISH.replace("}]}", "}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}");
    let state = "finished=true done=true usage=1+1 content=false/0/0";
    check(&[&on_finish, DONE].concat(), true, &on_finish, state);
    let null_usage = "data: {\"choices\":[],\"usage\":null}\n\n";
    let body = [FINISH, null_usage].concat();
    check(&[&body, DONE].concat(), true, &body, "finished=true done=true content=false/0/0");
    let absurd = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-3,\"completion_tokens\":2}}\n\n";
    check(&[FINISH, absurd, DONE].concat(), true, FINISH, "finished=true done=true absurd content=false/0/0");
}

#[test]
fn comments_and_blank_lines_go_on() {
    let body = [": OPENROUTER PROCESSING\n\n", "\n", ROLE, "event: x\nid: 1\n\n", FINISH].concat();
    check(&[&body, DONE].concat(), false, &body, "finished=true done=true content=false/0/0");
}

#[test]
fn a_stream_that_breaks_off_is_truncated() {
    check("", false, "", "BadResponse upstream_bad_response content=false/0/0");
    check(ROLE, false, ROLE, "Truncated upstream_truncated content=false/0/0");
    let body = [ROLE, &text("a")].concat();
    check(&body, false, &body, "Truncated upstream_truncated content=true/1/1");
    check(&[&body, DONE].concat(), false, &body, "Truncated upstream_truncated content=true/1/1");
    check(
        &[&body, "data: {\"id\":\"c\",\"cho"].concat(),
        false,
        &body,
        "Truncated upstream_truncated content=true/1/1",
    );
    check(
        &[&body, FINISH.trim_end()].concat(),
        false,
        &body,
        "Truncated upstream_truncated content=true/1/1",
    );
    check(DONE, false, "", "BadResponse upstream_bad_response content=false/0/0");
}

#[test]
fn every_choice_must_finish() {
    let other = text("b").replace("\"index\":0", "\"index\":1");
    let body = [&text("a"), &other, &text("c"), FINISH].concat();
    check(&body, false, &body, "Truncated upstream_truncated content=true/3/3");
    let body = body + &FINISH.replace("\"index\":0", "\"index\":1");
    check(&body, false, &body, "finished=true done=false content=true/3/3");
}

#[test]
fn bad_events_end_it_after_the_good_ones() {
    let good = [ROLE, &text("a")].concat();
    let after = text("z");
    let bad = |event: &str, state: &str| check(&[&good, event, &after].concat(), false, &good, state);
    bad("data: {\"id\":\"c\",\"choi\n\n", "BadEvent upstream_bad_event content=true/1/1");
    bad("data: hello\n\n", "BadEvent upstream_bad_event content=true/1/1");
    bad(
        &text("a").replace("finish_reason\":null", "finish_reason\":"),
        "BadEvent upstream_bad_event content=true/1/1",
    );
    bad(&text("a\\q"), "BadEvent upstream_bad_event content=true/1/1");
    bad("data: {\"error\":{\"message\":\"m\",\"code\":429}}\n\n", "RateLimited - content=true/1/1");
    bad(
        "event: error\ndata: {\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}\n\n",
        "Overloaded - content=true/1/1",
    );
    bad(&text(&"x".repeat(MAX_EVENT_BYTES)), "EventTooLarge event_too_large content=true/1/1");
}

#[test]
fn what_broke_stays_broken_unless_it_was_complete() {
    let check = |body: &str, complete: bool| {
        for kind in ["openai", "vllm"] {
            let row = crate::vendor(kind).unwrap();
            let mut passage =
                crate::Passage::new(&crate::DecoderTerms::plain(row, true, MAX_EVENT_BYTES), false);
            let body = Bytes::from([body, "data: {\"error\":{\"message\":\"m\"}}\n\n"].concat());
            assert!(passage.push(body, &mut Vec::new()).is_err());
            assert_eq!(passage.end(&mut Vec::new()).is_ok(), complete, "{kind}");
        }
    };
    check(ROLE, false);
    check(&[ROLE, FINISH].concat(), true);
}

#[test]
fn documents_in_place_of_a_stream() {
    check(
        "<html>\n\n<body>busy</body></html>",
        false,
        "",
        "BadResponse upstream_bad_response content=false/0/0",
    );
    check(
        "{\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}",
        false,
        "",
        "Overloaded - content=false/0/0",
    );
    check("{\"error\":{\"message\":\"m\",\"code\":401}}\n\n", false, "", "AuthRefused - content=false/0/0");
    check("ok", false, "", "BadResponse upstream_bad_response content=false/0/0");
}

#[test]
fn odd_chunks_are_relayed() {
    let odd = [
        "data: {\"choices\":null}\n\n",
        "data: {\"object\":\"x\"}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":null}]}\n\n",
        "data: {\"choices\":[{}],\"unknown\":{\"a\":[1,2.50]}}\n\n",
        "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\r\n\r\n",
        "data: {\"choices\":\ndata: [{\"index\":0,\"delta\":{\"content\":\"yz\"}}]}\n\n",
    ]
    .concat();
    let body = [&odd, FINISH].concat();
    check(&[&body, DONE].concat(), false, &body, "finished=true done=true content=true/2/3");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_event() {
    let body = ["\u{feff}", &text("a"), FINISH].concat();
    check(&[&body, DONE].concat(), false, &body, "finished=true done=true content=true/1/1");
}

#[test]
fn calls_audio_and_reasoning_are_content() {
    let check = |delta: &str, expect: &str| {
        let body = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n");
        let (_, state) = run(&body, false, body.len());
        assert_eq!(state, format!("Truncated upstream_truncated content={expect}"), "{delta}");
    };
    check(r#"{"reasoning_content":"ab"}"#, "true/1/2");
    check(r#"{"reasoning":"ab"}"#, "true/1/2");
    check(r#"{"refusal":"ab"}"#, "true/1/2");
    check(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#, "true/1/2");
    check(r#"{"function_call":{"name":"f","arguments":""}}"#, "true/1/0");
    check(r#"{"audio":{"data":"AA"}}"#, "true/1/0");
    check(r#"{"role":"assistant","content":null,"refusal":null,"tool_calls":[]}"#, "false/0/0");
}

#[test]
fn bytes_that_are_not_utf_8_go_on_as_they_came() {
    let bad = text("a?b").into_bytes().into_iter().map(|byte| if byte == b'?' { 0xff } else { byte });
    let body: Bytes = text("abc").into_bytes().into_iter().chain(bad).chain(FINISH.bytes()).collect();
    let mut passage = ExactPassage::new(true, MAX_EVENT_BYTES);
    let mut out = Vec::new();
    passage.push(body.clone(), &mut out).unwrap();
    passage.end().unwrap();
    assert_eq!(out, [body]);
    assert_eq!(passage.progress().content_events, 2);
}

#[test]
fn whole_events_are_forwarded_without_a_copy() {
    let body = Bytes::from([ROLE, &text("a"), &text("b"), FINISH].concat());
    let mut passage = ExactPassage::new(true, MAX_EVENT_BYTES);
    let mut out = Vec::new();
    passage.push(body.clone(), &mut out).unwrap();
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].as_ptr(), body.as_ptr());
    assert_eq!(out[0], body);
}

/// What is known, at the end of these chunks, of what the caller has; `None`: too little to compare another answer.
fn kept(chunks: &[&[u8]], expect: Option<&[(Channel, &str)]>) {
    let mut passage = ExactPassage::new(true, MAX_EVENT_BYTES);
    passage.progress_mut().transcript = Some(Box::default());
    for chunk in chunks {
        let event =
            [b"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":", *chunk, b"}]}\n\n"].concat();
        passage.push(event.into(), &mut Vec::new()).unwrap();
    }
    let transcript = passage.progress().transcript.as_ref().unwrap();
    let read = transcript.read();
    let got = read.as_ref().map(|texts| texts.iter().map(|(c, t)| (*c, &**t)).collect::<Vec<_>>());
    assert_eq!(got.as_deref(), expect, "{chunks:?}");
    assert_eq!(transcript.is_kept(), expect.is_some(), "{chunks:?}");
}

#[test]
fn the_transcript_has_all_that_the_caller_has_or_nothing() {
    use Channel::*;
    let (one, two): (&[u8], &[u8]) = (br#"{"content":"one"}"#, br#"{"content":" two"}"#);
    kept(&[one, two], Some(&[(Content, "one two")]));
    // A chunk that cannot be read as text.
    kept(&[b"{\"content\":\"a\xffb\"}"], None);
    kept(&[one, b"{\"content\":\"a\xffb\"}", two], None);
    // Half a character, and the other half in the next chunk.
    kept(&[one, br#"{"content":"\ud83d"}"#], None);
    kept(&[one, br#"{"content":"\ud83d"}"#, br#"{"content":"\ude00"}"#], Some(&[(Content, "one😀")]));
    // Content that is not text, alone or beside text.
    kept(&[one, br#"{"content":[{"type":"text","text":"two"}]}"#], None);
    kept(&[one, br#"{"annotations":[{"type":"url_citation"}]}"#], None);
    kept(&[one, br#"{"images":[{}]}"#], None);
    kept(&[one, br#"{"annotations":[],"content":" two"}"#], Some(&[(Content, "one two")]));
    // A call of which only the id has come.
    let begun = br#"{"tool_calls":[{"index":0,"id":"a","type":"function"}]}"#;
    kept(&[begun], Some(&[(CallName(Some(0)), "")]));
}
