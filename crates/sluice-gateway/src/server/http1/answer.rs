//! An answer on its way to the caller.

use std::{
    io::Write,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Response, StatusCode, Version, response::Parts};
use http_body::Body as _;

use super::wire::Wire;
use crate::{
    bounds,
    reply::{Lines, ReplyBody},
    worker::Worker,
};

/// An answer, as far as it was not sent yet.
#[derive(Debug)]
pub(super) struct Sending {
    head: Option<(Parts, Lines)>,
    /// `None` once all of it was taken.
    body: Option<ReplyBody>,
    transfer: Transfer,
    asked: Asked,
}

/// How the caller learns where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    /// There is none.
    Nothing,
    Length(u64),
    Chunked,
    UntilClose,
}

/// The answer was broken off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// What the connection knows of a request when its answer begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) is_head: bool,
    /// Another request may follow.
    pub(super) keep_alive: bool,
}

impl Asked {
    pub(super) fn new(method: &Method, version: Version, keep_alive: bool) -> Self {
        Self { version, is_head: *method == Method::HEAD, keep_alive }
    }
}

/// Why no more is taken from a body for now.
enum Pause {
    Waits,
    /// Enough for one write.
    Full,
    /// A piece that is not worth a copy.
    Large(Bytes),
    End,
    Broken,
}

impl Sending {
    pub(super) fn new(response: Response<ReplyBody>, asked: Asked) -> Self {
        let (head, mut body) = response.into_parts();
        let lines = body.take_lines();
        let transfer = transfer(head.status, body.size_hint().exact(), asked.version);
        let keep_alive = asked.keep_alive && transfer != Transfer::UntilClose;
        let body = (!asked.is_head && transfer != Transfer::Nothing).then_some(body);
        Self { head: Some((head, lines)), body, transfer, asked: Asked { keep_alive, ..asked } }
    }

    /// Whether another request may follow.
    pub(super) fn keep_alive(&self) -> bool {
        self.asked.keep_alive
    }

    /// Sends what there is of the answer, all that one look finds with one write. Ready at its end.
    pub(super) fn poll(
        &mut self,
        worker: &Worker,
        wire: &mut Wire,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            // Behind what the caller does not take nothing more is asked for.
            if wire.is_behind() {
                ready!(wire.poll_sent(cx)).map_err(|_| Broken)?;
            }
            let mut out = worker.chunks.borrow_mut();
            out.clear();
            let pause = self.gather(worker, &mut out, cx);
            match &pause {
                Pause::Large(piece) => {
                    let tail = (self.transfer == Transfer::Chunked).then_some(Bytes::from_static(b"\r\n"));
                    let front = Bytes::copy_from_slice(&out);
                    wire.send_large([Some(front), Some(piece.clone()), tail].into_iter().flatten());
                }
                _ => wire.send(&out, cx).map_err(|_| Broken)?,
            }
            if out.capacity() > bounds::CLIENT_BUFFER_BYTES {
                *out = Vec::new();
            }
            drop(out);
            ready!(wire.poll_sent(cx)).map_err(|_| Broken)?;
            match pause {
                Pause::Waits => return Poll::Pending,
                Pause::Full | Pause::Large(_) => {}
                Pause::End => return Poll::Ready(Ok(())),
                Pause::Broken => return Poll::Ready(Err(Broken)),
            }
        }
    }

    fn gather(&mut self, worker: &Worker, out: &mut Vec<u8>, cx: &mut Context<'_>) -> Pause {
        if let Some((head, lines)) = self.head.take() {
            write_head(&head, &lines, (self.transfer, self.asked), worker.date.borrow().as_bytes(), out);
        }
        while let Some(body) = &mut self.body {
            let piece = match Pin::new(body).poll_frame(cx) {
                Poll::Pending => return Pause::Waits,
                Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Poll::Ready(Some(Err(_))) => return Pause::Broken,
                Poll::Ready(None) => {
                    self.body = None;
                    if self.transfer == Transfer::Chunked {
                        out.extend_from_slice(b"0\r\n\r\n");
                    }
                    break;
                }
            };
            let is_large = piece.len() > bounds::COPIED_BYTES;
            match self.transfer {
                Transfer::Chunked if is_large => put_chunk_size(out, piece.len()),
                Transfer::Chunked => put_chunk(out, &piece),
                _ if is_large => {}
                _ => out.extend_from_slice(&piece),
            }
            if is_large {
                // What has a length and is over is not asked for its end.
                self.body
                    .take_if(|body| matches!(self.transfer, Transfer::Length(_)) && body.is_end_stream());
                return Pause::Large(piece);
            }
            if out.len() > bounds::CLIENT_BUFFER_BYTES {
                return Pause::Full;
            }
        }
        Pause::End
    }
}

