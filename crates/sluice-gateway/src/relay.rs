//! The stream to the caller: whole events as they come, and one of three endings. Complete: finish reason seen, settled,
//! then `[DONE]`. Broken: an error event, flushed, then an abnormal close. Cut: the connection ends and nothing more
//! is said.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sluice_chat::{ApiError, Failure, FailureKind, sse};
use sluice_providers::Passage;
use sluice_store::journal::Position;

use crate::{
    admit::Admitted,
    bounds, clock,
    exchange::{Billing, Ending, Exchange, NotWritten},
    refusal::{self, Refusal},
    server::ConnectionState,
    snapshot::Clocks,
    stream_clock::{Expired, StreamClock},
    tasks,
    timer::Timer,
    translate::Outbound,
    upstream::{Body, StreamAnswer, Upstream},
    usage_event::usage_event,
};

/// A stream on its way to the caller.
#[derive(Debug)]
pub(crate) struct Relay {
    /// `None` once nothing more is wanted from it.
    source: Option<Body>,
    passage: Passage,
    /// What may go out, from `next` on.
    out: Vec<Bytes>,
    next: usize,
    state: State,
    /// What broke right behind what is in `out`.
    broken: Option<Failure>,
    exchange: Exchange,
    connection: Rc<ConnectionState>,
    upstream: Arc<Upstream>,
    clock: StreamClock,
    /// The turn of the connection's task in which the upstream had no more: hyper asks twice more in the same turn.
    dry_in: Option<u64>,
    /// The first event, where the caller asked for usage: ours, if it comes to that, has to look like it.
    usage_like: Option<Bytes>,
    /// How many choices were asked for.
    choices: u32,
    /// On HTTP/2: since when what was handed out last waits for the caller's window; and who to wake.
    handed_out: Option<Instant>,
    waker: Option<Waker>,
    lingering: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Relaying,
    /// The error event is in `out`; once it is out, the flush after it is waited for.
    Failing,
    /// Waits for the flush of this number.
    Flushing(u64),
    /// On HTTP/2 a flush of the connection says little about one stream: its window may have been shut.
    Lingering(Instant),
    Cut,
    /// Settled; the end goes out once the disk has that.
    Settling(Position),
    Complete,
}

/// The body must end abnormally here.
#[derive(Debug, thiserror::Error)]
#[error("the stream was broken off")]
pub(crate) struct BrokenOff;

/// What a relay needs to know of the call beside its answer.
pub(crate) struct RelayTerms {
    connection: Rc<ConnectionState>,
    upstream: Arc<Upstream>,
    clocks: Clocks,
    deadline: Instant,
    usage_wanted: bool,
    /// How many choices were asked for.
    choices: u32,
}

impl RelayTerms {
    pub(crate) fn of(
        connection: &Rc<ConnectionState>,
        out: &Outbound<'_>,
        admitted: &Admitted,
        deadline: Instant,
    ) -> Self {
        Self {
            connection: Rc::clone(connection),
            upstream: Arc::clone(out.upstream),
            clocks: admitted.model().clocks,
            deadline,
            usage_wanted: admitted.scan().include_usage,
            choices: admitted.scan().n,
        }
    }
}

impl Relay {
    /// A relay, watched where hyper may never ask for its next bytes.
    pub(crate) fn start(answer: StreamAnswer, exchange: Exchange, terms: RelayTerms) -> Rc<RefCell<Self>> {
        let watched = terms.connection.is_http2();
        let relay = Rc::new(RefCell::new(Self::new(answer, exchange, terms)));
        if watched {
            watch(&relay);
        }
        relay
    }

    fn new(answer: StreamAnswer, exchange: Exchange, terms: RelayTerms) -> Self {
        let StreamAnswer { body, passage, ready, broken } = answer;
        let usage_like = ready.first().filter(|_| terms.usage_wanted).cloned();
        let mut relay = Self {
            source: Some(body),
            passage,
            out: ready,
            next: 0,
            state: State::Relaying,
            broken,
            exchange,
            connection: terms.connection,
            upstream: terms.upstream,
            clock: StreamClock::new(terms.clocks.idle, terms.deadline, clock::now()),
            dry_in: None,
            usage_like,
            choices: terms.choices,
            handed_out: None,
            waker: None,
            lingering: Timer::default(),
        };
        relay.note_progress();
        relay.exchange.mark(clock::now());
        relay
    }

