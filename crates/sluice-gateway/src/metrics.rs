//! Counters and histograms in Prometheus' text format. What a request touches is looked up when a snapshot is made,
//! never while it runs.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use sluice_chat::Usage;

/// Seconds; from a sandbox answer to a long reasoning stream.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// All metrics of a gateway. Names of keys and projects are not among the labels.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    completions: Family<CompletionLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    first_token: Family<TargetLabels, Histogram, fn() -> Histogram>,
    total: Family<TargetLabels, Histogram, fn() -> Histogram>,
    refusals: Family<RefusalLabels, Counter>,
    pub(crate) requests: Counter,
    pub(crate) running: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) callers_left: Counter,
    pub(crate) streams_broken: Counter,
    pub(crate) idempotent_replays: Counter,
    pub(crate) shed: Counter,
    pub(crate) queued: Gauge,
    pub(crate) panics: Counter,
    pub(crate) log_lines_dropped: Counter,
    pub(crate) details_dropped: Counter,
    pub(crate) database_failures: Counter,
    pub(crate) redis_failures: Counter,
    pub(crate) redis_nodes: Gauge,
    pub(crate) journal_bytes: Gauge,
    pub(crate) reservations_open: Gauge,
    pub(crate) leased_nanousd: Gauge,
    pub(crate) ledger_mismatches: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CompletionLabels {
    model: Arc<str>,
    provider: Arc<str>,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TokenLabels {
    model: Arc<str>,
    provider: Arc<str>,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TargetLabels {
    model: Arc<str>,
    provider: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    status: u16,
}

/// The metrics of one target, ready to be counted up.
#[derive(Clone, Debug)]
pub(crate) struct TargetMetrics {
    labels: TargetLabels,
    completions: Family<CompletionLabels, Counter>,
    ok: Counter,
    prompt_tokens: Counter,
    completion_tokens: Counter,
    first_token: Histogram,
    total: Histogram,
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("sluicegate");
        let requests = Counter::<u64, AtomicU64>::default();
        let metrics = Self {
            completions: Family::default(),
            tokens: Family::default(),
            first_token: Family::new_with_constructor(seconds),
            total: Family::new_with_constructor(seconds),
            refusals: Family::default(),
            requests,
            running: Gauge::default(),
            connections: Gauge::default(),
            callers_left: Counter::default(),
            streams_broken: Counter::default(),
            idempotent_replays: Counter::default(),
            shed: Counter::default(),
            queued: Gauge::default(),
            panics: Counter::default(),
            log_lines_dropped: Counter::default(),
            details_dropped: Counter::default(),
            database_failures: Counter::default(),
            redis_failures: Counter::default(),
            redis_nodes: Gauge::default(),
            journal_bytes: Gauge::default(),
            reservations_open: Gauge::default(),
            leased_nanousd: Gauge::default(),
            ledger_mismatches: Gauge::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("http_requests", "Requests on the data plane", m.requests.clone());
        registry.register("completions", "Answered chat completions", m.completions.clone());
        registry.register("tokens", "Tokens of answered chat completions", m.tokens.clone());
        registry.register_with_unit(
            "first_token",
            "Time to the first content of a stream",
            Unit::Seconds,
            m.first_token.clone(),
        );
        registry.register_with_unit(
            "completion",
            "Time to the end of an answer",
            Unit::Seconds,
            m.total.clone(),
        );
        registry.register("refusals", "Requests answered with an error", m.refusals.clone());
        registry.register("requests_running", "Requests being answered", m.running.clone());
        registry.register("connections", "Open connections of callers", m.connections.clone());
        registry.register(
            "callers_left",
            "Callers who left before their answer was complete",
            m.callers_left.clone(),
        );
        registry.register(
            "streams_broken",
            "Streams that ended with an error event",
            m.streams_broken.clone(),
        );
        registry.register("panics", "Requests that ended in a panic", m.panics.clone());
        registry.register(
            "log_lines_dropped",
            "Access log lines dropped because standard output was too slow",
            m.log_lines_dropped.clone(),
        );
        metrics.register_admission(&mut registry);
        metrics.register_books(&mut registry);
        Self { registry, ..metrics }
    }

    fn register_admission(&self, registry: &mut Registry) {
        registry.register(
            "idempotent_replays",
            "Requests that got the answer to an earlier one, by their Idempotency-Key",
            self.idempotent_replays.clone(),
        );
        registry.register(
            "requests_shed",
            "Requests that were refused because their worker had no room for them in time",
            self.shed.clone(),
        );
        registry.register("requests_queued", "Requests that wait for room", self.queued.clone());
    }

    fn register_books(&self, registry: &mut Registry) {
        registry.register(
            "request_details_dropped",
            "Rows of requests that have their money but not their details, because there was no room for these",
            self.details_dropped.clone(),
        );
        registry.register(
            "database_failures",
            "Calls of the database that failed",
            self.database_failures.clone(),
        );
        registry.register(
            "redis_failures",
            "Times that Redis did not answer about limits, so that this node counted for itself",
            self.redis_failures.clone(),
        );
        registry.register(
            "redis_nodes",
            "Nodes that share limits through Redis; 0 while this node counts for itself",
            self.redis_nodes.clone(),
        );
        registry.register("journal_bytes", "Size of the usage journal", self.journal_bytes.clone());
        registry.register(
            "reservations_open",
            "Requests whose end is not in the books yet",
            self.reservations_open.clone(),
        );
        registry.register(
            "ledger_mismatches",
            "Sums of the books that did not agree with their rows at the daily check",
            self.ledger_mismatches.clone(),
        );
        registry.register(
            "leased_nanousd",
            "What this node has leased of all budgets, in nano-dollars",
            self.leased_nanousd.clone(),
        );
    }

    /// The metrics of one target of a model.
    pub(crate) fn target(&self, model: &str, provider: &str) -> TargetMetrics {
        let labels = TargetLabels { model: model.into(), provider: provider.into() };
        let tokens = |kind| {
            let labels = TokenLabels { model: labels.model.clone(), provider: labels.provider.clone(), kind };
            self.tokens.get_or_create(&labels).clone()
        };
        TargetMetrics {
            completions: self.completions.clone(),
            ok: self.completions.get_or_create(&labels.with_status(200)).clone(),
            prompt_tokens: tokens("prompt"),
            completion_tokens: tokens("completion"),
            first_token: self.first_token.get_or_create(&labels).clone(),
            total: self.total.get_or_create(&labels).clone(),
            labels,
        }
    }

    /// Counts an error answer.
    pub(crate) fn refused(&self, status: u16) {
        self.refusals.get_or_create(&RefusalLabels { status }).inc();
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl TargetLabels {
    fn with_status(&self, status: u16) -> CompletionLabels {
        CompletionLabels { model: self.model.clone(), provider: self.provider.clone(), status }
    }
}

impl TargetMetrics {
    /// Counts an answer of this target.
    pub(crate) fn answered(&self, status: u16, first_token: Option<f64>, total: f64, usage: Option<&Usage>) {
        if status == 200 {
            self.ok.inc();
        } else {
            self.completions.get_or_create(&self.labels.with_status(status)).inc();
        }
        if let Some(first_token) = first_token {
            self.first_token.observe(first_token);
        }
        self.total.observe(total);
        if let Some(usage) = usage {
            self.prompt_tokens.inc_by(usage.prompt_tokens);
            self.completion_tokens.inc_by(usage.completion_tokens);
        }
    }
}
