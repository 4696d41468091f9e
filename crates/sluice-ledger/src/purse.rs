//! The part of a budget that this node may spend by itself: a lease of one budget window, held in memory.
//!
//! The books are in one row of the database, where `posted + leased <= limit` holds whatever nodes do. A purse is the
//! node's side of what the row calls leased: what requests take is gone from `free` at once and comes back as far as
//! they did not use it. It never asks the database by itself.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::{NanoUsd, PurseId};

/// A purse has less left than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// How much is missing, in nano-dollars.
    pub missing: NanoUsd,
}

/// What is left of a lease. Shared between all threads of a node.
#[derive(Debug)]
pub struct Purse {
    id: PurseId,
    /// Nano-dollars that may still be taken; below 0 after a request that cost more than was reserved for it.
    free: AtomicI64,
}

impl Purse {
    /// An empty purse.
    pub fn new(id: PurseId) -> Self {
        Self { id, free: AtomicI64::new(0) }
    }

    pub fn id(&self) -> &PurseId {
        &self.id
    }

    /// What may still be taken, in nano-dollars; below 0 after an excess.
    pub fn free(&self) -> i64 {
        self.free.load(Ordering::Acquire)
    }

    /// Takes the whole of `amount`, or nothing.
    pub fn take(&self, amount: NanoUsd) -> Result<(), Short> {
        let wanted = signed(amount);
        let taken = self
            .free
            .try_update(Ordering::AcqRel, Ordering::Acquire, |free| (free >= wanted).then(|| free - wanted));
        taken.map(drop).map_err(|free| {
            let missing = i128::from(wanted) - i128::from(free);
            Short { missing: NanoUsd(u64::try_from(missing).unwrap_or(u64::MAX)) }
        })
    }

    /// Ends a hold of `reserved` that was taken, of which `charged` was used. What it cost beyond its hold comes out
    /// of what is free, below 0 if it must: then nothing can be taken until the books have it.
    pub fn settle(&self, reserved: NanoUsd, charged: NanoUsd) {
        self.change(signed(reserved).saturating_sub(signed(charged)));
    }

    /// The database granted (`> 0`) or took back (`< 0`) so many nano-dollars, or posted an excess that no lease
    /// covered (`> 0`).
    pub fn change(&self, by: i64) {
        // The closure always gives a value.
        let _ =
            self.free.try_update(Ordering::AcqRel, Ordering::Acquire, |free| Some(free.saturating_add(by)));
    }

    /// Takes everything that is free, to give it back to the database. Returns it in nano-dollars.
    pub fn empty(&self) -> i64 {
        self.free
            .try_update(Ordering::AcqRel, Ordering::Acquire, |free| (free > 0).then_some(0))
            .unwrap_or_default()
    }
}

fn signed(amount: NanoUsd) -> i64 {
    i64::try_from(amount.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Window};

    fn purse(free: i64) -> Purse {
        let purse = Purse::new(PurseId { account: AccountId::key("k"), window: Window(0) });
        purse.change(free);
        purse
    }

    #[test]
    fn the_whole_is_taken_or_nothing() {
        let check = |free: i64, amount: u64, left: i64, missing: Option<u64>| {
            let purse = purse(free);
            let expect = missing.map_or(Ok(()), |missing| Err(Short { missing: NanoUsd(missing) }));
            assert_eq!(purse.take(NanoUsd(amount)), expect, "{free} {amount}");
            assert_eq!(purse.free(), left, "{free} {amount}");
        };
        check(10, 10, 0, None);
        check(10, 0, 10, None);
        check(0, 0, 0, None);
        check(10, 11, 10, Some(1));
        check(-5, 10, -5, Some(15));
        // In debt even what is free of charge waits.
        check(-5, 0, -5, Some(5));
        check(i64::MAX, i64::MAX as u64, 0, None);
        check(i64::MIN, u64::MAX, i64::MIN, Some(u64::MAX));
        check(0, u64::MAX, 0, Some(i64::MAX as u64));
    }

    #[test]
    fn ends_give_back_what_was_not_used() {
        let check = |reserved: u64, charged: u64, free: i64| {
            let purse = purse(100);
            purse.take(NanoUsd(reserved)).unwrap();
            purse.settle(NanoUsd(reserved), NanoUsd(charged));
            assert_eq!(purse.free(), free, "{reserved} {charged}");
        };
        check(60, 0, 100);
        check(60, 25, 75);
        check(60, 60, 40);
        check(60, 90, 10);
        check(60, 190, -90);
        check(0, u64::MAX, 100 - i64::MAX);
    }

    #[test]
    fn only_what_is_free_can_be_emptied() {
        let check = |free: i64, taken: i64, left: i64| {
            let purse = purse(free);
            assert_eq!((purse.empty(), purse.free()), (taken, left));
        };
        check(100, 100, 0);
        check(0, 0, 0);
        check(-7, 0, -7);
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let purse = purse(10_000);
        let held: u64 = std::thread::scope(|scope| {
            let thread = |step: u64| {
                let mut held = 0;
                for turn in 0..2_000 {
                    if purse.take(NanoUsd(step)).is_ok() {
                        if turn % 3 == 0 {
                            purse.settle(NanoUsd(step), NanoUsd(step / 2));
                            held += step / 2;
                        } else {
                            held += step;
                        }
                    }
                }
                held
            };
            let threads: Vec<_> = (2..6).map(|step| scope.spawn(move || thread(step * 2))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(purse.free() >= 0);
        assert_eq!(held + purse.free().unsigned_abs(), 10_000);
    }
}
