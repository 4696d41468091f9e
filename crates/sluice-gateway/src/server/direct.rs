//! Portions of a running stream go to the socket directly.
//!
//! hyper asks a body three times for each portion, copies it and writes its chunk's length with a formatter: that is
//! as much work as all of ours. Once it has written the head of a chunked answer and waits for more of the body, a
//! portion is framed and written here, and hyper is not woken at all. Whatever is not a plain portion (the end, a
//! failure, a caller who takes nothing) is left to hyper, which finds the connection as if it had slept.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Weak,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use crate::{
    bounds,
    server::{ConnectionState, io::ClientStream},
    worker::Worker,
};

/// A body that can be asked for what it has without its end being taken from hyper.
pub(crate) trait Portions {
    /// The next bytes of a body that goes on behind them. `None`: hyper must ask, and gets all that is left.
    fn poll_portion(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

/// The body that is on its way on a connection, if there is one that hyper waits for.
pub(crate) type Running = Weak<RefCell<dyn Portions>>;

/// What is to be done after a look at the running stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The task will be woken; hyper has nothing to do until then.
    Waits,
    /// hyper must be asked.
    AskHyper,
    /// The connection is broken.
    Broken,
}

/// Passes on what a running stream has, on plain TCP.
pub(super) fn pass_on(
    worker: &Worker,
    state: &ConnectionState,
    stream: &RefCell<ClientStream>,
    cx: &mut Context<'_>,
) -> Outlook {
    let Some(body) = state.running().filter(|_| stream.borrow().is_plain()) else {
        return Outlook::AskHyper;
    };
    let Ok(mut body) = body.try_borrow_mut() else { return Outlook::AskHyper };
    let mut chunks = worker.chunks.borrow_mut();
    chunks.clear();
    let outlook = loop {
        match body.poll_portion(cx) {
            Poll::Ready(Some(portion)) => put_chunk(&mut chunks, &portion),
            Poll::Ready(None) => break Outlook::AskHyper,
            Poll::Pending => break Outlook::Waits,
        }
        if chunks.len() > bounds::CLIENT_BUFFER_BYTES {
            // Others want their turn too; hyper sees to it.
            break Outlook::AskHyper;
        }
    };
    let written = write(&chunks, state, stream, cx);
    if chunks.capacity() > bounds::CLIENT_BUFFER_BYTES {
        *chunks = Vec::new();
    }
    match written {
        Ok(true) => outlook,
        Ok(false) => Outlook::AskHyper,
        Err(_) => Outlook::Broken,
    }
}

/// Writes all of `chunks`, or keeps what the kernel does not take in front of what hyper writes next: then `false`.
fn write(
    chunks: &[u8],
    state: &ConnectionState,
    stream: &RefCell<ClientStream>,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    if chunks.is_empty() {
        return Ok(true);
    }
    let taken = match Pin::new(&mut *stream.borrow_mut()).poll_write(cx, chunks) {
        Poll::Ready(taken) => taken?,
        Poll::Pending => 0,
    };
    if taken == chunks.len() {
        return Ok(true);
    }
    state.backlog().extend_from_slice(&chunks[taken..]);
    state.writing();
    Ok(false)
}

/// Appends one chunk of the chunked transfer coding. An empty one would be the end of the body.
fn put_chunk(out: &mut Vec<u8>, data: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if data.is_empty() {
        return;
    }
    out.reserve(data.len() + 20);
    let digits = (usize::BITS - data.len().leading_zeros()).div_ceil(4);
    out.extend((0..digits).rev().map(|digit| DIGITS[(data.len() >> (4 * digit)) & 15]));
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
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
}
