//! Counters and histograms as OpenMetrics text. What a request touches is looked up when a snapshot is made,
//! never while it runs.
//!
//! `docs/observability.md` has them all in a table, and a test holds it against this.

mod seen;
mod target;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use self::target::Families;

pub(crate) use seen::Seen;
pub(crate) use target::{Ended, TargetMetrics, reason, why_word};

/// All metrics of a gateway. Names of keys and projects are not among the labels, nor anything else that callers
/// choose.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    targets: Families,
    refusals: Family<RefusalLabels, Counter>,
    pub(crate) requests: Counter,
    pub(crate) running: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) callers_left: Counter,
    pub(crate) streams_broken: Counter,
    pub(crate) hedges_won: Counter,
    pub(crate) repairs: Repairs,
    pub(crate) wasted_nanousd: Counter,
    pub(crate) upstream_connections: Gauge,
    pub(crate) upstream_connections_idle: Gauge,
    pub(crate) upstream_connects: Counter,
    pub(crate) idempotent_replays: Counter,
    pub(crate) idempotent_joins: Counter,
    pub(crate) shed: Counter,
    pub(crate) queued: Gauge,
    pub(crate) waited: Counter,
    pub(crate) waited_seconds: Counter<f64, AtomicU64>,
    pub(crate) panics: Counter,
    pub(crate) log_lines_dropped: Counter,
    pub(crate) details_dropped: Counter,
    pub(crate) database_failures: Counter,
    pub(crate) redis_failures: Counter,
    pub(crate) redis_nodes: Gauge,
    pub(crate) journal_bytes: Gauge,
    pub(crate) journal_unread_records: Gauge,
    pub(crate) journal_unread_bytes: Gauge,
    pub(crate) journal_unposted: Gauge,
    pub(crate) journal_lag_seconds: Gauge<f64, AtomicU64>,
    pub(crate) reservations_open: Gauge,
    pub(crate) leased_nanousd: Gauge,
    pub(crate) ledger_mismatches: Gauge,
    pub(crate) spans_sent: Counter,
    pub(crate) spans_dropped: Counter,
}

/// What became of streams that broke.
#[derive(Debug)]
pub(crate) struct Repairs {
    all: Family<RepairLabels, Counter>,
    pub(crate) tried: Counter,
    pub(crate) done: Counter,
    pub(crate) diverged: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RepairLabels {
    step: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    status: u16,
}

impl Default for Repairs {
    fn default() -> Self {
        let all = Family::<RepairLabels, Counter>::default();
        let step = |step| all.get_or_create(&RepairLabels { step }).clone();
        Self { tried: step("tried"), done: step("done"), diverged: step("diverged"), all }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            targets: Families::default(),
            refusals: Family::default(),
            requests: Counter::default(),
            running: Gauge::default(),
            connections: Gauge::default(),
            callers_left: Counter::default(),
            streams_broken: Counter::default(),
            hedges_won: Counter::default(),
            repairs: Repairs::default(),
            wasted_nanousd: Counter::default(),
            upstream_connections: Gauge::default(),
            upstream_connections_idle: Gauge::default(),
            upstream_connects: Counter::default(),
            idempotent_replays: Counter::default(),
            idempotent_joins: Counter::default(),
            shed: Counter::default(),
            queued: Gauge::default(),
            waited: Counter::default(),
            waited_seconds: Counter::default(),
            panics: Counter::default(),
            log_lines_dropped: Counter::default(),
            details_dropped: Counter::default(),
            database_failures: Counter::default(),
            redis_failures: Counter::default(),
            redis_nodes: Gauge::default(),
            journal_bytes: Gauge::default(),
            journal_unread_records: Gauge::default(),
            journal_unread_bytes: Gauge::default(),
            journal_unposted: Gauge::default(),
            journal_lag_seconds: Gauge::default(),
            reservations_open: Gauge::default(),
            leased_nanousd: Gauge::default(),
            ledger_mismatches: Gauge::default(),
            spans_sent: Counter::default(),
            spans_dropped: Counter::default(),
        };
        let mut registry = std::mem::take(&mut metrics.registry);
        metrics.register_requests(&mut registry);
        metrics.register_targets(&mut registry);
        metrics.register_admission(&mut registry);
        metrics.register_books(&mut registry);
        metrics.register_journal(&mut registry);
        metrics.register_telling(&mut registry);
        Self { registry, ..metrics }
    }

