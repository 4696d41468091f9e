//! Limits of a key, a project, or one model of a key. An absent limit does not bind.
//!
//! Rates are counted by the generic cell rate algorithm: one number a limit, the *theoretical arrival time* (tat) at
//! which everything that was taken has flowed back. It is in nanoseconds of whatever clock the caller counts by; 0 is
//! a limit of which nothing was taken. The burst is the whole limit.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What may be used at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute.
    pub tpm: Option<u64>,
    /// Requests in flight at the same time.
    pub parallel: Option<u32>,
    /// Largest output limit, in tokens, that a caller may ask for.
    pub max_output_tokens: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// Nanoseconds in which a whole limit flows back.
pub const MINUTE_NS: u64 = 60_000_000_000;

/// So many units a minute, all of which may be taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    limit: u64,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// It is more than the whole limit: waiting does not help.
    Never,
    /// It fits after so many nanoseconds, if nobody else takes anything.
    Wait { ns: u64 },
}

impl Rate {
    /// `limit` units per minute; with 0 nothing may ever be taken.
    pub fn per_minute(limit: u64) -> Self {
        Self { limit }
    }

    /// Units per minute.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes `cost` units at `now_ns`. Returns the new tat.
    pub fn take(&self, tat_ns: u64, now_ns: u64, cost: u64) -> Result<u64, TooMuch> {
        if cost > self.limit {
            return Err(TooMuch::Never);
        }
        let used = tat_ns.saturating_sub(now_ns).saturating_add(self.duration_ns(cost));
        if used > MINUTE_NS {
            return Err(TooMuch::Wait { ns: used - MINUTE_NS });
        }
        Ok(now_ns.saturating_add(used))
    }

    /// Corrects what was taken by `difference` units once it is known: `> 0` is taken beside it, even beyond the
    /// limit, `< 0` comes back. Returns the new tat. Nothing comes back that time has brought back already, and what
    /// is added counts from `now_ns`.
    pub fn post(&self, tat_ns: u64, now_ns: u64, difference: i64) -> u64 {
        let duration = self.duration_ns(difference.unsigned_abs());
        if difference < 0 {
            return tat_ns.saturating_sub(duration);
        }
        tat_ns.max(now_ns).saturating_add(duration)
    }

    /// Units that may be taken at `now_ns`.
    pub fn remaining(&self, tat_ns: u64, now_ns: u64) -> u64 {
        let free_ns = MINUTE_NS.saturating_sub(self.reset_ns(tat_ns, now_ns));
        let units = u128::from(free_ns) * u128::from(self.limit) / u128::from(MINUTE_NS);
        u64::try_from(units).unwrap_or(u64::MAX)
    }

    /// Nanoseconds until the whole limit is there again.
    pub fn reset_ns(&self, tat_ns: u64, now_ns: u64) -> u64 {
        tat_ns.saturating_sub(now_ns)
    }