    /// Whether everything was handed out and the answer is complete.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Complete && self.next == self.out.len()
    }

    /// The next bytes for the caller; `None` at the proper end, an error where the body must be broken off.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let next = self.poll_step(cx);
        if self.connection.is_http2() {
            self.handed_out = matches!(next, Poll::Ready(Some(Ok(_)))).then(clock::now);
            self.waker = next.is_pending().then(|| cx.waker().clone());
        }
        next
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            if let Some(bytes) = self.out.get_mut(self.next).map(std::mem::take) {
                self.next += 1;
                return Poll::Ready(Some(Ok(bytes)));
            }
            self.out.clear();
            self.next = 0;
            match self.state {
                State::Complete => return Poll::Ready(None),
                State::Settling(position) => ready!(self.poll_settled(position, cx)),
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
                State::Relaying => {
                    let turn = self.connection.turn();
                    if turn.is_some() && turn == self.dry_in {
                        return Poll::Pending;
                    }
                    self.dry_in = turn;
                    ready!(self.poll_source(cx));
                    self.dry_in = None;
                }
            }
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(failure) = self.broken.take() {
            self.broke(failure);
            return Poll::Ready(());
        }
        let Some(source) = &mut self.source else {
            self.state = State::Cut;
            return Poll::Ready(());
        };
        match source.poll_data(cx) {
            Poll::Ready(Some(Ok(data))) => {
                let now = clock::now();
                self.clock.moved(now);
                self.broken = self.passage.push(data, &mut self.out).err();
                self.note_progress();
                self.exchange.mark(now);
            }
            Poll::Ready(Some(Err(failure))) => self.broke(failure),
            Poll::Ready(None) => self.source_ended(),
            Poll::Pending => return self.poll_clock(cx),
        }
        Poll::Ready(())
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.connection.must_stop() {
            self.fail(refusal::shutdown_error());
            return Poll::Ready(());
        }
        match ready!(self.clock.poll_expired(cx)) {
            Expired::AfterFinish => self.source_ended(),
            Expired::Idle => {
                let text = format!("nothing came from the provider for {} ms", self.clock.idle.as_millis());
                self.broke(Failure::ours(FailureKind::Stalled, "upstream_stalled", text));
            }
            Expired::Deadline => {
                let text = "the answer was not complete within the time of the whole request";
                self.broke(Failure::ours(FailureKind::TotalTimeout, "upstream_timeout", text));
            }
        }
        Poll::Ready(())
    }

    fn note_progress(&mut self) {
        let progress = self.passage.progress();
        self.exchange.delivered(progress.content_bytes, progress.usage);
        if progress.done.is_some() && self.broken.is_none() && self.state == State::Relaying {
            self.complete();
        } else {
            self.clock.finished(self.is_finished());
        }
    }

    /// Whether every choice that was asked for has its finish reason. A provider that gives fewer than it was asked
    /// for says so by `[DONE]`.
    fn is_finished(&self) -> bool {
        let progress = self.passage.progress();
        progress.finished && progress.choices >= self.choices
    }

    fn source_ended(&mut self) {
        match self.passage.end(&mut self.out) {
            Ok(()) if self.is_finished() => self.complete(),
            Ok(()) => {
                let text = "the provider closed the connection before all choices had come";
                self.fail_with(Failure::ours(FailureKind::Truncated, "upstream_truncated", text));
            }
            Err(failure) => self.fail_with(failure),
        }
    }

    /// Something broke. An answer that had its finish reason is complete all the same.
    fn broke(&mut self, failure: Failure) {
        if self.is_finished() {
            self.source_ended();
        } else {
            self.fail_with(failure);
        }
    }

    fn fail_with(&mut self, failure: Failure) {
        let failure = self.upstream.masked(failure);
        self.fail(refusal::stream_error(failure));
    }

    /// Settles, and only then lets the end of the stream go out.
    fn complete(&mut self) {
        let progress = self.passage.progress();
        if let Some(like) = self.usage_like.take()
            && progress.usage.is_none()
            && let Some(usage) = self.exchange.usage_so_far()
        {
            self.out.push(usage_event(&like, &usage));
        }
        match self.exchange.end(Ending::Complete, Billing::Delivered) {
            Ok(Some(position)) => self.state = State::Settling(position),
            Ok(None) => self.finish(),
            Err(NotWritten) => self.unsettled(),
        }
        if let Some(source) = self.source.take() {
            read_to_end(source);
        }
    }

    fn poll_settled(&mut self, position: Position, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.exchange.worker().poll_synced(position, cx)) {
            Ok(()) => self.finish(),
            Err(_) => self.unsettled(),
        }
        Poll::Ready(())
    }

    /// What ends the stream may go out.
    fn finish(&mut self) {
        let done = self.passage.progress().done.clone();
        self.out.push(done.unwrap_or(Bytes::from_static(sse::DONE)));
        self.state = State::Complete;
    }

    /// The end of the request could not be kept: the caller is not told that it is complete.
    fn unsettled(&mut self) {
        self.out.push(Bytes::from(sse::error_event(&Refusal::accounting_unavailable().error)));
        self.state = State::Failing;
    }

    /// An upstream's failure costs nothing. No `[DONE]`, no finish reason, no proper end.
    fn fail(&mut self, error: ApiError) {
        // Dropping the source closes its connection: the upstream stops.
        self.source = None;
        self.out.push(Bytes::from(sse::error_event(&error)));
        let code = error.code;
        self.exchange.note(|record| record.failed_with(code));
        // Nothing is charged; where the journal did not take that, the next start charges nothing either.
        let _ = self.exchange.end(Ending::Broken, Billing::Free);
        self.state = State::Failing;
    }
}

