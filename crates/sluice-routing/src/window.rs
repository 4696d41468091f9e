//! Counts over the last while, in steps of time.

use std::time::{Duration, Instant};

/// Two counts over the last `N` steps, the current one included.
#[derive(Clone, Debug)]
pub(crate) struct Window<const N: usize> {
    step: Duration,
    /// Where step 0 begins: the first moment that was seen.
    origin: Option<Instant>,
    /// The step of the newest bucket.
    newest: u64,
    buckets: [(u32, u32); N],
}

impl<const N: usize> Window<N> {
    pub(crate) fn new(step: Duration) -> Self {
        Self { step, origin: None, newest: 0, buckets: [(0, 0); N] }
    }

    /// Counts `first` and `second` as of `now`.
    pub(crate) fn add(&mut self, first: u32, second: u32, now: Instant) {
        let at = self.advance(now);
        let bucket = &mut self.buckets[at];
        bucket.0 = bucket.0.saturating_add(first);
        bucket.1 = bucket.1.saturating_add(second);
    }

    /// Both counts over the whole window.
    pub(crate) fn sums(&mut self, now: Instant) -> (u32, u32) {
        self.advance(now);
        let add = |(a, b): (u32, u32), bucket: &(u32, u32)| {
            (a.saturating_add(bucket.0), b.saturating_add(bucket.1))
        };
        self.buckets.iter().fold((0, 0), add)
    }

    /// Both counts of the current step alone.
    pub(crate) fn current(&mut self, now: Instant) -> (u32, u32) {
        let at = self.advance(now);
        self.buckets[at]
    }

    pub(crate) fn clear(&mut self) {
        self.buckets = [(0, 0); N];
    }

    /// Empties the buckets that have passed; gives the index of the current one. Time does not go back: an earlier
    /// `now` counts in the newest bucket.
    fn advance(&mut self, now: Instant) -> usize {
        let origin = *self.origin.get_or_insert(now);
        let step = now.saturating_duration_since(origin).as_nanos() / self.step.as_nanos().max(1);
        let step = u64::try_from(step).unwrap_or(u64::MAX).max(self.newest);
        for passed in (self.newest + 1..=step).take(N) {
            self.buckets[index::<N>(passed)] = (0, 0);
        }
        self.newest = step;
        index::<N>(step)
    }
}

fn index<const N: usize>(step: u64) -> usize {
    usize::try_from(step % N as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::start;

    #[test]
    fn counts_leave_with_their_step() {
        // (ms, added) ..., then the sum and the current count at a moment.
        let check = |adds: &[(u64, u32)], at: u64, sum: u32, current: u32| {
            let zero = start();
            let mut window = Window::<3>::new(Duration::from_secs(1));
            for (ms, count) in adds {
                window.add(*count, 2 * count, zero + Duration::from_millis(*ms));
            }
            let now = zero + Duration::from_millis(at);
            assert_eq!(window.sums(now), (sum, 2 * sum), "{adds:?} at {at}");
            assert_eq!(window.current(now), (current, 2 * current), "{adds:?} at {at}");
        };
        check(&[], 5_000, 0, 0);
        check(&[(0, 1), (999, 2)], 999, 3, 3);
        check(&[(0, 1), (1_000, 2)], 2_999, 3, 0);
        check(&[(0, 1), (1_000, 2)], 3_000, 2, 0);
        check(&[(0, 1), (1_000, 2)], 4_000, 0, 0);
        check(&[(0, 1), (1_000, 2), (2_500, 4)], 3_999, 6, 0);
        check(&[(0, 1), (3_600_000, 2)], 3_600_000, 2, 2);
        // Time that goes back counts in the newest step.
        check(&[(0, 1), (5_000, 2), (1_000, 4)], 5_000, 6, 6);
    }
}
