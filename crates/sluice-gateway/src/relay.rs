//! The stream to the caller: whole events as they come, and one of three endings. Complete: finish reason seen, settled,
//! then `[DONE]`. Broken: an error event, flushed, then an abnormal close. Cut: the connection ends and nothing more
//! is said.
//!
//! While no target answers, and while another answer is looked for that takes the place of one that broke, comments
//! keep the connection alive.

mod source;
mod watch;

use std::{
    cell::RefCell,
    fmt,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Instant,
};

use bytes::Bytes;
use sluice_chat::{ApiError, Failure, FailureKind, sse};
use sluice_providers::{Splice, Transcript, first_event};
use sluice_store::journal::Position;

pub(crate) use source::{Broke, Read, Source};

use crate::{
    bounds, clock,
    drain::Leftover,
    drive::{Answered, Drive, NoAnswer, Seeking},
    exchange::NotWritten,
    record::{Billing, Ending},
    refusal::{self, Refusal},
    server::ConnectionState,
    stream_clock::{Expired, StreamClock},
    timer::Timer,
    usage_event::usage_event,
};

/// A stream on its way to the caller.
#[derive(Debug)]
pub(crate) struct Relay {
    /// `None` once nothing more is wanted from it.
    source: Option<Box<Source>>,
    /// What may go out, from `next` on.
    out: Vec<Bytes>,
    next: usize,
    state: State,
    /// `None` while another answer is looked for.
    drive: Option<Box<Drive>>,
    connection: Rc<ConnectionState>,
    clock: StreamClock,
    /// The first event: what we add to the stream has to look like it.
    first_event: Option<Bytes>,
    /// The upstream's `[DONE]`.
    done: Option<Bytes>,
    /// The answer in whose place another is looked for, or has begun to say the same again.
    mending: Option<Box<Mending>>,
    /// On HTTP/2: since when what was handed out last waits for the caller's window; and who to wake.
    handed_out: Option<Instant>,
    waker: Option<Waker>,
    /// The end of lingering, or the next comment.
    timer: Timer,
    /// When the next comment goes out, while the caller gets nothing else.
    comment_at: Instant,
}

/// An answer that broke.
#[derive(Debug)]
struct Mending {
    cause: Failure,
    /// What the caller has of it.
    had: Transcript,
}

/// Keeps a connection open on which nothing else happens.
const COMMENT: &[u8] = b": keep-alive\n\n";

enum State {
    Relaying,
    /// No target answers yet.
    Seeking(Seeking),
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

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relaying => "Relaying",
            Self::Seeking(_) => "Seeking",
            Self::Failing => "Failing",
            Self::Flushing(_) => "Flushing",
            Self::Lingering(_) => "Lingering",
            Self::Cut => "Cut",
            Self::Settling(_) => "Settling",
            Self::Complete => "Complete",
        })
    }
}

/// The body must end abnormally here.
#[derive(Debug, thiserror::Error)]
#[error("the stream was broken off")]
pub(crate) struct BrokenOff;

impl Relay {
    /// A relay of an answer, watched where nobody may ever ask for its next bytes.
    pub(crate) fn start(
        connection: &Rc<ConnectionState>,
        drive: Box<Drive>,
        answered: Answered,
    ) -> Rc<RefCell<Self>> {
        let mut relay = Self::new(connection, State::Relaying, drive.stream_clock());
        relay.drive = Some(drive);
        relay.take_up(answered);
        relay.watched()
    }

    /// A relay for which nobody has answered yet.
    pub(crate) fn seeking(
        connection: &Rc<ConnectionState>,
        seeking: Seeking,
        clock: StreamClock,
    ) -> Rc<RefCell<Self>> {
        Self::new(connection, State::Seeking(seeking), clock).watched()
    }

    fn new(connection: &Rc<ConnectionState>, state: State, clock: StreamClock) -> Self {
        Self {
            source: None,
            out: Vec::new(),
            next: 0,
            state,
            drive: None,
            connection: Rc::clone(connection),
            clock,
            first_event: None,
            done: None,
            mending: None,
            handed_out: None,
            waker: None,
            timer: Timer::default(),
            comment_at: clock::now(),
        }
    }

    fn watched(self) -> Rc<RefCell<Self>> {
        let watched = self.connection.is_http2();
        let relay = Rc::new(RefCell::new(self));
        if watched {
            watch::watch(&relay);
        }
        relay
    }

