//! Binary frames from their readable form.

use sluice_providers::aws_stream;

/// Each line is a frame: `event NAME PAYLOAD`, `exception NAME PAYLOAD` or `error CODE MESSAGE`.
pub(crate) fn encoded(lines: &[u8]) -> Vec<u8> {
    let lines = std::str::from_utf8(lines).unwrap().lines().filter(|line| !line.is_empty());
    lines.flat_map(frame).collect()
}

fn frame(line: &str) -> Vec<u8> {
    let mut words = line.splitn(3, ' ');
    let [message_type, name, rest] = [(); 3].map(|()| words.next().unwrap_or_default());
    let (about, payload) = match message_type {
        "event" => ([(":event-type", name), (":content-type", "application/json")], rest),
        "exception" => ([(":exception-type", name), (":content-type", "application/json")], rest),
        "error" => ([(":error-code", name), (":error-message", rest)], ""),
        other => panic!("{other}"),
    };
    let headers = [about[0], about[1], (":message-type", message_type)];
    aws_stream::write(&headers, payload.as_bytes())
}