fn transfer(status: StatusCode, length: Option<u64>, version: Version) -> Transfer {
    match length {
        _ if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED => Transfer::Nothing,
        Some(length) => Transfer::Length(length),
        None if version == Version::HTTP_11 => Transfer::Chunked,
        None => Transfer::UntilClose,
    }
}

/// What frames the body, and the date, nobody but the connection says.
fn write_head(
    head: &Parts,
    lines: &Lines,
    (transfer, asked): (Transfer, Asked),
    date: &[u8],
    out: &mut Vec<u8>,
) {
    let Asked { version, keep_alive, .. } = asked;
    match (head.status, version) {
        (StatusCode::OK, Version::HTTP_11) => out.extend_from_slice(b"HTTP/1.1 200 OK\r\n"),
        (status, version) => {
            let reason = status.canonical_reason().unwrap_or_default();
            // Nothing is in the way of writing into memory.
            let _ = write!(out, "{version:?} {} {reason}\r\n", status.as_str());
        }
    }
    for (name, value) in &head.headers {
        put_header(out, name.as_str().as_bytes(), value.as_bytes());
    }
    out.extend_from_slice(lines.as_bytes());
    match transfer {
        Transfer::Length(length) => {
            put_header(out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        Transfer::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Transfer::Nothing | Transfer::UntilClose => {}
    }
    match (keep_alive, version) {
        (false, _) => out.extend_from_slice(b"connection: close\r\n"),
        (true, Version::HTTP_10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (true, _) => {}
    }
    put_header(out, b"date", date);
    out.extend_from_slice(b"\r\n");
}

fn put_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends one chunk of the chunked transfer coding. An empty one would be the end of the body.
fn put_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    out.reserve(data.len() + 20);
    put_chunk_size(out, data.len());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

fn put_chunk_size(out: &mut Vec<u8>, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4);
    out.extend((0..digits).rev().map(|digit| DIGITS[(size >> (4 * digit)) & 15]));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::upstream::h1::ChunkDecoder;

    #[test]
    fn chunks_are_read_back() {
        for length in [1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65_535, 65_536, 1 << 20] {
            let data = vec![b'x'; length];
            let mut out = Vec::new();
            put_chunk(&mut out, &data);
            assert_eq!(out, [format!("{length:X}\r\n").as_bytes(), &data, b"\r\n"].concat(), "{length}");
            let mut decoder = ChunkDecoder::default();
            let decoded = decoder.decode_in_place(&mut out).unwrap();
            assert!(out[decoded.start..decoded.end] == data && !decoder.is_done(), "{length}");
        }
    }

    #[test]
    fn nothing_is_no_chunk() {
        let mut out = Vec::new();
        put_chunk(&mut out, b"");
        assert!(out.is_empty());
    }

    #[test]
    fn heads() {
        let check =
            |status, (length, version, keep_alive), headers: &[(&'static str, &'static str)], expect| {
                let mut response = Response::builder().status(status).body(()).unwrap();
                for (name, value) in headers {
                    response.headers_mut().append(*name, HeaderValue::from_static(value));
                }
                let (head, ()) = response.into_parts();
                let mut out = Vec::new();
                let asked = Asked { version, is_head: false, keep_alive };
                write_head(
                    &head,
                    &Lines::default(),
                    (transfer(head.status, length, version), asked),
                    b"now",
                    &mut out,
                );
                assert_eq!(String::from_utf8(out).unwrap(), expect);
            };
        let (old, new) = (Version::HTTP_10, Version::HTTP_11);
        check(
            200,
            (Some(2), new, true),
            &[("a", "b"), ("a", "c")],
            "HTTP/1.1 200 OK\r\na: b\r\na: c\r\ncontent-length: 2\r\ndate: now\r\n\r\n",
        );
        check(
            200,
            (None, new, true),
            &[],
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ndate: now\r\n\r\n",
        );
        check(
            404,
            (Some(0), new, false),
            &[],
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\ndate: now\r\n\r\n",
        );
        check(204, (Some(0), new, true), &[], "HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n");
        check(
            200,
            (Some(0), old, true),
            &[],
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\ndate: now\r\n\r\n",
        );
        check(200, (None, old, false), &[], "HTTP/1.0 200 OK\r\nconnection: close\r\ndate: now\r\n\r\n");
    }
}
