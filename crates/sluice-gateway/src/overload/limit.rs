//! How many requests a worker answers at a time: as many as it can without being late.
//!
//! A worker is late when it does at 20 ms what it should have done at 0: between the two it did what came before. That
//! is what each step of each request waits, and nothing else shows it as directly. The limit falls only where the
//! worker was late at every look of a window, and does not catch up: one long step, or a machine that was busy for a
//! moment, is no overload.

use std::time::{Duration, Instant};

use crate::bounds;

#[derive(Debug)]
pub(super) struct Limit {
    allowed: usize,
    most: usize,
    window: Window,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    /// `None` before the first look.
    since: Option<Instant>,
    first_lag: Duration,
    least_lag: Duration,
    most_lag: Duration,
    /// Whether somebody had to wait.
    reached: bool,
}

impl Window {
    const NEW: Self = Self {
        since: None,
        first_lag: Duration::ZERO,
        least_lag: Duration::MAX,
        most_lag: Duration::ZERO,
        reached: false,
    };
}

/// One look at a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) now: Instant,
    /// How late it is.
    pub(super) lag: Duration,
    /// Requests that it answers.
    pub(super) running: usize,
}

impl Limit {
    /// At most `most`; it begins there.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { allowed: most, most, window: Window::NEW }
    }

    pub(super) fn allowed(&self) -> usize {
        self.allowed
    }

    /// Somebody has to wait.
    pub(super) fn reached(&mut self) {
        self.window.reached = true;
    }

    pub(super) fn look(&mut self, look: Look) {
        let window = &mut self.window;
        if window.since.is_none() {
            (window.since, window.first_lag) = (Some(look.now), look.lag);
        }
        window.least_lag = window.least_lag.min(look.lag);
        window.most_lag = window.most_lag.max(look.lag);
        if window.since.is_some_and(|since| look.now.saturating_duration_since(since) < bounds::LAG_WINDOW) {
            return;
        }
        let window = *window;
        let is_late = window.least_lag > bounds::LAG_HIGH;
        let is_quick = window.most_lag < bounds::LAG_LOW;
        let next = match (is_late, window.reached) {
            (true, _) if look.lag * 4 >= window.first_lag * 3 => look.running.min(self.allowed) / 10 * 8,
            // It catches up.
            (true, _) => self.allowed,
            // Nobody needs more: what an earlier overload has taken away comes back at once.
            (false, false) if is_quick => self.allowed + self.allowed / 2,
            (false, true) if is_quick => self.allowed + self.allowed / 10 + 1,
            (false, true) => self.allowed + self.allowed / 40 + 1,
            (false, false) => self.allowed,
        };
        self.allowed = next.clamp(bounds::RUNNING_LEAST.min(self.most), self.most);
        self.window = Window { since: Some(look.now), first_lag: look.lag, ..Window::NEW };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const MOST: usize = 1_000;

    /// The limit after a window with these lags, in milliseconds.
    fn after(limit: &mut Limit, start: &mut Instant, running: usize, lags: &[u64]) -> usize {
        let step = bounds::LAG_WINDOW / u32::try_from(lags.len()).unwrap();
        for lag in lags {
            *start += step;
            limit.look(Look { now: *start, lag: Duration::from_millis(*lag), running });
        }
        limit.allowed()
    }

    #[test]
    fn falls_while_the_worker_is_late_and_rises_when_it_is_not() {
        let mut now = clock::now();
        let mut limit = Limit::new(MOST);
        limit.look(Look { now, lag: Duration::ZERO, running: 0 });
        let mut check = |reached: bool, running, lags: &[u64], expect| {
            if reached {
                limit.reached();
            }
            assert_eq!(after(&mut limit, &mut now, running, lags), expect, "{running} {lags:?}");
        };
        check(false, 10, &[1, 0, 1, 0, 1], MOST);
        check(false, 900, &[500, 500, 500, 500, 20], MOST);
        check(false, 900, &[31, 40, 50, 90, 31], 720);
        check(true, 720, &[31, 40, 50, 90, 90], 576);
        check(true, 720, &[80, 70, 60, 50, 40], 576);
        check(true, 720, &[30, 30, 28, 26, 25], 576);
        check(false, 400, &[10, 10, 10, 10, 10], 576);
        check(true, 576, &[10, 10, 10, 10, 10], 591);
        check(true, 576, &[1, 1, 1, 1, 1], 651);
        check(false, 3, &[1, 1, 1, 1, 1], 976);
        check(false, 3, &[1, 1, 1, 1, 1], MOST);
        check(true, 3, &[99, 99, 99, 99, 99], bounds::RUNNING_LEAST);
    }
}
