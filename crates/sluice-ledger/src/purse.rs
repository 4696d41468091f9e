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
