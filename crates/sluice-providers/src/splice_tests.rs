use super::*;

const FIRST: &[u8] =
    b": hello\n\ndata: {\"id\":\"c1\",\"created\":7,\"model\":\"m1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

fn chunk(delta: &str) -> String {
    format!(
        r#"{{"id":"c2","created":9,"model":"m2","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
    )
}

fn event(chunk: &str) -> Bytes {
    let mut event = Vec::new();
    write_event(&mut event, chunk.as_bytes());
    event.into()
}

/// The deltas that a caller gets of a second answer, one a line, who has `had` of a first; then how it ended.
fn check(had: &[&str], said: &[&str], expect: &[&str]) {
    let mut transcript = Transcript::default();
    for delta in had {
        transcript.add_chunk(&serde_json::from_str(&chunk(delta)).unwrap());
    }
    for joined in [false, true] {
        let mut splice = Splice::new(&transcript, FIRST, 1 << 20).unwrap();
        let events: Vec<Bytes> = said.iter().map(|delta| event(&chunk(delta))).collect();
        let events = if joined { vec![events.concat().into()] } else { events };
        let mut out = Vec::new();
        let pushed = events.iter().try_for_each(|e| splice.push(std::slice::from_ref(e), &mut out));
        let mut got = Vec::new();
        let mut reader = SseReader::new(1 << 20);
        for bytes in &out {
            reader
                .feed(bytes, &mut |event| {
                    let chunk: Value = serde_json::from_slice(event.data).unwrap();
                    assert_eq!(
                        (&chunk["id"], &chunk["created"], &chunk["model"]),
                        (&"c1".into(), &7.into(), &"m1".into())
                    );
                    got.push(chunk["choices"][0]["delta"].to_string());
                })
                .unwrap();
        }
        match (pushed, splice.finish()) {
            (Err(_), _) => got.push("diverged".to_owned()),
            (Ok(()), Err(_)) => got.push("too short".to_owned()),
            (Ok(()), Ok(())) => {}
        }
        assert_eq!(got, expect, "{had:?} {said:?} joined={joined}");
    }
}

