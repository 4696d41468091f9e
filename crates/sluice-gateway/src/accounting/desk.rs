//! The one task that talks to the database about money: it leases for requests that wait, posts what the journal
//! has, says that this node is alive, and takes over what was changed in the catalog.

use std::{sync::Arc, time::Duration};

use sluice_ledger::{NanoUsd, Purse, PurseId};
use sluice_store::{
    SqlStore, Store, StoreError,
    books::{LeaseRefusal, Session, StoreEvent},
    journal::{Journal, Keeper},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    account::Account,
    drain::{Drain, Note},
    feed,
    leases::{Leases, Topped},
    rooms::Rooms,
    upkeep,
};
use crate::{bounds, clock, metrics::Metrics, tasks, worker::Shared};

/// A request waits for a lease.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(super) account: Arc<Account>,
    pub(super) purse: Arc<Purse>,
    /// What is missing.
    pub(super) need: NanoUsd,
    /// What the request costs at most.
    pub(super) bound: NanoUsd,
    pub(super) reply: oneshot::Sender<LeaseReply>,
}

/// What the books say to a request that waits. No reply at all: the database does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseReply {
    Granted,
    /// The money is there, but others hold it.
    Held,
    /// The budget has not so much.
    Spent,
}

/// Why nothing was posted is in the log.
#[derive(Debug)]
struct Unposted;

/// At the end of the process the database may fail so often in a row; the next start posts the rest.
const LAST_TRIES: u32 = 2;

/// Everything that the desk works with.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(super) store: SqlStore,
    pub(super) session: Session,
    pub(super) journal: Journal,
    pub(super) keeper: Keeper,
    pub(super) drain: Drain,
    pub(super) leases: Leases,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) notes: mpsc::Receiver<Note>,
    /// What budgets have lately refused.
    pub(super) rooms: Rooms,
    /// Rows of requests older than this are deleted, where nobody has set something else.
    pub(super) retention: Option<Duration>,
}

impl Desk {
    /// The run that it keeps the books of.
    pub(crate) fn session(&self) -> Session {
        self.session.clone()
    }

    /// Works until `stop` says that every worker has ended; then posts what is left and gives everything back.
    pub(crate) async fn run(mut self, shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
        let mut listener = self.store.listen();
        let mut beat = ticker(bounds::HEARTBEAT);
        let mut tidy = ticker(bounds::LEASE_IDLE);
        let retiring = upkeep::retire(self.store.clone(), Arc::clone(&shared), self.retention);
        let retiring = tasks::spawn(retiring);
        let mut check = ticker(bounds::SELF_CHECK);
        // The first look is for a day later.
        check.reset();
        let mut drain_at = clock::timer_now() + bounds::DRAIN_PAUSE;
        let mut latencies = ticker(bounds::LATENCIES);
        loop {
            // Fair on purpose: whoever asks without pause must not keep the books from being written.
            tokio::select! {
                _ = &mut stop => break,
                Some(ask) = self.asks.recv() => self.serve(ask, &shared).await,
                event = listener.next() => self.heard(event, &shared).await,
                () = sleep_until(drain_at) => drain_at = self.drain_once(&shared).await,
                _ = beat.tick() => self.beat(&shared).await,
                _ = latencies.tick() => self.drain.write_latencies(),
                _ = tidy.tick() => self.tidy(&shared).await,
                _ = check.tick() => drop(tasks::spawn(upkeep::self_check(self.store.clone(), Arc::clone(&shared)))),
            }
        }
        retiring.abort();
        self.finish(&shared).await;
    }

    /// Leases for everybody who waits for the same purse, with one change of the row where that is enough.
    async fn serve(&mut self, first: Ask, shared: &Shared) {
        let mut asks = vec![first];
        while asks.len() < bounds::LEASE_ASKS {
            match self.asks.try_recv() {
                Ok(ask) => asks.push(ask),
                Err(_) => break,
            }
        }
        // Who has gone needs nothing any more.
        asks.retain(|ask| !ask.reply.is_closed());
        while let Some(ask) = asks.pop() {
            let (same, others): (Vec<_>, Vec<_>) =
                asks.into_iter().partition(|other| Arc::ptr_eq(&other.purse, &ask.purse));
            asks = others;
            let together: Vec<Ask> = same.into_iter().chain([ask]).collect();
            self.serve_purse(together, shared).await;
        }
    }

