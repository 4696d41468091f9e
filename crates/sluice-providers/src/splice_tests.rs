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
    check(&[&begun("a"), &args(0, "12")], &[&begun("b"), &args(0, "13")], &["diverged"]);
    let other = begun("b").replace("\"f\"", "\"h\"");
    check(&[&begun("a")], &[&other], &["diverged"]);
    check(
        &[r#"{"function_call":{"name":"f","arguments":"1"}}"#],
        &[r#"{"function_call":{"name":"f","arguments":"12"}}"#],
        &[r#"{"function_call":{"arguments":"2"}}"#],
    );
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
