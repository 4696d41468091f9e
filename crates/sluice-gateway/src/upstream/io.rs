//! One connection to an upstream: the transport and the bytes read from it so far.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::{bounds, transport::Transport, upstream::counts::Counted};

/// The transport of a connection to an upstream.
pub(crate) type UpstreamTransport = Transport<TlsStream<TcpStream>>;

/// The socket below TLS, if there is any.
fn tcp(transport: &UpstreamTransport) -> &TcpStream {
    match transport {
        Transport::Plain(tcp) => tcp,
        Transport::Tls(tls) => tls.get_ref().0,
    }
}

/// A connection and what was read from it but not yet used.
#[derive(Debug)]
pub(crate) struct Connection {
    transport: UpstreamTransport,
    pub(crate) buf: BytesMut,
    read_bytes: usize,
    /// Whether it already carried a request: then a failure before the first byte of an answer may only mean that
    /// the upstream had closed it meanwhile.
    pub(crate) reused: bool,
    /// The head of the request, kept for the next one.
    pub(crate) head: Vec<u8>,
    /// Its place among those that are counted.
    pub(crate) counted: Option<Counted>,
}

impl Connection {
    pub(crate) fn new(transport: UpstreamTransport) -> Self {
        Self {
            transport,
            buf: BytesMut::new(),
            read_bytes: bounds::READ_BYTES_MIN,
            reused: false,
            head: Vec::new(),
            counted: None,
        }
    }

    /// Hands the transport to a protocol that does its own reading (HTTP/2).
    pub(crate) fn into_transport(self) -> UpstreamTransport {
        self.transport
    }

    /// Goes on writing a request, its head and the slices of its body, with as few system calls as the kernel allows.
    /// `sent` counts the bytes that were written.
    pub(crate) fn poll_send(
        &mut self,
        body: &[Bytes],
        sent: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.head.len() + body.iter().map(Bytes::len).sum::<usize>();
        while *sent < length {
            let mut slices: SmallVec<[io::IoSlice<'_>; 9]> = SmallVec::new();
            let mut skip = *sent;
            for part in std::iter::once(&self.head[..]).chain(body.iter().map(|slice| &slice[..])) {
                let from = skip.min(part.len());
                skip -= from;
                if from < part.len() {
                    slices.push(io::IoSlice::new(&part[from..]));
                }
            }
            match ready!(Pin::new(&mut self.transport).poll_write_vectored(cx, &slices))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => *sent += n,
            }
        }
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    /// Reads what is there into the buffer; 0 at the end. Takes no memory before there is something to read.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buf.capacity() - self.buf.len() < self.read_bytes / 2 {
            if let Transport::Plain(tcp) = &self.transport {
                ready!(tcp.poll_read_ready(cx))?;
            }
            self.buf.reserve(self.read_bytes);
        }
        let room = self.buf.capacity() - self.buf.len();
        let n = ready!(pin!(self.transport.read_buf(&mut self.buf)).poll(cx))?;
        if n == room {
            self.read_bytes = (self.read_bytes * 2).min(bounds::READ_BYTES_MAX);
        }
        Poll::Ready(Ok(n))
    }

    /// Whether nothing came since the last answer: neither bytes nor the end. A connection on which something came
    /// unasked must not carry another request.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        if !self.buf.is_empty() {
            return false;
        }
        if tcp(&self.transport).poll_read_ready(&mut cx).is_pending() {
            return true;
        }
        let mut byte = [0u8; 1];
        let mut byte = ReadBuf::new(&mut byte);
        Pin::new(&mut self.transport).poll_read(&mut cx, &mut byte).is_pending()
    }
}
