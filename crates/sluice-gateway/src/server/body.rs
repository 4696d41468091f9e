//! The body of a request, over either version of HTTP.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;

use super::http1;

/// The body of a request, as far as it was not read.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Http1(http1::Body),
    Http2(Incoming),
}

/// The caller has not sent all of the body, or not as it must be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body broke off")]
pub(crate) struct BodyBroke;

impl RequestBody {
    /// So many bytes are to come at least.
    pub(crate) fn announced(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Http1(body) => body.announced(),
            Self::Http2(body) => body.size_hint().lower(),
        }
    }

    /// All of it, where all of it is there already.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Empty => Some(Bytes::new()),
            Self::Http1(body) => body.take_whole(),
            Self::Http2(_) => None,
        }
    }

    /// Appends what comes next to `into`; false at the end.
    pub(crate) fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
    ) -> Poll<Result<bool, BodyBroke>> {
        match self {
            Self::Empty => Poll::Ready(Ok(false)),
            Self::Http1(body) => body.poll_more(cx, into),
            Self::Http2(body) => Poll::Ready(match ready!(Pin::new(body).poll_frame(cx)) {
                None => Ok(false),
                Some(Ok(frame)) => {
                    into.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                    Ok(true)
                }
                Some(Err(_)) => Err(BodyBroke),
            }),
        }
    }
}
