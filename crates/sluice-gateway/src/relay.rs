//! The stream to the caller: whole events as they come, and one of three endings. Complete: finish reason seen, settled,
//! then `[DONE]`. Broken: an error event, flushed, then an abnormal close. Cut: the connection ends and nothing more
//! is said.

use std::{
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sluice_chat::{ApiError, Failure, FailureKind, sse};
use sluice_providers::Passage;

use crate::{
    bounds, clock,
    exchange::{Billing, Ending, Exchange},
    refusal,
    server::ConnectionState,
    snapshot::Clocks,
    timer::Timer,
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
    /// The first event, where the caller asked for usage: ours, if it comes to that, has to look like it.
    usage_like: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Relaying,
    /// The error event is in `out`; once it is out, the flush after it is waited for.
    Failing,
    /// Waits for the flush of this number.
    Flushing(u64),
    Cut,
    Complete,
}

/// The body must end abnormally here.
#[derive(Debug, thiserror::Error)]
#[error("the stream was broken off")]
pub(crate) struct BrokenOff;

/// What a relay needs to know of the call beside its answer.
pub(crate) struct RelayTerms {
    pub(crate) connection: Rc<ConnectionState>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) clocks: Clocks,
    pub(crate) deadline: Instant,
    pub(crate) usage_wanted: bool,
}

impl Relay {
    pub(crate) fn new(answer: StreamAnswer, exchange: Exchange, terms: RelayTerms) -> Self {
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
            usage_like,
        };
        relay.note_progress();
        relay
    }

    /// Whether everything was handed out and the answer is complete.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Complete && self.next == self.out.len()
    }

    /// The next bytes for the caller; `None` at the proper end, an error where the body must be broken off.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            if let Some(bytes) = self.out.get_mut(self.next).map(std::mem::take) {
                self.next += 1;
                return Poll::Ready(Some(Ok(bytes)));
            }
            self.out.clear();
            self.next = 0;
            match self.state {
                State::Complete => return Poll::Ready(None),
                State::Cut => return Poll::Ready(Some(Err(BrokenOff))),
                State::Failing => self.state = State::Flushing(self.connection.flushes()),
                State::Flushing(since) => {
                    ready!(self.connection.poll_flushed(since, cx));
                    self.state = State::Cut;
                }
                State::Relaying => ready!(self.poll_source(cx)),
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
                self.clock.moved(clock::now());
                self.broken = self.passage.push(data, &mut self.out).err();
                self.note_progress();
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
        } else if progress.finished {
            self.clock.finished();
        }
    }

    fn source_ended(&mut self) {
        match self.passage.end(&mut self.out) {
            Ok(()) => self.complete(),
            Err(failure) => self.fail_with(failure),
        }
    }

    /// Something broke. An answer that had its finish reason is complete all the same.
    fn broke(&mut self, failure: Failure) {
        if self.passage.progress().finished {
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
        let done = self.passage.progress().done.clone();
        self.exchange.end(Ending::Complete, Billing::Delivered);
        self.out.push(done.unwrap_or(Bytes::from_static(sse::DONE)));
        self.state = State::Complete;
        if let Some(source) = self.source.take() {
            read_to_end(source);
        }
    }

    /// An upstream's failure costs nothing. No `[DONE]`, no finish reason, no proper end.
    fn fail(&mut self, error: ApiError) {
        // Dropping the source closes its connection: the upstream stops.
        self.source = None;
        self.out.push(Bytes::from(sse::error_event(&error)));
        let code = error.code;
        self.exchange.note(|record| record.error_code = code);
        self.exchange.end(Ending::Broken, Billing::Free);
        self.state = State::Failing;
    }
}

/// Lets a connection whose answer is complete come to its proper end, so that it can be used again.
fn read_to_end(mut source: Body) {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    // The end is nearly always there already; a task is made only where it is not.
    loop {
        match source.poll_data(&mut cx) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return,
            Poll::Pending => break,
        }
    }
    crate::tasks::spawn_local(async move {
        let end = async { while let Some(Ok(_)) = std::future::poll_fn(|cx| source.poll_data(cx)).await {} };
        // Too late only costs the connection.
        let _ = tokio::time::timeout(bounds::AFTER_FINISH, end).await;
    });
}

/// The clocks of a running stream on one timer.
#[derive(Debug)]
struct StreamClock {
    idle: Duration,
    deadline: Instant,
    /// When something last came.
    moved: Instant,
    finish_by: Option<Instant>,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expired {
    AfterFinish,
    Idle,
    Deadline,
}

impl StreamClock {
    fn new(idle: Duration, deadline: Instant, now: Instant) -> Self {
        Self { idle, deadline, moved: now, finish_by: None, timer: Timer::default() }
    }

    fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    /// The finish reason was seen: what may still come has little time. The first such time counts.
    fn finished(&mut self) {
        if self.finish_by.is_none() {
            self.finish_by = Some(self.moved + bounds::AFTER_FINISH);
        }
    }

    fn next(&self) -> (Instant, Expired) {
        let mut next = (self.moved + self.idle, Expired::Idle);
        if self.deadline < next.0 {
            next = (self.deadline, Expired::Deadline);
        }
        match self.finish_by {
            Some(at) if at < next.0 => (at, Expired::AfterFinish),
            _ => next,
        }
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        let (at, what) = self.next();
        if self.timer.poll_passed(at, cx) { Poll::Ready(what) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_clock_counts() {
        let start = clock::now();
        let s = Duration::from_secs;
        let check = |deadline, moved, finished: Option<u64>, expect: (u64, Expired)| {
            let mut clock = StreamClock::new(s(60), start + s(deadline), start);
            clock.moved(start + s(moved));
            if let Some(at) = finished {
                clock.moved(start + s(at));
                clock.finished();
                clock.moved(start + s(moved));
            }
            assert_eq!(clock.next(), (start + s(expect.0), expect.1));
        };
        check(600, 0, None, (60, Expired::Idle));
        check(600, 100, None, (160, Expired::Idle));
        check(600, 550, None, (600, Expired::Deadline));
        check(600, 100, Some(100), (101, Expired::AfterFinish));
        check(600, 102, Some(101), (102, Expired::AfterFinish));
    }
}