#[test]
fn what_the_caller_has_is_left_out() {
    check(
        &[r#"{"content":"one two"}"#],
        &[
            r#"{"role":"assistant","content":""}"#,
            r#"{"content":"one "}"#,
            r#"{"content":"two three"}"#,
            r#"{"content":" four"}"#,
        ],
        &[r#"{"content":" three"}"#, r#"{"content":" four"}"#],
    );
    check(
        &[r#"{"content":"a"}"#, r#"{"content":"b"}"#],
        &[r#"{"content":"ab"}"#, r#"{"content":"c"}"#],
        &[r#"{"content":"c"}"#],
    );
    check(
        &[r#"{"reasoning_content":"hm"}"#],
        &[r#"{"reasoning_content":"hm, "}"#, r#"{"content":"x"}"#],
        &[r#"{"reasoning_content":", "}"#, r#"{"content":"x"}"#],
    );
    check(
        &[r#"{"reasoning_content":"hm"}"#],
        &[r#"{"reasoning":"hm","content":"x"}"#],
        &[r#"{"content":"x"}"#],
    );
    check(&[r#"{"content":"größe"}"#], &[r#"{"content":"gr\u00f6\u00dfe!"}"#], &[r#"{"content":"!"}"#]);
}

#[test]
fn another_text_diverges_at_its_first_difference() {
    check(&[r#"{"content":"one two"}"#], &[r#"{"content":"one "}"#, r#"{"content":"to"}"#], &["diverged"]);
    check(&[r#"{"content":"one"}"#], &[r#"{"content":"on"}"#], &["too short"]);
    check(&[r#"{"content":"größe"}"#], &[r#"{"content":"grùn"}"#], &["diverged"]);
    check(&[r#"{"content":"one","refusal":"no"}"#], &[r#"{"content":"one more"}"#], &["too short"]);
    // What comes beside what has to come first is held back, and goes out behind it.
    check(
        &[r#"{"reasoning_content":"a","content":"b"}"#],
        &[r#"{"content":"bc"}"#, r#"{"reasoning_content":"a"}"#],
        &[r#"{"content":"c"}"#],
    );
}

#[test]
fn calls_go_on_with_the_ids_that_the_caller_has() {
    let begun = |id: &str| {
        format!(
            r#"{{"tool_calls":[{{"index":0,"id":"{id}","type":"function","function":{{"name":"f","arguments":""}}}}]}}"#
        )
    };
    let args = |index: u32, text: &str| {
        format!(r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":"{text}"}}}}]}}"#)
    };
    let second =
        r#"{"tool_calls":[{"index":1,"id":"z","type":"function","function":{"name":"g","arguments":""}}]}"#;
    check(
        &[&begun("a"), &args(0, "12")],
        &[&begun("b"), &args(0, "1"), &args(0, "234"), second, &args(1, "5")],
        &[&args(0, "34"), second, &args(1, "5")],
    );
    check(&[&begun("a")], &[&begun("b"), &args(0, "1")], &[&args(0, "1")]);
    // A provider that says the id and the name with every piece: the caller has other ones.
    let piece = |text: &str| begun("b").replace(r#""arguments":"""#, &format!(r#""arguments":"{text}""#));
    check(
        &[&begun("a"), &args(0, "1")],
        &[&piece("1"), &piece("2"), &piece("3")],
        &[&args(0, "2"), &args(0, "3")],
    );
    let only_id = r#"{"tool_calls":[{"index":0,"id":"a","type":"function"}]}"#;
    check(&[only_id], &[&begun("b")], &["diverged"]);
    check(&[&begun("a"), &args(0, "12")], &[&begun("b"), &args(0, "13")], &["diverged"]);
    let other = begun("b").replace("\"f\"", "\"h\"");
    check(&[&begun("a")], &[&other], &["diverged"]);
    check(
        &[r#"{"function_call":{"name":"f","arguments":"1"}}"#],
        &[r#"{"function_call":{"name":"f","arguments":"12"}}"#],
        &[r#"{"function_call":{"arguments":"2"}}"#],
    );
}

/// Each kind of call, and what providers say again with its pieces.
#[test]
fn what_is_known_of_a_call_is_said_once() {
    let custom = |id: &str, name: &str, input: &str| {
        format!(
            r#"{{"tool_calls":[{{"index":0,"id":"{id}","type":"custom","custom":{{"name":"{name}","input":"{input}"}}}}]}}"#
        )
    };
    let rest = r#"{"tool_calls":[{"index":0,"custom":{"input":"2"}}]}"#;
    check(&[&custom("a", "f", "1")], &[&custom("b", "f", "12")], &[rest]);
    check(&[&custom("a", "f", "1")], &[&custom("b", "g", "12")], &["diverged"]);
    check(&[&custom("a", "f", "1")], &[&custom("b", "f", "1"), &custom("b", "f", "2")], &[rest]);
    let only_id = r#"{"tool_calls":[{"index":0,"id":"b"}]}"#;
    check(&[&custom("a", "f", "1")], &[only_id, &custom("b", "f", "12")], &[rest]);
    let legacy = |arguments: &str| format!(r#"{{"function_call":{{"name":"f","arguments":"{arguments}"}}}}"#);
    check(
        &[&legacy("12")],
        &[&legacy("1"), &legacy("2"), &legacy("3")],
        &[r#"{"function_call":{"arguments":"3"}}"#],
    );
}

#[test]
fn what_cannot_be_compared_is_new_to_the_caller() {
    check(
        &[r#"{"content":"one"}"#],
        &[r#"{"thinking_blocks":[{"type":"thinking"}]}"#, r#"{"content":"one"}"#],
        &[r#"{"thinking_blocks":[{"type":"thinking"}]}"#],
    );
}

#[test]
fn what_cannot_be_read_is_another_answer() {
    let check = |events: &[u8], expect| {
        let mut transcript = Transcript::default();
        transcript.add(Channel::Content, b"one");
        let mut splice = Splice::new(&transcript, FIRST, 1 << 10).unwrap();
        let pushed = splice.push(&[Bytes::copy_from_slice(events)], &mut Vec::new());
        assert_eq!(pushed, expect, "{}", String::from_utf8_lossy(events));
    };
    check(&event(r#"{"choices":[]}"#), Ok(()));
    check(b": comment\n\ndata:\n\n", Ok(()));
    check(b"data: {\"choices\":\n\n", Err(Diverged));
    check(&event(&"x".repeat(1 << 10)), Err(Diverged));
    check(&event(&format!("\"{}\"", "x".repeat(1 << 10))), Err(Diverged));
}

#[test]
fn an_answer_that_ends_too_early_is_another_one() {
    let mut transcript = Transcript::default();
    transcript.add(Channel::Content, b"one");
    let mut splice = Splice::new(&transcript, FIRST, 1 << 20).unwrap();
    let ends = r#"{"choices":[{"index":0,"delta":{"content":"on"},"finish_reason":"stop"}]}"#;
    assert_eq!(splice.push(&[event(ends)], &mut Vec::new()), Err(Diverged));
}

#[test]
fn an_end_on_the_same_byte_goes_out() {
    let mut transcript = Transcript::default();
    transcript.add(Channel::Content, b"one");
    let mut splice = Splice::new(&transcript, FIRST, 1 << 20).unwrap();
    let mut out = Vec::new();
    let ends = r#"{"choices":[{"index":0,"delta":{"content":"one"},"finish_reason":"stop"}]}"#;
    splice.push(&[event(ends), Bytes::from_static(b": comment\n\n")], &mut out).unwrap();
    splice.push(&[event(r#"{"choices":[],"usage":{"total_tokens":3}}"#)], &mut out).unwrap();
    splice.finish().unwrap();
    let text = String::from_utf8(out.concat()).unwrap();
    assert_eq!(
        text,
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"id\":\"c1\",\"created\":7,\"model\":\"m1\"}\n\n\
         data: {\"choices\":[],\"usage\":{\"total_tokens\":3},\"id\":\"c1\",\"created\":7,\"model\":\"m1\"}\n\n"
    );
}

#[test]
fn what_cannot_be_compared_is_not_spliced() {
    let mut transcript = Transcript::default();
    transcript.add_chunk(&serde_json::json!({"choices":[{"index":0,"delta":{"audio":{"id":"a"}}}]}));
    assert!(Splice::new(&transcript, FIRST, 1 << 20).is_none());
}

#[test]
fn an_empty_finish_reason_is_none() {
    let mut transcript = Transcript::default();
    transcript.add(Channel::Content, b"one two");
    let mut splice = Splice::new(&transcript, FIRST, 1 << 20).unwrap();
    let chunk = |text: &str| {
        event(&format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":""}}]}}"#))
    };
    let mut out = Vec::new();
    splice.push(&[chunk("one"), chunk(" two"), chunk(" three")], &mut out).unwrap();
    splice.finish().unwrap();
    assert!(String::from_utf8(out.concat()).unwrap().contains(" three"));
}

#[test]
fn what_is_not_text_waits_for_its_turn() {
    check(
        &[r#"{"reasoning_content":"hm"}"#],
        &[r#"{"content":[{"type":"text"}]}"#, r#"{"reasoning_content":"hm"}"#],
        &[r#"{"content":[{"type":"text"}]}"#],
    );
    check(&[r#"{"content":"one"}"#], &[r#"{"content":[{"type":"text"}]}"#], &["too short"]);
}

#[test]
fn what_is_held_back_is_bounded_however_small_it_is() {
    let mut transcript = Transcript::default();
    transcript.add(Channel::Content, b"one");
    let mut splice = Splice::new(&transcript, FIRST, 64 * 1024).unwrap();
    let small = [event(r#"{"choices":[]}"#)];
    let pushed = (0..1_000).try_for_each(|_| splice.push(&small, &mut Vec::new()));
    assert_eq!(pushed, Err(Diverged));
}

#[test]
fn the_first_event_is_one_that_says_the_id() {
    let check = |pieces: &[&str], expect: Option<&str>| {
        let pieces: Vec<Bytes> =
            pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect();
        let first = first_event(&pieces);
        let first = first.as_deref().map(|first| std::str::from_utf8(first).unwrap());
        assert_eq!(first, expect, "{pieces:?}");
    };
    let (filter, role) = (
        "data: {\"id\":\"\",\"model\":\"\",\"choices\":[]}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0}]}\n\n",
    );
    check(&[role], Some(role));
    check(&[&format!("{role}{filter}")], Some(&format!("{role}{filter}")));
    check(&[": wait\n\n", role], Some(role));
    check(&[&format!(": wait\n\nevent: x\n{role}")], Some(role));
    check(&[&format!("\u{feff}{role}")], Some(role));
    check(&[filter, role], Some(role));
    check(&[&format!("{filter}{role}")], Some(role));
    check(&[filter, "data: {}\n\n"], Some(filter));
    check(&[": wait\n\n"], None);
    check(&[], None);
}
