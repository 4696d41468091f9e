//! What a request costs and may cost: limits, budgets, the journal, and the books behind them.
//!
//! `hold.rs` is what a request does; `desk.rs` is the one task that talks to the database.

mod account;
mod courier;
mod demand;
mod desk;
mod drain;
mod hold;
mod leases;
mod limits;
mod registry;
mod shared_limits;
mod start;

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Instant,
};

use sluice_store::{SqlStore, journal::Durability};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{bounds, clock};

pub(crate) use courier::{Courier, CourierThread};
pub(crate) use demand::{Priced, bound, prompt_estimate, tokens};
pub(crate) use desk::Ask;
pub(crate) use drain::Note;
pub(crate) use hold::{Closing, Demand, Hold, flags};
pub(crate) use limits::{LimitKind, Limited, Standings};
pub(crate) use registry::{Guard, Registry};
pub(crate) use shared_limits::Sharing;
pub use start::{BooksError, Ledger};
pub(crate) use start::{Opened, open};

/// The books as workers see them.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) registry: Registry,
    /// For the admin API; its calls run on `runtime`.
    pub(crate) store: SqlStore,
    pub(crate) runtime: Handle,
    pub(crate) durability: Durability,
    asks: mpsc::Sender<Ask>,
    notes: mpsc::Sender<Note>,
    started: Instant,
    /// When the database last answered, in nanoseconds since the start.
    contact_ns: AtomicU64,
    live_nodes: AtomicU32,
    closed: AtomicBool,
}

impl Books {
    /// Must be called on the runtime that the store belongs to.
    fn new(
        store: SqlStore,
        durability: Durability,
        asks: mpsc::Sender<Ask>,
        notes: mpsc::Sender<Note>,
    ) -> Self {
        Self {
            registry: Registry::default(),
            store,
            runtime: Handle::current(),
            durability,
            asks,
            notes,
            started: clock::now(),
            contact_ns: AtomicU64::new(0),
            live_nodes: AtomicU32::new(1),
            closed: AtomicBool::new(false),
        }
    }

    /// A moment as the counters of limits have it. They begin a day before the start, so that they begin full.
    pub(crate) fn since_start_ns(&self, now: Instant) -> u64 {
        const DAY_NS: u64 = 86_400_000_000_000;
        let elapsed = now.saturating_duration_since(self.started).as_nanos();
        u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(DAY_NS)
    }

    /// Asks the desk for a lease. `false`: too many wait already, or the desk is gone.
    pub(crate) fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// Tells the desk about a request. `false`: it was dropped.
    pub(crate) fn note(&self, note: Note) -> bool {
        self.notes.try_send(note).is_ok()
    }

    /// The database has answered.
    pub(crate) fn contacted(&self) {
        self.contact_ns.store(self.since_start_ns(clock::now()), Ordering::Release);
    }

    /// Whether what is known of keys may be old: the database has been silent for longer than changes take to come.
    pub(crate) fn may_be_stale(&self, now: Instant) -> bool {
        let silence = self.since_start_ns(now).saturating_sub(self.contact_ns.load(Ordering::Acquire));
        u128::from(silence) > bounds::STALE_AFTER.as_nanos()
    }

    /// No request is taken any more until the next start: something is wrong that only an operator can mend.
    pub(crate) fn close_admission(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether requests may be taken.
    pub(crate) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// How many nodes share the database.
    pub(crate) fn live_nodes(&self) -> u32 {
        self.live_nodes.load(Ordering::Relaxed)
    }

    /// How many nodes have a share of the limits: those that share the database, or where each has its own, those that
    /// were there when the limits were last shared.
    pub(crate) fn nodes_of_limits(&self, sharing: &Sharing) -> u32 {
        if self.store.is_shared() { self.live_nodes() } else { sharing.nodes() }
    }

    fn set_live_nodes(&self, nodes: u32) {
        self.live_nodes.store(nodes.max(1), Ordering::Relaxed);
    }
}