    async fn serve_purse(&mut self, asks: Vec<Ask>, shared: &Shared) {
        let asks = self.rooms.answer(asks, clock::timer_now());
        if asks.is_empty() {
            return;
        }
        // Nobody is answered where the database is away: silence says so.
        if !self.is_sure(shared).await {
            return;
        }
        let mut needs: Vec<NanoUsd> = asks.iter().map(|ask| ask.need).collect();
        needs.sort_unstable();
        needs.dedup();
        // The largest first: with it all are served. Where it is too large the smallest may still fit.
        let tries = [needs.last(), needs.first().filter(|_| needs.len() > 1)];
        let mut refusal = None;
        for need in tries.into_iter().flatten() {
            let Some(Ask { account, purse, .. }) = asks.first() else { return };
            match self.leases.top_up((&self.store, &self.session), account, purse, *need).await {
                Ok(Topped::Granted) => {
                    shared.books.contacted();
                    refusal = None;
                    break;
                }
                Ok(Topped::Refused(why)) => {
                    shared.books.contacted();
                    refusal = Some(why);
                }
                // Nobody is answered: that the database is away is told by silence.
                Err(error) => return self.failed("lease", &error, shared),
            }
        }
        let room = match refusal {
            Some(_) => self.room(&asks).await,
            None => None,
        };
        if let (Some(room), Some(ask)) = (room, asks.first()) {
            self.rooms.learn(ask, room, clock::timer_now());
        }
        if refusal.is_some() && self.leases.live_nodes > 1 {
            self.recall(&asks[0].purse.id().clone(), shared).await;
        }
        for ask in asks {
            let reply = match refusal {
                None => LeaseReply::Granted,
                Some(_) if room.is_some_and(|room| ask.bound > room) => LeaseReply::Spent,
                Some(LeaseRefusal::Spent) if room.is_none() => LeaseReply::Spent,
                Some(_) => LeaseReply::Held,
            };
            // Who has gone needs no reply.
            let _ = ask.reply.send(reply);
        }
    }

    /// What the budget would have if nobody held anything.
    async fn room(&self, asks: &[Ask]) -> Option<NanoUsd> {
        let purse = asks.first()?.purse.id().clone();
        let row = self.store.budgets(&[purse]).await.ok()?.pop()?;
        Some(NanoUsd(row.limit.0.saturating_sub(row.posted.0)))
    }

    /// Posts one batch. Returns when to look again. Requests come first: while the books are behind the desk works a
    /// small share of the time only, and the journal waits, until it has grown so much that the books come first.
    async fn drain_once(&mut self, shared: &Shared) -> Instant {
        let begun = clock::timer_now();
        self.take_notes();
        // What failed is tried again at the next look.
        let _ = self.post(shared).await;
        let took = begun.elapsed();
        let pause = match (self.drain.is_behind(), self.journal.status().bytes > bounds::JOURNAL_WAITS_BYTES)
        {
            (true, true) => Duration::ZERO,
            (true, false) => took * bounds::DRAIN_REST,
            (false, _) => bounds::DRAIN_PAUSE,
        };
        clock::timer_now() + pause
    }

    /// Makes sure that what was posted is known: what the rows of leases say can be read rightly only then.
    async fn is_sure(&mut self, shared: &Shared) -> bool {
        if self.drain.is_unknown() {
            // The drain knows whether it is known now.
            let _ = self.post(shared).await;
        }
        !self.drain.is_unknown()
    }

