//! How many calls there may be beyond those that callers asked for.

use std::time::{Duration, Instant};

use crate::window::Window;

/// Repeats per hundred recent requests of a provider.
pub const RETRY_PERCENT: u32 = 20;
/// Repeats in a second that are allowed whatever their share.
pub const RETRIES_PER_SECOND: u32 = 3;
const SECONDS: usize = 10;
/// Hedges in a minute that are always allowed.
pub const HEDGES_PER_MINUTE: u32 = 3;

/// Repeats on the targets of one provider, in proportion to its requests of the last ten seconds.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    /// Requests and repeats.
    window: Window<SECONDS>,
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
        let few = repeats < RETRIES_PER_SECOND * SECONDS as u32 && in_this_second < RETRIES_PER_SECOND;
        let free = share || few;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::start;

    /// How many of `asked` are given at `at` ms, after (ms, requests).
    fn given(requests: &[(u64, u32)], at: u64, asked: u32, mut take: impl FnMut(u64, bool) -> bool) -> u32 {
        for (ms, count) in requests {
            for _ in 0..*count {
                take(*ms, false);
            }
        }
        (0..asked).map(|_| u32::from(take(at, true))).sum()
    }

    #[test]
    fn repeats_are_a_share_of_the_requests_and_three_a_second_at_least() {
        let check = |requests: &[(u64, u32)], at, expect| {
            let zero = start();
            let mut budget = RetryBudget::default();
            let given = given(requests, at, 1_000, |ms, take| {
                let now = zero + Duration::from_millis(ms);
                if take {
                    budget.take(now)
                } else {
                    {
                        budget.note_request(now);
                        false
                    }
                }
            });
            assert_eq!(given, expect, "{requests:?} at {at}");
        };
        check(&[], 0, 3);
        check(&[(0, 15)], 0, 3);
        check(&[(0, 20)], 0, 4);
        check(&[(0, 1_000)], 9_999, 200);
        check(&[(0, 1_000)], 10_000, 3);
        check(&[(0, 500), (5_000, 500)], 10_000, 100);
    }

    #[test]
    fn three_a_second_come_back_each_second() {
        let zero = start();
        let mut budget = RetryBudget::default();
        for second in 0..30 {
            let now = zero + Duration::from_secs(second);
            assert_eq!((0..10).filter(|_| budget.take(now)).count(), 3, "{second}");
        }
    }

    #[test]
    fn the_three_a_second_are_not_beside_the_share() {
        let zero = start();
        let mut budget = RetryBudget::default();
        (0..1_000).for_each(|_| budget.note_request(zero));
        assert_eq!((0..1_000).filter(|_| budget.take(zero)).count(), 200);
        for second in 1..10 {
            assert!(!budget.take(zero + Duration::from_secs(second)), "{second}");
        }
        assert!(budget.take(zero + Duration::from_secs(10)));
    }

    #[test]
    fn hedges_are_a_share_of_the_requests_and_three_a_minute_at_least() {
        let check = |percent, requests: &[(u64, u32)], at, expect| {
            let zero = start();
            let mut budget = HedgeBudget::new(percent);
            let given = given(requests, at, 1_000, |ms, take| {
                let now = zero + Duration::from_millis(ms);
                if take {
                    budget.take(now)
                } else {
                    {
                        budget.note_request(now);
                        false
                    }
                }
            });
            assert_eq!(given, expect, "{percent} {requests:?} at {at}");
        };
        check(5, &[], 0, 3);
        check(5, &[(0, 60)], 0, 3);
        check(5, &[(0, 100)], 0, 5);
        check(5, &[(0, 100)], 60_000, 3);
        check(5, &[(0, 400), (30_000, 200)], 60_000, 10);
        check(0, &[(0, 400)], 0, 0);
        check(100, &[(0, 40)], 0, 40);
    }
}
