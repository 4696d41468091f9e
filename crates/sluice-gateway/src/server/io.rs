//! The transport of one caller's connection, with the clocks that a slow or silent caller runs into.

use std::{
    cell::RefCell,
    future::Future,
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use crate::{bounds, clock, server::ConnectionState, timer::Timer, transport::Transport};

/// The connection of a caller.
pub(super) type ClientStream = Transport<TlsStream<TcpStream>>;

/// What requests are read from and answers written to. The stream itself stays with the connection, which gives it an
/// orderly end.
#[derive(Debug)]
pub(super) struct ClientIo {
    stream: Rc<RefCell<ClientStream>>,
    state: Rc<ConnectionState>,
    read_timer: Timer,
    write_timer: Timer,
    /// Since when the caller takes nothing.
    stalled: Option<Instant>,
}

impl ClientIo {
    pub(super) fn new(stream: &Rc<RefCell<ClientStream>>, state: &Rc<ConnectionState>) -> Self {
        Self {
            stream: Rc::clone(stream),
            state: Rc::clone(state),
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            stalled: None,
        }
    }

    /// Whether [`ClientIo::poll_caller`] sees anything.
    pub(super) fn is_plain(&self) -> bool {
        self.stream.borrow().is_plain()
    }

    /// What can be seen of the caller's side without reading.
    pub(super) fn poll_caller(&self, cx: &mut Context<'_>) -> CallerSide {
        self.stream.borrow().poll_caller(cx)
    }

    /// Holds a caller who takes nothing to the stall clock.
    fn unless_stalled<T>(
        &mut self,
        progress: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stalled = None;
            return progress;
        }
        let since = *self.stalled.get_or_insert_with(clock::now);
        if self.write_timer.poll_passed(since + bounds::WRITE_STALL, cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        // A socket keeps one waker for reading: from here on it is the reader's.
        this.state.caller_watched(false);
        let read = Pin::new(&mut *this.stream.borrow_mut()).poll_read(cx, buf);
        if read.is_ready() {
            if buf.filled().len() > before && this.state.is_http2() {
                this.state.bytes_came();
            }
            return read;
        }
        match this.state.silent_until() {
            Some(at) if this.read_timer.poll_passed(at, cx) => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => Poll::Pending,
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.state.writing();
        let written = Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, buf);
        self.unless_stalled(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state.writing();
        let written = Pin::new(&mut *self.stream.borrow_mut()).poll_write_vectored(cx, bufs);
        self.unless_stalled(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut *self.stream.borrow_mut()).poll_flush(cx);
        if let Poll::Ready(Ok(())) = flushed {
            self.state.flushed();
        }
        self.unless_stalled(flushed, cx)
    }

    /// The driver ends the stream, after what the caller may still be sending was read.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl ClientStream {
    fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// What can be seen of the caller's side without reading. Only plain TCP can be looked into.
    fn poll_caller(&self, cx: &mut Context<'_>) -> CallerSide {
        let Self::Plain(tcp) = self else { return CallerSide::Quiet };
        let mut byte = [0u8; 1];
        match tcp.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0) | Err(_)) => CallerSide::Left,
            Poll::Pending => CallerSide::Quiet,
            // The end is behind these bytes; the kernel tells of it all the same.
            Poll::Ready(Ok(_)) => match pin!(tcp.ready(Interest::READABLE)).poll(cx) {
                Poll::Ready(Ok(ready)) if ready.is_read_closed() => CallerSide::Left,
                _ => CallerSide::Hidden,
            },
        }
    }
}

/// What can be seen of a caller who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallerSide {
    /// Nothing came; the waker is used when something does.
    Quiet,
    /// Bytes are waiting that belong to what comes after this request. Nothing wakes the task.
    Hidden,
    /// The connection, or the caller's sending side of it, is closed.
    Left,
}

/// Ends a connection so that the caller sees all that was sent: FIN, then what is still coming is read and thrown
/// away for a bounded time. Closing over unread bytes would send a reset, which can destroy the answer.
pub(super) async fn linger(mut stream: ClientStream) {
    let end = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        // Not in place: it would make the future of every connection as large.
        let mut scrap = vec![0u8; 4096];
        let mut left = bounds::LINGER_BYTES;
        while left > 0 {
            match stream.read(&mut scrap).await {
                Ok(n) if n > 0 => left = left.saturating_sub(n),
                _ => break,
            }
        }
    };
    // The bound itself is the policy: whoever is still sending, or takes nothing, then sees a reset.
    let _ = tokio::time::timeout(bounds::LINGER, end).await;
}
