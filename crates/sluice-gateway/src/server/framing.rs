//! Heads that two readers could understand differently are refused.
//!
//! hyper resolves a length beside a transfer coding, and lines that end in a bare LF, as the specification allows it;
//! a proxy in front of us may resolve them the other way. What one of them takes for a body the other would take for
//! a request. The bytes of heads are therefore looked at once more on their way to hyper.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::bounds;

/// Finds the end of a head; made once, for that costs as much as a search.
static END: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

/// Looks at the bytes that come between requests.
#[derive(Debug, Default)]
pub(super) struct HeadWatch {
    /// A head whose end has not come yet.
    partial: Vec<u8>,
}

/// What is known of the head that came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Its end has not been seen: if hyper says that it is complete, its lines do not end as they must.
    Open,
    Clear,
    Doubtful,
}

impl HeadWatch {
    /// Takes the bytes of one read while no request is being answered.
    pub(super) fn see(&mut self, bytes: &[u8]) -> Framing {
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(bytes);
            let framing = framing_of(&self.partial);
            // What is longer than any head that is let through needs no further look.
            if framing != Framing::Open || self.partial.len() > bounds::CLIENT_BUFFER_BYTES {
                self.partial = Vec::new();
            }
            return framing;
        }
        let framing = framing_of(bytes);
        if framing == Framing::Open {
            self.partial.extend_from_slice(bytes);
        }
        framing
    }

    /// A request begins: what comes next is its body, or the next head.
    pub(super) fn forget(&mut self) {
        self.partial.clear();
    }
}

fn framing_of(bytes: &[u8]) -> Framing {
    let start = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = &bytes[start..];
    let Some(end) = END.find(bytes) else { return Framing::Open };
    let head = &bytes[..end];
    if mentions_chunked(head) && !is_plainly_chunked(head) { Framing::Doubtful } else { Framing::Clear }
}

/// Whether `chunked` stands anywhere in the head, in any case. Hardly ever; its `k` is rare enough to be looked for.
fn mentions_chunked(head: &[u8]) -> bool {
    memchr::memchr2_iter(b'k', b'K', head).any(|at| {
        let word = at.checked_sub(4).and_then(|from| head.get(from..from + 7));
        word.is_some_and(|word| word.eq_ignore_ascii_case(b"chunked"))
    })
}

/// No transfer coding; or one, `chunked` alone, and no length beside it.
fn is_plainly_chunked(head: &[u8]) -> bool {
    let (mut codings, mut lengths) = (0, 0);
    for line in head.split(|b| *b == b'\n').skip(1) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        lengths += u32::from(name.eq_ignore_ascii_case(b"content-length"));
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            codings += 1;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return false;
            }
        }
    }
    codings == 0 || (codings == 1 && lengths == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let check = |lines: &str, expect| {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            assert_eq!(HeadWatch::default().see(head.as_bytes()), expect, "{lines:?}");
            let mut watch = HeadWatch::default();
            let (last, first) = head.as_bytes().split_last().unwrap();
            assert!(first.iter().all(|byte| watch.see(&[*byte]) == Framing::Open), "{lines:?}");
            assert_eq!(watch.see(&[*last]), expect, "{lines:?} byte by byte");
        };
        check("", Framing::Clear);
        check("Content-Length: 5\r\n", Framing::Clear);
        check("Transfer-Encoding: chunked\r\n", Framing::Clear);
        check("X: chunked\r\nContent-Length: 5\r\n", Framing::Clear);
        check("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Framing::Doubtful);
        check("content-length: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n", Framing::Doubtful);
        check("Transfer-Encoding: gzip, chunked\r\n", Framing::Doubtful);
        check("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Framing::Doubtful);
        check("Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", Framing::Doubtful);
    }

    #[test]
    fn lines_end_in_both_characters() {
        let check =
            |head: &str, expect| assert_eq!(HeadWatch::default().see(head.as_bytes()), expect, "{head:?}");
        check("GET / HTTP/1.1\nHost: a\n\n", Framing::Open);
        check("GET / HTTP/1.1\r\nHost: a\r\n\n", Framing::Open);
        check("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::Clear);
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", Framing::Clear);
    }
}
