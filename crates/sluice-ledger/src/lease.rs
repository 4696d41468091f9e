//! How much of a budget a node leases, and the node's own account of what the database says it has leased.

use crate::NanoUsd;

/// What a node believes its row of leases says. Changed in the same steps as the row, so that what the row did not
/// cover is known without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Nano-dollars that the database counts as leased to this node.
    pub amount: i64,
    /// Number of the last change that the database has taken; every change carries the next one, so that a change
    /// whose answer was lost can be sent again.
    pub op: i64,
}

impl Lease {
    /// What the database does when a charge of this node is posted: takes it from the lease as far as that goes.
    /// Returns what the lease did not cover, in nano-dollars; it was posted all the same.
    pub fn post(&mut self, charged: NanoUsd) -> i64 {
        let charged = i64::try_from(charged.0).unwrap_or(i64::MAX);
        let covered = charged.min(self.amount).max(0);
        self.amount -= covered;
        charged - covered
    }
}

/// How much to lease: `remaining` is `limit - posted - leased` of the row, `need` the bound of the request that waits,
/// `live_nodes` how many nodes share the database. Alone a node takes everything; with others 2 % of the remainder,
/// but never less than it needs. `None`: not even `need` is there.
///
/// ```
/// use sluice_ledger::{NanoUsd, lease::chunk};
/// assert_eq!(chunk(NanoUsd(1_000), NanoUsd(10), 1), Some(NanoUsd(1_000)));
/// assert_eq!(chunk(NanoUsd(1_000), NanoUsd(10), 3), Some(NanoUsd(20)));
/// assert_eq!(chunk(NanoUsd(15), NanoUsd(10), 3), Some(NanoUsd(10)));
/// assert_eq!(chunk(NanoUsd(5), NanoUsd(10), 1), None);
/// ```
pub fn chunk(remaining: NanoUsd, need: NanoUsd, live_nodes: u32) -> Option<NanoUsd> {
    const PERCENT: u64 = 2;
    if remaining < need {
        return None;
    }
    if live_nodes <= 1 {
        return Some(remaining);
    }
    Some(NanoUsd(need.0.max(remaining.0 / 100 * PERCENT)))
}
