//! Heads, bodies and chunks as the client read them.

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

/// How a connection, or the body on it, ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As its framing says: all counted bytes, or the zero chunk.
    #[default]
    Complete,
    /// An end of the connection (FIN) first.
    Eof,
    /// A reset first.
    Reset,
}

/// A response head.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    /// As it came, with the empty line.
    pub raw: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8(raw.to_vec()).expect("a response head in ASCII");
        let status = text.split(' ').nth(1).and_then(|s| s.get(..3)).and_then(|s| s.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line in {text:?}"));
        Self { status, headers: crate::upstream::headers_of(raw), raw: text }
    }

    /// The value of the first header with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The lower-case names of all headers, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    }

    /// The number in `content-length`.
    #[must_use]
    pub fn content_length(&self) -> Option<usize> {
        self.header("content-length").map(|text| text.parse().expect("content-length is a number"))
    }

    /// Whether the body is in chunked coding.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }
}

/// A response body.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Its content, freed of chunk framing.
    pub bytes: Vec<u8>,
    /// The data of each chunk, when it was chunked; without the zero chunk.
    pub chunks: Vec<Bytes>,
    pub ending: Ending,
}

impl Body {
    /// Its content as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("a body in UTF-8")
    }

    /// Its content as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error} in {:?}", self.lossy()))
    }

    /// The data of each `data:` event.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        events(self.text())
    }

    fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The data of each event of an event stream whose events have one `data:` line each; a half event is left out.
#[must_use]
pub fn events(stream: &str) -> Vec<String> {
    let whole = stream.rfind("\n\n").map_or("", |end| &stream[..end]);
    let data = whole.split("\n\n").filter_map(|event| event.strip_prefix("data:"));
    data.map(|data| data.trim_start().to_owned()).collect()
}

/// The first chunk of `buffer` and where it ends; `None` when more bytes are needed.
/// Trailers are not expected of the gateway: a zero chunk must be followed by the empty line.
pub(super) fn chunk(buffer: &[u8]) -> Option<(Bytes, usize)> {
    let line = memmem::find(buffer, b"\r\n")?;
    let size = std::str::from_utf8(&buffer[..line]).expect("a chunk size in ASCII");
    let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("chunk size {size:?}"));
    let data = buffer.get(line + 2..line + 4 + size)?;
    assert_eq!(&data[size..], b"\r\n", "the end of a chunk");
    Some((Bytes::copy_from_slice(&data[..size]), line + 4 + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: Option<(&str, usize)>) {
        let got = chunk(input.as_bytes());
        assert_eq!(
            got,
            expect.map(|(data, end)| (Bytes::copy_from_slice(data.as_bytes()), end)),
            "{input:?}"
        );
    }

    #[test]
    fn chunks_are_taken_whole() {
        check("", None);
        check("3\r\nab", None);
        check("3\r\nabc\r", None);
        check("3\r\nabc\r\n0\r\n", Some(("abc", 8)));
        check("0\r\n\r\n", Some(("", 5)));
        check("A\r\n0123456789\r\n", Some(("0123456789", 15)));
    }

    #[test]
    fn events_of_a_stream() {
        assert_eq!(events("data: a\n\n: note\n\ndata:b\n\ndata: ha"), ["a", "b"]);
        assert_eq!(events("data: ha"), [""; 0]);
    }
}
