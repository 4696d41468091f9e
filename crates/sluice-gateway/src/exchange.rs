//! One request from its head to the last byte of its answer: what is known of it for the log, the metrics and the
//! settlement.

use std::{rc::Rc, sync::Arc, time::Duration, time::Instant};

use http::Method;
use sluice_chat::{Failure, Usage, scan::RequestScan};
use sluice_ledger::{
    Key, NanoUsd,
    record::{Flags, Mark, Settle, Void},
};
use sluice_routing::Why;
use sluice_store::{
    books::AttemptDetails,
    journal::{AppendError, Durability, Position, Writer},
};
use smallvec::SmallVec;

use crate::{
    accounting::{Append, Closing, Hold, Standings, flags},
    bounds, clock,
    ids::Ids,
    metrics::{Ended, why_word},
    observe,
    overload::Permit,
    record::{Billing, Called, Ending, Record, kept_code},
    settle::{self, Meter, PromptSize},
    snapshot::Model,
    turn,
    worker::Worker,
};

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    worker: Rc<Worker>,
    pub(crate) started: Instant,
    /// `None` once it is over.
    open: Option<Box<Open>>,
}

#[derive(Debug)]
struct Open {
    record: Record,
    /// `None` until the request is admitted.
    held: Option<Held>,
    meter: Meter,
    /// `None` until the worker has room for it.
    permit: Option<Permit>,
}

/// What an admitted request holds.
#[derive(Debug)]
struct Held {
    hold: Hold,
    prompt: PromptSize,
    choices: u32,
    standings: Standings,
    /// What the last mark said, and when.
    marked_bytes: u64,
    marked_at: Instant,
}

/// Nobody may be told that the request is complete: the journal did not take its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal did not take the end of the request")]
pub(crate) struct NotWritten;