    /// Whether everything was handed out and the answer is complete.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Complete) && self.next == self.out.len()
    }

    /// What was not handed out yet of an answer that is complete.
    pub(crate) fn complete_rest(&mut self) -> Option<Vec<Bytes>> {
        matches!(self.state, State::Complete).then(|| self.out.drain(self.next..).collect())
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
            match &mut self.state {
                State::Relaying => ready!(self.poll_source(cx)),
                State::Complete => return Poll::Ready(None),
                State::Settling(position) => {
                    let position = *position;
                    ready!(self.poll_settled(position, cx));
                }
                State::Seeking(_) => ready!(self.poll_seeking(cx)),
                State::Cut => return Poll::Ready(Some(Err(BrokenOff))),
                State::Failing => self.state = State::Flushing(self.connection.flushes()),
                State::Flushing(since) => {
                    ready!(self.connection.poll_flushed(*since, cx));
                    self.state = match self.connection.is_http2() {
                        true => State::Lingering(clock::now() + bounds::AFTER_ERROR),
                        false => State::Cut,
                    };
                }
                State::Lingering(until) if self.timer.poll_passed(*until, cx) => self.state = State::Cut,
                State::Lingering(_) => return Poll::Pending,
            }
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(source) = &mut self.source else {
            self.state = State::Cut;
            return Poll::Ready(());
        };
        match source.poll(cx, &mut self.out) {
            Poll::Ready(Ok(Read::More)) => {
                let now = clock::now();
                self.clock.moved(now);
                self.note_progress();
                if let Some(drive) = &mut self.drive {
                    drive.exchange.mark(now);
                }
            }
            Poll::Ready(Ok(Read::End)) => self.source_ended(),
            Poll::Ready(Err(broke)) => self.broke(broke),
            // While it says what the caller has already.
            Poll::Pending if self.mending.is_some() && self.poll_comment(cx) => {}
            Poll::Pending => return self.poll_clock(cx),
        }
        Poll::Ready(())
    }

    /// Says that the stream is alive; true when that was due.
    fn poll_comment(&mut self, cx: &mut Context<'_>) -> bool {
        let due = self.timer.poll_passed(self.comment_at, cx);
        if due {
            self.comment_at = clock::now() + bounds::SILENCE;
            self.out.push(Bytes::from_static(COMMENT));
        }
        due
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let finished = self.source.as_ref().is_some_and(|source| source.is_finished());
        if self.connection.must_stop() && !finished {
            self.fail(refusal::shutdown_error());
            return Poll::Ready(());
        }
        match ready!(self.clock.poll_expired(cx)) {
            Expired::Mark => self.drive.iter_mut().for_each(|drive| drive.exchange.mark(clock::now())),
            Expired::AfterFinish => self.source_ended(),
            Expired::Idle => {
                let text = format!("nothing came from the provider for {} ms", self.clock.idle.as_millis());
                self.broke(Failure::ours(FailureKind::Stalled, "upstream_stalled", text).into());
            }
            Expired::Deadline => {
                let text = "the answer was not complete within the time of the whole request";
                self.broke(Failure::ours(FailureKind::TotalTimeout, "upstream_timeout", text).into());
            }
        }
        Poll::Ready(())
    }

    fn poll_seeking(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Seeking(seeking) = &mut self.state else { return Poll::Ready(()) };
        match seeking.as_mut().poll(cx) {
            Poll::Ready((drive, answered)) => {
                self.drive = Some(drive);
                self.state = State::Relaying;
                match answered {
                    Ok(answered) => self.take_up(answered),
                    Err(none) => self.found_none(none),
                }
            }
            Poll::Pending if self.poll_comment(cx) => {}
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// Relays an answer from its beginning, or from where the one that broke has ended.
    fn take_up(&mut self, answered: Answered) {
        let Some(drive) = &mut self.drive else { return };
        let like = self.first_event.as_deref().unwrap_or_default();
        let splice =
            self.mending.as_ref().and_then(|mending| Splice::new(&mending.had, like, bounds::EVENT_BYTES));
        let Some((mut source, ready)) = Source::new(answered, drive.admitted().scan().n, splice) else {
            return;
        };
        if self.mending.is_none() {
            self.first_event = first_event(&ready);
            drive.keep_for_repair();
        }
        if !drive.may_repair() {
            source.forget();
        }
        let now = clock::now();
        self.clock.moved(now);
        self.clock.finished(false);
        let begun = source.begin(ready, &mut self.out);
        self.source = Some(Box::new(source));
        match begun {
            Ok(()) => self.note_progress(),
            Err(broke) => return self.broke(broke),
        }
        if let Some(drive) = &mut self.drive {
            drive.exchange.mark(now);
        }
    }

    fn found_none(&mut self, none: NoAnswer) {
        let error = match (none, self.mending.take()) {
            (NoAnswer::Failed(_), Some(mending)) => refusal::stream_error(mending.cause),
            (none, _) => *none.refusal().error,
        };
        self.fail(error);
    }

    fn note_progress(&mut self) {
        let (Some(source), Some(drive)) = (&self.source, &mut self.drive) else { return };
        drive.exchange.trace_answer(&self.out);
        let progress = source.progress();
        if source.is_through() {
            if self.mending.take().is_some() {
                drive.exchange.repaired();
            }
            drive.exchange.delivered(progress.content_bytes, (progress.usage, progress.usage_absurd));
        }
        if progress.done.is_some() && !source.is_broken() {
            self.source_ended();
        } else {
            self.clock.finished(source.is_finished());
        }
    }

    fn source_ended(&mut self) {
        let Some(source) = &mut self.source else { return };
        match source.end(&mut self.out) {
            Ok(()) => self.complete(),
            Err(broke) => self.give_up(broke),
        }
    }

    /// Something broke. An answer that had its finish reason is complete all the same.
    fn broke(&mut self, broke: Broke) {
        match &self.source {
            Some(source) if source.is_finished() && matches!(broke, Broke::Upstream(_)) => {
                self.source_ended()
            }
            _ => self.give_up(broke),
        }
    }

    /// The answer is lost. Another one may take its place; if not, the caller hears what broke it.
    fn give_up(&mut self, broke: Broke) {
        let (Some(source), Some(mut drive)) = (self.source.take(), self.drive.take()) else { return };
        let earlier = self.mending.take();
        drive.exchange.wasted(&source.meter());
        let Broke::Upstream(failure) = broke else {
            drive.exchange.diverged();
            self.drive = Some(drive);
            // The caller hears of the break for which another answer was looked for.
            return self
                .fail(earlier.map_or_else(refusal::shutdown_error, |m| refusal::stream_error(m.cause)));
        };
        let failure = source.masked(failure);
        let through = source.is_through();
        let (out, transcript) = drive.lost(*source, &failure);
        let mending = match earlier {
            Some(earlier) if !through => Some(earlier),
            _ => transcript.map(|had| Box::new(Mending { cause: failure.clone(), had })),
        };
        match mending {
            Some(mending) if mending.had.is_kept() && drive.may_repair() => {
                self.mending = Some(mending);
                let seeking = drive.repair(&self.connection, &out, failure);
                self.state = State::Seeking(seeking);
                self.comment_at = clock::now() + bounds::SILENCE;
            }
            mending => {
                self.drive = Some(drive);
                self.fail(refusal::stream_error(mending.map_or(failure, |mending| mending.cause)));
            }
        }
    }

    /// Settles, and only then lets the end of the stream go out.
    fn complete(&mut self) {
        let (Some(source), Some(drive)) = (self.source.take(), &mut self.drive) else { return };
        let progress = source.progress();
        if drive.admitted().scan().include_usage
            && progress.usage.is_none()
            && let Some(like) = &self.first_event
            && let Some(usage) = drive.exchange.usage_so_far()
        {
            self.out.push(usage_event(like, &usage));
        }
        self.done.clone_from(&progress.done);
        match drive.exchange.end(Ending::Complete, Billing::Delivered) {
            Ok(Some(position)) => self.state = State::Settling(position),
            Ok(None) => self.finish(),
            Err(NotWritten) => self.unsettled(),
        }
        source.succeeded();
    }

    fn poll_settled(&mut self, position: Position, cx: &mut Context<'_>) -> Poll<()> {
        let Some(drive) = &self.drive else { return Poll::Ready(()) };
        match ready!(drive.exchange.worker().poll_synced(position, cx)) {
            Ok(()) => self.finish(),
            Err(_) => self.unsettled(),
        }
        Poll::Ready(())
    }

    /// What ends the stream may go out.
    fn finish(&mut self) {
        self.out.push(self.done.take().unwrap_or(Bytes::from_static(sse::DONE)));
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
        self.state = State::Failing;
        let Some(drive) = &mut self.drive else { return };
        let code = error.code;
        drive.exchange.note(|record| {
            record.status = 200;
            record.failed_with(code);
        });
        // Nothing is charged; where the journal did not take that, the next start charges nothing either.
        let _ = drive.exchange.end(Ending::Broken, Billing::Free);
    }
}

impl Drop for Relay {
    /// The caller has left. A call that is to go on is only handed over.
    fn drop(&mut self) {
        let drains = self.source.as_ref().is_some_and(|source| source.drains());
        // Where we panicked it is not the caller who left.
        if !matches!(self.state, State::Relaying) || !drains || std::thread::panicking() {
            return;
        }
        if let (Some(source), Some(drive)) = (self.source.take(), self.drive.take()) {
            let worker = Rc::clone(drive.exchange.worker());
            worker.leftovers.borrow_mut().push(Leftover::new(source, drive));
        }
    }
}
