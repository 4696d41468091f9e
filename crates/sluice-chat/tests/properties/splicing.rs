//! Splicing against a naive reference: the same edits on a list of pairs.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use sluice_chat::RequestScan;
use sluice_chat::scan::{Span, scan};
use sluice_chat::splice::{Edit, splice};

const PAIRS: &[&str] = &[
    r#""temperature" : 1"#,
    r#""user":"a,b}{""#,
    r#""seed":null"#,
    r#""stream":true"#,
    r#""unknown":[1,{"x":"]"}]"#,
    r#""us\u0065r":"twice""#,
];

fn joined(slices: &[Bytes]) -> Vec<u8> {
    slices.concat()
}

/// The pairs of the outer object, in order, duplicates and all.
fn pairs(body: &[u8]) -> Vec<(String, Value)> {
    let scanned = scan(body).unwrap();
    let read = |span: Span| serde_json::from_slice::<Value>(span.of(body)).unwrap();
    scanned.entries.iter().map(|e| (read(e.key).as_str().unwrap().to_owned(), read(e.value))).collect()
}

fn body() -> impl Strategy<Value = Bytes> {
    (proptest::sample::subsequence(PAIRS, 0..PAIRS.len()).prop_shuffle(), 0_usize..6, "[ \n]{0,2}").prop_map(
        |(pairs, at, gap)| {
            let mut all: Vec<&str> = pairs;
            all.insert(at.min(all.len()), r#""model":"m""#);
            all.insert((at / 2).min(all.len()), r#""messages":[{"role":"user","content":"hi"}]"#);
            Bytes::from(format!("{gap}{{{gap}{}{gap}}}{gap}", all.join(&format!("{gap},{gap}"))))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn as_the_naive_way(
        body in body(),
        removed in prop::collection::btree_set(0_usize..10, 0..9),
        replaced in prop::collection::btree_map(0_usize..10, -5_i64..5, 0..4),
        appended in prop::collection::vec(0_u8..9, 0..3),
    ) {
        let scanned = scan(&body).unwrap();
        let mut expect: Vec<Option<(String, Value)>> = pairs(&body).into_iter().map(Some).collect();
        let mut edits = Vec::new();
        for (index, value) in &replaced {
            if let (Some(entry), Some(Some(pair))) = (scanned.entries.get(*index), expect.get_mut(*index)) {
                edits.push(Edit::Replace { span: entry.value, with: Bytes::from(value.to_string()) });
                pair.1 = Value::from(*value);
            }
        }
        for value in &appended {
            edits.push(Edit::Append { entry: Bytes::from(format!("\"added\":{value}")) });
            expect.push(Some(("added".to_owned(), Value::from(*value))));
        }
        for index in &removed {
            edits.push(Edit::RemoveEntry { index: *index });
            if *index < scanned.entries.len() {
                expect[*index] = None;
            }
        }
        let out = joined(&splice(&body, &scanned, &edits));
        let expect: Vec<_> = expect.into_iter().flatten().collect();
        // Read it with a list that keeps duplicates: the scan of it where it still is a request, else serde_json.
        let text = String::from_utf8(out.clone()).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let last: serde_json::Map<String, Value> = expect.iter().cloned().collect();
        prop_assert_eq!(whole, Value::Object(last));
        if scan(&out).is_ok() {
            prop_assert_eq!(pairs(&out), expect);
        }
    }

    #[test]
    fn without_edits_the_body_is_one_piece(body in body()) {
        let out = splice(&body, &scan(&body).unwrap(), &[]);
        prop_assert_eq!(out.len(), 1);
        prop_assert_eq!(out[0].as_ptr(), body.as_ptr());
    }
}

fn check(body: &str, edits: impl FnOnce(&[u8], &RequestScan) -> Vec<Edit>, expect: &str) {
    let body = Bytes::from(body.to_owned());
    let scanned = scan(&body).unwrap();
    let edits = edits(&body, &scanned);
    assert_eq!(String::from_utf8(joined(&splice(&body, &scanned, &edits))).unwrap(), expect);
}

const BODY: &str = r#"{ "model":"m", "messages":[{"role":"user","content":"x"}], "stream_options":null }"#;

#[test]
fn everything_else_stays_byte_for_byte() {
    check(
        BODY,
        |_, scan| vec![Edit::Replace { span: scan.model_value, with: Bytes::from_static(b"\"other\"") }],
        r#"{ "model":"other", "messages":[{"role":"user","content":"x"}], "stream_options":null }"#,
    );
    check(
        BODY,
        |_, _| vec![Edit::RemoveEntry { index: 0 }],
        r#"{ "messages":[{"role":"user","content":"x"}], "stream_options":null }"#,
    );
    check(
        BODY,
        |_, _| vec![Edit::RemoveEntry { index: 2 }],
        r#"{ "model":"m", "messages":[{"role":"user","content":"x"}] }"#,
    );
    check(BODY, |_, _| (0..3).map(|index| Edit::RemoveEntry { index }).collect(), "{  }");
    check(
        BODY,
        |_, _| {
            let append = |entry: &'static str| Edit::Append { entry: Bytes::from_static(entry.as_bytes()) };
            let mut edits = vec![append(r#""a":1"#), append(r#""b":2"#)];
            edits.extend((0..3).map(|index| Edit::RemoveEntry { index }));
            edits
        },
        r#"{  "a":1,"b":2}"#,
    );
}

#[test]
fn setting_a_field_replaces_what_stands_there() {
    let set = |key, value: &'static str| {
        move |body: &[u8], scan: &RequestScan| vec![Edit::set(body, scan, key, value.as_bytes())]
    };
    check(
        BODY,
        set("stream_options", r#"{"include_usage":true}"#),
        r#"{ "model":"m", "messages":[{"role":"user","content":"x"}], "stream_options":{"include_usage":true} }"#,
    );
    check(
        BODY,
        set("max_tokens", "5"),
        r#"{ "model":"m", "messages":[{"role":"user","content":"x"}], "stream_options":null ,"max_tokens":5}"#,
    );
    check(
        r#"{"mod\u0065l":"m","messages":[{"role":"user","content":"x"}]}"#,
        set("model", "\"n\""),
        r#"{"mod\u0065l":"n","messages":[{"role":"user","content":"x"}]}"#,
    );
}

#[test]
fn overlapping_and_misplaced_edits_are_left_out() {
    check(
        BODY,
        |_, scan| {
            let with = Bytes::from_static(b"7");
            let replace = |span| Edit::Replace { span, with: with.clone() };
            vec![
                Edit::RemoveEntry { index: 0 },
                replace(scan.model_value),
                Edit::RemoveEntry { index: 9 },
                replace(scan.entries[2].value),
                replace(scan.entries[2].value),
            ]
        },
        r#"{ "messages":[{"role":"user","content":"x"}], "stream_options":7 }"#,
    );
}
