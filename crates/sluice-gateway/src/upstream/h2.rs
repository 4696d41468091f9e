//! HTTP/2 towards upstreams that ask for it (`http2 = true`): hyper's client connection, one per worker and place.

use std::{
    cell::RefCell,
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
    tasks::LocalExecutor,
    upstream::{
        connect::{Tls, connect},
        slices::SliceBody,
    },
};

/// Open HTTP/2 connections of one worker by place.
#[derive(Debug, Default)]
pub(crate) struct H2Connections {
    open: RefCell<HashMap<Arc<str>, SendRequest<SliceBody>>>,
}

/// What is needed to reach a place.
pub(crate) struct Place<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) tls: &'a Tls,
    pub(crate) connect: Duration,
}

impl H2Connections {
    /// Sends a request on the open connection to its place, or on a new one.
    pub(crate) async fn send(
        self: &Rc<Self>,
        place: &Place<'_>,
        request: http::Request<SliceBody>,
    ) -> Result<http::Response<Incoming>, Failure> {
        let open = self.open.borrow().get(place.name).filter(|s| s.is_ready()).cloned();
        let mut sender = match open {
            Some(sender) => sender,
            None => self.open(place).await?,
        };
        let sent = sender.send_request(request).await;
        sent.map_err(|e| {
            self.open.borrow_mut().remove(place.name);
            let text = format!("the HTTP/2 connection to the provider broke: {e}");
            Failure::ours(FailureKind::Reset, "upstream_bad_response", text)
        })
    }

    async fn open(&self, place: &Place<'_>) -> Result<SendRequest<SliceBody>, Failure> {
        let connection = connect(place.endpoint, place.tls, true, place.connect).await?;
        let io = TokioIo::new(connection.into_transport());
        let (sender, driver) = hyper::client::conn::http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .handshake(io)
            .await
            .map_err(|e| {
                let text = format!("HTTP/2 with the provider failed: {e}");
                Failure::ours(FailureKind::Unreachable, "upstream_unreachable", text)
            })?;
        // Ends by itself when the connection ends; its error reaches the streams that were on it.
        crate::tasks::spawn_local(async move { drop(driver.await) });
        self.open.borrow_mut().insert(Arc::clone(place.name), sender.clone());
        Ok(sender)
    }
}

/// Body on an HTTP/2 stream. What is ready at once is handed on together.
#[derive(Debug)]
pub(crate) struct H2Body {
    incoming: Incoming,
    ended: bool,
    /// What broke the body right behind bytes that were handed on first.
    failed: Option<Failure>,
}

impl H2Body {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self { incoming, ended: false, failed: None }
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
