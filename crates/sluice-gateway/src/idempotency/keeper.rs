//! The one task that asks the database for keys, and gives them back.

use std::{sync::Arc, time::Duration};

use sluice_store::{
    SqlStore, Store as _, StoreError,
    books::Session,
    claims::{Claim, Claimed},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::table::Table;
use crate::{bounds, clock, worker::Shared};

/// A request waits for its key. No reply at all: the database does not answer.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(super) claim: Claim,
    pub(super) reply: oneshot::Sender<Claimed>,
}

/// Everything that the keeper works with.
#[derive(Debug)]
pub(crate) struct Keeper {
    table: Arc<Table>,
    store: SqlStore,
    session: Session,
    asks: mpsc::Receiver<Ask>,
}

/// The table of a run, and the keeper that has to run beside it.
pub(crate) fn open(store: SqlStore, session: Session) -> (Arc<Table>, Keeper) {
    let (asks_in, asks) = mpsc::channel(bounds::CLAIM_ASKS);
    let table = Arc::new(Table::new(asks_in, bounds::ANSWERS_BYTES));
    (Arc::clone(&table), Keeper { table, store, session, asks })
}

impl Keeper {
    /// Works until `stop` says that every worker has ended; then frees what is left to free.
    pub(crate) async fn run(mut self, shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
        let mut tidy = interval(bounds::RETIRE);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = &mut stop => break,
                Some(ask) = self.asks.recv() => self.serve(ask, &shared).await,
                () = self.table.freed.notified() => {}
                () = sleep_until(again.unwrap_or_else(now)), if again.is_some() => {}
                _ = tidy.tick() => self.tidy().await,
            }
            again = match self.free(&shared).await {
                true => None,
                false => Some(now() + FREE_AGAIN),
            };
        }
        // What cannot be freed now is judged by what it cost.
        let _ = tokio::time::timeout(bounds::LAST_POSTS, self.free(&shared)).await;
    }

    /// Asks for everybody who waits, in one transaction. What was given back before is free before that.
    async fn serve(&mut self, first: Ask, shared: &Shared) {
        let mut asks = vec![first];
        while asks.len() < bounds::CLAIM_BATCH {
            match self.asks.try_recv() {
                Ok(ask) => asks.push(ask),
                Err(_) => break,
            }
        }
        // Who has gone needs nothing any more.
        asks.retain(|ask| !ask.reply.is_closed());
        if asks.is_empty() || !self.free(shared).await {
            return;
        }
        let claims: Vec<Claim> = asks.iter().map(|ask| ask.claim.clone()).collect();
        match self.store.claim(&self.session, &claims, clock::unix_ms()).await {
            Ok(answers) => {
                for (ask, answer) in asks.into_iter().zip(answers) {
                    let Ask { claim, reply } = ask;
                    if reply.send(answer).is_err() && answer == Claimed::Granted {
                        self.table.free_row(claim.id, claim.request);
                    }
                }
            }
            Err(error) => self.failed(&error, asks, shared),
        }
    }

    /// Nobody is answered: that the database is away is told by silence. What happened is not known.
    fn failed(&self, error: &StoreError, asks: Vec<Ask>, shared: &Shared) {
        shared.metrics.database_failures.inc();
        tracing::warn!(%error, "idempotency keys could not be claimed");
        for Ask { claim, .. } in asks {
            self.table.free_row(claim.id, claim.request);
        }
    }

    /// Frees in the database what is free. `false`: it has to be tried again.
    async fn free(&self, shared: &Shared) -> bool {
        let claims: Vec<_> = self.table.take_freed();
        if claims.is_empty() {
            return true;
        }
        match self.store.release(&claims).await {
            Ok(()) => true,
            Err(error) => {
                shared.metrics.database_failures.inc();
                tracing::warn!(%error, "idempotency keys could not be given back; tried again");
                self.table.put_back(claims);
                false
            }
        }
    }

    async fn tidy(&self) {
        self.table.forget_old(clock::now());
        while let Ok(rows) = self.store.retire_claims(clock::unix_ms(), bounds::RETIRE_ROWS).await
            && rows >= u64::from(bounds::RETIRE_ROWS)
        {}
    }
}

fn now() -> Instant {
    Instant::from_std(clock::now())
}

/// After the database could not free keys it is asked again so much later.
const FREE_AGAIN: Duration = Duration::from_secs(1);
