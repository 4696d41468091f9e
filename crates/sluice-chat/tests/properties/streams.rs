//! Events come out the same however the bytes are cut.

use proptest::prelude::*;
use sluice_chat::ApiError;
use sluice_chat::fuzzing::sse_reader;
use sluice_chat::sse::{DONE, EventBoundary, EventTooLarge, SseReader, data_of, error_event, write_event};

const LINES: &[&str] = &[
    "data: {\"a\":1}",
    "data:x",
    "data:  two spaces",
    "data",
    "data:",
    "data: 你好",
    ": comment",
    ":",
    "event: error",
    "event:",
    "id: 7",
    "retry: 10",
    "unknown",
    "dataset: no",
    "",
    "",
    "",
];

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = (proptest::sample::select(LINES), proptest::sample::select(&["\n", "\r", "\r\n"][..]));
    prop::collection::vec(line, 0..24).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| [line, end]).collect::<String>().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_cut_gives_the_same_events(stream in stream(), stride in any::<u8>(), offset in any::<u8>()) {
        let mut input = vec![stride, offset];
        input.extend_from_slice(&stream);
        sse_reader(&input);
    }

    #[test]
    fn what_is_written_is_read(data in prop::collection::vec("[a-z\n\r ]{1,12}", 0..5)) {
        let mut out = Vec::new();
        data.iter().for_each(|data| write_event(&mut out, data.as_bytes()));
        let expect: Vec<_> = data.iter().map(|d| d.replace("\r\n", "\n").replace('\r', "\n")).collect();
        prop_assert_eq!(read(&out), expect);
    }
}

fn read(stream: &[u8]) -> Vec<String> {
    let mut reader = SseReader::new(1 << 20);
    let mut all = Vec::new();
    reader.feed(stream, &mut |event| all.push(String::from_utf8(event.data.to_vec()).unwrap())).unwrap();
    all
}

fn check(stream: &str, expect: &[&str]) {
    assert_eq!(read(stream.as_bytes()), expect, "{stream:?}");
    for cut in 0..=stream.len() {
        let mut reader = SseReader::new(1 << 20);
        let mut all = Vec::new();
        for piece in [&stream.as_bytes()[..cut], &stream.as_bytes()[cut..]] {
            reader
                .feed(piece, &mut |event| all.push(String::from_utf8(event.data.to_vec()).unwrap()))
                .unwrap();
        }
        assert_eq!(all, expect, "{stream:?} cut at {cut}");
    }
}

#[test]
fn lines_and_their_ends() {
    check("data: a\n\ndata: b\n\n", &["a", "b"]);
    check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
    check("data: a\r\rdata: b\r\r", &["a", "b"]);
    check("data: a\r\n\ndata: b\n\r\n", &["a", "b"]);
    check("data: a\ndata: b\n\n", &["a\nb"]);
    check("data:a\n\ndata:  b\n\n", &["a", " b"]);
    check(": hi\n\n:\n\nevent: x\n\ndata\n\ndata:\n\n\n\ndata: a\n\n", &["a"]);
    check("data\ndata: a\n\n", &["\na"]);
    check("\u{feff}data: a\n\n", &["a"]);
    check("data: a\n\ndata: half\n", &["a"]);
    check("data: {\"x\":\"你好\"}\n\n", &["{\"x\":\"你好\"}"]);
}

#[test]
fn names_of_events() {
    let mut reader = SseReader::new(64);
    let mut names = Vec::new();
    let stream = b"event: error\ndata: a\n\ndata: b\n\nevent: x\n\ndata: c\n\n";
    reader.feed(stream, &mut |event| names.push(event.event.map(<[u8]>::to_vec))).unwrap();
    assert_eq!(names, [Some(b"error".to_vec()), None, None]);
}

#[test]
fn half_events_are_dropped_and_told() {
    let half = |stream: &[u8]| {
        let mut reader = SseReader::new(64);
        reader.feed(stream, &mut |_| ()).unwrap();
        reader.end()
    };
    assert!(!half(b""));
    assert!(!half(b"data: a\n\n"));
    assert!(!half(b"data: a\n\n: comm"));
    assert!(half(b"data: a\n\ndat"));
    assert!(half(b"data: a\n"));
}

#[test]
fn the_bound_holds() {
    let fed = |stream: &[u8], max| SseReader::new(max).feed(stream, &mut |_| ());
    assert_eq!(fed(b"data: 1234\n\n", 10), Ok(()));
    assert_eq!(fed(b"data: 12345\n\n", 10), Err(EventTooLarge));
    assert_eq!(fed(b"data: 12345", 10), Err(EventTooLarge));
    assert_eq!(fed(b"data: 1\ndata: 2\ndata: 3\n\n", 10), Ok(()));
    assert_eq!(fed(&b"data: 1\n".repeat(6), 10), Err(EventTooLarge));
    assert_eq!(fed(&b": c\n".repeat(100), 10), Ok(()));
    let mut reader = SseReader::new(10);
    let mut seen = 0;
    assert!(reader.feed(b"data: 1\n\ndata: 123456789\n\n", &mut |_| seen += 1).is_err());
    assert!(reader.feed(b"data: 1\n\n", &mut |_| seen += 1).is_err());
    assert_eq!(seen, 1);
}

#[test]
fn ends_of_events() {
    let check = |stream: &str, expect: &[usize]| {
        let mut boundary = EventBoundary::new();
        let mut ends = Vec::new();
        while let Some(end) = boundary.next_end(stream.as_bytes(), ends.last().copied().unwrap_or(0)) {
            ends.push(end);
        }
        assert_eq!(ends, expect, "{stream:?}");
    };
    check("data: a\n\ndata: b\n\n", &[9, 18]);
    check("data: a\r\n\r\ndata: b\r\n\r\n", &[11, 22]);
    check("data: a\r\rdata: b\r\r", &[9, 18]);
    check("data: a\r\n\rdata: b\n\r\n", &[10, 20]);
    check("data: a\n", &[]);
    check("data: a\ndata: b\n\nx", &[17]);
}

#[test]
fn a_crlf_cut_in_its_middle_ends_one_event() {
    let mut boundary = EventBoundary::new();
    assert_eq!(boundary.next_end(b"data: a\r\n\r", 0), Some(10));
    assert_eq!(boundary.next_end(b"data: a\r\n\r", 10), None);
    assert_eq!(boundary.next_end(b"\ndata: b\r\n\r\n", 0), Some(12));
}

#[test]
fn the_data_of_a_block() {
    let check = |block: &str, expect: &str, borrowed: bool| {
        let data = data_of(block.as_bytes());
        assert_eq!(&*data, expect.as_bytes(), "{block:?}");
        assert_eq!(matches!(data, std::borrow::Cow::Borrowed(_)), borrowed, "{block:?}");
    };
    check("data: a\n\n", "a", true);
    check("event: x\r\ndata:a\r\n\r\n", "a", true);
    check("data: a\rdata: b\r\r", "a\nb", false);
    check(": only a comment\n\n", "", true);
    check("\ndata: a", "a", true);
}

#[test]
fn what_the_writer_writes() {
    assert_eq!(read(DONE), ["[DONE]"]);
    let event = error_event(&ApiError::invalid("c", "two\nlines"));
    assert_eq!(
        String::from_utf8(event).unwrap(),
        "data: {\"error\":{\"message\":\"two\\nlines\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"c\"}}\n\n"
    );
}
