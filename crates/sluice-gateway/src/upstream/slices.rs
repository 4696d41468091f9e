//! A request body made of slices, for HTTP/2.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Slices of a body, sent one after another.
#[derive(Debug)]
pub(crate) struct SliceBody {
    slices: std::collections::VecDeque<Bytes>,
}

impl SliceBody {
    pub(crate) fn new(slices: impl IntoIterator<Item = Bytes>) -> Self {
        Self { slices: slices.into_iter().filter(|s| !s.is_empty()).collect() }
    }
}

impl http_body::Body for SliceBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.slices.pop_front().map(|slice| Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.slices.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.slices.iter().map(|s| s.len() as u64).sum())
    }
}
