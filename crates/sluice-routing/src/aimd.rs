//! How many calls of one target may be under way: no limit until it says that it has too many, then a little less than
//! it had each time that it says so, and one more for each round of answers.

use std::time::{Duration, Instant};

use crate::{fleet::Load, window::Window};

/// No limit is lower than this: a few calls at a time are no overload.
pub const LIMIT_LEAST: f64 = 4.0;
const DECREASE: f64 = 0.95;
/// So many refusals, and one of so many outcomes, are needed to lower the limit.
const SIGNALS_LEAST: u32 = 3;
const SIGNAL_SHARE: u32 = 10;
/// Between two decreases.
const DECREASE_EVERY: Duration = Duration::from_secs(1);
/// So long after the last refusal the limit doubles with each further [`DOUBLES`], whether it is used or not: calls
/// that never end must not hold it down. Then it goes.
const QUIET: Duration = Duration::from_secs(10);
const DOUBLES: Duration = Duration::from_secs(5);
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
    pub fn load(&self, now: Instant) -> Load {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
        let limit = self.limit_at(now).map_or(u32::MAX, |limit| limit.clamp(0.0, f64::from(u32::MAX)) as u32);
        Load { in_flight: self.in_flight, limit }
    }

    fn limit_at(&self, now: Instant) -> Option<f64> {
        let quiet = self.refused.map_or(FORGOTTEN, |last| now.saturating_duration_since(last));
        let doubled = quiet.saturating_sub(QUIET).as_secs_f64() / DOUBLES.as_secs_f64();
        self.limit.filter(|_| quiet < FORGOTTEN).map(|limit| limit * doubled.exp2())
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
        if let Some(limit) = &mut self.limit
            && f64::from(self.in_flight + 1) * 2.0 >= *limit
        {
            *limit += 1.0 / *limit;
        }
    }

    /// It failed for another reason than load.
    pub fn failed(&mut self, now: Instant) {
        self.window.add(1, 0, now);
    }

    /// It was refused for there being too many: `under_way` when it was started then. `rate`: it was a 429. Each of
    /// those costs a cooldown, so one is enough where there is a limit already; some 503s come from anything.
    /// Quiet begins at `rested`, when the target may be called again.
    pub fn refused(
        &mut self,
        (started, under_way): (Instant, u32),
        rate: bool,
        (now, rested): (Instant, Instant),
    ) {
        let since_start = now.saturating_duration_since(started);
        // What is still there when a refusal comes at once is what the target carries, but for others that are about
        // to be refused; a late one says only what there was.
        let carried = if since_start <= DECREASE_EVERY { self.in_flight } else { under_way };
        let carried = f64::from(carried).max(LIMIT_LEAST);
        let lately = self.lowered.is_some_and(|l| now.saturating_duration_since(l) < DECREASE_EVERY);
        if lately {
            // Of the same burst: the last of them knows best.
            self.limit = self.limit.map(|limit| limit.min(carried));
            return;
        }
        // What was started under the limit before says nothing about this one.
        if self.lowered.is_some_and(|lowered| started < lowered) {
            return;
        }
        let limit = self.limit_at(now);
        self.refused = Some(rested);
        self.limit = limit;
        self.window.add(1, 1, now);
        let (outcomes, refusals) = self.window.sums(now);
        let share = refusals >= SIGNALS_LEAST && refusals * SIGNAL_SHARE >= outcomes;
        if share || (rate && limit.is_some()) {
            let base = limit.map_or(carried, |limit| limit.min(carried));
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

    fn limit(aimd: &Aimd, now: Instant) -> Option<u32> {
        Some(aimd.load(now).limit).filter(|limit| *limit != u32::MAX)
    }

    #[test]
    fn some_refusals_lower_the_limit_by_a_twentieth() {
        // Calls under way, outcomes before, refusals at 0 s.
        let check = |calls, outcomes, refusals, expect| {
            let now = start();
            let mut aimd = busy(calls);
            (0..outcomes).for_each(|_| aimd.succeeded(now));
            (0..refusals).for_each(|_| aimd.refused((now, calls), false, (now, now)));
            assert_eq!(limit(&aimd, now), expect, "{calls} {outcomes} {refusals}");
        };
        check(100, 0, 2, None);
        check(100, 0, 3, Some(95));
        // Not twice in a second.
        check(100, 0, 9, Some(95));
        // One of ten.
        check(100, 27, 3, Some(95));
        check(100, 28, 3, None);
        // Never below the least.
        check(2, 0, 3, Some(4));
    }

    #[test]
    fn each_second_it_may_sink_by_what_was_started_since() {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        // Refusals of a kind, started and come so late; the limit after them.
        let check = |aimd: &mut Aimd, (count, rate): (u32, bool), (started, now), expect| {
            (0..count).for_each(|_| aimd.refused((at(started), 100), rate, (at(now), at(now))));
            assert_eq!(limit(aimd, at(now)), expect, "{count} at {now}");
        };
        let aimd = &mut busy(100);
        check(aimd, (1, true), (1_000, 1_000), None);
        check(aimd, (2, false), (1_000, 1_000), Some(95));
        check(aimd, (9, false), (1_500, 1_500), Some(95));
        // Started before the limit was lowered: says nothing.
        check(aimd, (9, false), (999, 2_000), Some(95));
        check(aimd, (3, false), (2_000, 2_100), Some(90));
        // Where there is a limit one 429 is enough.
        check(aimd, (1, false), (3_100, 3_100), Some(90));
        check(aimd, (1, true), (3_100, 3_100), Some(85));
        // Of a burst, what is left at its end counts, whenever that was started; not below the least.
        (0..30).for_each(|_| aimd.ended());
        check(aimd, (1, false), (3_000, 3_200), Some(70));
        (0..70).for_each(|_| aimd.ended());
        check(aimd, (1, false), (3_000, 3_210), Some(4));
        // A refusal that came late: what there was when it was started.
        let aimd = &mut busy(7);
        check(aimd, (3, false), (1_000, 2_001), Some(95));
    }

    #[test]
    fn answers_and_quiet_raise_it() {
        let zero = start();
        // Calls under way, seconds since the refusal, answers.
        let check = |calls, seconds, answers: u32, expect| {
            let mut aimd = busy(100);
            (0..3).for_each(|_| aimd.refused((zero, 100), false, (zero, zero)));
            (calls..100).for_each(|_| aimd.ended());
            let now = zero + Duration::from_secs(seconds);
            (0..answers).for_each(|_| aimd.succeeded(now));
            assert_eq!(limit(&aimd, now), expect, "{calls} {seconds} {answers}");
        };
        check(94, 1, 0, Some(95));
        check(94, 1, 95, Some(95));
        check(94, 1, 97, Some(96));
        // Not while it is not used.
        check(46, 1, 900, Some(95));
        check(47, 1, 97, Some(96));
        check(0, 10, 0, Some(95));
        check(0, 15, 0, Some(190));
        check(0, 20, 0, Some(380));
        check(0, 59, 0, Some(84_687));
        check(0, 60, 0, None);
    }

    #[test]
    fn what_rose_in_quiet_stays_when_it_is_refused_again() {
        let zero = start();
        let at = |seconds| zero + Duration::from_secs(seconds);
        let mut aimd = busy(100);
        (0..3).for_each(|_| aimd.refused((zero, 100), false, (zero, zero)));
        aimd.refused((at(15), 190), false, (at(15), at(15)));
        assert_eq!(limit(&aimd, at(16)), Some(190));
        // Quiet begins when it has rested.
        let mut resting = busy(100);
        (0..3).for_each(|_| resting.refused((zero, 100), false, (zero, at(50))));
        assert_eq!(limit(&resting, at(60)), Some(95));
        assert_eq!(limit(&resting, at(65)), Some(190));
        // Where nothing is known any more one refusal sets no limit.
        aimd.refused((at(76), 190), true, (at(76), at(76)));
        assert_eq!(limit(&aimd, at(77)), None);
    }

    #[test]
    fn what_starts_ends() {
        let mut aimd = Aimd::default();
        assert_eq!((aimd.started(), aimd.started()), (1, 2));
        aimd.ended();
        assert_eq!(aimd.load(start()).in_flight, 1);
        aimd.ended();
        aimd.ended();
        assert_eq!(aimd.load(start()).in_flight, 0);
        assert!(!Load { in_flight: 3, limit: 4 }.is_full() && Load { in_flight: 4, limit: 4 }.is_full());
    }
}
