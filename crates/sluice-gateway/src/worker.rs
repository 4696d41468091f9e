//! What one worker owns. A worker is one thread with one runtime: nothing in here is shared with another thread.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::{
    access_log::Log, bounds, clock, exchange::Abandoned, ids::IdMaker, metrics::Metrics,
    request_body::BodyMemory, server::Live, snapshot::Snapshot, tasks, upstream::Connections,
};

/// Where a gateway is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Readiness fails; the listener is still open for the time of grace.
    Leaving,
}

/// What all threads of a gateway share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) metrics: Metrics,
    pub(crate) body_memory: Arc<BodyMemory>,
    pub(crate) tls: ArcSwapOption<ServerConfig>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) admin_token: String,
}

impl Shared {
    /// Whether new requests are welcome.
    pub(crate) fn is_ready(&self) -> bool {
        *self.phase.borrow() == Phase::Serving
    }
}

/// The state of one worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connections: Connections,
    pub(crate) ids: IdMaker,
    pub(crate) log: Log,
    pub(crate) live: Live,
    /// Requests whose callers left, to be ended at the next tick.
    pub(crate) abandoned: RefCell<Vec<Abandoned>>,
    pub(crate) max_connections: usize,
}

impl Worker {
    /// Ends abandoned requests, hands over log lines, closes idle connections; for ever.
    pub(crate) fn keep_house(self: &Rc<Self>) {
        let worker = Rc::clone(self);
        tasks::spawn_local(async move {
            let mut ticks = tokio::time::interval(bounds::TICK);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                worker.tidy();
            }
        });
    }

    /// One round of housekeeping.
    pub(crate) fn tidy(&self) {
        for abandoned in self.abandoned.take() {
            abandoned.end(self);
        }
        let dropped = self.log.flush();
        self.shared.metrics.log_lines_dropped.inc_by(dropped);
        self.connections.sweep(clock::now());
    }
}
