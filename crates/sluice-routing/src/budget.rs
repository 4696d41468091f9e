//! How many calls there may be beyond those that callers asked for.

use std::time::{Duration, Instant};

use crate::window::Window;

/// Repeats per hundred recent requests of a provider.
pub const RETRY_PERCENT: u32 = 20;
/// Repeats in a second that are always allowed.
pub const RETRIES_PER_SECOND: u32 = 3;
/// Hedges in a minute that are always allowed.
pub const HEDGES_PER_MINUTE: u32 = 3;

/// Repeats on the targets of one provider, in proportion to its requests of the last ten seconds.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    /// Requests and repeats.
    window: Window<10>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { window: Window::new(Duration::from_secs(1)) }
    }
}

impl RetryBudget {
    /// A request called a target of this provider; repeats and hedges are not noted.
    pub fn note_request(&mut self, now: Instant) {
        self.window.add(1, 0, now);
    }

    /// Takes one repeat, if there is one left.
    pub fn take(&mut self, now: Instant) -> bool {
        let (requests, repeats) = self.window.sums(now);
        let (_, in_this_second) = self.window.current(now);
        let share = u64::from(repeats + 1) * 100 <= u64::from(requests) * u64::from(RETRY_PERCENT);
        let free = share || in_this_second < RETRIES_PER_SECOND;
        if free {
            self.window.add(0, 1, now);
        }
        free
    }
}

/// Hedges of one model, in proportion to its requests of the last minute.
#[derive(Clone, Debug)]
pub struct HedgeBudget {
    percent: u32,
    /// Requests and hedges.
    window: Window<12>,
}

impl HedgeBudget {
    /// `percent` of the model's requests; 0: no hedges at all.
    pub fn new(percent: u32) -> Self {
        Self { percent, window: Window::new(Duration::from_secs(5)) }
    }

    /// The setting has changed.
    pub fn set_percent(&mut self, percent: u32) {
        self.percent = percent;
    }

    /// A request for this model.
    pub fn note_request(&mut self, now: Instant) {
        self.window.add(1, 0, now);
    }

    /// Takes one hedge, if there is one left.
    pub fn take(&mut self, now: Instant) -> bool {
        let (requests, hedges) = self.window.sums(now);
        let share = u64::from(hedges + 1) * 100 <= u64::from(requests) * u64::from(self.percent);
        let free = self.percent > 0 && (share || hedges < HEDGES_PER_MINUTE);
        if free {
            self.window.add(0, 1, now);
        }
        free
    }
}
