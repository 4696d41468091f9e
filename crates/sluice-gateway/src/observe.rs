//! What becomes known of a request once it is over: metrics, its line in the log, its spans, its row.

use std::time::Duration;

use http::Method;
use sluice_store::books::{Details, Refused};

use crate::{
    accounting::Note,
    metrics::Ended,
    record::{Ending, Record},
    worker::Worker,
};

/// Tells everybody. `admitted`: something was reserved for it.
pub(crate) fn ended(worker: &Worker, mut record: Record, admitted: bool) {
    let shared = &worker.shared;
    shared.metrics.running.dec();
    count(worker, &mut record);
    let dropped = worker.log.add(&record);
    shared.metrics.log_lines_dropped.inc_by(dropped);
    if let (Some(tracer), Some(trace)) = (&shared.tracer, record.trace.take()) {
        tracer.ended(trace, &record);
    }
    tell(worker, record, admitted);
}

/// Counts the end of a call, once.
pub(crate) fn call_ended(record: &mut Record, number: usize, how: Ended) {
    let (Some((model, _)), Some(called)) = (&record.called, record.targets.get_mut(number)) else { return };
    if called.ended.is_some() {
        return;
    }
    called.ended = Some(how);
    if let Some(target) = model.targets.get(called.target) {
        target.metrics.ended(how);
    }
}

fn count(worker: &Worker, record: &mut Record) {
    for number in 0..record.calls.len() {
        let how = match record.calls[number].outcome {
            "ok" => Ended::Ok,
            // Failures of providers were counted when they came.
            "failed" => Ended::Stopped,
            _ => Ended::Cancelled,
        };
        call_ended(record, number, how);
    }
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
        let first_token = record.first_token.map(|d| d.as_secs_f64());
        let total = record.total.as_secs_f64();
        target.metrics.answered(record.status, first_token, total, record.charge.as_ref());
    }
}

/// Tells the books what is to be known of a request beside its money.
fn tell(worker: &Worker, record: Record, admitted: bool) {
    if record.replay_of.is_some() || !record.has_row {
        // The request that it repeats has its row; of many that are alike, some have.
        return;
    }
    let Some(key) = record.key.as_ref().filter(|_| record.method == Method::POST) else { return };
    let micros = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let details = Details {
        trace_id: record.ids.trace_text().to_owned(),
        status: record.status,
        error_code: record.error_code.as_deref().map(str::to_owned),
        queue_us: record.queue.map(micros),
        first_token_us: record.first_token.map(micros),
        total_us: micros(record.total),
        repaired: record.repaired,
        hedged: record.hedged,
        wasted: record.wasted,
        attempts: record.calls,
    };
    let note = match admitted {
        true => Note::Ended(record.ids.request(), Box::new(details)),
        false => Note::Refused(Box::new(Refused {
            request: record.ids.request(),
            unix_ms: record.unix_ms,
            key: key.id.clone(),
            project: key.project.clone(),
            model: record.model,
            stream: record.stream,
            details,
        })),
    };
    if !worker.shared.books.note(note) {
        worker.shared.metrics.details_dropped.inc();
    }
}
