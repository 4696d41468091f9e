//! The body of an upstream's answer, however it travels: bytes as they come, then the end or what broke.

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use sluice_chat::{Failure, FailureKind};
use sluice_providers::sandbox::{Script, Step};
use tokio::time::Sleep;

use crate::{
    clock,
    upstream::{
        connect::plain,
        h1::{AnswerHead, ChunkDecoder, Framing},
        h2::H2Body,
        io::Connection,
        pool::Pool,
    },
};

/// Body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    H1(H1Body),
    H2(Box<H2Body>),
    Script(Box<ScriptBody>),
}

impl Body {
    /// The next bytes; `None` at the proper end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        match self {
            Self::H1(body) => body.poll_data(cx),
            Self::H2(body) => body.poll_data(cx),
            Self::Script(body) => body.poll_data(cx),
        }
    }
}

/// Body on one of our own HTTP/1.1 connections. Read to its end, it puts the connection back into the pool.
#[derive(Debug)]
pub(crate) struct H1Body {
    /// `None` once the body has ended.
    connection: Option<Connection>,
    framing: BodyFraming,
    keep_alive: bool,
    pool: Rc<Pool>,
    place: Arc<str>,
}

#[derive(Debug)]
enum BodyFraming {
    Length(u64),
    Chunked(ChunkDecoder),
    UntilClose,
}

impl H1Body {
    pub(crate) fn new(connection: Connection, head: &AnswerHead, pool: &Rc<Pool>, place: &Arc<str>) -> Self {
        let framing = match head.framing {
            Framing::Length(n) => BodyFraming::Length(n),
            Framing::Chunked => BodyFraming::Chunked(ChunkDecoder::default()),
            Framing::UntilClose => BodyFraming::UntilClose,
        };
        let keep_alive = head.keep_alive;
        let mut body = Self {
            connection: Some(connection),
            framing,
            keep_alive,
            pool: Rc::clone(pool),
            place: Arc::clone(place),
        };
        if matches!(body.framing, BodyFraming::Length(0)) {
            body.end();
        }
        body
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        while let Some(connection) = &mut self.connection {
            if !connection.buf.is_empty() {
                match self.take_buffered() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(failure) => return Poll::Ready(Some(Err(self.broken(failure)))),
                }
            }
            match ready!(connection.poll_fill(cx)) {
                Ok(0) if matches!(self.framing, BodyFraming::UntilClose) => self.connection = None,
                Ok(0) => {
                    return Poll::Ready(Some(Err(
                        self.broken(truncated("the provider closed the connection"))
                    )));
                }
                Ok(_) => {}
                Err(e) => {
                    let failure = truncated(&format!("the connection to the provider broke: {}", plain(&e)));
                    return Poll::Ready(Some(Err(self.broken(failure))));
                }
            }
        }
        Poll::Ready(None)
    }

    /// Takes the body's share of what was read, without its framing.
    fn take_buffered(&mut self) -> Result<Bytes, Failure> {
        let Some(connection) = &mut self.connection else { return Ok(Bytes::new()) };
        let buf = &mut connection.buf;
        let (data, ended) = match &mut self.framing {
            BodyFraming::UntilClose => (buf.split().freeze(), false),
            BodyFraming::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
                *left -= n as u64;
                (buf.split_to(n).freeze(), *left == 0)
            }
            BodyFraming::Chunked(decoder) => {
                let decoded = decoder.decode_in_place(buf).map_err(|e| {
                    Failure::ours(
                        FailureKind::BadResponse,
                        "upstream_bad_response",
                        format!("the provider sent a {e}"),
                    )
                })?;
                buf.advance(decoded.start);
                let data = buf.split_to(decoded.end - decoded.start).freeze();
                buf.advance(decoded.consumed - decoded.end);
                (data, decoder.is_done())
            }
        };
        if ended {
            self.end();
        }
        Ok(data)
    }

    fn end(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.keep_alive
            && connection.buf.is_empty()
        {
            self.pool.put(&self.place, connection, clock::now());
        }
    }

    fn broken(&mut self, failure: Failure) -> Failure {
        self.connection = None;
        failure
    }
}

fn truncated(text: &str) -> Failure {
    Failure::ours(FailureKind::Truncated, "upstream_truncated", text)
}

/// Body that the sandbox plays in place of a socket.
#[derive(Debug)]
pub(crate) struct ScriptBody {
    script: Script,
    waiting: Option<Pin<Box<Sleep>>>,
    ended: bool,
    silent: bool,
}

impl ScriptBody {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, waiting: None, ended: false, silent: false }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            if let Some(wait) = &mut self.waiting {
                ready!(wait.as_mut().poll(cx));
                self.waiting = None;
            }
            if self.ended {
                return Poll::Ready(None);
            }
            if self.silent {
                // Without a waker: the clocks of the call end it.
                return Poll::Pending;
            }
            match self.script.next() {
                Some(Step::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(Step::WaitMs(ms)) => {
                    self.waiting = Some(Box::pin(tokio::time::sleep(Duration::from_millis(ms))));
                }
                Some(Step::Silent) => self.silent = true,
                Some(Step::Head { .. }) => {}
                Some(Step::Reset) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(truncated(
                        "the connection to the provider broke: connection reset",
                    ))));
                }
                Some(Step::End) | None => self.ended = true,
            }
        }
    }
}