impl Exchange {
    pub(crate) fn begin(worker: &Rc<Worker>, ids: Ids, method: Method, unix_ms: u64) -> Self {
        let record = Record {
            ids,
            unix_ms,
            method,
            route: "unknown",
            status: 0,
            error_code: None,
            key: None,
            model: String::new(),
            stream: false,
            called: None,
            attempts: 0,
            calls: Vec::new(),
            targets: SmallVec::new(),
            answering: 0,
            hedged: false,
            repaired: false,
            wasted: NanoUsd::default(),
            charge: None,
            reserved: NanoUsd::default(),
            flags: Flags::default(),
            queue: None,
            first_token: None,
            total: Duration::ZERO,
            ending: Ending::Complete,
            replay_of: None,
            trace: None,
            has_row: true,
        };
        worker.shared.metrics.running.inc();
        let open = Some(Box::new(Open { record, held: None, meter: Meter::default(), permit: None }));
        Self { worker: Rc::clone(worker), started: clock::now(), open }
    }

    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// Notes something about the request. Nothing happens once it is over.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(open) = &mut self.open {
            change(&mut open.record);
        }
    }

    /// The request is one of those that the worker answers, until its end.
    pub(crate) fn admitted(&mut self, permit: Permit) {
        if let Some(open) = &mut self.open {
            open.permit = Some(permit);
        }
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.permit.is_some())
    }

    /// The request only waits for another one.
    pub(crate) fn leave(&mut self) {
        if let Some(open) = &mut self.open {
            open.permit = None;
        }
    }

    /// Notes whose request it is.
    pub(crate) fn called_by(&mut self, key: &Arc<Key>) {
        self.note(|record| record.key = Some(Arc::clone(key)));
    }

    /// The id of its key; empty while nobody knows whose request it is.
    pub(crate) fn key_id(&self) -> &str {
        let key = self.open.as_ref().and_then(|open| open.record.key.as_ref());
        key.map_or("", |key| &key.id)
    }

    /// Notes what is asked for.
    pub(crate) fn scanned(&mut self, scan: &RequestScan, body: &[u8]) {
        self.note(|record| {
            record.model = scan.model.chars().take(bounds::LOGGED_NAME_CHARS).collect();
            record.stream = scan.stream;
            if let Some(trace) = &mut record.trace {
                trace.asked(scan, body);
            }
        });
    }

    /// Keeps what was taken until the end; from now on something is sent upstream.
    pub(crate) fn hold(&mut self, hold: Hold, standings: Standings, scan: &RequestScan) {
        if let Some(open) = &mut self.open {
            open.record.reserved = hold.reserved();
            let (prompt, choices, marked_at) = (PromptSize::of(scan), scan.n, self.started);
            open.held = Some(Held { hold, prompt, choices, standings, marked_bytes: 0, marked_at });
        }
    }

    /// Where the caller stands with its limits.
    pub(crate) fn standings(&self) -> Standings {
        let held = self.open.as_ref().and_then(|open| open.held.as_ref());
        held.map(|held| held.standings).unwrap_or_default()
    }

    /// Settles a whole answer, which may go out when this has returned. One that `is_recorded` may be asked for again:
    /// it is charged and recorded in one turn, for who leaves in between would pay again for another.
    pub(crate) async fn settle(&mut self, is_recorded: bool) -> Result<(), NotWritten> {
        self.note(|record| record.status = 200);
        let append = if is_recorded { Writer::append } else { Writer::hold };
        let end = self.end_by(append, Ending::Complete, Billing::Delivered)?;
        if !is_recorded {
            turn::behind_the_others().await;
        }
        match end {
            Some(position) => self.worker.synced(position).await.map_err(|_| NotWritten),
            None => Ok(()),
        }
    }

    /// Something may be sent to a provider when this has returned: the journal has what the request holds.
    pub(crate) async fn may_call(&self) -> Result<(), NotWritten> {
        turn::behind_the_others().await;
        let held = self.open.as_ref().and_then(|open| open.held.as_ref());
        let written = held.map(|held| self.worker.written(held.hold.written()));
        written.transpose().map(|_| ()).map_err(|_| NotWritten)
    }

    /// Notes that the caller has left.
    pub(crate) fn left(&mut self) {
        self.note(|record| {
            if record.status == 0 {
                record.status = CALLER_LEFT_STATUS;
            }
        });
    }

    /// Notes what has come of the answer so far.
    pub(crate) fn delivered(&mut self, content_bytes: u64, (reported, absurd): (Option<Usage>, bool)) {
        if let Some(open) = &mut self.open {
            (open.meter.content_bytes, open.meter.absurd) = (content_bytes, absurd);
            if reported.is_some() {
                open.meter.reported = reported;
            }
        }
    }

    /// Writes down, now and then, what a running stream costs so far.
    pub(crate) fn mark(&mut self, now: Instant) {
        let Some(open) = &mut self.open else { return };
        let Open { record, held: Some(held), meter, .. } = &mut **open else { return };
        let news = meter.content_bytes.saturating_sub(held.marked_bytes);
        let due = news >= bounds::MARK_BYTES
            || news > 0 && now.saturating_duration_since(held.marked_at) >= bounds::MARK_EVERY;
        let Some(target) = record.target().filter(|_| due) else { return };
        (held.marked_bytes, held.marked_at) = (meter.content_bytes, now);
        let (charge, _) = settle::charge(meter, held.prompt, target, held.choices, true);
        let request = held.hold.request();
        let mark =
            Mark { request, usage: charge.usage, cost: charge.cost, answered: Arc::clone(&target.answered) };
        held.hold.mark(&self.worker, mark);
    }

    /// What the answer would be charged as it stands.
    pub(crate) fn usage_so_far(&self) -> Option<Usage> {
        let open = self.open.as_ref()?;
        let held = open.held.as_ref()?;
        let target = open.record.target()?;
        Some(settle::charge(&open.meter, held.prompt, target, held.choices, false).0.usage)
    }

    /// Since the request came, by the clock that nobody sets: all its times are counted from its beginning.
    fn elapsed(&self) -> Duration {
        clock::now().saturating_duration_since(self.started)
    }

    /// Notes that a target is called; `attempts` with this one. Returns the number of the call.
    pub(crate) fn calling(&mut self, model: &Arc<Model>, target: usize, why: Why, attempts: u32) -> usize {
        let queue = self.elapsed();
        let Some(open) = &mut self.open else { return 0 };
        let record = &mut open.record;
        let unix_ms = record.unix_ms_after(queue);
        record.attempts = attempts;
        record.queue.get_or_insert(queue);
        let details = model.targets.get(target).map(|target| AttemptDetails {
            provider: target.upstream.provider().name().to_owned(),
            upstream_model: target.model.name().to_owned(),
            started_ms: unix_ms,
            outcome: "cancelled",
            why: why_word(why),
            ..AttemptDetails::default()
        });
        record.calls.push(details.unwrap_or_default());
        record.targets.push(Called { target, why, ended: None });
        // Until a call is answered what is delivered is nobody's, and the caller may leave.
        if record.called.is_none() || !open.meter.has_content() {
            record.called = Some((Arc::clone(model), target));
            record.answering = record.calls.len() - 1;
        }
        record.calls.len() - 1
    }

    /// Whether a target was called before.
    pub(crate) fn has_called(&self, target: usize) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.record.targets.iter().any(|called| called.target == target))
    }

    /// Notes that a call has failed.
    pub(crate) fn call_failed(&mut self, number: usize, failure: &Failure) {
        let elapsed = self.elapsed();
        self.note(|record| {
            let unix_ms = record.unix_ms_after(elapsed);
            let Some(call) = record.calls.get_mut(number) else { return };
            call.ended_us = unix_ms.saturating_sub(call.started_ms) * 1000;
            call.status = failure.status;
            call.outcome = "failed";
            let code = kept_code(failure.error.code.clone());
            call.reason = Some(code.unwrap_or(Ended::Failed(failure.kind).reason().into()).into_owned());
            observe::call_ended(record, number, Ended::Failed(failure.kind));
        });
    }

    /// Notes that the answer that was to be gone on with says something else.
    pub(crate) fn diverged(&mut self) {
        self.worker.shared.metrics.repairs.diverged.inc();
        self.note(|record| {
            let number = record.answering;
            let Some(call) = record.calls.get_mut(number) else { return };
            (call.outcome, call.reason) = ("failed", Some("diverged".to_owned()));
            observe::call_ended(record, number, Ended::Diverged);
        });
    }

    /// Notes that the answer goes on where another one broke.
    pub(crate) fn repaired(&mut self) {
        self.worker.shared.metrics.repairs.done.inc();
        self.note(|record| record.repaired = true);
    }

    /// Notes that it is the answer of this call that goes to the caller: the others under way are given up.
    pub(crate) fn answered_by(&mut self, number: usize) {
        let elapsed = self.elapsed();
        let metrics = &self.worker.shared.metrics;
        if let Some(Open { record, .. }) = self.open.as_deref_mut() {
            let unix_ms = record.unix_ms_after(elapsed);
            record.answering = number;
            let target = record.targets.get(number).copied();
            if let (Some((_, called)), Some(target)) = (&mut record.called, target) {
                *called = target.target;
            }
            if target.is_some_and(|target| target.why == Why::Hedge) {
                metrics.hedges_won.inc();
            }
            for (other, call) in record.calls.iter_mut().enumerate() {
                if other != number && call.ended_us == 0 {
                    call.ended_us = unix_ms.saturating_sub(call.started_ms) * 1000;
                }
            }
        }
    }

    /// What has come of the answer is lost.
    pub(crate) fn wasted(&mut self, came: &Meter) {
        let Some(open) = &mut self.open else { return };
        if let (Some(held), Some(target)) = (&open.held, open.record.target()) {
            let (charge, _) = settle::charge(came, held.prompt, target, held.choices, true);
            let cost = charge.cost.unwrap_or_default();
            self.worker.shared.metrics.wasted_nanousd.inc_by(cost.0);
            open.record.wasted = NanoUsd(open.record.wasted.0.saturating_add(cost.0));
        }
        // The counts of one answer say nothing about another.
        open.meter.reported = None;
    }

    /// Notes that the answer broke after its first content, and that another is looked for.
    pub(crate) fn broke(&mut self, failure: &Failure) {
        let answering = self.open.as_ref().map_or(0, |open| open.record.answering);
        self.call_failed(answering, failure);
    }

    /// Notes that the first content has come. Waits until the disk knows of what the request holds, where that has to
    /// be so before the caller gets its first byte.
    pub(crate) async fn first_token(&mut self) -> Result<(), NotWritten> {
        let elapsed = self.elapsed();
        self.note(|record| {
            let unix_ms = record.unix_ms_after(elapsed);
            record.first_token.get_or_insert(elapsed);
            if let Some(call) = record.calls.get_mut(record.answering) {
                call.first_token_us = Some(unix_ms.saturating_sub(call.started_ms) * 1000);
            }
        });
        let held = self.open.as_ref().and_then(|open| open.held.as_ref());
        if let Some(held) = held.filter(|_| self.worker.shared.books.durability == Durability::Power) {
            self.worker.synced(held.hold.written()).await.map_err(|_| NotWritten)?;
        }
        self.note(|record| record.status = 200);
        Ok(())
    }

    /// Ends the request: settles what it used or gives everything back, and writes it down. Where the end has to be
    /// on the disk before the caller hears of it, says which line of the journal that is.
    ///
    /// # Errors
    /// The journal did not take the end: the caller may not be told that the answer is complete.
    pub(crate) fn end(&mut self, ending: Ending, billing: Billing) -> Result<Option<Position>, NotWritten> {
        let durable = self.worker.shared.books.durability == Durability::Power;
        Ok(self.end_by(Writer::append, ending, billing)?.filter(|_| durable))
    }

    fn end_by(
        &mut self,
        append: Append,
        ending: Ending,
        billing: Billing,
    ) -> Result<Option<Position>, NotWritten> {
        match self.open.take() {
            Some(open) => finish(&self.worker, *open, self.started, (ending, billing), append),
            None => Ok(None),
        }
    }
}

