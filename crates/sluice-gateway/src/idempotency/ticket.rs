//! The first request with a key: what its caller gets is recorded as it goes out.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, Response,
    header::{CONNECTION, CONTENT_LENGTH},
};
use sluice_store::claims::ClaimId;

use super::{
    recording::{End, Head, Recording},
    table::Table,
};
use crate::{
    clock,
    relay::{BrokenOff, Relay},
    reply::{self, ReplyBody},
};

/// The key that a request holds, if it came with one.
#[derive(Debug)]
pub(crate) struct Ticket(Option<Held>);

impl Ticket {
    /// Of a request without a key.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Whether what the caller gets is recorded.
    pub(crate) fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Has what the caller gets recorded.
    pub(crate) fn record(self, response: Response<ReplyBody>) -> Response<ReplyBody> {
        match self.0 {
            None => response,
            Some(held) => held.record(response),
        }
    }
}

impl From<Held> for Ticket {
    fn from(held: Held) -> Self {
        Self(Some(held))
    }
}

/// Holds a key for a request. Dropped before the answer is complete, it frees the key.
#[derive(Debug)]
pub(crate) struct Held {
    table: Arc<Table>,
    id: ClaimId,
    recording: Arc<Recording>,
    /// The database may have a row of it.
    pub(super) asked: bool,
    ended: bool,
}

impl Held {
    pub(super) fn new(table: &Arc<Table>, id: ClaimId, recording: Arc<Recording>) -> Self {
        Self { table: Arc::clone(table), id, recording, asked: false, ended: false }
    }

    /// The key is this request's.
    pub(super) fn granted(&self) {
        self.recording.claimed();
    }

    /// The key is another's: there is nothing to free.
    pub(super) fn refused(mut self) {
        self.asked = false;
    }

    /// Records what the caller gets. An error answer frees the key.
    fn record(mut self, response: Response<ReplyBody>) -> Response<ReplyBody> {
        let (parts, body) = reply::spread(response).into_parts();
        let status = parts.status.as_u16();
        let whole = body.as_whole();
        self.recording.begin(Head { status, headers: kept(&parts.headers), whole: whole.is_some() });
        let body = match whole {
            None => body.recorded(self),
            Some(bytes) => {
                self.push(&bytes, false);
                self.end(End::Complete, status == 200);
                body
            }
        };
        Response::from_parts(parts, body)
    }

    fn push(&self, bytes: &Bytes, copy: bool) {
        if self.recording.push(bytes, copy) && !self.table.make_room() {
            self.recording.give_up();
        }
    }

    fn end(&mut self, end: End, keep: bool) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let request = self.recording.request;
        match keep {
            true => self.table.keep(&self.id, request, clock::now()),
            false => self.table.free(&self.id, request, self.asked),
        }
        // Last: whoever waited for it, and asks again now, finds the key free.
        self.recording.end(end);
    }
}

impl Drop for Held {
    /// The first caller left: only hands over that it did.
    fn drop(&mut self) {
        self.end(End::Gone, false);
    }
}

/// Headers of an answer that are true of every repeat of it.
fn kept(headers: &HeaderMap) -> HeaderMap {
    let is_kept = |name: &str| {
        let own = ["x-request-id", "x-trace-id", CONNECTION.as_str(), CONTENT_LENGTH.as_str()];
        !own.contains(&name) && !name.starts_with(reply::LIMIT_HEADERS)
    };
    headers
        .iter()
        .filter(|(name, _)| is_kept(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A stream on its way to the first caller, recorded.
#[derive(Debug)]
pub(crate) struct RecordedStream {
    /// Before the relay: whoever hears that the call of the provider has ended finds the key free.
    held: Held,
    relay: Rc<RefCell<Relay>>,
}

impl RecordedStream {
    pub(crate) fn new(relay: Rc<RefCell<Relay>>, held: Held) -> Self {
        Self { held, relay }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let next = self.relay.borrow_mut().poll_next(cx);
        match &next {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(bytes))) => self.held.push(bytes, true),
            Poll::Ready(Some(Err(BrokenOff))) => self.held.end(End::Broken, false),
            Poll::Ready(None) => self.held.end(End::Complete, true),
        }
        if self.is_over() {
            // Nobody asks for the end of what says that it is over.
            self.held.end(End::Complete, true);
        }
        next
    }

    pub(crate) fn is_over(&self) -> bool {
        self.relay.borrow().is_over()
    }
}

impl Drop for RecordedStream {
    /// A caller who leaves when the answer is complete and charged finds it when asking again.
    fn drop(&mut self) {
        let rest = self.relay.try_borrow_mut().ok().and_then(|mut relay| relay.complete_rest());
        if let Some(rest) = rest.filter(|_| !self.held.ended) {
            for bytes in &rest {
                self.held.push(bytes, true);
            }
            self.held.end(End::Complete, true);
        }
    }
}
