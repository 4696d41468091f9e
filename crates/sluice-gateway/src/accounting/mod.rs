//! What a request costs and may cost: limits, budgets, the journal, and the books behind them.
//!
//! `hold.rs` is what a request does; `desk.rs` is the one task that talks to the database.

mod account;
mod courier;
mod demand;
mod desk;
mod drain;
mod feed;
mod hold;
mod leases;
mod limits;
mod registry;
mod rooms;
mod shared_limits;
mod start;
mod upkeep;

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use sluice_store::{SqlStore, journal::Durability};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant as Deadline, timeout_at},
};

use crate::{bounds, clock};

pub(crate) use courier::{Courier, CourierThread};
pub(crate) use demand::{Priced, bound, prompt_estimate, tokens};
use desk::{Ask, LeaseReply};
pub(crate) use drain::Note;
pub(crate) use feed::{Feed, News};
pub(crate) use hold::{Append, Closing, Demand, Hold, flags};
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
    /// That of the catalog which was last read.
    catalog_version: AtomicI64,
    /// The catalog in force may be behind the one in the database.
    behind: AtomicBool,
    closed: AtomicBool,
    /// Rows as they are posted.
    pub(crate) feed: Feed,
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
            catalog_version: AtomicI64::new(0),
            behind: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            feed: Feed::default(),
        }
    }

    /// A moment as the counters of limits have it. They begin a day before the start, so that they begin full.
    pub(crate) fn since_start_ns(&self, now: Instant) -> u64 {
        const DAY_NS: u64 = 86_400_000_000_000;
        let elapsed = now.saturating_duration_since(self.started).as_nanos();
        u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(DAY_NS)
    }

    /// Asks the desk for a lease and waits for its answer: no longer than [`bounds::LEASE_WAIT`], unless the database
    /// answers others meanwhile; then it is busy, not away, and there is time until `until`. `None`: no answer, too many
    /// wait already, or the desk is gone.
    async fn lease(
        &self,
        ask: impl FnOnce(oneshot::Sender<LeaseReply>) -> Ask,
        until: Deadline,
    ) -> Option<LeaseReply> {
        let (reply, mut answer) = oneshot::channel();
        self.asks.try_send(ask(reply)).ok()?;
        loop {
            let contact = self.contact_ns.load(Ordering::Acquire);
            let patience = clock::timer_now() + bounds::LEASE_WAIT;
            match timeout_at(patience, &mut answer).await {
                Ok(reply) => return reply.ok(),
                Err(_) if self.contact_ns.load(Ordering::Acquire) == contact || patience >= until => {
                    return None;
                }
                Err(_) => {}
            }
        }
    }

    /// Tells the desk about a request. `false`: it was dropped.
    pub(crate) fn note(&self, note: Note) -> bool {
        self.notes.try_send(note).is_ok()
    }

    /// The database has answered.
    pub(crate) fn contacted(&self) {
        self.contact_ns.store(self.since_start_ns(clock::now()), Ordering::Release);
    }

    /// Whether what is known of keys may be old: the database has been silent for longer than changes take to come,
    /// it did not answer when it was last asked, or what it answered could not be used.
    pub(crate) fn may_be_stale(&self, now: Instant) -> bool {
        self.is_behind() || self.silent_for(now) > bounds::STALE_AFTER
    }

    /// How long ago the database last answered.
    pub(crate) fn silent_for(&self, now: Instant) -> Duration {
        let contact = self.contact_ns.load(Ordering::Acquire);
        Duration::from_nanos(self.since_start_ns(now).saturating_sub(contact))
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

    /// The version of the catalog that was last read.
    fn catalog_version(&self) -> i64 {
        self.catalog_version.load(Ordering::Acquire)
    }

    fn set_catalog_version(&self, version: i64) {
        self.catalog_version.store(version, Ordering::Release);
    }

    /// Whether the catalog has to be read again, even if its version is the one that was read.
    fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }

    fn set_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::Release);
    }

    fn set_live_nodes(&self, nodes: u32) {
        self.live_nodes.store(nodes.max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use sluice_ledger::{AccountId, Budget, NanoUsd, Period};
    use tokio::time::sleep;

    use super::{account::Account, *};

    /// What a request hears whose answer comes after `answer_ms`, while the database answers others at `contacts_ms`.
    async fn check(
        books: &Books,
        asks: &mut mpsc::Receiver<Ask>,
        contacts_ms: &[u64],
        answer_ms: u64,
        until_ms: u64,
    ) -> Option<LeaseReply> {
        let account =
            Arc::new(Account::new(AccountId::key("k"), Budget { limit: NanoUsd(1), period: Period::Total }));
        let ask =
            |reply| Ask { purse: account.purse(0), account, need: NanoUsd(1), bound: NanoUsd(1), reply };
        let desk = async {
            let ask = asks.recv().await.unwrap();
            let mut now_ms = 0;
            for at in contacts_ms {
                sleep(Duration::from_millis(at - now_ms)).await;
                now_ms = *at;
                books.contacted();
            }
            sleep(Duration::from_millis(answer_ms - now_ms)).await;
            let _ = ask.reply.send(LeaseReply::Granted);
        };
        let until = clock::timer_now() + Duration::from_millis(until_ms);
        tokio::join!(books.lease(ask, until), desk).0
    }

    #[tokio::test]
    async fn a_busy_database_is_not_away() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
        let (asks_in, mut asks) = mpsc::channel(1);
        let (notes, _notes) = mpsc::channel(1);
        let books = Books::new(store, Durability::Process, asks_in, notes);
        tokio::time::pause();
        assert_eq!(check(&books, &mut asks, &[], 249, 2_000).await, Some(LeaseReply::Granted));
        assert_eq!(check(&books, &mut asks, &[], 251, 2_000).await, None, "away");
        assert_eq!(
            check(&books, &mut asks, &[], 249, 0).await,
            Some(LeaseReply::Granted),
            "asked at the end"
        );
        assert_eq!(
            check(&books, &mut asks, &[200, 400], 600, 2_000).await,
            Some(LeaseReply::Granted),
            "busy"
        );
        assert_eq!(check(&books, &mut asks, &[200], 600, 2_000).await, None, "away meanwhile");
        let always: Vec<u64> = (1..30).map(|n| n * 100).collect();
        assert_eq!(check(&books, &mut asks, &always, 3_000, 2_000).await, None, "busy for too long");
    }

    #[tokio::test]
    async fn what_is_known_of_keys_may_be_old() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
        let (asks, notes) = (mpsc::channel(1).0, mpsc::channel(1).0);
        let books = Books::new(store, Durability::Process, asks, notes);
        books.contacted();
        let now = clock::now();
        assert!(!books.may_be_stale(now));
        assert!(books.may_be_stale(now + bounds::STALE_AFTER + Duration::from_millis(1)));
        books.set_behind(true);
        assert!(books.may_be_stale(now), "a catalog that could not be read");
        books.set_behind(false);
        assert!(!books.may_be_stale(now));
    }
}
