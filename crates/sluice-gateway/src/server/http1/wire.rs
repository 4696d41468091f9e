//! The bytes of one connection, in both directions.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::head::{self, HeadFault};
use crate::{
    bounds,
    server::{ConnectionState, io::ClientIo},
    worker::Worker,
};

/// A connection as its driver and the body of its current request see it. At rest it holds no buffer: what comes is
/// read into the worker's, and kept in as much room as it needs.
#[derive(Debug)]
pub(super) struct Wire {
    io: ClientIo,
    worker: Rc<Worker>,
    state: Rc<ConnectionState>,
    /// Came from the caller and was not used yet.
    came: BytesMut,
    /// The kernel does not have all that was sent. Under TLS that may be more than `rest`.
    unsent: bool,
    /// So much of it was looked at for the end of a head; and how much there must be for a look at what it begins with.
    seen: usize,
    look_at: usize,
    /// On its way to the caller: the kernel did not take it yet.
    rest: VecDeque<Bytes>,
    /// Something of the body of the current request has not come.
    pub(super) body_open: bool,
}

/// What the caller has sent in place of a head.
#[derive(Debug)]
pub(super) enum NoHead {
    /// Nothing, and nothing more will come.
    Over,
    Fault(HeadFault),
}

impl Wire {
    pub(super) fn new(worker: &Rc<Worker>, state: &Rc<ConnectionState>, io: ClientIo) -> Self {
        Self {
            io,
            worker: Rc::clone(worker),
            state: Rc::clone(state),
            came: BytesMut::new(),
            seen: 0,
            look_at: 1,
            rest: VecDeque::new(),
            unsent: false,
            body_open: false,
        }
    }

    pub(super) fn io(&self) -> &ClientIo {
        &self.io
    }

    /// The bytes of the next head.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, NoHead>> {
        loop {
            while self.seen == 0 && self.came.starts_with(b"\r\n") {
                self.skip(2);
            }
            match head::length_of(&self.came, self.seen) {
                Ok(Some(length)) => {
                    (self.seen, self.look_at) = (0, 1);
                    return Poll::Ready(Ok(self.take_front(length)));
                }
                // A CR alone may be half of an empty line in front.
                Ok(None) => self.seen = if self.came.len() > 1 { self.came.len() } else { 0 },
                Err(fault) => return Poll::Ready(Err(NoHead::Fault(fault))),
            }
            // What can not become a head is refused before its caller tires of sending it.
            if self.came.len() >= self.look_at {
                if let Err(fault) = head::may_begin_one(&self.came) {
                    return Poll::Ready(Err(NoHead::Fault(fault)));
                }
                self.look_at = self.came.len() * 2;
            }
            if self.came.is_empty() {
                if self.state.is_draining() && !self.state.awaits_first_request() {
                    return Poll::Ready(Err(NoHead::Over));
                }
            } else {
                self.state.bytes_came();
            }
            match ready!(self.poll_read_on(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Err(NoHead::Over)),
            }
        }
    }

    /// Takes the next `length` bytes, if all of them have come.
    pub(super) fn take(&mut self, length: usize) -> Option<Bytes> {
        (self.came.len() >= length).then(|| self.take_front(length))
    }

    fn take_front(&mut self, length: usize) -> Bytes {
        let front = self.came.split_to(length).freeze();
        self.skip(0);
        front
    }

    /// What has come and was not used yet.
    pub(super) fn came(&mut self) -> &mut [u8] {
        &mut self.came
    }

    /// Takes off what was used. Where nothing is left the room is given back: an empty rest would keep all of it.
    pub(super) fn skip(&mut self, used: usize) {
        self.came.advance(used);
        if self.came.is_empty() {
            self.came = BytesMut::new();
        }
    }

    /// Reads more behind what has come; how many bytes it was, 0 at the end.
    pub(super) fn poll_read_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = self.worker.read_scratch.borrow_mut();
        let mut buf = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        let came = buf.filled();
        if self.came.is_empty() {
            // Of its own, and not larger than it has to be.
            self.came = BytesMut::from(came);
        } else {
            self.came.extend_from_slice(came);
        }
        Poll::Ready(Ok(came.len()))
    }

    /// Reads at most `most` bytes into `into` without a stop in between; 0 at the end.
    pub(super) fn poll_read_into(
        &mut self,
        most: usize,
        into: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        pin!(self.io.read_buf(&mut into.limit(most))).poll(cx)
    }

    /// Whether the caller's side has ended, found out by reading on: under TLS nothing can be seen without.
    pub(super) fn reads_end(&mut self, cx: &mut Context<'_>) -> bool {
        while self.came.len() < bounds::READ_AHEAD_BYTES {
            match self.poll_read_on(cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0) | Err(_)) => return true,
                Poll::Pending => return false,
            }
        }
        false
    }

    /// Whether the kernel does not have all that was sent.
    pub(super) fn is_behind(&self) -> bool {
        self.unsent
    }

    /// Sends behind what is already on its way. What the kernel does not take is kept.
    pub(super) fn send(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.unsent = true;
        let taken = match self.rest.is_empty() {
            true => match Pin::new(&mut self.io).poll_write(cx, bytes) {
                Poll::Ready(taken) => taken?,
                Poll::Pending => 0,
            },
            false => 0,
        };
        if taken < bytes.len() {
            self.rest.push_back(Bytes::copy_from_slice(&bytes[taken..]));
        }
        Ok(())
    }

    /// Sends large pieces behind what is already on its way, without a copy.
    pub(super) fn send_large(&mut self, pieces: impl IntoIterator<Item = Bytes>) {
        self.unsent = true;
        self.rest.extend(pieces);
    }

    /// Ready once the kernel has all that was sent.
    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let mut slices = [io::IoSlice::new(&[]); 8];
            for (slice, bytes) in slices.iter_mut().zip(&self.rest) {
                *slice = io::IoSlice::new(bytes);
            }
            let count = self.rest.len().min(slices.len());
            let taken = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count]))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.forget(taken);
        }
        if self.rest.capacity() > 0 {
            self.rest = VecDeque::new();
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.unsent = false;
        Poll::Ready(Ok(()))
    }

    fn forget(&mut self, mut taken: usize) {
        while let Some(first) = self.rest.front_mut() {
            if first.len() > taken {
                return first.advance(taken);
            }
            taken -= first.len();
            self.rest.pop_front();
        }
    }
}
