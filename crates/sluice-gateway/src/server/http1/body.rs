//! The body of a caller's request, read when it is asked for.

use std::{
    cell::RefCell,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};

use super::{head::BodyLength, wire::Wire};
use crate::{server::body::BodyBroke, upstream::h1::ChunkDecoder};

/// What is still to come of a body.
#[derive(Debug)]
pub(crate) struct Body {
    wire: Rc<RefCell<Wire>>,
    left: Left,
    expects_continue: bool,
}

#[derive(Debug)]
enum Left {
    Bytes(u64),
    Chunks(ChunkDecoder),
}

impl Body {
    pub(super) fn new(wire: &Rc<RefCell<Wire>>, length: BodyLength, expects_continue: bool) -> Self {
        let left = match length {
            BodyLength::Known(bytes) => Left::Bytes(bytes),
            BodyLength::Chunked => Left::Chunks(ChunkDecoder::default()),
        };
        Self { wire: Rc::clone(wire), left, expects_continue }
    }

    /// So many bytes are to come at least.
    pub(in crate::server) fn announced(&self) -> u64 {
        match self.left {
            Left::Bytes(left) => left,
            Left::Chunks(_) => 0,
        }
    }

    /// All of it, where all of it has come: no copy is made.
    pub(in crate::server) fn take_whole(&mut self) -> Option<Bytes> {
        let Left::Bytes(left) = &mut self.left else { return None };
        let mut wire = self.wire.borrow_mut();
        let bytes = wire.take(usize::try_from(*left).ok()?)?;
        (*left, wire.body_open) = (0, false);
        Some(bytes)
    }

    /// Appends what comes next to `into`; false at the end.
    pub(in crate::server) fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
    ) -> Poll<Result<bool, BodyBroke>> {
        let mut wire = self.wire.borrow_mut();
        let more = match &mut self.left {
            Left::Bytes(left) => ready!(poll_bytes(&mut wire, left, &mut self.expects_continue, cx, into)),
            Left::Chunks(decoder) => {
                ready!(poll_chunks(&mut wire, decoder, &mut self.expects_continue, cx, into))
            }
        }?;
        wire.body_open = match &self.left {
            Left::Bytes(left) => *left > 0,
            Left::Chunks(decoder) => !decoder.is_done(),
        };
        Poll::Ready(Ok(more))
    }
}

fn poll_bytes(
    wire: &mut Wire,
    left: &mut u64,
    expects: &mut bool,
    cx: &mut Context<'_>,
    into: &mut BytesMut,
) -> Poll<Result<bool, BodyBroke>> {
    if *left == 0 {
        return Poll::Ready(Ok(false));
    }
    let most = usize::try_from(*left).unwrap_or(usize::MAX);
    let came = wire.came();
    let got = if came.is_empty() {
        ask(wire, expects, cx)?;
        ready!(wire.poll_read_into(most, into, cx)).map_err(|_| BodyBroke)?
    } else {
        let got = came.len().min(most);
        into.extend_from_slice(&came[..got]);
        wire.skip(got);
        got
    };
    *left -= got as u64;
    Poll::Ready(if got > 0 { Ok(true) } else { Err(BodyBroke) })
}

fn poll_chunks(
    wire: &mut Wire,
    decoder: &mut ChunkDecoder,
    expects: &mut bool,
    cx: &mut Context<'_>,
    into: &mut BytesMut,
) -> Poll<Result<bool, BodyBroke>> {
    loop {
        if decoder.is_done() {
            return Poll::Ready(Ok(false));
        }
        let came = wire.came();
        let decoded = decoder.decode_in_place(came).map_err(|_| BodyBroke)?;
        let got = decoded.end - decoded.start;
        into.extend_from_slice(&came[decoded.start..decoded.end]);
        wire.skip(decoded.consumed);
        if got > 0 {
            return Poll::Ready(Ok(true));
        }
        if wire.came().is_empty() && !decoder.is_done() {
            ask(wire, expects, cx)?;
            if ready!(wire.poll_read_on(cx)).map_err(|_| BodyBroke)? == 0 {
                return Poll::Ready(Err(BodyBroke));
            }
        }
    }
}

/// Tells the caller, once, that its body is welcome, if it waits for that.
fn ask(wire: &mut Wire, expects: &mut bool, cx: &mut Context<'_>) -> Result<(), BodyBroke> {
    if std::mem::take(expects) {
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n", cx).map_err(|_| BodyBroke)?;
    }
    if wire.is_behind()
        && let Poll::Ready(Err(_)) = wire.poll_sent(cx)
    {
        return Err(BodyBroke);
    }
    Ok(())
}