fn finish(
    worker: &Worker,
    open: Open,
    started: Instant,
    (ending, billing): (Ending, Billing),
    append: Append,
) -> Result<Option<Position>, NotWritten> {
    let Open { mut record, held, meter, permit: _permit } = open;
    let now = clock::now();
    record.ending = ending;
    record.total = now.duration_since(started);
    let unix_ms = record.unix_ms_after(record.total);
    record.end_call(unix_ms, billing);
    let admitted = held.is_some();
    let written = held.map(|held| {
        let closing = closing(&mut record, &held, &meter, unix_ms, billing);
        held.hold.close(worker, closing, now, append)
    });
    let written = written.transpose().map_err(|error| not_written(&mut record, &error));
    observe::ended(worker, record, admitted);
    written
}

fn closing(record: &mut Record, held: &Held, meter: &Meter, unix_ms: u64, billing: Billing) -> Closing {
    let request = held.hold.request();
    let interrupted = record.ending == Ending::CallerLeft;
    // An upstream's failure costs nothing, though the caller has left before the next one was called.
    let nothing = !meter.has_content() && record.calls.iter().all(|call| call.outcome == "failed");
    let free = billing == Billing::Free || interrupted && nothing;
    let Some(target) = record.target().filter(|_| !free) else {
        let used_tokens = record.called.is_some().then_some(0);
        return Closing::Voided { void: Void { request, unix_ms, status: record.status }, used_tokens };
    };
    let (charge, absurd) = settle::charge(meter, held.prompt, target, held.choices, interrupted);
    let excess = charge.cost.is_some_and(|cost| held.hold.exceeds(cost));
    let settle = Settle {
        request,
        unix_ms,
        usage: charge.usage,
        source: charge.source,
        charged: charge.cost,
        answered: Arc::clone(&target.answered),
        flags: flags(absurd, excess),
    };
    record.charge = Some(charge);
    record.flags = settle.flags;
    Closing::Settled { used_tokens: charge.usage.total_tokens(), settle }
}

