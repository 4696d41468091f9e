//! The head of a caller's request.
//!
//! `httparse` reads it. What two readers could understand differently is refused: a length beside a transfer coding,
//! several lengths, codings other than `chunked` alone, lines that end in a bare LF. What one of them takes for a body
//! the other would take for a request.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING},
    request::Parts,
};

use crate::bounds;

/// What the head of a request says.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) parts: Parts,
    pub(super) length: BodyLength,
    /// The caller would send another request on this connection.
    pub(super) keep_alive: bool,
    /// The caller waits for a word before it sends the body.
    pub(super) expects_continue: bool,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// In bytes; 0 where there is none.
    Known(u64),
    Chunked,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    Malformed,
    TooLarge,
}

/// The length of the head at the start of `bytes`, of which the first `seen` were looked at before. `None`: it is not
/// complete.
///
/// # Errors
/// A line does not end in CRLF, or the head is too large.
pub(super) fn length_of(bytes: &[u8], seen: usize) -> Result<Option<usize>, HeadFault> {
    let line_ends = memchr::memchr_iter(b'\n', bytes.get(seen..).unwrap_or_default()).map(|at| at + seen);
    for at in line_ends {
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(HeadFault::Malformed);
        }
        if at >= 2 && bytes[at - 2] == b'\n' {
            return if at < bounds::HEADER_BYTES { Ok(Some(at + 1)) } else { Err(HeadFault::TooLarge) };
        }
    }
    if bytes.len() < bounds::HEADER_BYTES { Ok(None) } else { Err(HeadFault::TooLarge) }
}

/// Whether `bytes` can still become a head.
pub(super) fn may_begin_one(bytes: &[u8]) -> Result<(), HeadFault> {
    let mut headers = [const { MaybeUninit::uninit() }; bounds::HEADER_COUNT];
    let mut request = httparse::Request::new(&mut []);
    request.parse_with_uninit_headers(bytes, &mut headers).map(drop).map_err(fault)
}

fn fault(error: httparse::Error) -> HeadFault {
    match error {
        httparse::Error::TooManyHeaders => HeadFault::TooLarge,
        _ => HeadFault::Malformed,
    }
}

/// Reads a whole head. `room`: empty, for its headers.
pub(super) fn parse(head: &Bytes, room: HeaderMap) -> Result<RequestHead, HeadFault> {
    let mut headers = [const { MaybeUninit::uninit() }; bounds::HEADER_COUNT];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut headers) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(HeadFault::Malformed),
        Err(error) => return Err(fault(error)),
    }
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(HeadFault::Malformed);
    };
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| HeadFault::Malformed)?;
    parts.uri =
        Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| HeadFault::Malformed)?;
    parts.version = if version == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = room;
    let mut fields = Fields::default();
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| HeadFault::Malformed)?;
        if fields.take(&name, header.value)? {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(head.slice_ref(header.value));
        let value = value.map_err(|_| HeadFault::Malformed)?;
        parts.headers.try_append(name, value).map_err(|_| HeadFault::TooLarge)?;
    }
    fields.head(parts)
}

/// What the connection itself acts on.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    /// True for what concerns nobody but the connection.
    fn take(&mut self, name: &HeaderName, value: &[u8]) -> Result<bool, HeadFault> {
        if *name == CONTENT_LENGTH {
            let length = decimal(value).ok_or(HeadFault::Malformed)?;
            if self.length.replace(length).is_some() {
                return Err(HeadFault::Malformed);
            }
        } else if *name == TRANSFER_ENCODING {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadFault::Malformed);
            }
            self.chunked = true;
        } else if *name == CONNECTION {
            for token in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                self.close |= token.eq_ignore_ascii_case(b"close");
                self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if *name == EXPECT {
            self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn head(self, parts: Parts) -> Result<RequestHead, HeadFault> {
        let is_1_1 = parts.version == Version::HTTP_11;
        let length = match (self.chunked, self.length) {
            (true, None) if is_1_1 => BodyLength::Chunked,
            (true, _) => return Err(HeadFault::Malformed),
            (false, length) => BodyLength::Known(length.unwrap_or_default()),
        };
        // Behind a body in chunks nobody has to agree with us on where the next request begins.
        let ends_surely = length != BodyLength::Chunked;
        let keep_alive = !self.close && (is_1_1 || self.keep_alive) && ends_surely;
        Ok(RequestHead { parts, length, keep_alive, expects_continue: self.expects_continue && is_1_1 })
    }
}

/// A number of decimal digits alone: no sign, no list.
fn decimal(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok())?
}

