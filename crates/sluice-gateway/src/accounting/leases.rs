//! The leases of this node: what it has taken from the budgets in the database, and giving back what it does not need.

use std::{collections::HashMap, sync::Arc};

use sluice_ledger::{NanoUsd, Posting, Purse, PurseId, lease::Lease, record::joined};
use sluice_store::{
    Store, StoreError,
    books::{LeaseAnswer, LeaseAsk, LeaseRefusal, LeaseRequest, Session},
};

use super::account::Account;

/// Purses of closed windows are forgotten so long after they were opened, when nothing is in them: longer than any
/// window is, as a budget may go back to a period that it had before.
const FORGET_AFTER_S: i64 = 40 * 86_400;

/// One purse and what the database has for it.
#[derive(Debug)]
struct Entry {
    account: Arc<Account>,
    purse: Arc<Purse>,
    lease: Lease,
    /// A change whose answer did not come. Nothing else may happen before it is known.
    pending: Option<LeaseRequest>,
    /// Whether somebody asked since the last look at what is idle.
    used: bool,
    /// The limit under which the lease was granted.
    limit: NanoUsd,
    /// What was free at the last look.
    free_before: i64,
}

/// All leases of this node.
#[derive(Debug)]
pub(super) struct Leases {
    entries: HashMap<PurseId, Entry>,
    pub(super) live_nodes: u32,
}

/// What became of asking for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topped {
    Granted,
    Refused(LeaseRefusal),
}

impl Leases {
    /// None yet; `live_nodes` share the database.
    pub(super) fn new(live_nodes: u32) -> Self {
        Self { entries: HashMap::new(), live_nodes }
    }

    /// Leases at least `need` more for a purse.
    pub(super) async fn top_up<S: Store>(
        &mut self,
        (store, session): (&S, &Session),
        account: &Arc<Account>,
        purse: &Arc<Purse>,
        need: NanoUsd,
    ) -> Result<Topped, StoreError> {
        let live_nodes = self.live_nodes;
        let entry = self.entries.entry(purse.id().clone()).or_insert_with(|| Entry {
            account: Arc::clone(account),
            purse: Arc::clone(purse),
            lease: Lease::default(),
            pending: None,
            used: true,
            limit: account.budget().limit,
            free_before: 0,
        });
        entry.used = true;
        entry.settle_pending(store, session).await?;
        let answer = entry.send(store, session, LeaseAsk::Grant { need, live_nodes }).await?;
        Ok(answer.refused.map_or(Topped::Granted, Topped::Refused))
    }

    /// The database has these in its books: what it took from the leases is taken from them here.
    pub(super) fn posted<'a>(&mut self, postings: impl Iterator<Item = &'a Posting>) {
        let charges = postings
            .map(|posting| (&posting.reserve, i64::try_from(posting.charged().0).unwrap_or(i64::MAX)));
        for (reserve, charged) in joined(charges) {
            for purse in reserve.purses() {
                let Some(entry) = self.entries.get_mut(&purse) else { continue };
                let uncovered = entry.lease.post(NanoUsd(u64::try_from(charged).unwrap_or(0)));
                if uncovered > 0 {
                    // It is in the books; from now on they say whether there is more.
                    entry.purse.change(uncovered);
                }
                entry.account.freed();
            }
        }
    }

    /// Gives back what is free, because another node needs it, or because it is too little for a request here: lying
    /// in pieces on several nodes it would be of use to none.
    pub(super) async fn recall<S: Store>(
        &mut self,
        (store, session): (&S, &Session),
        purse: &PurseId,
    ) -> Result<(), StoreError> {
        match self.entries.get_mut(purse) {
            Some(entry) => entry.give_back(store, session).await,
            None => Ok(()),
        }
    }

    /// Gives back what need not be here: of windows that are over, of budgets that have changed, and, where other
    /// nodes share the budgets, what nobody asked for since the last look.
    pub(super) async fn tidy<S: Store>(
        &mut self,
        (store, session): (&S, &Session),
        unix_s: i64,
    ) -> Result<(), StoreError> {
        let shared = self.live_nodes > 1;
        let mut failed = Ok(());
        for entry in self.entries.values_mut() {
            let free = entry.purse.free();
            let idle = shared && !entry.used && free == entry.free_before;
            let over = !entry.account.is_current(entry.purse.id());
            let changed = entry.account.budget().limit != entry.limit;
            entry.used = false;
            entry.free_before = free;
            if entry.pending.is_some() || (free > 0 && (idle || over || changed)) {
                // One purse that fails does not keep the others from being given back.
                failed = failed.and(entry.give_back(store, session).await);
            }
            // What requests still hold of a lease under the old limit goes back when they have ended.
            if entry.lease.amount == 0 {
                entry.limit = entry.account.budget().limit;
            }
        }
        self.entries.retain(|id, entry| !entry.is_forgotten(id, unix_s));
        failed
    }

    /// Nano-dollars leased, over all purses.
    pub(super) fn leased(&self) -> i64 {
        self.entries.values().map(|entry| entry.lease.amount).fold(0, i64::saturating_add)
    }
}

