//! How many connections to providers there are.

use std::cell::Cell;

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

use crate::metrics::Metrics;

/// The counts of one worker, which are part of those of the process.
#[derive(Debug)]
pub(crate) struct Counts {
    open: Gauge,
    made: Counter,
    idle: Gauge,
    /// This worker's part of `idle`.
    idle_here: Cell<i64>,
}

/// One open connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counts {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            open: metrics.upstream_connections.clone(),
            made: metrics.upstream_connects.clone(),
            idle: metrics.upstream_connections_idle.clone(),
            idle_here: Cell::new(0),
        }
    }

    /// A connection was made.
    pub(super) fn opened(&self) -> Counted {
        self.made.inc();
        self.open.inc();
        Counted(self.open.clone())
    }

    /// So many of this worker's are idle now.
    pub(super) fn idle(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.idle.inc_by(count - self.idle_here.replace(count));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
