//! HTTP/2 towards upstreams that ask for it (`http2 = true`): hyper's client connection, one per worker and place.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use sluice_chat::{Failure, FailureKind};
use sluice_providers::Endpoint;

use crate::{
    bounds,
    tasks::LocalExecutor,
    upstream::{
        connect::{Tls, connect},
        counts::Counts,
        slices::SliceBody,
    },
};

/// Open HTTP/2 connections of one worker by place.
#[derive(Debug, Default)]
pub(crate) struct H2Connections {
    open: RefCell<HashMap<Arc<str>, Vec<Open>>>,
    next_id: Cell<u64>,
}

/// One connection.
#[derive(Clone, Debug)]
struct Open {
    id: u64,
    sender: SendRequest<SliceBody>,
    streams: Rc<Cell<u32>>,
}

/// A stream of a connection, counted for as long as it lives.
#[derive(Debug)]
pub(crate) struct H2Stream(Rc<Cell<u32>>);

impl H2Stream {
    fn on(open: &Open) -> Self {
        open.streams.set(open.streams.get() + 1);
        Self(Rc::clone(&open.streams))
    }
}

impl Drop for H2Stream {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// What is needed to reach a place.
pub(crate) struct Place<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) tls: &'a Tls,
    pub(crate) connect: Duration,
    pub(crate) counts: &'a Counts,
}

impl H2Connections {
    /// Sends a request on an open connection to its place that has room, or on a new one. A request that an open
    /// connection did not take, because it was about to close, is said once more on a fresh one.
    pub(crate) async fn send(
        &self,
        place: &Place<'_>,
        mut request: http::Request<SliceBody>,
    ) -> Result<(http::Response<Incoming>, H2Stream), Failure> {
        if let Some(mut open) = self.with_room(place.name) {
            let stream = H2Stream::on(&open);
            match open.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, stream)),
                Err(mut error) => {
                    self.remove(place.name, open.id);
                    match error.take_message() {
                        Some(untouched) => request = untouched,
                        None => return Err(broken(&error.into_error())),
                    }
                }
            }
        }
        let mut open = self.connect(place).await?;
        let stream = H2Stream::on(&open);
        match open.sender.send_request(request).await {
            Ok(response) => Ok((response, stream)),
            Err(error) => {
                self.remove(place.name, open.id);
                Err(broken(&error))
            }
        }
    }

    /// Uses the connections to a place no longer for new requests.
    pub(crate) fn forget(&self, place: &str) {
        self.open.borrow_mut().remove(place);
    }

    /// Lets go of connections that are closed.
    pub(crate) fn sweep(&self) {
        self.open.borrow_mut().retain(|_, open| {
            open.retain(|connection| !connection.sender.is_closed());
            !open.is_empty()
        });
    }

    fn with_room(&self, place: &str) -> Option<Open> {
        let open = self.open.borrow();
        let has_room =
            |open: &&Open| open.sender.is_ready() && open.streams.get() < bounds::UPSTREAM_H2_STREAMS;
        open.get(place)?.iter().find(has_room).cloned()
    }

    fn remove(&self, place: &str, id: u64) {
        if let Some(open) = self.open.borrow_mut().get_mut(place) {
            open.retain(|connection| connection.id != id);
        }
    }

    async fn connect(&self, place: &Place<'_>) -> Result<Open, Failure> {
        let connection = connect(place.endpoint, place.tls, true, place.connect).await?;
        let io = TokioIo::new(connection.into_transport());
        let (sender, driver) = hyper::client::conn::http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .keep_alive_interval(bounds::UPSTREAM_H2_PING)
            .keep_alive_timeout(bounds::UPSTREAM_H2_PONG)
            .handshake(io)
            .await
            .map_err(|e| {
                let text = format!("HTTP/2 with the provider failed: {e}");
                Failure::ours(FailureKind::Unreachable, "upstream_unreachable", text)
            })?;
        // Ends by itself when the connection ends; its error reaches the streams that were on it.
        let counted = place.counts.opened();
        crate::tasks::spawn_local(async move {
            drop(driver.await);
            drop(counted);
        });
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let open = Open { id, sender, streams: Rc::default() };
        self.open.borrow_mut().entry(Arc::clone(place.name)).or_default().push(open.clone());
        Ok(open)
    }
}

fn broken(error: &hyper::Error) -> Failure {
    let text = format!("the HTTP/2 connection to the provider broke: {error}");
    Failure::ours(FailureKind::Reset, "upstream_bad_response", text)
}

/// Body on an HTTP/2 stream. What is ready at once is handed on together.
#[derive(Debug)]
pub(crate) struct H2Body {
    incoming: Incoming,
    ended: bool,
    /// What broke the body right behind bytes that were handed on first.
    failed: Option<Failure>,
    _stream: H2Stream,
}

impl H2Body {
    pub(crate) fn new(incoming: Incoming, stream: H2Stream) -> Self {
        Self { incoming, ended: false, failed: None, _stream: stream }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if let Some(failure) = self.failed.take() {
            return Poll::Ready(Some(Err(failure)));
        }
        let first = match ready!(self.poll_frame(cx)) {
            Some(Ok(first)) => first,
            other => return Poll::Ready(other),
        };
        let mut joined: Option<BytesMut> = None;
        loop {
            match self.poll_frame(cx) {
                Poll::Ready(Some(Ok(more))) => {
                    joined.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&more);
                }
                Poll::Ready(Some(Err(failure))) => {
                    self.failed = Some(failure);
                    break;
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(Some(Ok(joined.map_or(first, BytesMut::freeze))))
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                None => self.ended = true,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(e)) => {
                    self.ended = true;
                    let text = format!("the connection to the provider broke: {e}");
                    return Poll::Ready(Some(Err(Failure::ours(
                        FailureKind::Truncated,
                        "upstream_truncated",
                        text,
                    ))));
                }
            }
        }
    }
}