    /// How long `units` take to flow back. Rounded down: rounded up, the units of a whole limit would not fit in it.
    pub fn duration_ns(&self, units: u64) -> u64 {
        let ns = u128::from(units) * u128::from(MINUTE_NS) / u128::from(self.limit.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

/// The tat of one limit, shared between all threads of a node. Which [`Rate`] holds is the caller's to say, so that a
/// changed limit keeps what was taken.
#[derive(Debug, Default)]
pub struct RateCell(AtomicU64);

impl RateCell {
    /// Nothing was taken yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `cost` units, or nothing.
    pub fn take(&self, rate: Rate, now_ns: u64, cost: u64) -> Result<(), TooMuch> {
        let mut tat = self.0.load(Ordering::Acquire);
        loop {
            let next = rate.take(tat, now_ns, cost)?;
            match self.0.compare_exchange_weak(tat, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(seen) => tat = seen,
            }
        }
    }

    /// Corrects what was taken by `difference` units.
    pub fn post(&self, rate: Rate, now_ns: u64, difference: i64) {
        // The closure always gives a value.
        let _ = self
            .0
            .try_update(Ordering::AcqRel, Ordering::Acquire, |tat| Some(rate.post(tat, now_ns, difference)));
    }

    /// Notes `cost` units that were taken by another count of the same limit: never refused, and never more than would
    /// leave the limit empty.
    pub fn note(&self, rate: Rate, now_ns: u64, cost: u64) {
        let noted =
            |tat| Some(rate.post(tat, now_ns, signed(cost)).min(now_ns.saturating_add(MINUTE_NS).max(tat)));
        // The closure always gives a value.
        let _ = self.0.try_update(Ordering::AcqRel, Ordering::Acquire, noted);
    }

    /// Units that may be taken.
    pub fn remaining(&self, rate: Rate, now_ns: u64) -> u64 {
        rate.remaining(self.0.load(Ordering::Acquire), now_ns)
    }

    /// Nanoseconds until the whole limit is there again.
    pub fn reset_ns(&self, rate: Rate, now_ns: u64) -> u64 {
        rate.reset_ns(self.0.load(Ordering::Acquire), now_ns)
    }
}

fn signed(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}

/// Requests in flight, shared between all threads of a node.
#[derive(Debug, Default)]
pub struct Slots(AtomicU32);

impl Slots {
    /// Nothing is in flight yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a slot if fewer than `limit` are taken. Whoever got one gives it back once.
    pub fn take(&self, limit: u32) -> bool {
        let taken = self.0.try_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            (used < limit).then(|| used.saturating_add(1))
        });
        taken.is_ok()
    }

    /// Takes a slot that was granted elsewhere, whatever the limit says here.
    pub fn enter(&self) {
        // The closure always gives a value.
        let _ = self.0.try_update(Ordering::AcqRel, Ordering::Acquire, |used| Some(used.saturating_add(1)));
    }

    /// Gives a slot back.
    pub fn give_back(&self) {
        // Below 0 there is nothing: a slot too many given back must not free the rest for ever.
        let _ = self.0.try_update(Ordering::AcqRel, Ordering::Acquire, |used| used.checked_sub(1));
    }

    /// Slots that are taken.
    pub fn used(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Steps of (nanoseconds, units) against one limit, and what came of each.
    fn check(limit: u64, steps: &[(u64, u64, Result<u64, TooMuch>)]) {
        let (rate, cell) = (Rate::per_minute(limit), RateCell::new());
        for (now, cost, expect) in steps {
            let taken = cell.take(rate, *now, *cost).map(|()| cell.remaining(rate, *now));
            assert_eq!(taken, *expect, "{limit} a minute: {cost} at {now}");
        }
    }

    fn wait(ns: u64) -> Result<u64, TooMuch> {
        Err(TooMuch::Wait { ns })
    }

    #[test]
    fn the_burst_is_the_whole_limit_and_flows_back_evenly() {
        check(
            60,
            &[
                (0, 60, Ok(0)),
                (0, 1, wait(SECOND)),
                (SECOND - 1, 1, wait(1)),
                (SECOND, 1, Ok(0)),
                (11 * SECOND, 11, wait(SECOND)),
                (11 * SECOND, 10, Ok(0)),
                (1_000 * SECOND, 60, Ok(0)),
                (1_000 * SECOND, 61, Err(TooMuch::Never)),
            ],
        );
    }

    #[test]
    fn odd_limits_lose_nothing_to_rounding() {
        let ones: Vec<_> = (0..7).map(|n| (0, 1, Ok(6 - n))).collect();
        check(7, &ones);
        check(1, &[(5, 1, Ok(0)), (6, 1, wait(MINUTE_NS - 1)), (5 + MINUTE_NS, 1, Ok(0))]);
        check(0, &[(0, 1, Err(TooMuch::Never)), (0, 0, Ok(0))]);
    }

    #[test]
    fn the_largest_numbers_are_numbers() {
        check(u64::MAX, &[(0, u64::MAX, Ok(0)), (0, u64::MAX, wait(MINUTE_NS))]);
        check(10, &[(u64::MAX, 10, Ok(10)), (u64::MAX, 11, Err(TooMuch::Never))]);
        assert_eq!(Rate::per_minute(1).post(u64::MAX, 0, i64::MAX), u64::MAX);
        assert_eq!(Rate::per_minute(0).post(0, 0, i64::MIN), 0);
    }

    #[test]
    fn corrections_may_go_below_nothing() {
        let (rate, cell) = (Rate::per_minute(600), RateCell::new());
        cell.take(rate, 0, 100).unwrap();
        cell.post(rate, 0, 800);
        assert_eq!((cell.remaining(rate, 0), cell.reset_ns(rate, 0)), (0, 90 * SECOND));
        assert_eq!(cell.take(rate, 0, 1), Err(TooMuch::Wait { ns: 30 * SECOND + SECOND / 10 }));
        cell.post(rate, 0, -900);
        assert_eq!((cell.remaining(rate, 0), cell.reset_ns(rate, 0)), (600, 0));
        // Nothing is saved up beyond the limit, and what comes late counts from when it comes.
        cell.post(rate, 0, -900);
        cell.post(rate, 1_000 * SECOND, 300);
        assert_eq!(cell.remaining(rate, 1_000 * SECOND), 300);
    }

    #[test]
    fn what_others_counted_is_noted_up_to_the_limit() {
        let (rate, cell) = (Rate::per_minute(60), RateCell::new());
        cell.note(rate, SECOND, 20);
        assert_eq!(cell.remaining(rate, SECOND), 40);
        cell.note(rate, SECOND, 1_000);
        assert_eq!((cell.remaining(rate, SECOND), cell.reset_ns(rate, SECOND)), (0, MINUTE_NS));
        cell.post(rate, SECOND, 60);
        cell.note(rate, SECOND, 1);
        assert_eq!(cell.reset_ns(rate, SECOND), 2 * MINUTE_NS, "what is owed stays owed");
    }

    #[test]
    fn slots() {
        let slots = Slots::new();
        assert!(slots.take(2) && slots.take(2) && !slots.take(2));
        slots.give_back();
        assert!(slots.take(2) && !slots.take(0));
        slots.enter();
        assert_eq!(slots.used(), 3);
        for _ in 0..5 {
            slots.give_back();
        }
        assert_eq!(slots.used(), 0);
        assert!(!slots.take(0));
    }

    #[test]
    fn threads_take_no_more_than_there_is() {
        let (rate, cell, slots) = (Rate::per_minute(1_000), RateCell::new(), Slots::new());
        let taken: usize = std::thread::scope(|scope| {
            let thread = || (0..1_000).filter(|_| cell.take(rate, 7, 1).is_ok() && slots.take(1_000)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((taken, cell.remaining(rate, 7), slots.used()), (1_000, 0, 1_000));
    }

    proptest! {
        #[test]
        fn no_more_than_a_burst_and_what_flows_back(
            limit in 1..2_000u64,
            steps in prop::collection::vec((0..3 * SECOND, 1..40u64), 1..200),
        ) {
            let rate = Rate::per_minute(limit);
            let (mut tat, mut now, mut taken) = (0, 0, 0);
            for (wait, cost) in steps {
                now += wait;
                match rate.take(tat, now, cost) {
                    Ok(next) => {
                        prop_assert!(rate.remaining(tat, now) + 1 >= cost);
                        (tat, taken) = (next, taken + cost);
                    }
                    Err(TooMuch::Never) => prop_assert!(cost > limit),
                    Err(TooMuch::Wait { ns }) => {
                        prop_assert!(rate.remaining(tat, now) < cost);
                        prop_assert!(rate.take(tat, now + ns, cost).is_ok());
                        prop_assert!(rate.take(tat, now + ns - 1, cost).is_err());
                    }
                }
                // A burst, and what has flowed back since; a nanosecond for each take is lost to rounding.
                let flowed = u128::from(limit) * u128::from(now + 200) / u128::from(MINUTE_NS);
                prop_assert!(u128::from(taken) <= u128::from(limit) + flowed + 1);
            }
        }
    }
}
