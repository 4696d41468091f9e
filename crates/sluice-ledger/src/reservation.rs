//! What one request holds between admission and settlement.
//!
//! A [`Reservation`] is made before anything is sent upstream, from the purses of the key and of its project, and is
//! consumed by exactly one of [`Reservation::settle`] and [`Reservation::release`].

use std::sync::Arc;

use sluice_chat::Usage;

use crate::{NanoUsd, Purse, Short};

/// Where the token counts of a charge come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    /// The upstream reported them.
    Provider,
    /// Counted here, because the upstream reported none.
    Estimated,
    /// Counted here up to the point at which the caller left or the process died.
    Interrupted,
}

impl UsageSource {
    /// The word used in request rows and in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Estimated => "estimated",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What a request is held to have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    pub usage: Usage,
    pub source: UsageSource,
    /// `None`: the model has no price.
    pub cost: Option<NanoUsd>,
}

/// The budgets of one request: those of its key and of its project, where they have one.
pub type Purses = [Option<Arc<Purse>>; 2];

/// A purse that could not give what was asked of it.
#[derive(Clone, Debug)]
pub struct TooLittle {
    /// Which of the [`Purses`].
    pub index: usize,
    pub short: Short,
}

/// The hold that one admitted request has on its budgets.
#[derive(Debug)]
#[must_use = "a reservation is settled or released, never dropped"]
pub struct Reservation {
    reserved: NanoUsd,
    purses: Purses,
}

impl Reservation {
    /// Takes `amount` from every purse, or from none.
    ///
    /// # Errors
    /// Names the first purse that has too little.
    pub fn take(amount: NanoUsd, purses: Purses) -> Result<Self, TooLittle> {
        for (index, purse) in purses.iter().enumerate() {
            let Some(purse) = purse else { continue };
            if let Err(short) = purse.take(amount) {
                for taken in purses[..index].iter().flatten() {
                    taken.settle(amount, NanoUsd::default());
                }
                return Err(TooLittle { index, short });
            }
        }
        let reserved = if purses.iter().any(Option::is_some) { amount } else { NanoUsd::default() };
        Ok(Self { reserved, purses })
    }

    /// What is held; 0 where no budget applies.
    pub fn reserved(&self) -> NanoUsd {
        self.reserved
    }

    /// The purse at `index`, as it was given.
    pub fn purse(&self, index: usize) -> Option<&Arc<Purse>> {
        self.purses.get(index).and_then(Option::as_ref)
    }

    /// Whether a charge of `cost` goes beyond what is held.
    pub fn exceeds(&self, cost: NanoUsd) -> bool {
        cost > self.reserved && self.purses.iter().any(Option::is_some)
    }

    /// The request was answered, wholly or in part: what it did not use is free again.
    pub fn settle(self, cost: NanoUsd) {
        for purse in self.purses.iter().flatten() {
            purse.settle(self.reserved, cost);
        }
    }

    /// Nothing was delivered: everything is free again.
    pub fn release(self) {
        self.settle(NanoUsd::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, PurseId, Window};

    fn purse(account: AccountId, free: i64) -> Arc<Purse> {
        let purse = Purse::new(PurseId { account, window: Window(0) });
        purse.change(free);
        Arc::new(purse)
    }

    /// Free in both purses after a request that reserves `amount` and, if that succeeds, costs `cost`.
    fn check(free: (i64, i64), amount: u64, cost: u64, expect: (i64, i64), failed: Option<(usize, u64)>) {
        let (key, project) = (purse(AccountId::key("k"), free.0), purse(AccountId::project("p"), free.1));
        let purses = [Some(Arc::clone(&key)), Some(Arc::clone(&project))];
        let taken = Reservation::take(NanoUsd(amount), purses);
        let found = match taken {
            Ok(reservation) => {
                assert_eq!(reservation.exceeds(NanoUsd(cost)), cost > amount);
                reservation.settle(NanoUsd(cost));
                None
            }
            Err(too_little) => Some((too_little.index, too_little.short.missing.0)),
        };
        assert_eq!((found, (key.free(), project.free())), (failed, expect));
    }

    #[test]
    fn both_purses_or_neither() {
        check((100, 100), 40, 10, (90, 90), None);
        check((100, 100), 40, 40, (60, 60), None);
        check((100, 100), 40, 150, (-50, -50), None);
        check((30, 100), 40, 0, (30, 100), Some((0, 10)));
        check((100, 30), 40, 0, (100, 30), Some((1, 10)));
        check((-5, 100), 1, 0, (-5, 100), Some((0, 6)));
    }

    #[test]
    fn without_budgets_nothing_is_held() {
        let reservation = Reservation::take(NanoUsd(5), [None, None]).unwrap();
        assert_eq!(reservation.reserved(), NanoUsd(0));
        assert!(!reservation.exceeds(NanoUsd(7)));
        reservation.release();
    }
}
