//! Headers as the lines that they are on the wire.
//!
//! What every answer says of itself is known when it is made, and nobody changes it afterwards. So it is written once,
//! in place of a map from which the same lines are made later.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::ids::Ids;

/// Lines of a head, each a header: `name: value`, CRLF.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

/// Room for the lines of a usual answer.
const USUAL_BYTES: usize = 640;

impl Lines {
    /// Of a request's answer: its ids, to which more can be added.
    pub(super) fn of(ids: &Ids) -> Self {
        let mut lines = Self(Vec::with_capacity(USUAL_BYTES));
        lines.line("x-request-id", |value| value.extend_from_slice(ids.request_text().as_bytes()));
        lines.line("x-trace-id", |value| value.extend_from_slice(ids.trace_text().as_bytes()));
        lines
    }

    pub(super) fn put(&mut self, name: &'static str, value: &HeaderValue) {
        self.line(name, |text| text.extend_from_slice(value.as_bytes()));
    }

    pub(super) fn put_text(&mut self, name: &'static str, value: &'static str) {
        self.line(name, |text| text.extend_from_slice(value.as_bytes()));
    }

    pub(super) fn put_number(&mut self, name: &'static str, number: impl itoa::Integer) {
        self.line(name, |text| push_number(text, number));
    }

    /// A duration as OpenAI writes it: `20ms`, `1s`, `6m0s`, `1h0m0s`; rounded up.
    pub(super) fn put_duration(&mut self, name: &'static str, ns: u64) {
        self.line(name, |text| push_duration(text, ns));
    }

    /// Not for what a caller or a provider says: that could have lines of its own.
    fn line(&mut self, name: &'static str, value: impl FnOnce(&mut Vec<u8>)) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        value(&mut self.0);
        self.0.extend_from_slice(b"\r\n");
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same as headers.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in self.0.split(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\r") else { continue };
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (HeaderName::from_bytes(&line[..colon]), line[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        headers
    }
}

fn push_number(text: &mut Vec<u8>, number: impl itoa::Integer) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn push_duration(text: &mut Vec<u8>, ns: u64) {
    let mut part = |number: u64, unit: &[u8]| {
        push_number(text, number);
        text.extend_from_slice(unit);
    };
    let millis = ns.div_ceil(1_000_000);
    if millis < 1000 {
        return part(millis, b"ms");
    }
    let seconds = millis.div_ceil(1000);
    if seconds >= 3600 {
        part(seconds / 3600, b"h");
    }
    if seconds >= 60 {
        part(seconds / 60 % 60, b"m");
    }
    part(seconds % 60, b"s");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_openai_does() {
        let check = |ns, expect: &str| {
            let mut lines = Lines::default();
            lines.put_duration("a", ns);
            assert_eq!(lines.as_bytes(), format!("a: {expect}\r\n").as_bytes());
        };
        check(0, "0ms");
        check(1, "1ms");
        check(20_000_000, "20ms");
        check(999_000_001, "1s");
        check(1_000_000_001, "2s");
        check(360_000_000_000, "6m0s");
        check(3_600_000_000_000, "1h0m0s");
    }

    #[test]
    fn lines_are_headers() {
        let mut lines = Lines::default();
        lines.put_text("content-type", "text/event-stream; charset=utf-8");
        lines.put_number("x-a", 7u64);
        lines.put("x-b", &HeaderValue::from_bytes(b"\xffb: c").unwrap());
        lines.put_text("x-c", "");
        let headers = lines.headers();
        assert_eq!(headers.len(), 4);
        assert_eq!(headers["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(headers["x-a"], "7");
        assert_eq!(headers["x-b"].as_bytes(), b"\xffb: c");
        assert_eq!(headers["x-c"], "");
    }
}
