//! A request as the upstream got it.

use std::time::Instant;

use bytes::Bytes;
use memchr::memmem;

/// One request, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Number of its connection, from 0 in order of acceptance.
    pub connection: usize,
    /// Its own number, from 0 in order of arrival over all connections.
    pub number: usize,
    /// The head as it came, with the empty line.
    pub head: Bytes,
    /// The body, freed of chunk framing when there was any.
    pub body: Bytes,
    /// Whether the body came chunked.
    pub chunked: bool,
    /// When its last byte was there.
    pub arrived: Instant,
}

impl Request {
    /// `POST /v1/chat/completions HTTP/1.1`.
    #[must_use]
    pub fn request_line(&self) -> &str {
        head_lines(&self.head).next().unwrap_or("")
    }

    /// The headers in order, names as they were spelled.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        headers(&self.head)
    }

    /// The value of the first header with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers().into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the request's body is JSON")
    }
}

fn head_lines(head: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(head).unwrap_or("").split("\r\n")
}

/// The header lines of a head, in order.
pub(crate) fn headers(head: &[u8]) -> Vec<(String, String)> {
    let lines = head_lines(head).skip(1).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        })
        .collect()
}

/// Takes the first whole request off the front of `buffer`; `None` when more bytes are needed.
/// Malformed framing panics: the gateway under test must never send any.
pub(super) fn take(buffer: &mut Vec<u8>, connection: usize) -> Option<Request> {
    let head_end = memmem::find(buffer, b"\r\n\r\n")? + 4;
    let head = Bytes::copy_from_slice(&buffer[..head_end]);
    let fields = headers(&head);
    let field = |name: &str| {
        let mut all = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = all.next().map(|(_, value)| value.as_str());
        assert!(all.next().is_none(), "two {name} headers in {fields:?}");
        first
    };
    let (length, coding) = (field("content-length"), field("transfer-encoding"));
    assert!(length.is_none() || coding.is_none(), "content-length beside transfer-encoding: {fields:?}");
    let chunked = coding.is_some();
    let (body, end) = if chunked {
        unchunk(buffer, head_end)?
    } else {
        let length: usize = length.map_or(0, |text| text.parse().expect("content-length is a number"));
        let end = head_end + length;
        (buffer.get(head_end..end)?.to_vec(), end)
    };
    buffer.drain(..end);
    Some(Request { connection, number: 0, head, body: Bytes::from(body), chunked, arrived: Instant::now() })
}

/// The content of a chunked body that begins at `at`, and where it ends.
fn unchunk(buffer: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    loop {
        let line = at + memmem::find(&buffer[at..], b"\r\n")?;
        let size = std::str::from_utf8(&buffer[at..line]).expect("a chunk size in ASCII");
        let size = usize::from_str_radix(size, 16).expect("a chunk size in hex");
        let data = line + 2;
        let after = buffer.get(data + size..data + size + 2)?;
        assert_eq!(after, b"\r\n", "the end of a chunk");
        body.extend_from_slice(&buffer[data..data + size]);
        at = data + size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: &[(&str, &str)], rest: &str) {
        let mut buffer = Vec::new();
        let mut got = Vec::new();
        for byte in input.bytes() {
            buffer.push(byte);
            got.extend(take(&mut buffer, 0));
        }
        let got: Vec<(String, String)> = got
            .iter()
            .map(|r| (r.request_line().to_owned(), String::from_utf8(r.body.to_vec()).unwrap()))
            .collect();
        let expect: Vec<_> = expect.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(got, expect);
        assert_eq!(buffer, rest.as_bytes());
    }

    #[test]
    fn requests_are_taken_whole() {
        check("GET / HTTP/1.1\r\nhost: a\r\n\r\n", &[("GET / HTTP/1.1", "")], "");
        check("POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nhiPO", &[("POST /a HTTP/1.1", "hi")], "PO");
        check(
            "POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            &[("POST /a HTTP/1.1", "abc")],
            "",
        );
    }
}
