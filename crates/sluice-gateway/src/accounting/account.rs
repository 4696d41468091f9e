//! The budget of one key or project on this node: the purse of the window that is open, and who waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use sluice_ledger::{AccountId, Budget, Purse, PurseId};
use tokio::sync::Notify;

/// One account. It outlives snapshots: what is reserved in it stays reserved.
#[derive(Debug)]
pub(crate) struct Account {
    id: AccountId,
    budget: ArcSwap<Budget>,
    /// Of the newest window that a request came in.
    current: ArcSwapOption<Purse>,
    freed: Notify,
    waiting: AtomicU32,
}

impl Account {
    pub(crate) fn new(id: AccountId, budget: Budget) -> Self {
        Self {
            id,
            budget: ArcSwap::from_pointee(budget),
            current: ArcSwapOption::empty(),
            freed: Notify::new(),
            waiting: AtomicU32::new(0),
        }
    }

    pub(crate) fn id(&self) -> &AccountId {
        &self.id
    }

    pub(crate) fn budget(&self) -> Budget {
        **self.budget.load()
    }

    /// The budget as the catalog has it now. Returns whether that is another one.
    pub(crate) fn set_budget(&self, budget: Budget) -> bool {
        if *self.budget.load().as_ref() == budget {
            return false;
        }
        self.budget.store(Arc::new(budget));
        true
    }

    /// The purse of the window that holds `unix_s`. Time that goes backwards does not open a window again.
    pub(crate) fn purse(&self, unix_s: i64) -> Arc<Purse> {
        let window = self.budget.load().period.window(unix_s);
        let current = self.current.load();
        if let Some(purse) = current.as_ref()
            && purse.id().window == window
        {
            return Arc::clone(purse);
        }
        let fresh = Arc::new(Purse::new(PurseId { account: self.id.clone(), window }));
        let opened = self.current.rcu(|current| match current {
            Some(purse) if purse.id().window == window => Arc::clone(purse),
            _ => Arc::clone(&fresh),
        });
        drop(opened);
        self.current.load_full().unwrap_or(fresh)
    }

    /// Whether this purse is of the window that is open.
    pub(crate) fn is_current(&self, purse: &PurseId) -> bool {
        self.current.load().as_ref().is_some_and(|current| current.id() == purse)
    }

    /// Something is free again: whoever waits for it may look.
    pub(crate) fn freed(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.freed.notify_waiters();
        }
    }

    /// Announces that somebody is about to wait.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting { account: self }
    }
}

/// Somebody waits for an account.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    account: &'a Account,
}

impl<'a> Waiting<'a> {
    /// Ends when something is free again. What is freed after this call is not missed.
    pub(crate) fn notified(&self) -> tokio::sync::futures::Notified<'a> {
        self.account.freed.notified()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.account.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use sluice_ledger::{NanoUsd, Period};

    use super::*;

    #[test]
    fn every_window_has_its_purse() {
        let budget = Budget { limit: NanoUsd(10), period: Period::Day };
        let account = Account::new(AccountId::key("k"), budget);
        let first = account.purse(10);
        assert!(Arc::ptr_eq(&first, &account.purse(86_399)));
        let second = account.purse(86_400);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(account.is_current(second.id()) && !account.is_current(first.id()));
        assert!(!account.set_budget(budget));
        assert!(account.set_budget(Budget { period: Period::Total, ..budget }));
        assert_eq!(account.purse(86_400).id().window, sluice_ledger::Window(0));
    }
}
