//! How many calls of one target may be under way: no limit until it says that it has too many, then less by a tenth
//! each time that it says so, and one more for each round of answers.

use std::time::{Duration, Instant};

use crate::{fleet::Load, window::Window};

/// No limit is lower than this: a few calls at a time are no overload.
pub const LIMIT_LEAST: f64 = 4.0;
const DECREASE: f64 = 0.9;
/// So many refusals, and one of so many outcomes, are needed to lower the limit.
const SIGNALS_LEAST: u32 = 3;
const SIGNAL_SHARE: u32 = 10;
/// Between two decreases.
const DECREASE_EVERY: Duration = Duration::from_secs(1);
/// So long without a refusal and the limit rises quickly; so much longer without being used, and it goes.
const QUIET: Duration = Duration::from_secs(30);
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Calls under way of one target, and their limit.
#[derive(Clone, Debug)]
pub struct Aimd {
    in_flight: u32,
    /// `None`: unlimited.
    limit: Option<f64>,
    /// Outcomes, and refusals for overload among them.
    window: Window<10>,
    lowered: Option<Instant>,
    refused: Option<Instant>,
}

impl Default for Aimd {
    fn default() -> Self {
        let window = Window::new(Duration::from_secs(1));
        Self { in_flight: 0, limit: None, window, lowered: None, refused: None }
    }
}

impl Aimd {
    pub fn load(&self) -> Load {
        // Between 4 and what was once under way: in range.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by min and max")]
        let limit = self.limit.map_or(u32::MAX, |limit| limit.clamp(0.0, f64::from(u32::MAX)) as u32);
        Load { in_flight: self.in_flight, limit }
    }

    /// A call starts; gives how many are under way with it.
    pub fn started(&mut self) -> u32 {
        self.in_flight = self.in_flight.saturating_add(1);
        self.in_flight
    }

    /// A call is over, one way or another; one of the following three says how.
    pub fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// It was answered.
    pub fn succeeded(&mut self, now: Instant) {
        self.window.add(1, 0, now);
        let Some(limit) = &mut self.limit else { return };
        let quiet = self.refused.map_or(FORGOTTEN, |last| now.saturating_duration_since(last));
        let used = f64::from(self.in_flight + 1) * 2.0 >= *limit;
        if used {
            *limit += if quiet >= QUIET { 1.0 } else { 1.0 / *limit };
        } else if quiet >= FORGOTTEN {
            self.limit = None;
        }
    }

    /// It failed for another reason than load.
    pub fn failed(&mut self, now: Instant) {
        self.window.add(1, 0, now);
    }

    /// It was refused for there being too many: `under_way` when it was started then.
    pub fn refused(&mut self, started: Instant, under_way: u32, now: Instant) {
        // What was started under the limit before says nothing about this one.
        if self.lowered.is_some_and(|lowered| started < lowered) {
            return;
        }
        self.refused = Some(now);
        self.window.add(1, 1, now);
        let (outcomes, refusals) = self.window.sums(now);
        let often = refusals >= SIGNALS_LEAST && refusals * SIGNAL_SHARE >= outcomes;
        let lately = self.lowered.is_some_and(|l| now.saturating_duration_since(l) < DECREASE_EVERY);
        if often && !lately {
            let carried = f64::from(under_way);
            let base = self.limit.map_or(carried, |limit| limit.min(carried));
            self.limit = Some((base * DECREASE).max(LIMIT_LEAST));
            self.lowered = Some(now);
            self.window.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::start;

    /// A target with so many calls under way.
    fn busy(calls: u32) -> Aimd {
        let mut aimd = Aimd::default();
        for _ in 0..calls {
            aimd.started();
        }
        aimd
    }

    fn limit(aimd: &Aimd) -> Option<u32> {
        Some(aimd.load().limit).filter(|limit| *limit != u32::MAX)
    }

    #[test]
    fn some_refusals_lower_the_limit_by_a_tenth() {
        // Calls under way, outcomes before, refusals at 0 s.
        let check = |calls, outcomes, refusals, expect| {
            let now = start();
            let mut aimd = busy(calls);
            (0..outcomes).for_each(|_| aimd.succeeded(now));
            (0..refusals).for_each(|_| aimd.refused(now, calls, now));
            assert_eq!(limit(&aimd), expect, "{calls} {outcomes} {refusals}");
        };
        check(100, 0, 2, None);
        check(100, 0, 3, Some(90));
        // Not twice in a second.
        check(100, 0, 9, Some(90));
        // One of ten.
        check(100, 27, 3, Some(90));
        check(100, 28, 3, None);
        // Never below the least.
        check(2, 0, 3, Some(4));
    }

    #[test]
    fn each_second_it_may_sink_by_what_was_started_since() {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut aimd = busy(100);
        (0..3).for_each(|_| aimd.refused(zero, 100, zero));
        (0..9).for_each(|_| aimd.refused(at(0), 100, at(500)));
        assert_eq!(limit(&aimd), Some(90));
        // Started before the limit was lowered: says nothing.
        (0..9).for_each(|_| aimd.refused(zero - Duration::from_millis(1), 100, at(1_500)));
        assert_eq!(limit(&aimd), Some(90));
        (0..3).for_each(|_| aimd.refused(at(1_000), 90, at(1_500)));
        assert_eq!(limit(&aimd), Some(81));
    }

    #[test]
    fn answers_raise_it_and_long_quiet_ends_it() {
        let zero = start();
        // Calls under way, seconds since the refusal, answers.
        let check = |calls, seconds, answers: u32, expect| {
            let mut aimd = busy(calls);
            (0..3).for_each(|_| aimd.refused(zero, 100, zero));
            (0..answers).for_each(|_| aimd.succeeded(zero + Duration::from_secs(seconds)));
            assert_eq!(limit(&aimd), expect, "{calls} {seconds} {answers}");
        };
        check(89, 1, 90, Some(90));
        check(89, 1, 92, Some(91));
        check(89, 30, 10, Some(100));
        // Not while it is not used.
        check(43, 1, 900, Some(90));
        check(43, 59, 900, Some(90));
        check(43, 60, 1, None);
        check(44, 60, 1, Some(91));
    }

    #[test]
    fn what_starts_ends() {
        let mut aimd = Aimd::default();
        assert_eq!((aimd.started(), aimd.started()), (1, 2));
        aimd.ended();
        assert_eq!(aimd.load().in_flight, 1);
        aimd.ended();
        aimd.ended();
        assert_eq!(aimd.load().in_flight, 0);
        assert!(!Load { in_flight: 3, limit: 4 }.is_full() && Load { in_flight: 4, limit: 4 }.is_full());
    }
}
