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
    fn duration_ns(&self, units: u64) -> u64 {
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

    /// Units that may be taken.
    pub fn remaining(&self, rate: Rate, now_ns: u64) -> u64 {
        rate.remaining(self.0.load(Ordering::Acquire), now_ns)
    }

    /// Nanoseconds until the whole limit is there again.
    pub fn reset_ns(&self, rate: Rate, now_ns: u64) -> u64 {
        rate.reset_ns(self.0.load(Ordering::Acquire), now_ns)
    }
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
