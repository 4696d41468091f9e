//! Traces: a span for each request and one for each call of a provider, sent to a collector over OTLP/HTTP.
//!
//! Off, which it is unless the settings name a collector, none of this is there: no header is read and none is sent. On,
//! a worker notes what it knows anyway and hands it over when the request is over; a thread of its own makes spans of it
//! (`otlp.rs`) and sends them (`exporter.rs`). Where that is too slow spans are dropped and counted. No span has
//! anything of a prompt, of an answer, or a secret.

mod context;
mod exporter;
mod otlp;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, rc::Rc, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use prometheus_client::metrics::counter::Counter;
use sluice_chat::scan::RequestScan;
use sluice_ledger::{Charge, Key};
use sluice_store::books::AttemptDetails;
use smallvec::SmallVec;
use tokio::sync::mpsc;

use self::context::{Context, SpanId, span_id};
use crate::{
    bounds,
    exchange::Exchange,
    record::{Called, Ending, Record},
    snapshot::Model,
    translate::Outbound,
};

pub(crate) use exporter::{ExporterThread, start};

/// Takes what becomes spans.
#[derive(Debug)]
pub(crate) struct Tracer {
    told: mpsc::Sender<Told>,
    /// How many of a hundred requests are traced whose callers do not say whether.
    sample_percent: u64,
    dropped: Counter,
}

/// What is noted of a request while it runs.
#[derive(Debug)]
pub(crate) struct Trace {
    context: Context,
    span: SpanId,
    /// One for each call, in their order.
    calls: SmallVec<[SpanId; 4]>,
    asked: Asked,
    response_model: Option<String>,
    finish_reasons: SmallVec<[String; 1]>,
}