impl Entry {
    async fn send<S: Store>(
        &mut self,
        store: &S,
        session: &Session,
        ask: LeaseAsk,
    ) -> Result<LeaseAnswer, StoreError> {
        let request = LeaseRequest {
            purse: self.purse.id().clone(),
            limit: self.account.budget().limit,
            op: self.lease.op + 1,
            ask,
        };
        self.pending = Some(request.clone());
        let answer = self.settled(store, session, &request).await?;
        self.taken(&request, answer);
        Ok(answer)
    }

    /// The outcome of `request`. Where the row is not where this node left it, as after a backup was put back, the row
    /// is what holds: the next change begins from there, and what it says then is made up for in the purse.
    async fn settled<S: Store>(
        &mut self,
        store: &S,
        session: &Session,
        request: &LeaseRequest,
    ) -> Result<LeaseAnswer, StoreError> {
        let error = match store.lease(session, request).await {
            Err(error @ StoreError::LeaseOutOfStep { .. }) => error,
            settled => return settled,
        };
        tracing::error!(%error, "the books of this budget were changed from outside; the node goes by what they say now");
        if let StoreError::LeaseOutOfStep { stored, .. } = error {
            self.lease.op = stored;
            self.pending = None;
            if let LeaseAsk::Return { amount } = request.ask {
                self.purse.change(i64::try_from(amount).unwrap_or(i64::MAX));
            }
        }
        Err(error)
    }

    /// The outcome of a request is known. Whatever the row says now is what this node has: what it did not expect of it,
    /// in either direction, is made up for in the purse.
    fn taken(&mut self, request: &LeaseRequest, answer: LeaseAnswer) {
        self.pending = None;
        // What goes back was taken out of the purse before.
        let returned = match request.ask {
            LeaseAsk::Grant { .. } => 0,
            LeaseAsk::Return { amount } => i64::try_from(amount).unwrap_or(i64::MAX),
        };
        let change = answer.amount.saturating_sub(self.lease.amount).saturating_add(returned);
        self.lease.amount = answer.amount;
        if answer.refused.is_none() {
            self.lease.op = request.op;
        }
        self.purse.change(change);
        if change > 0 {
            self.account.freed();
        }
    }

    /// Learns the outcome of a change whose answer was lost, by sending it again: it happens once.
    async fn settle_pending<S: Store>(&mut self, store: &S, session: &Session) -> Result<(), StoreError> {
        if let Some(request) = self.pending.clone() {
            let answer = self.settled(store, session, &request).await?;
            self.taken(&request, answer);
        }
        Ok(())
    }

    async fn give_back<S: Store>(&mut self, store: &S, session: &Session) -> Result<(), StoreError> {
        self.settle_pending(store, session).await?;
        let amount = u64::try_from(self.purse.empty()).unwrap_or_default();
        if amount > 0 {
            self.send(store, session, LeaseAsk::Return { amount }).await?;
        }
        Ok(())
    }

    fn is_forgotten(&self, id: &PurseId, unix_s: i64) -> bool {
        let empty = self.lease.amount == 0 && self.pending.is_none() && self.purse.free() == 0;
        // The window of a budget in total has no end.
        let old = id.window.0 > 0 && id.window.0.saturating_add(FORGET_AFTER_S) < unix_s;
        empty && old && Arc::strong_count(&self.purse) == 1 && !self.account.is_current(id)
    }
}

#[cfg(test)]
mod tests {
    use sluice_ledger::{AccountId, Budget, Period};
    use sluice_store::SqlStore;

    use super::*;

