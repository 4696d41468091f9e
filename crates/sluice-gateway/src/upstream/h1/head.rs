//! The head of an upstream's answer.

use crate::bounds;

/// What the gateway acts on in the head of an answer. Nothing else of it goes further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    pub status: u16,
    pub framing: Framing,
    /// Whether the connection may carry another request once the body was read.
    pub keep_alive: bool,
    pub media_type: MediaType,
    /// A `Content-Encoding` other than `identity`.
    pub encoded: bool,
    /// The `Retry-After` in force, in milliseconds (`retry-after-ms` wins).
    pub retry_after_ms: Option<u64>,
}

/// What a body is said to be, parameters aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MediaType {
    /// Nothing is said.
    #[default]
    Unknown,
    Json,
    EventStream,
    /// Something else, in lower case.
    Other(String),
}

impl MediaType {
    /// Reads a `Content-Type`.
    pub fn of(content_type: &[u8]) -> Self {
        let media_type = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        if media_type.eq_ignore_ascii_case(b"application/json") {
            Self::Json
        } else if media_type.eq_ignore_ascii_case(b"text/event-stream") {
            Self::EventStream
        } else {
            Self::Other(String::from_utf8_lossy(media_type).to_ascii_lowercase())
        }
    }

    /// In lower case, without parameters.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Unknown => None,
            Self::Json => Some("application/json"),
            Self::EventStream => Some("text/event-stream"),
            Self::Other(text) => Some(text),
        }
    }
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    #[error("the answer does not start with an HTTP/1.x head")]
    Malformed,
    #[error("the head of the answer is too large")]
    TooLarge,
    #[error("the length of the answer is given twice or in an unknown way")]
    AmbiguousFraming,
}

/// Reads the head at the start of `bytes`; with it the offset of the body. `None`: not complete yet.
///
/// # Errors
/// When the bytes can not become a head whose body has a certain end.
pub fn parse_head(bytes: &[u8]) -> Result<Option<(AnswerHead, usize)>, HeadError> {
    let mut headers = [httparse::EMPTY_HEADER; bounds::UPSTREAM_HEADER_COUNT];
    let mut response = httparse::Response::new(&mut headers);
    let body_at = match response.parse(bytes) {
        Ok(httparse::Status::Complete(n)) if n <= bounds::UPSTREAM_HEAD_BYTES => n,
        Ok(httparse::Status::Partial) if bytes.len() < bounds::UPSTREAM_HEAD_BYTES => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(_) => return Err(HeadError::Malformed),
    };
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err(HeadError::Malformed);
    };
    let mut fields = Fields::default();
    for header in response.headers.iter() {
        fields.take(header.name, header.value)?;
    }
    let framing = fields.framing(status)?;
    let head = AnswerHead {
        status,
        framing,
        keep_alive: !fields.close && (version == 1 || fields.keep_alive) && framing != Framing::UntilClose,
        media_type: fields.media_type,
        encoded: fields.encoded,
        retry_after_ms: fields.retry_after_precise_ms.or(fields.retry_after_ms),
    };
    Ok(Some((head, body_at)))
}

#[derive(Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
    keep_alive: bool,
    close: bool,
    media_type: MediaType,
    encoded: bool,
    retry_after_ms: Option<u64>,
    retry_after_precise_ms: Option<u64>,
}

impl Fields {
    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), HeadError> {
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case("content-length") {
            let length = decimal(value).ok_or(HeadError::AmbiguousFraming)?;
            if self.length.replace(length).is_some() {
                return Err(HeadError::AmbiguousFraming);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadError::AmbiguousFraming);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            for token in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                self.close |= token.eq_ignore_ascii_case(b"close") || token.eq_ignore_ascii_case(b"upgrade");
                self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name.eq_ignore_ascii_case("content-type") {
            self.media_type = MediaType::of(value);
        } else if name.eq_ignore_ascii_case("content-encoding") {
            self.encoded = !value.is_empty() && !value.eq_ignore_ascii_case(b"identity");
        } else if name.eq_ignore_ascii_case("retry-after") {
            self.retry_after_ms = decimal(value).and_then(|s| s.checked_mul(1000));
        } else if name.eq_ignore_ascii_case("retry-after-ms") {
            self.retry_after_precise_ms = decimal(value);
        }
        Ok(())
    }

    fn framing(&self, status: u16) -> Result<Framing, HeadError> {
        match (self.chunked, self.length) {
            _ if status < 200 || status == 204 || status == 304 => Ok(Framing::Length(0)),
            (true, Some(_)) => Err(HeadError::AmbiguousFraming),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::UntilClose),
        }
    }
}

