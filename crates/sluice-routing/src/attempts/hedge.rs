//! A second call beside one that is slow to begin.

use std::time::{Duration, Instant};

use super::{Attempts, Running};
use crate::fleet::{Fleet, Standing};

/// So many times what 95 of 100 first tokens take is slow.
const SLOW: u32 = 3;
/// After a hedge that was not to be had it is thought of again.
const THINK_AGAIN: Duration = Duration::from_secs(1);

impl Attempts {
    /// When to think of a hedge, while one call of a stream is without its first content; `None`: never.
    pub fn hedge_at(&self, fleet: &dyn Fleet) -> Option<Instant> {
        let terms = self.terms.hedge.filter(|_| self.terms.stream && self.broke.is_none() && !self.over)?;
        let [call] = self.running[..] else { return None };
        if self.made >= self.terms.max_attempts || self.left(false).next().is_none() {
            return None;
        }
        let slow = fleet.first_token_p95(self.slots[call.slot].is.target).map(|p95| p95.saturating_mul(SLOW));
        let delay = slow.map_or(terms.min_delay, |slow| slow.max(terms.min_delay));
        let at = call.since.checked_add(delay)?;
        let at = self.hedge_not_before.map_or(at, |not_before| at.max(not_before));
        Some(at).filter(|at| *at < self.terms.deadline)
    }

    /// The target to call beside the one that is slow, equals first; it counts as an attempt. `silent`: the running
    /// call has sent no byte at all. `None`: not now; [`Self::hedge_at`] says when next.
    pub fn hedge(&mut self, now: Instant, fleet: &dyn Fleet, silent: bool) -> Option<usize> {
        if self.hedge_at(fleet).is_none_or(|at| now < at) {
            return None;
        }
        self.hedge_not_before = now.checked_add(THINK_AGAIN);
        let [call] = self.running[..] else { return None };
        let model = self.slots[call.slot].is.same_model;
        let ready =
            |at: &usize| self.standing(*at, now, fleet) == Standing::Ready && !self.is_full(*at, now, fleet);
        let equal = |at: &usize| self.slots[*at].is.same_model == model;
        let slot = self.left(false).filter(equal).find(ready).or_else(|| self.left(false).find(ready))?;
        // What is silent is likely gone: that is less a race than a repeat of what was sent there.
        let allowed = if silent { self.take_retry(call.slot, now, fleet) } else { fleet.take_hedge(now) };
        if !allowed {
            return None;
        }
        self.made += 1;
        self.slots[slot].tried = true;
        self.running.push(Running { slot, since: now });
        Some(self.slots[slot].is.target)
    }
}