    fn register_requests(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests on the data plane", self.requests.clone());
        registry.register("refusals", "Requests answered with an error", self.refusals.clone());
        registry.register("requests_running", "Requests being answered", self.running.clone());
        registry.register("connections", "Open connections of callers", self.connections.clone());
        registry.register(
            "callers_left",
            "Callers who left before their answer was complete",
            self.callers_left.clone(),
        );
        registry.register(
            "streams_broken",
            "Streams that ended with an error event",
            self.streams_broken.clone(),
        );
        registry.register("panics", "Requests that ended in a panic", self.panics.clone());
    }

    fn register_targets(&self, registry: &mut Registry) {
        let targets = &self.targets;
        registry.register("completions", "Answered chat completions", targets.completions.clone());
        registry.register("attempts", "Calls of targets that are over", targets.attempts.clone());
        registry.register("attempts_begun", "Calls of targets, and why", targets.begun.clone());
        registry.register("tokens", "Tokens of answered chat completions", targets.tokens.clone());
        registry.register(
            "charged_nanousd",
            "What answers were charged, in nano-dollars",
            targets.charged.clone(),
        );
        let first_token = targets.first_token.clone();
        let help = "Time to the first content of a stream";
        registry.register_with_unit("first_token", help, Unit::Seconds, first_token);
        let total = targets.total.clone();
        registry.register_with_unit("completion", "Time to the end of an answer", Unit::Seconds, total);
        registry.register(
            "hedges_won",
            "Answers that came from the call that was made beside a slow one",
            self.hedges_won.clone(),
        );
        registry.register(
            "stream_repairs",
            "Streams that broke after their first content and for which another answer was looked for",
            self.repairs.all.clone(),
        );
        registry.register(
            "wasted_nanousd",
            "What answers that nobody got would have cost, in nano-dollars",
            self.wasted_nanousd.clone(),
        );
        registry.register(
            "upstream_connections",
            "Open connections to providers",
            self.upstream_connections.clone(),
        );
        registry.register(
            "upstream_connections_idle",
            "Those of them (HTTP/1.1) that wait for their next request",
            self.upstream_connections_idle.clone(),
        );
        registry.register(
            "upstream_connects",
            "Connections to providers that were made",
            self.upstream_connects.clone(),
        );
    }

    fn register_admission(&self, registry: &mut Registry) {
        registry.register(
            "idempotent_replays",
            "Requests that got the answer to an earlier one, by their Idempotency-Key",
            self.idempotent_replays.clone(),
        );
        registry.register(
            "idempotent_joins",
            "Those of them that came while the earlier one was still being answered",
            self.idempotent_joins.clone(),
        );
        registry.register(
            "requests_shed",
            "Requests that were refused because their worker had no room for them in time",
            self.shed.clone(),
        );
        registry.register("requests_queued", "Requests that wait for room", self.queued.clone());
        registry.register("requests_waited", "Requests that waited for room and got it", self.waited.clone());
        registry.register_with_unit(
            "requests_waited",
            "How long these waited, together",
            Unit::Seconds,
            self.waited_seconds.clone(),
        );
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

    fn register_journal(&self, registry: &mut Registry) {
        registry.register("journal_bytes", "Size of the usage journal", self.journal_bytes.clone());
        registry.register(
            "journal_unread_records",
            "Records of the journal that nobody has begun to post",
            self.journal_unread_records.clone(),
        );
        registry.register(
            "journal_unread_bytes",
            "What these records take",
            self.journal_unread_bytes.clone(),
        );
        registry.register(
            "journal_unposted_requests",
            "Ended requests that were read from the journal and are not in the database yet",
            self.journal_unposted.clone(),
        );
        registry.register_with_unit(
            "journal_lag",
            "How long ago the oldest of these ended",
            Unit::Seconds,
            self.journal_lag_seconds.clone(),
        );
    }

    fn register_telling(&self, registry: &mut Registry) {
        registry.register(
            "log_lines_dropped",
            "Access log lines dropped because standard output was too slow",
            self.log_lines_dropped.clone(),
        );
        registry.register("trace_spans_sent", "Spans that the collector has taken", self.spans_sent.clone());
        registry.register(
            "trace_spans_dropped",
            "Spans that were given up: there was no room for them, or the collector did not take them",
            self.spans_dropped.clone(),
        );
    }

    /// The metrics of one target of a model.
    pub(crate) fn target(&self, model: &str, provider: &str) -> TargetMetrics {
        self.targets.target(model, provider)
    }

    /// Counts an error answer.
    pub(crate) fn refused(&self, status: u16) {
        self.refusals.get_or_create(&RefusalLabels { status }).inc();
    }

    /// Everything, and what was seen just now, as OpenMetrics text.
    pub(crate) fn text(&self, seen: &Seen) -> String {
        let mut now = Registry::with_prefix(PREFIX);
        seen.register(&mut now);
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &now))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}

const PREFIX: &str = "sluicegate";
