//! What a chunk says, and that the pass says of it what the tree does.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::openai::usage::RawTally;

fn usages_of(facts: &Facts) -> Vec<String> {
    let all = facts.other_usages.iter().chain(&facts.usage);
    all.map(|usage| match usage {
        GivenUsage::Plain(plain) => format!("{plain:?}"),
        GivenUsage::Other(text) => text.clone(),
    })
    .collect()
}

fn check(chunk: &str, expect: &str) {
    let got = facts_of_bytes(chunk.as_bytes()).map(|f| {
        let holes: Vec<&str> = f.holes.iter().map(|hole| &chunk[hole.start..hole.end]).collect();
        format!(
            "{:?} content={} {} usage={} error={} holes={}",
            f.choices,
            f.has_content,
            f.content_bytes,
            usages_of(&f).join("+"),
            f.error.is_some(),
            holes.join("|")
        )
    });
    assert_eq!(got.as_deref().unwrap_or("not JSON"), expect, "{chunk}");
}

#[test]
fn what_a_chunk_says() {
    check(
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        "[(0, false)] content=false 0 usage= error=false holes=",
    );
    check(
        r#"{"choices":[{"index":0,"delta":{"content":"h\u00e9\n"}}],"obfuscation":"xx"}"#,
        r"[(0, false)] content=true 4 usage= error=false holes=h\u00e9\n|xx",
    );
    check(
        r#"{"obfuscation":"xx","choices":[{"delta":{"reasoning_content":"a","content":null}}]}"#,
        "[(0, false)] content=true 1 usage= error=false holes=xx|a",
    );
    check(
        r#"{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}}]}"#,
        "[(1, false)] content=true 0 usage= error=false holes=",
    );
    check(
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"a":1}}],"x_groq":{"usage":{"b":2}},"usage":{"c":3}}"#,
        r#"[(0, true)] content=false 0 usage={"a":1}+{"b":2}+{"c":3} error=false holes="#,
    );
    check(
        r#"{"choices":[{"delta":{},"finish_reason":""}]}"#,
        "[(0, false)] content=false 0 usage= error=false holes=",
    );
    check(r#"{"error":{"message":"m"}}"#, "[] content=false 0 usage= error=true holes=");
    check(r#"{"error":null,"choices":null}"#, "[] content=false 0 usage= error=false holes=");
    check(r#"{"x_groq":{"error":"e"}}"#, "[] content=false 0 usage= error=true holes=");
}

#[test]
fn odd_shapes_are_read_all_the_same() {
    check(
        r#"{"choices":[null,{"index":"1","delta":{"content":"ab"}}]}"#,
        "[(0, false)] content=true 2 usage= error=false holes=",
    );
    check(r#"{"choices":{},"usage":{"a":1}}"#, r#"[] content=false 0 usage={"a":1} error=false holes="#);
    check(
        r#"{"choices":[{"delta":{"content":[{"type":"text"}]}}]}"#,
        "[(0, false)] content=true 0 usage= error=false holes=",
    );
    check("[1]", "[] content=false 0 usage= error=false holes=");
    check("{", "not JSON");
    check("hello", "not JSON");
    check(r#"{"choices":[]} x"#, "not JSON");
    check(r#"{"choices":5, x}"#, "not JSON");
}

#[test]
fn escaped_and_repeated_keys_count_as_the_tree_has_them() {
    check(
        r#"{"choices":[{"delta":{"con\u0074ent":"ab"}}]}"#,
        "[(0, false)] content=true 2 usage= error=false holes=",
    );
    check(
        r#"{"choices":[{"delta":{"content":"ab","content":"c"}}],"choices":[]}"#,
        "[] content=false 0 usage= error=false holes=",
    );
    check(
        r#"{"choices":[{"delta":null,"message":{"content":"ab"}}]}"#,
        "[(0, false)] content=false 0 usage= error=false holes=",
    );
}

#[test]
fn half_of_a_surrogate_pair_is_no_reason_to_refuse() {
    let chunk = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let said = |bytes: u64| format!("[(0, false)] content=true {bytes} usage= error=false holes=");
    check(&chunk(r"a\ud83d"), &said(4));
    check(&chunk(r"\ude00b"), &said(4));
    check(&chunk(r"\ude00\ud83d\ude00\\ud83d\n"), &said(14));
    check(&chunk(r"\ud83d\ud83dx"), &said(7));
    check(&chunk(r"\ud83d\u00e9"), &said(5));
    check(&chunk(r"\ud83d\x"), "not JSON");
    check(&chunk(r"\ud83"), "not JSON");
}

/// Facts in a form to compare, without the holes.
fn shown(mut facts: Facts) -> String {
    let mut tally = RawTally::default();
    let counts = facts.other_usages.len() + usize::from(facts.usage.is_some());
    tally.observe_all(std::mem::take(&mut facts.other_usages), facts.usage.take());
    facts.holes.clear();
    format!("{facts:?} {counts} {:?}", tally.read())
}

/// The pass and the tree on one text.
fn agree(text: &str) {
    let tree: Option<Value> = serde_json::from_str(text).ok();
    let mut facts = Facts::default();
    let read = pass::read(text.as_bytes(), &mut facts);
    assert_eq!(read == Err(Stop::NotJson), tree.is_none(), "JSON or not: {text}");
    if let (Ok(()), Some(tree)) = (read, tree) {
        refill(text, &facts.holes);
        assert_eq!(shown(facts), shown(facts_of_value(&tree)), "{text}");
    }
}

/// Other strings in the holes leave everything else as it is.
fn refill(text: &str, holes: &Holes) {
    let mut other = text.to_owned();
    for hole in holes.iter().rev() {
        assert_eq!((other.as_bytes()[hole.start - 1], other.as_bytes()[hole.end]), (b'"', b'"'), "{text}");
        other.replace_range(hole.start..hole.end, "xyz");
    }
    if !holes.is_empty() {
        let content = holes.iter().filter(|hole| hole.channel.is_some()).count() as u64;
        let facts = facts_of_value(&serde_json::from_str(&other).unwrap());
        assert_eq!(facts.content_bytes, 3 * content, "{text}");
        assert!(facts.error.is_none() && !facts.has_usage() && facts.choices.iter().all(|(_, end)| !end));
    }
}

const USUAL: &[&str] = &[
    r#"{"id":"c","object":"chat.completion","created":1760000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hé\n\u00e9\ud83d\ude00","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
    r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":" hi"},"finish_reason":null}],"usage":null,"obfuscation":"aB3"}"#,
    r#"{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":"}}]}},{"index":0,"delta":{"reasoning_content":"r","reasoning":"s"}}]}"#,
    r#"{"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":2}},"choices":[{"delta":{"function_call":{"arguments":"x"},"audio":{"data":"AA"}}}]}"#,
    r#"{"choices":[{"delta":{},"finish_reason":"stop","usage":{"completion_tokens":7}}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"cached_tokens":1}}"#,
    r#" { "error" : {"message":"m","code":429} , "choices" : null , "x_groq":{"error":"e"}} "#,
];

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "7",
    "-0",
    "-1",
    "1.5",
    "01",
    "1e400",
    "0.1e-7",
    "4294967296",
    "18446744073709551616",
    "0.000",
    r#""""#,
    r#""a""#,
    r#""\u0041\n""#,
    r#""\ud83d""#,
    "[]",
    "[1]",
    "[null]",
    "{}",
    r#"{"a":1}"#,
    r#"[{"index":0}]"#,
    r#"{"content":"x","refusal":7}"#,
    r#"{"arguments":"y"}"#,
    r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}"#,
    r#"{"prompt_tokens":1,"prompt_tokens":5,"completion_tokens":2,"total_tokens":3}"#,
    r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":-3,"prompt_tokens_details":null}"#,
    r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"completion_tokens_details":{"reasoning_tokens":1.0}}"#,
];

const KEYS: &[&str] = &[
    "choices",
    "usage",
    "error",
    "x_groq",
    "obfuscation",
    "index",
    "delta",
    "message",
    "finish_reason",
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
    "tool_calls",
    "function",
    "function_call",
    "arguments",
    "audio",
    "role",
    "con\\u0074ent",
    "prompt_tokens",
    "total_tokens",
    "cached_tokens",
    "prompt_tokens_details",
    "other",
];

/// A JSON text that is made of the words of chunks, mostly in their order.
fn made() -> impl Strategy<Value = String> {
    let leaf = select(VALUES).prop_map(str::to_owned);
    leaf.prop_recursive(5, 48, 4, |inner| {
        let pair = (select(KEYS), inner.clone()).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        let object = |pairs: Vec<String>| format!("{{{}}}", pairs.join(","));
        prop_oneof![
            2 => prop::collection::vec(pair, 0..5).prop_map(object),
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            2 => (select(&["content", "refusal", "tool_calls", "function_call", "audio"][..]), inner.clone(), inner)
                .prop_map(|(key, value, usage)| format!(r#"{{"choices":[{{"delta":{{"{key}":{value}}},"usage":{usage}}}]}}"#)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_pass_and_the_tree_agree_on_what_is_made(text in made()) {
        agree(&text);
    }

    #[test]
    fn the_pass_and_the_tree_agree_on_what_is_changed(
        usual in select(USUAL),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), select(VALUES), 0..4u8), 0..3),
    ) {
        let mut text = usual.to_owned();
        for (place, other, value, kind) in changes {
            let value_ends: Vec<usize> = text.match_indices([',', '}', ']']).map(|(at, _)| at).collect();
            let starts: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
            let chars: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            if value_ends.is_empty() || starts.is_empty() {
                break;
            }
            let at = *place.get(&starts);
            match kind {
                // A value in place of another, up to the next end of one.
                0 => {
                    let end = value_ends.iter().copied().find(|end| *end > at).unwrap_or(text.len());
                    text.replace_range(at..end, value);
                }
                // One more pair.
                1 => text.insert_str(at, &format!("{{\"{}\":{value}}},\"z\":", other.get(KEYS))),
                // A pair again, or another in its place.
                2 => text.insert_str(*place.get(&value_ends), &format!(",\"{}\":{value}", other.get(KEYS))),
                _ => drop(text.remove(*other.get(&chars))),
            }
        }
        agree(&text);
    }
}

#[test]
fn the_usual_ones_take_the_pass() {
    for text in USUAL {
        let mut facts = Facts::default();
        let read = pass::read(text.as_bytes(), &mut facts);
        assert_eq!(read, Ok(()), "{text}");
        agree(text);
    }
    let deep = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    [126, 127, 128].into_iter().for_each(|levels| agree(&deep(levels)));
}
