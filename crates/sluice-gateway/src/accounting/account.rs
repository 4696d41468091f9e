//! The budget of one key or project on this node: the purse of the window that is open, and who waits for it.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU32, Ordering},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use sluice_ledger::{AccountId, Budget, Period, Purse, PurseId};
use tokio::sync::Notify;

/// One account. It outlives snapshots: what is reserved in it stays reserved.
#[derive(Debug)]
pub(crate) struct Account {
    id: AccountId,
    budget: ArcSwap<Budget>,
    /// Of the newest window that a request came in.
    current: ArcSwapOption<Open>,
    /// Every purse that is still in use: a window has one, however often it is opened.
    purses: Mutex<Vec<Weak<Purse>>>,
    freed: Notify,
    waiting: AtomicU32,
}

/// The window that is open.
#[derive(Debug)]
struct Open {
    period: Period,
    purse: Arc<Purse>,
}

impl Open {
    /// Whether requests of this second are for this purse. Clocks that go back, and requests that wait a little around
    /// midnight, do not open a window again.
    fn serves(&self, unix_s: i64) -> bool {
        self.period.window(unix_s) <= self.purse.id().window
    }
}

impl Account {
    pub(crate) fn new(id: AccountId, budget: Budget) -> Self {
        Self {
            id,
            budget: ArcSwap::from_pointee(budget),
            current: ArcSwapOption::empty(),
            purses: Mutex::default(),
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
        let _opens_nothing = self.purses.lock().unwrap_or_else(PoisonError::into_inner);
        if *self.budget.load().as_ref() == budget {
            return false;
        }
        self.budget.store(Arc::new(budget));
        // What is open is of the period in force.
        if self.current.load().as_ref().is_some_and(|open| open.period != budget.period) {
            self.current.store(None);
        }
        true
    }

    /// The purse of the window that holds `unix_s`.
    pub(crate) fn purse(&self, unix_s: i64) -> Arc<Purse> {
        if let Some(open) = self.current.load().as_ref().filter(|open| open.serves(unix_s)) {
            return Arc::clone(&open.purse);
        }
        self.open(unix_s)
    }

    /// Opens a window: with the purse that it has, if any request or the desk still holds one.
    fn open(&self, unix_s: i64) -> Arc<Purse> {
        let mut purses = self.purses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = self.current.load().as_ref().filter(|open| open.serves(unix_s)) {
            return Arc::clone(&open.purse);
        }
        let period = self.budget.load().period;
        let window = period.window(unix_s);
        purses.retain(|purse| purse.strong_count() > 0);
        let known = purses.iter().filter_map(Weak::upgrade).find(|purse| purse.id().window == window);
        let purse = known.unwrap_or_else(|| {
            let fresh = Arc::new(Purse::new(PurseId { account: self.id.clone(), window }));
            purses.push(Arc::downgrade(&fresh));
            fresh
        });
        self.current.store(Some(Arc::new(Open { period, purse: Arc::clone(&purse) })));
        purse
    }

    /// Whether this purse is of the window that is open.
    pub(crate) fn is_current(&self, purse: &PurseId) -> bool {
        self.current.load().as_ref().is_some_and(|open| open.purse.id() == purse)
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
    use sluice_ledger::{NanoUsd, Period, Window};

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
        assert!(Arc::ptr_eq(&second, &account.purse(86_399)), "a window that is over stays over");
        assert!(!account.set_budget(budget));
        assert!(account.set_budget(Budget { period: Period::Total, ..budget }));
        assert_eq!(account.purse(86_400).id().window, Window(0));
        account.set_budget(budget);
        assert!(Arc::ptr_eq(&second, &account.purse(86_400)), "back to a period is back to its purse");
        drop((first, second));
    }
}
