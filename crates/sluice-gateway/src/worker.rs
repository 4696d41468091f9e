//! What one worker owns. A worker is one thread with one runtime: nothing in here is shared with another thread.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use arc_swap::{ArcSwap, ArcSwapOption, Cache};
use http::HeaderMap;
use rustls::ServerConfig;
use sluice_ledger::KeyHash;
use sluice_store::{
    Catalog,
    journal::{AppendError, Position, Writer},
};
use tokio::sync::{Mutex, watch};

use crate::{
    about::About,
    access::Access,
    access_log::Log,
    accounting::{Books, Sharing},
    bounds, clock,
    config::Config,
    drain::Leftover,
    exchange::Abandoned,
    fleet::Healths,
    idempotency,
    ids::IdMaker,
    metrics::Metrics,
    overload::{self, Admission},
    request_body::BodyMemory,
    server::Live,
    signatures::Signatures,
    snapshot::{Parts, Snapshot, SnapshotError},
    tasks,
    tokens::Tokens,
    traces::Tracer,
    upstream::Connections,
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
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) metrics: Metrics,
    /// Takes what becomes spans; `None`: nothing is traced.
    pub(crate) tracer: Option<Arc<Tracer>>,
    pub(crate) healths: Arc<Healths>,
    pub(crate) tokens: Tokens,
    pub(crate) signatures: Arc<Signatures>,
    pub(crate) body_memory: Arc<BodyMemory>,
    /// For requests whose streams may be repaired.
    pub(crate) repair_memory: Arc<BodyMemory>,
    pub(crate) tls: ArcSwapOption<ServerConfig>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) admin_token: String,
    /// Where the data plane listens.
    pub(crate) data_addr: SocketAddr,
    /// Who wants to come in to the console.
    pub(crate) access: Access,
    pub(crate) books: Arc<Books>,
    /// Limits that are counted together with other nodes.
    pub(crate) sharing: Option<Arc<Sharing>>,
    /// Idempotency keys in use.
    pub(crate) idempotency: Arc<idempotency::Table>,
    /// Held by whoever changes the catalog, or puts one into force, from reading it on: an older one never replaces
    /// a newer one.
    pub(crate) changing: Mutex<()>,
    pub(crate) about: About,
    /// The settings in force.
    pub(crate) config: ArcSwap<Config>,
}

impl Shared {
    /// Whether new requests are welcome.
    pub(crate) fn is_ready(&self) -> bool {
        *self.phase.borrow() == Phase::Serving && self.books.is_open()
    }

    /// Whether somebody shows the token of the admin listener.
    pub(crate) fn is_admin_token(&self, token: &str) -> bool {
        KeyHash::of(token).matches(&KeyHash::of(&self.admin_token))
    }

    /// What every snapshot is joined with.
    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts {
            metrics: &self.metrics,
            registry: &self.books.registry,
            healths: &self.healths,
            tokens: &self.tokens,
        }
    }

    /// A snapshot of `catalog` under the settings in force; it is not used yet.
    pub(crate) fn snapshot_of(&self, catalog: Catalog) -> Result<Snapshot, SnapshotError> {
        Snapshot::new(&self.config.load(), catalog, &self.parts(), clock::unix_ms())
    }

    /// Puts a new catalog into force. Requests that are running keep the old one.
    pub(crate) fn publish(&self, catalog: Catalog) -> Result<(), SnapshotError> {
        let snapshot = self.snapshot_of(catalog)?;
        snapshot.publish();
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
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
    /// Streams that are read on although their callers have left, from the next tick on.
    pub(crate) leftovers: RefCell<Vec<Leftover>>,
    pub(crate) max_connections: usize,
    /// This worker's part of the journal.
    pub(crate) journal: RefCell<Writer>,
    /// Where callers' bytes arrive, one connection after the other: what is used of them is copied.
    pub(crate) read_scratch: RefCell<Box<[u8]>>,
    /// Where answers are framed, one after the other.
    pub(crate) chunks: RefCell<Vec<u8>>,
    /// Headers of requests that are over, emptied: room for those of others.
    pub(crate) spare_headers: RefCell<Vec<HeaderMap>>,
    /// The time as answers tell it, as of the last tick.
    pub(crate) date: RefCell<String>,
    /// How many requests it answers at a time.
    pub(crate) admission: Rc<Admission>,
    /// The snapshot that it saw last.
    pub(crate) snapshots: RefCell<Snapshots>,
}

/// A snapshot at hand, and the place where a newer one appears.
pub(crate) type Snapshots = Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>;

impl Worker {
    /// The snapshot in force.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(self.snapshots.borrow_mut().load())
    }

    /// Ends when the disk has what the journal has up to `position`.
    ///
    /// # Errors
    /// It never will: nobody may be told that it is safe.
    pub(crate) async fn synced(&self, position: Position) -> Result<(), AppendError> {
        std::future::poll_fn(|cx| self.poll_synced(position, cx)).await
    }

    /// Writes what the journal holds back, if what is at `position` is among that.
    ///
    /// # Errors
    /// The journal did not take it.
    pub(crate) fn written(&self, position: Position) -> Result<(), AppendError> {
        self.journal.borrow_mut().write_out(position)
    }

    /// As [`Worker::synced`].
    pub(crate) fn poll_synced(
        &self,
        position: Position,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AppendError>> {
        self.journal.borrow_mut().poll_synced(position, cx)
    }

    /// Takes headers that nobody needs any more.
    pub(crate) fn spare(&self, mut headers: HeaderMap) {
        let mut spare = self.spare_headers.borrow_mut();
        if (1..=bounds::SPARE_HEADERS).contains(&headers.capacity())
            && spare.len() < bounds::SPARE_HEADER_MAPS
        {
            headers.clear();
            spare.push(headers);
        }
    }

    /// Headers without any, with room for some.
    pub(crate) fn room_for_headers(&self) -> HeaderMap {
        self.spare_headers.borrow_mut().pop().unwrap_or_default()
    }

    /// Ends abandoned requests, hands over log lines, closes idle connections; for ever.
    pub(crate) fn keep_house(self: &Rc<Self>) {
        let worker = Rc::clone(self);
        tasks::spawn_local(async move {
            let mut ticks = tokio::time::interval(bounds::TICK);
            let mut rest = overload::Rest::new(clock::now());
            let mut allowed = 0;
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let due = ticks.tick().await.into_std();
                let now = clock::now();
                let idle = rest.since(now);
                worker.admission.look(now, (now.saturating_duration_since(due), idle));
                let allows = worker.admission.allowed();
                if allows != allowed {
                    worker.shared.about.allows(allows - allowed);
                    allowed = allows;
                }
                worker.tidy();
                worker.read_leftovers();
            }
        });
    }

    /// One round of housekeeping.
    pub(crate) fn tidy(&self) {
        for abandoned in self.abandoned.take() {
            abandoned.end(self);
        }
        let mut journal = self.journal.borrow_mut();
        let newest = journal.newest();
        // Those whose callers have left meanwhile. Where it fails, whoever comes next hears of it.
        let _ = journal.write_out(newest);
        drop(journal);
        let dropped = self.log.flush();
        self.shared.metrics.log_lines_dropped.inc_by(dropped);
        self.connections.sweep(clock::now());
        *self.date.borrow_mut() = clock::http_date();
        // An old one is not kept where no request comes.
        self.snapshots.borrow_mut().load();
    }
}