    #[tokio::test]
    async fn books_that_were_changed_from_outside_are_gone_by() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
        let session = store.open_session("n", 0, 1).await.unwrap();
        let budget = Budget { limit: NanoUsd(1_000), period: Period::Total };
        let account = Arc::new(Account::new(AccountId::key("k"), budget));
        let purse = account.purse(0);
        let mut leases = Leases::new(2);
        let books = (&store, &session);
        assert_eq!(leases.top_up(books, &account, &purse, NanoUsd(400)).await.unwrap(), Topped::Granted);
        for op in [2, 3] {
            let ask = LeaseAsk::Return { amount: 100 };
            let outside = LeaseRequest { purse: purse.id().clone(), limit: budget.limit, op, ask };
            store.lease(&session, &outside).await.unwrap();
        }
        let lost = leases.top_up(books, &account, &purse, NanoUsd(10)).await;
        assert!(matches!(lost, Err(StoreError::LeaseOutOfStep { stored: 3, .. })), "{lost:?}");
        assert_eq!(leases.top_up(books, &account, &purse, NanoUsd(10)).await.unwrap(), Topped::Granted);
        let row = store.budgets(&[purse.id().clone()]).await.unwrap().pop().unwrap();
        assert_eq!((purse.free(), leases.leased()), (i64::try_from(row.leased.0).unwrap(), purse.free()));
        // What is given back is not lost on the way either.
        for op in [5, 6] {
            let ask = LeaseAsk::Grant { need: NanoUsd(1), live_nodes: 2 };
            let outside = LeaseRequest { purse: purse.id().clone(), limit: budget.limit, op, ask };
            store.lease(&session, &outside).await.unwrap();
        }
        assert!(leases.recall(books, purse.id()).await.is_err());
        leases.recall(books, purse.id()).await.unwrap();
        leases.recall(books, purse.id()).await.unwrap();
        let row = store.budgets(&[purse.id().clone()]).await.unwrap().pop().unwrap();
        assert_eq!((purse.free(), leases.leased(), row.leased), (0, 0, NanoUsd(0)));
    }

    async fn opened(limit: u64, period: Period) -> (tempfile::TempDir, SqlStore, Session, Arc<Account>) {
        let dir = tempfile::tempdir().unwrap();
        let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
        let session = store.open_session("n", 0, 1).await.unwrap();
        let account = Account::new(AccountId::key("k"), Budget { limit: NanoUsd(limit), period });
        (dir, store, session, Arc::new(account))
    }

    #[tokio::test]
    async fn what_was_leased_of_a_window_that_is_over_goes_back() {
        const DAY_S: i64 = 86_400;
        let (_dir, store, session, account) = opened(1_000, Period::Day).await;
        let books = (&store, &session);
        let mut leases = Leases::new(1);
        let leased = async |purse: &Arc<Purse>| {
            store.budgets(&[purse.id().clone()]).await.unwrap().pop().unwrap().leased.0
        };
        let before = account.purse(DAY_S - 1);
        leases.top_up(books, &account, &before, NanoUsd(300)).await.unwrap();
        before.take(NanoUsd(300)).unwrap();
        leases.tidy(books, DAY_S - 1).await.unwrap();
        assert_eq!(leased(&before).await, 1_000, "its window is open");
        // A request of the next day opens its window; the one that runs belongs to the day before.
        let after = account.purse(DAY_S);
        leases.top_up(books, &account, &after, NanoUsd(1)).await.unwrap();
        leases.tidy(books, DAY_S).await.unwrap();
        assert_eq!((leased(&before).await, leased(&after).await), (300, 1_000));
        before.settle(NanoUsd(300), NanoUsd(0));
        leases.tidy(books, DAY_S).await.unwrap();
        assert_eq!((leased(&before).await, leased(&after).await), (0, 1_000));
    }

    #[tokio::test]
    async fn what_was_leased_under_a_limit_that_was_lowered_goes_back() {
        let (_dir, store, session, account) = opened(1_000, Period::Total).await;
        let books = (&store, &session);
        let mut leases = Leases::new(1);
        let purse = account.purse(0);
        leases.top_up(books, &account, &purse, NanoUsd(300)).await.unwrap();
        purse.take(NanoUsd(300)).unwrap();
        account.set_budget(Budget { limit: NanoUsd(500), period: Period::Total });
        for (ends, expect) in [(0, 300), (100, 200), (200, 0), (0, 0)] {
            // What requests give back later is of the old limit too.
            purse.change(ends);
            leases.tidy(books, 1).await.unwrap();
            assert_eq!((leases.leased(), purse.free()), (expect, 0), "{ends}");
        }
    }
}
