//! A request that comes again: it gets the bytes that the first caller gets or got, from the beginning.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Response};
use sluice_chat::sse;

use super::{
    claim::Reader,
    recording::{End, Head, Next},
};
use crate::{
    bounds, clock,
    exchange::Exchange,
    ids::Ids,
    record::{Billing, Ending},
    refusal::Refusal,
    relay::BrokenOff,
    reply::{self, ReplyBody},
    server::ConnectionState,
    tasks,
    timer::Timer,
};

/// On an answer that was made for an earlier request: the id of that.
const X_REPLAY_OF: HeaderName = HeaderName::from_static("x-sluicegate-replay-of");

/// A request whose answer is, or was, made for another.
#[derive(Debug)]
pub(crate) struct Repeat {
    reader: Reader,
    head: Arc<Head>,
}

impl Repeat {
    pub(super) fn new(reader: Reader, head: Arc<Head>) -> Self {
        Self { reader, head }
    }

    /// The answer; it costs nothing.
    pub(crate) async fn answer(
        self,
        ids: &Ids,
        connection: &Rc<ConnectionState>,
        mut exchange: Exchange,
    ) -> Response<ReplyBody> {
        let Self { reader, head } = self;
        let first = reader.recording.request;
        exchange.worker().shared.metrics.idempotent_replays.inc();
        exchange.note(|record| {
            record.replay_of = Some(first);
            record.status = head.status;
        });
        let body = if head.whole {
            let Ok(bytes) = whole(&reader).await else {
                return crate::pipeline::refused(ids, exchange, &Refusal::replay_unavailable(first), 0);
            };
            if head.status >= 400 {
                exchange.note(|record| record.failed_with(code(&bytes).map(Into::into)));
            }
            // Nothing was held, so nothing can fail.
            let _ = exchange.end(Ending::Complete, Billing::Free);
            ReplyBody::whole(bytes)
        } else {
            ReplyBody::repeat(RepeatBody::start(reader, exchange, connection))
        };
        let mut response = reply::again(head.status, ids, body);
        for (name, value) in &head.headers {
            response.headers_mut().append(name, value.clone());
        }
        if let Ok(value) = HeaderValue::from_str(&first.text()) {
            response.headers_mut().insert(X_REPLAY_OF, value);
        }
        response
    }
}

/// All of an answer that is one piece.
async fn whole(reader: &Reader) -> Result<Bytes, ()> {
    let mut all = BytesMut::new();
    let mut only = Bytes::new();
    let mut at = 0;
    loop {
        match poll_fn(|cx| reader.recording.poll_piece(reader.number, at, cx)).await {
            Next::Bytes(bytes) if at == 0 => only = bytes,
            Next::Bytes(bytes) => {
                all.extend_from_slice(&std::mem::take(&mut only));
                all.extend_from_slice(&bytes);
            }
            Next::End(End::Complete) if all.is_empty() => return Ok(only),
            Next::End(End::Complete) => return Ok(all.freeze()),
            Next::End(End::Broken | End::Gone) | Next::Lost => return Err(()),
        }
        at += 1;
    }
}

/// The code of an error of ours.
fn code(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body["error"]["code"].as_str().map(str::to_owned)
}

/// A stream on its way to one who asked again.
#[derive(Debug)]
pub(crate) struct RepeatBody {
    /// `None` once nothing more is wanted from it.
    reader: Option<Reader>,
    /// Number of the next piece.
    at: u64,
    state: State,
    exchange: Exchange,
    connection: Rc<ConnectionState>,
    /// On HTTP/2: since when what was handed out last waits for the caller's window.
    handed_out: Option<Instant>,
    lingering: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// An error event is out; the flush after it is waited for, as in `relay.rs`.
    Failing,
    Flushing(u64),
    Lingering(Instant),
    Cut,
    Complete,
}

impl RepeatBody {
    fn start(reader: Reader, exchange: Exchange, connection: &Rc<ConnectionState>) -> Rc<RefCell<Self>> {
        let body = Rc::new(RefCell::new(Self {
            reader: Some(reader),
            at: 0,
            state: State::Reading,
            exchange,
            connection: Rc::clone(connection),
            handed_out: None,
            lingering: Timer::default(),
        }));
        if connection.is_http2() {
            watch(&body);
        }
        body
    }

    /// Whether everything was handed out and the answer is complete.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Complete
    }

    /// As [`Relay::poll_next`](crate::relay::Relay::poll_next).
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let next = self.poll_step(cx);
        if self.connection.is_http2() {
            self.handed_out = matches!(next, Poll::Ready(Some(Ok(_)))).then(clock::now);
        }
        next
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            match self.state {
                State::Complete => return Poll::Ready(None),
                State::Cut => return Poll::Ready(Some(Err(BrokenOff))),
                State::Failing => self.state = State::Flushing(self.connection.flushes()),
                State::Flushing(since) => {
                    ready!(self.connection.poll_flushed(since, cx));
                    self.state = match self.connection.is_http2() {
                        true => State::Lingering(clock::now() + bounds::AFTER_ERROR),
                        false => State::Cut,
                    };
                }
                State::Lingering(until) if self.lingering.poll_passed(until, cx) => self.state = State::Cut,
                State::Lingering(_) => return Poll::Pending,
                State::Reading => {
                    if let Some(bytes) = ready!(self.poll_reader(cx)) {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
            }
        }
    }

    /// The next piece, or `None` when the state has changed.
    fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(reader) = &self.reader else {
            self.state = State::Cut;
            return Poll::Ready(None);
        };
        match ready!(reader.recording.poll_piece(reader.number, self.at, cx)) {
            Next::Bytes(bytes) => {
                self.at += 1;
                if reader.recording.is_over(self.at) {
                    self.end(State::Complete, Ending::Complete);
                }
                return Poll::Ready(Some(bytes));
            }
            Next::End(End::Complete) => self.end(State::Complete, Ending::Complete),
            // The error event was the last piece.
            Next::End(End::Broken) => self.end(State::Failing, Ending::Broken),
            Next::End(End::Gone) => {
                let refusal = Refusal::replay_unavailable(reader.recording.request);
                self.exchange.note(|record| record.failed_with(refusal.error.code.clone()));
                self.end(State::Failing, Ending::Broken);
                return Poll::Ready(Some(Bytes::from(sse::error_event(&refusal.error))));
            }
            Next::Lost => self.end(State::Cut, Ending::CallerLeft),
        }
        Poll::Ready(None)
    }

    fn end(&mut self, state: State, ending: Ending) {
        self.state = state;
        self.reader = None;
        // Nothing was held, so nothing can fail.
        let _ = self.exchange.end(ending, Billing::Free);
    }

    /// Looks after a stream that nobody may ask: true once there is nothing left to look after.
    fn look_after(&mut self, now: Instant) -> bool {
        if self.handed_out.is_some_and(|at| now.duration_since(at) > bounds::WRITE_STALL) {
            self.end(State::Cut, Ending::CallerLeft);
            return true;
        }
        matches!(self.state, State::Cut | State::Complete)
    }
}

/// Looks after a stream once a second for as long as it is there.
fn watch(body: &Rc<RefCell<RepeatBody>>) {
    let body = Rc::downgrade(body);
    tasks::spawn_local(async move {
        loop {
            tokio::time::sleep(LOOK_AFTER).await;
            let Some(body) = body.upgrade() else { return };
            if body.borrow_mut().look_after(clock::now()) {
                return;
            }
        }
    });
}

/// How often a stream is looked after that nobody may ask.
const LOOK_AFTER: Duration = Duration::from_secs(1);