fn not_written(record: &mut Record, error: &AppendError) -> NotWritten {
    tracing::error!(%error, request_id = record.ids.request_text(), "the journal did not take the end of a request");
    record.status = 503;
    record.error_code = Some("accounting_unavailable".into());
    record.ending = Ending::Broken;
    NotWritten
}

impl Drop for Exchange {
    /// The caller left and the request was dropped where it was: only hands it over to be ended.
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let panicked = std::thread::panicking();
            self.worker.abandoned.borrow_mut().push(Abandoned { open, started: self.started, panicked });
        }
    }
}

/// A request whose caller left.
#[derive(Debug)]
pub(crate) struct Abandoned {
    open: Box<Open>,
    started: Instant,
    /// It was not the caller who left: we panicked.
    panicked: bool,
}

impl Abandoned {
    /// Ends it: charged is the prompt and what was delivered, or the upstream's count if it came.
    pub(crate) fn end(self, worker: &Worker) {
        let mut open = *self.open;
        if self.panicked {
            open.record.status = 500;
            open.record.error_code = Some("internal_error".into());
            let _ = finish(worker, open, self.started, (Ending::Broken, Billing::Free), Writer::append);
            return;
        }
        if open.record.status == 0 {
            open.record.status = CALLER_LEFT_STATUS;
        }
        // Nobody is there to be told; the journal says at the next start what this one could not.
        let _ = finish(worker, open, self.started, (Ending::CallerLeft, Billing::Delivered), Writer::append);
    }
}

/// Logged where the caller left before there was a status to send.
const CALLER_LEFT_STATUS: u16 = 499;