/// The body of a fuzz target: a head is found at the same place however its bytes come, and what is taken for one has
/// one reading. The first byte says where the cut is.
///
/// # Panics
/// When that is not so.
pub fn fuzz(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let cut = usize::from(*cut).min(bytes.len());
    let whole = length_of(bytes, 0);
    if length_of(&bytes[..cut], 0) == Ok(None) {
        assert_eq!(length_of(bytes, cut), whole, "a cut changed where the head ends");
    }
    let Ok(Some(length)) = whole else { return };
    let Ok(head) = parse(&Bytes::copy_from_slice(&bytes[..length]), HeaderMap::new()) else { return };
    assert_eq!(may_begin_one(&bytes[..cut.min(length)]), Ok(()), "the beginning of a head was refused");
    let lines = || bytes[..length].split(|byte| *byte == b'\n').map(|line| line.to_ascii_lowercase());
    let count = |name: &[u8]| lines().filter(|line| line.starts_with(name)).count();
    let (lengths, codings) = (count(b"content-length:"), count(b"transfer-encoding:"));
    assert!(lengths + codings <= 1, "the end of the body is told more than once");
    assert_eq!(head.length == BodyLength::Chunked, codings == 1);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_the_same_however_cut(
            start in prop_oneof![Just(""), Just("GET / HTTP/1.1\r\n"), Just("POST /a HTTP/1.1\r\nContent-Length: 1\r\n")],
            tail in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'a'), any::<u8>()],
                0..80,
            ),
            cut in any::<u8>(),
        ) {
            fuzz(&[&[cut], start.as_bytes(), &tail].concat());
            fuzz(&[&[cut], start.as_bytes(), &tail, b"\r\n\r\n"].concat());
        }
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Found {
        /// Not complete yet.
        More,
        Head(BodyLength, &'static str),
        Fault(HeadFault),
    }

    fn find(bytes: &[u8]) -> Found {
        match length_of(bytes, 0) {
            Ok(None) => match may_begin_one(bytes) {
                Ok(()) => Found::More,
                Err(fault) => Found::Fault(fault),
            },
            Ok(Some(length)) => match parse(&Bytes::copy_from_slice(&bytes[..length]), HeaderMap::new()) {
                Ok(head) => Found::Head(head.length, if head.keep_alive { "goes on" } else { "closes" }),
                Err(fault) => Found::Fault(fault),
            },
            Err(fault) => Found::Fault(fault),
        }
    }

    #[test]
    fn how_the_body_ends() {
        use BodyLength::*;
        let check = |lines: &str, expect| {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            assert_eq!(find(head.as_bytes()), expect, "{lines:?}");
            for cut in 0..head.len() {
                assert_eq!(find(&head.as_bytes()[..cut]), Found::More, "{lines:?} to {cut}");
            }
        };
        let bad = || Found::Fault(HeadFault::Malformed);
        check("", Found::Head(Known(0), "goes on"));
        check("Content-Length: 5\r\n", Found::Head(Known(5), "goes on"));
        check("Content-Length: 0005\r\n", Found::Head(Known(5), "goes on"));
        check("Transfer-Encoding: Chunked\r\n", Found::Head(Chunked, "closes"));
        check("X: chunked\r\nContent-Length: 5\r\n", Found::Head(Known(5), "goes on"));
        check("Connection: close\r\n", Found::Head(Known(0), "closes"));
        check("Connection: x, Close\r\n", Found::Head(Known(0), "closes"));
        check("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", bad());
        check("content-length: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n", bad());
        check("Transfer-Encoding: gzip, chunked\r\n", bad());
        check("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", bad());
        check("Transfer-Encoding:\r\n", bad());
        check("Content-Length: 5\r\nContent-Length: 5\r\n", bad());
        check("Content-Length: 5, 5\r\n", bad());
        check("Content-Length: +5\r\n", bad());
        check("Content-Length: 5 5\r\n", bad());
        check("Content-Length:\r\n", bad());
        check("Content-Length: 18446744073709551616\r\n", bad());
    }

    #[test]
    fn heads() {
        use BodyLength::*;
        let check = |head: &str, expect| assert_eq!(find(head.as_bytes()), expect, "{head:?}");
        check("GET / HTTP/1.0\r\n\r\n", Found::Head(Known(0), "closes"));
        check("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", Found::Head(Known(0), "goes on"));
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", Found::Head(Known(0), "goes on"));
        for bad in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nA\r\n\r\n",
            "GET / HTTP/1.1\r\nA: \0\r\n\r\n",
            "\u{16}\u{3}\u{1}",
            "hello gateway\r\n\r\n",
        ] {
            check(bad, Found::Fault(HeadFault::Malformed));
        }
    }

    #[test]
    fn sizes() {
        let check = |headers: String, expect| {
            assert_eq!(find(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes()), expect);
        };
        let fine = || Found::Head(BodyLength::Known(0), "goes on");
        check("a: b\r\n".repeat(bounds::HEADER_COUNT), fine());
        check("a: b\r\n".repeat(bounds::HEADER_COUNT + 1), Found::Fault(HeadFault::TooLarge));
        let rest = "GET / HTTP/1.1\r\na: \r\n\r\n".len();
        check(format!("a: {}\r\n", "b".repeat(bounds::HEADER_BYTES - rest)), fine());
        check(
            format!("a: {}\r\n", "b".repeat(bounds::HEADER_BYTES - rest + 1)),
            Found::Fault(HeadFault::TooLarge),
        );
        assert_eq!(length_of(&vec![b'a'; bounds::HEADER_BYTES], 0), Err(HeadFault::TooLarge));
    }

    #[test]
    fn what_is_read() {
        let wire = Bytes::from_static(
            b"POST /v1/a?b=c HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nX-A: \xff 1 \r\nx-a: 2\r\n\r\n",
        );
        let head = parse(&wire, HeaderMap::new()).unwrap();
        assert_eq!((head.parts.method.as_str(), head.parts.uri.path()), ("POST", "/v1/a"));
        assert_eq!(head.parts.uri.query(), Some("b=c"));
        assert!(head.expects_continue && !head.parts.headers.contains_key(EXPECT));
        let values: Vec<_> = head.parts.headers.get_all("x-a").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(values, [&b"\xff 1"[..], b"2"]);
    }
}