    /// Posts one batch, if there is one.
    async fn post(&mut self, shared: &Shared) -> Result<(), Unposted> {
        let batch = match self.drain.batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read back: new requests are refused");
                shared.books.close_admission();
                return Err(Unposted);
            }
        };
        if let Err(error) = self.store.post(&self.session, batch).await {
            self.failed("post", &error, shared);
            // It may have been too much for the time that it had.
            self.drain.halve();
            return Err(Unposted);
        }
        shared.books.contacted();
        if let Some(batch) = self.drain.posted() {
            shared.books.feed.posted(&batch);
            self.leases.posted(batch.postings.iter().map(|(posting, _)| posting));
            self.journal.posted(&batch.cursors);
        }
        Ok(())
    }

    fn take_notes(&mut self) {
        while let Ok(note) = self.notes.try_recv() {
            self.drain.note(note);
        }
    }

    async fn beat(&mut self, shared: &Arc<Shared>) {
        match self.store.heartbeat(&self.session, clock::unix_ms()).await {
            Ok(beat) => {
                shared.books.contacted();
                shared.books.set_live_nodes(beat.live_nodes);
                self.leases.live_nodes = beat.live_nodes;
                if beat.catalog_version != shared.books.catalog_version() || shared.books.is_behind() {
                    self.refresh(shared);
                }
            }
            Err(error) => self.failed("heartbeat", &error, shared),
        }
        drop(tasks::spawn(feed::look(self.store.clone(), Arc::clone(shared))));
        let metrics = &shared.metrics;
        let status = self.journal.status();
        if let Some(reason) = status.poisoned.as_ref().filter(|_| shared.books.is_open()) {
            tracing::error!(
                reason,
                "the journal's disk has failed: no more requests are taken until a restart"
            );
            shared.books.close_admission();
        }
        metrics.journal_bytes.set(i64::try_from(status.bytes).unwrap_or(i64::MAX));
        metrics.reservations_open.set(i64::try_from(self.drain.open_count()).unwrap_or(i64::MAX));
        self.show_lag(metrics);
        metrics.leased_nanousd.set(self.leases.leased());
        metrics.details_dropped.inc_by(std::mem::take(&mut self.drain.details_dropped));
    }

    /// How far the books are behind the journal.
    fn show_lag(&self, metrics: &Metrics) {
        let unread = self.drain.unread();
        metrics.journal_unread_records.set(i64::try_from(unread.records).unwrap_or(i64::MAX));
        metrics.journal_unread_bytes.set(i64::try_from(unread.bytes).unwrap_or(i64::MAX));
        let (count, oldest_ms) = self.drain.unposted();
        metrics.journal_unposted.set(i64::try_from(count).unwrap_or(i64::MAX));
        let age_ms = oldest_ms.map_or(0, |oldest| clock::unix_ms().saturating_sub(oldest));
        metrics.journal_lag_seconds.set(Duration::from_millis(age_ms).as_secs_f64());
    }

    async fn heard(&mut self, event: StoreEvent, shared: &Arc<Shared>) {
        match event {
            StoreEvent::CatalogChanged | StoreEvent::Reconnected => self.refresh(shared),
            // Alone there is nobody who could need it.
            StoreEvent::Recall(purse) if self.store.is_shared() => self.recall(&purse, shared).await,
            StoreEvent::Recall(_) => {}
        }
    }

    async fn recall(&mut self, purse: &PurseId, shared: &Shared) {
        if !self.is_sure(shared).await {
            return;
        }
        if let Err(error) = self.leases.recall((&self.store, &self.session), purse).await {
            self.failed("recall", &error, shared);
        }
    }

    /// Beside the desk: requests do not wait while a large catalog is read.
    fn refresh(&self, shared: &Arc<Shared>) {
        drop(tasks::spawn(upkeep::refresh(self.store.clone(), Arc::clone(shared))));
    }

    async fn tidy(&mut self, shared: &Shared) {
        self.rooms.forget(clock::timer_now());
        if !self.is_sure(shared).await {
            return;
        }
        let unix_s = i64::try_from(clock::unix_ms() / 1000).unwrap_or(i64::MAX);
        if let Err(error) = self.leases.tidy((&self.store, &self.session), unix_s).await {
            self.failed("lease", &error, shared);
        }
    }

    fn failed(&self, what: &str, error: &StoreError, shared: &Shared) {
        shared.metrics.database_failures.inc();
        // Whatever was changed meanwhile is not known here.
        shared.books.set_behind(true);
        if let StoreError::Superseded { .. } = error {
            tracing::error!(%error, "this process takes no more requests");
            shared.books.close_admission();
        } else {
            tracing::warn!(%error, what, "the database does not answer; tried again");
        }
    }

    /// Every worker has ended.
    async fn finish(mut self, shared: &Shared) {
        self.take_notes();
        self.drain.look_again();
        self.drain.write_latencies();
        let mut failures = 0;
        let until = clock::timer_now() + bounds::LAST_POSTS;
        while !self.drain.is_done() && failures < LAST_TRIES && clock::timer_now() < until {
            match self.post(shared).await {
                Ok(()) => failures = 0,
                Err(Unposted) => failures += 1,
            }
        }
        // What is spent and not posted is held by the lease alone: given back, others could spend it again.
        if self.drain.is_done()
            && self.drain.open_count() == 0
            && let Err(error) = self.store.end_leases(&self.session).await
        {
            tracing::warn!(%error, "leases were not given back; the next start of this node does");
        }
        if let Err(error) = self.keeper.stop() {
            tracing::error!(%error, "the last records of the journal may not survive a loss of power");
        }
    }
}

pub(super) fn ticker(every: Duration) -> tokio::time::Interval {
    let mut ticker = interval(every);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}