/// A number of decimal digits alone: no sign, no list.
fn decimal(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing_of(head: &str) -> Result<Option<(u16, Framing, bool)>, HeadError> {
        let wire = head.replace('\n', "\r\n");
        parse_head(wire.as_bytes()).map(|found| found.map(|(h, _)| (h.status, h.framing, h.keep_alive)))
    }

    #[test]
    fn heads() {
        use Framing::*;
        let check = |head: &str, expect| assert_eq!(framing_of(head), expect, "{head:?}");
        check("HTTP/1.1 200 OK\nContent-Length: 5\n\n", Ok(Some((200, Length(5), true))));
        check("HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\n\n", Ok(Some((200, Chunked, true))));
        check("HTTP/1.1 200 OK\n\n", Ok(Some((200, UntilClose, false))));
        check("HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close\n\n", Ok(Some((200, Length(5), false))));
        check("HTTP/1.0 200 OK\nContent-Length: 5\n\n", Ok(Some((200, Length(5), false))));
        check(
            "HTTP/1.0 200 OK\nContent-Length: 5\nConnection: keep-alive\n\n",
            Ok(Some((200, Length(5), true))),
        );
        check(
            "HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close, keep-alive\n\n",
            Ok(Some((200, Length(5), false))),
        );
        check("HTTP/1.1 204 No\n\n", Ok(Some((204, Length(0), true))));
        check("HTTP/1.1 100 Continue\n\n", Ok(Some((100, Length(0), true))));
        check("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5\n\n", Err(HeadError::AmbiguousFraming));
        check("HTTP/1.1 200 OK\nContent-Length: 5, 5\n\n", Err(HeadError::AmbiguousFraming));
        check("HTTP/1.1 200 OK\nContent-Length: +5\n\n", Err(HeadError::AmbiguousFraming));
        check(
            "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n",
            Err(HeadError::AmbiguousFraming),
        );
        check("HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n", Err(HeadError::AmbiguousFraming));
        check("SSH-2.0-x\n", Err(HeadError::Malformed));
        check("HTTP/1.1 200 OK\nConte", Ok(None));
        check(&format!("HTTP/1.1 200 OK\n{}\n", "A: b\n".repeat(101)), Err(HeadError::TooLarge));
        check(&format!("HTTP/1.1 200 OK\nA: {}", "b".repeat(65536)), Err(HeadError::TooLarge));
    }

    #[test]
    fn media_types() {
        let check =
            |text: &str, expect: &str| assert_eq!(MediaType::of(text.as_bytes()).as_str(), Some(expect));
        check("Application/JSON; charset=utf-8", "application/json");
        check("text/event-stream;charset=utf-8", "text/event-stream");
        check("Text/HTML", "text/html");
        check("", "");
    }

    #[test]
    fn what_else_is_read() {
        let wire = b"HTTP/1.1 429 X\r\ncontent-type: Text/Event-Stream; charset=utf-8\r\ncontent-encoding: gzip\r\nretry-after: 2\r\nretry-after-ms: 1500\r\ncontent-length: 0\r\n\r\nrest";
        let (head, at) = parse_head(wire).unwrap().unwrap();
        assert_eq!(head.media_type, MediaType::EventStream);
        assert!(head.encoded && head.retry_after_ms == Some(1500));
        assert_eq!(&wire[at..], b"rest");
    }
}
