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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_come_out_of_the_lease_as_far_as_it_goes() {
        let check = |amount: i64, charged: u64, left: i64, uncovered: i64| {
            let mut lease = Lease { amount, op: 3 };
            assert_eq!(lease.post(NanoUsd(charged)), uncovered, "{amount} {charged}");
            assert_eq!(lease, Lease { amount: left, op: 3 }, "{amount} {charged}");
        };
        check(100, 0, 100, 0);
        check(100, 30, 70, 0);
        check(100, 100, 0, 0);
        check(100, 130, 0, 30);
        check(0, 30, 0, 30);
        check(-5, 30, -5, 30);
        check(i64::MAX, u64::MAX, 0, 0);
        check(0, u64::MAX, 0, i64::MAX);
    }

    #[test]
    fn chunks_shrink_to_what_is_needed_and_never_below() {
        let check = |remaining: u64, need: u64, nodes: u32, expect: Option<u64>| {
            let found = chunk(NanoUsd(remaining), NanoUsd(need), nodes);
            assert_eq!(found, expect.map(NanoUsd), "{remaining} {need} {nodes}");
        };
        check(1_000, 10, 0, Some(1_000));
        check(1_000, 10, 1, Some(1_000));
        check(1_000, 10, 2, Some(20));
        check(1_000, 20, 2, Some(20));
        check(1_000, 21, 2, Some(21));
        check(1_000, 1_000, 9, Some(1_000));
        check(1_000, 1_001, 1, None);
        check(0, 0, 1, Some(0));
        check(0, 1, 1, None);
        check(u64::MAX, 1, 2, Some(u64::MAX / 100 * 2));
    }
}