impl Relay {
    /// Looks after a stream that hyper may not ask: true once there is nothing left to look after. A caller whose
    /// window stays shut, and a stream past its deadline, are given up; at a stop the body is woken to say so.
    fn look_after(&mut self, now: Instant) -> bool {
        let stalled = self.handed_out.is_some_and(|at| now.duration_since(at) > bounds::WRITE_STALL);
        if stalled || (self.handed_out.is_some() && now > self.clock.deadline) {
            self.source = None;
            self.out.clear();
            self.next = 0;
            self.state = State::Cut;
            // The caller is cut off in any case.
            let _ = self.exchange.end(Ending::CallerLeft, Billing::Delivered);
            return true;
        }
        if self.connection.must_stop()
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
        matches!(self.state, State::Cut | State::Complete)
    }
}

/// Looks after a stream once a second for as long as it is there.
fn watch(relay: &Rc<RefCell<Relay>>) {
    let relay = Rc::downgrade(relay);
    tasks::spawn_local(async move {
        loop {
            tokio::time::sleep(LOOK_AFTER).await;
            let Some(relay) = relay.upgrade() else { return };
            if relay.borrow_mut().look_after(clock::now()) {
                return;
            }
        }
    });
}

/// How often a stream is looked after that hyper may not ask.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// What is read at once of the end of a complete answer, in pieces; more is left to a task.
const END_PIECES: usize = 8;

/// Lets a connection whose answer is complete come to its proper end, so that it can be used again.
fn read_to_end(mut source: Body) {
    let mut cx = Context::from_waker(Waker::noop());
    // The end is nearly always there already; a task is made only where it is not.
    for _ in 0..END_PIECES {
        match source.poll_data(&mut cx) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return,
            Poll::Pending => break,
        }
    }
    tasks::spawn_local(async move {
        let end = async {
            while let Some(Ok(_)) = std::future::poll_fn(|cx| source.poll_data(cx)).await {
                tokio::task::yield_now().await;
            }
        };
        // Too late only costs the connection.
        let _ = tokio::time::timeout(bounds::AFTER_FINISH, end).await;
    });
}
