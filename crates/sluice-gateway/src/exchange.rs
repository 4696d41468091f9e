//! One request from its head to the last byte of its answer: what is known of it for the log, the metrics and the
//! settlement.

use std::{borrow::Cow, rc::Rc, sync::Arc, time::Duration, time::Instant};

use http::Method;
use sluice_chat::Usage;
use sluice_ledger::{Charge, Key, Reservation};

use crate::{
    clock,
    ids::Ids,
    settle::{self, Meter, PromptSize},
    snapshot::{Model, Target},
    worker::Worker,
};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The whole answer was handed to the transport.
    Complete,
    /// A stream ended in an error event.
    Broken,
    /// The caller left first.
    CallerLeft,
}

impl Ending {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Broken => "broken",
            Self::CallerLeft => "caller_left",
        }
    }
}

/// Whether a request has to be paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing {
    /// What was delivered of it.
    Delivered,
    /// Refused, or failed by an upstream: costs nothing.
    Free,
}

/// What is known of a request.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) ids: Ids,
    pub(crate) unix_ms: u64,
    pub(crate) method: Method,
    /// The route that answered, never the caller's own path.
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    pub(crate) error_code: Option<Cow<'static, str>>,
    pub(crate) key: Option<Arc<Key>>,
    /// As the caller named it; empty where there is none.
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// The model and the index of the target called last.
    pub(crate) called: Option<(Arc<Model>, usize)>,
    pub(crate) attempts: u32,
    pub(crate) charge: Option<Charge>,
    pub(crate) first_token: Option<Duration>,
    pub(crate) total: Duration,
    pub(crate) ending: Ending,
}

impl Record {
    /// The target called last.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.called.as_ref().and_then(|(model, index)| model.targets.get(*index))
    }
}

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
    reservation: Option<Reservation>,
    /// `None` until something is sent upstream.
    prompt: Option<PromptSize>,
    meter: Meter,
}

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
            charge: None,
            first_token: None,
            total: Duration::ZERO,
            ending: Ending::Complete,
        };
        worker.shared.metrics.requests.inc();
        worker.shared.metrics.running.inc();
        let open = Some(Box::new(Open { record, reservation: None, prompt: None, meter: Meter::default() }));
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

    /// Keeps the reservation until the end; from now on something is sent upstream.
    pub(crate) fn hold(&mut self, reservation: Reservation, prompt: PromptSize) {
        if let Some(open) = &mut self.open {
            open.reservation = Some(reservation);
            open.prompt = Some(prompt);
        }
    }

    /// Notes what has come of the answer so far.
    pub(crate) fn delivered(&mut self, content_bytes: u64, reported: Option<Usage>) {
        if let Some(open) = &mut self.open {
            open.meter.content_bytes = content_bytes;
            if reported.is_some() {
                open.meter.reported = reported;
            }
        }
    }

    /// What the answer would be charged as it stands.
    pub(crate) fn usage_so_far(&self) -> Option<Usage> {
        let open = self.open.as_ref()?;
        Some(settle::charge(&open.meter, open.prompt?, false).usage)
    }

    /// Notes that a target is called; `attempts` with this one.
    pub(crate) fn calling(&mut self, model: &Arc<Model>, target: usize, attempts: u32) {
        self.note(|record| {
            record.called = Some((Arc::clone(model), target));
            record.attempts = attempts;
        });
    }

    /// Notes that the first content has come.
    pub(crate) fn first_token(&mut self) {
        let elapsed = clock::now().duration_since(self.started);
        self.note(|record| record.first_token = Some(elapsed));
    }

    /// Ends the request: settles what it used or releases its reservation, and writes it down.
    pub(crate) fn end(&mut self, ending: Ending, billing: Billing) {
        if let Some(open) = self.open.take() {
            finish(&self.worker, *open, self.started, ending, billing);
        }
    }
}

fn finish(worker: &Worker, open: Open, started: Instant, ending: Ending, billing: Billing) {
    let Open { mut record, reservation, prompt, meter } = open;
    record.charge = match (reservation, prompt, billing) {
        (Some(reservation), Some(prompt), Billing::Delivered) => {
            Some(reservation.settle(settle::charge(&meter, prompt, ending == Ending::CallerLeft)))
        }
        (Some(reservation), ..) => {
            reservation.release();
            None
        }
        (None, ..) => None,
    };
    record.ending = ending;
    record.total = clock::now().duration_since(started);
    worker.shared.metrics.running.dec();
    count(worker, &record);
    let dropped = worker.log.add(&record);
    worker.shared.metrics.log_lines_dropped.inc_by(dropped);
}

fn count(worker: &Worker, record: &Record) {
    let metrics = &worker.shared.metrics;
    match record.ending {
        Ending::CallerLeft => drop(metrics.callers_left.inc()),
        Ending::Broken => drop(metrics.streams_broken.inc()),
        Ending::Complete => {}
    }
    if record.status >= 400 {
        metrics.refused(record.status);
    }
    if let Some(target) = record.target() {
        let usage = record.charge.as_ref().map(|charge| &charge.usage);
        let first_token = record.first_token.map(|d| d.as_secs_f64());
        target.metrics.answered(record.status, first_token, record.total.as_secs_f64(), usage);
    }
}

impl Drop for Exchange {
    /// The caller left and hyper dropped the request where it was: only hands it over to be ended.
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
            return finish(worker, open, self.started, Ending::Broken, Billing::Free);
        }
        if open.record.status == 0 {
            open.record.status = CALLER_LEFT_STATUS;
        }
        finish(worker, open, self.started, Ending::CallerLeft, Billing::Delivered);
    }
}

/// Logged where the caller left before there was a status to send.
const CALLER_LEFT_STATUS: u16 = 499;
