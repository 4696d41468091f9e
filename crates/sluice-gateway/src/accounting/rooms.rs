//! What budgets had room for when they last refused: callers who repeat what is answered 402 do not ask the database
//! each time.

use std::collections::HashMap;

use sluice_ledger::{NanoUsd, PurseId};
use tokio::time::Instant;

use super::desk::{Ask, LeaseReply};
use crate::bounds;

/// What is remembered, for a moment only: others may give back, an operator may change the limit.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    known: HashMap<PurseId, Room>,
}

#[derive(Debug)]
struct Room {
    /// What there would be if nobody held anything.
    room: NanoUsd,
    /// Under this limit.
    limit: NanoUsd,
    since: Instant,
}

impl Rooms {
    /// Remembers what the budget has room for.
    pub(super) fn learn(&mut self, ask: &Ask, room: NanoUsd, now: Instant) {
        let limit = ask.account.budget().limit;
        self.known.insert(ask.purse.id().clone(), Room { room, limit, since: now });
    }

    /// Answers those for which there is no room; the others, all for the same purse, are left.
    pub(super) fn answer(&self, mut asks: Vec<Ask>, now: Instant) -> Vec<Ask> {
        let Some(ask) = asks.first() else { return asks };
        let known = self.known.get(ask.purse.id()).filter(|known| known.is_fresh(now));
        let Some(room) = known.filter(|known| known.limit == ask.account.budget().limit).map(|k| k.room)
        else {
            return asks;
        };
        for spent in asks.extract_if(.., |ask| ask.bound > room) {
            // Who has gone needs no reply.
            let _ = spent.reply.send(LeaseReply::Spent);
        }
        asks
    }

    pub(super) fn forget(&mut self, now: Instant) {
        self.known.retain(|_, known| known.is_fresh(now));
    }
}

impl Room {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < bounds::SPENT_KNOWN
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use sluice_ledger::{AccountId, Budget, Period};
    use tokio::sync::oneshot;

    use super::{super::account::Account, *};
    use crate::clock;

    #[test]
    fn a_refusal_is_known_for_a_moment() {
        let budget = |limit| Budget { limit: NanoUsd(limit), period: Period::Total };
        let account = Arc::new(Account::new(AccountId::key("k"), budget(100)));
        let ask = |bound| {
            let (reply, answer) = oneshot::channel();
            let (account, bound) = (Arc::clone(&account), NanoUsd(bound));
            (Ask { purse: account.purse(0), account, need: NanoUsd(1), bound, reply }, answer)
        };
        let start = clock::timer_now();
        let mut rooms = Rooms::default();
        let check = |rooms: &Rooms, after_ms: u64, bound: u64, expect: Option<LeaseReply>| {
            let (ask, mut answer) = ask(bound);
            let left = rooms.answer(vec![ask], start + Duration::from_millis(after_ms));
            assert_eq!(
                (answer.try_recv().ok(), left.len()),
                (expect, usize::from(expect.is_none())),
                "{bound}"
            );
        };
        check(&rooms, 0, 11, None);
        rooms.learn(&ask(11).0, NanoUsd(10), start);
        check(&rooms, 0, 11, Some(LeaseReply::Spent));
        check(&rooms, 0, 10, None);
        check(&rooms, 99, 11, Some(LeaseReply::Spent));
        check(&rooms, 100, 11, None);
        account.set_budget(budget(200));
        check(&rooms, 0, 11, None);
        account.set_budget(budget(100));
        rooms.forget(start + Duration::from_millis(100));
        check(&rooms, 0, 11, None);
    }
}