/// What a request asks for, as far as it is a number.
#[derive(Debug, Default)]
struct Asked {
    max_tokens: Option<u64>,
    choices: u32,
    seed: Option<i64>,
    /// Attribute and value.
    numbers: SmallVec<[(&'static str, f64); 4]>,
}

/// A request that is over.
#[derive(Debug)]
struct Told {
    trace: Box<Trace>,
    request_id: String,
    unix_ms: u64,
    total_us: u64,
    queue_us: Option<u64>,
    first_token_us: Option<u64>,
    route: &'static str,
    status: u16,
    error_code: Option<Cow<'static, str>>,
    ending: Ending,
    key: Option<Arc<Key>>,
    model: String,
    stream: bool,
    called: Option<(Arc<Model>, usize)>,
    calls: Vec<AttemptDetails>,
    targets: SmallVec<[Called; 4]>,
    hedged: bool,
    repaired: bool,
    charge: Option<Charge>,
}

impl Told {
    /// How many spans it becomes.
    fn span_count(&self) -> u64 {
        1 + self.calls.len() as u64
    }
}

/// Sampling parameters that are numbers, and what their attributes are called.
const NUMBERS: [(&[u8], &str); 4] = [
    (br#""temperature""#, "gen_ai.request.temperature"),
    (br#""top_p""#, "gen_ai.request.top_p"),
    (br#""frequency_penalty""#, "gen_ai.request.frequency_penalty"),
    (br#""presence_penalty""#, "gen_ai.request.presence_penalty"),
];

impl Asked {
    fn of(scan: &RequestScan, body: &[u8]) -> Self {
        let mut asked = Self { max_tokens: scan.output_limit(), choices: scan.n, ..Self::default() };
        for entry in &scan.entries {
            let key = entry.key.of(body);
            let value = || std::str::from_utf8(entry.value.of(body)).unwrap_or_default().trim();
            if let Some((_, name)) = NUMBERS.iter().find(|(field, _)| *field == key) {
                asked
                    .numbers
                    .extend(value().parse().ok().filter(|n: &f64| n.is_finite()).map(|n| (*name, n)));
            } else if key == br#""seed""# {
                asked.seed = value().parse().ok();
            }
        }
        asked
    }
}

impl Tracer {
    /// The trace that a request with these headers belongs to.
    fn begin(&self, headers: &HeaderMap, dice: &mut dyn FnMut() -> u64) -> Box<Trace> {
        let context =
            Context::of(headers).unwrap_or_else(|| Context::fresh(dice() % 100 < self.sample_percent, dice));
        Box::new(Trace {
            context,
            span: span_id(dice),
            calls: SmallVec::new(),
            asked: Asked::default(),
            response_model: None,
            finish_reasons: SmallVec::new(),
        })
    }

    /// Hands a request over that has ended.
    pub(crate) fn ended(&self, trace: Box<Trace>, record: &Record) {
        if !trace.context.sampled {
            return;
        }
        let micros = |d: std::time::Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let told = Told {
            trace,
            request_id: record.ids.request_text().to_owned(),
            unix_ms: record.unix_ms,
            total_us: micros(record.total),
            queue_us: record.queue.map(micros),
            first_token_us: record.first_token.map(micros),
            route: record.route,
            status: record.status,
            error_code: record.error_code.clone(),
            ending: record.ending,
            key: record.key.clone(),
            model: record.model.clone(),
            stream: record.stream,
            called: record.called.clone(),
            calls: record.calls.clone(),
            targets: record.targets.clone(),
            hedged: record.hedged,
            repaired: record.repaired,
            charge: record.charge,
        };
        if let Err(error) = self.told.try_send(told) {
            let (mpsc::error::TrySendError::Full(told) | mpsc::error::TrySendError::Closed(told)) = error;
            self.dropped.inc_by(told.span_count());
        }
    }
}

impl Trace {
    /// What a caller asked for.
    pub(crate) fn asked(&mut self, scan: &RequestScan, body: &[u8]) {
        if self.context.sampled {
            self.asked = Asked::of(scan, body);
        }
    }

    /// Tells the provider of a call whose it is.
    fn call(&mut self, number: usize, out: &mut Outbound, dice: &mut dyn FnMut() -> u64) {
        while self.calls.len() <= number {
            self.calls.push(span_id(dice));
        }
        let told = &mut out.forwarded;
        told.retain(|(name, _)| *name != context::TRACEPARENT && *name != context::TRACESTATE);
        told.push((context::TRACEPARENT, self.context.traceparent(self.calls[number])));
        if let Some(state) = &self.context.state {
            told.push((context::TRACESTATE, state.clone()));
        }
    }

    /// Looks at a part of an answer, in the words of the API: at a whole one, or at whole events.
    fn saw(&mut self, part: &[u8], choices: usize) {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        if self.response_model.is_none() {
            self.response_model = values(part, b"\"model\"").find_map(plain_text).map(text);
        }
        for reason in values(part, b"\"finish_reason\"").filter_map(plain_text) {
            if self.finish_reasons.len() < choices {
                self.finish_reasons.push(text(reason));
            }
        }
    }
}

/// The text at the front, where it is one that is plain and not too long.
fn plain_text(value: &[u8]) -> Option<&[u8]> {
    let value = value.strip_prefix(b"\"")?;
    let value = &value[..memchr::memchr(b'"', value)?];
    let plain = |b: &u8| b.is_ascii_graphic() && *b != b'\\';
    (value.len() <= bounds::LOGGED_NAME_CHARS && value.iter().all(plain)).then_some(value)
}

/// What stands behind each of these keys. In a text of somebody's the quotes of a key are escaped, so that it is none.
fn values<'a>(part: &'a [u8], key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memmem::find_iter(part, key).filter_map(move |at| {
        Some(part[at + key.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
    })
}

impl Exchange {
    /// The request is to be traced, where anything is.
    pub(crate) fn trace(&mut self, headers: &HeaderMap) {
        let worker = self.worker();
        if let Some(tracer) = &worker.shared.tracer {
            let trace = tracer.begin(headers, &mut || worker.ids.bits());
            self.note(|record| record.trace = Some(trace));
        }
    }

    /// A call is about to be made.
    pub(crate) fn trace_call(&mut self, number: usize, out: &mut Outbound) {
        if self.worker().shared.tracer.is_none() {
            return;
        }
        let worker = Rc::clone(self.worker());
        self.note(|record| {
            if let Some(trace) = &mut record.trace {
                trace.call(number, out, &mut || worker.ids.bits());
            }
        });
    }

    /// Parts of the answer have come.
    pub(crate) fn trace_answer(&mut self, parts: &[Bytes]) {
        self.note(|record| {
            if let Some(trace) = record.trace.as_mut().filter(|trace| trace.context.sampled) {
                let choices = trace.asked.choices.max(1) as usize;
                parts.iter().for_each(|part| trace.saw(part, choices));
            }
        });
    }
}
