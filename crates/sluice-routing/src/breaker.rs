//! The breaker of one target: closed while it answers, open while it does not, and in between one probe at a time.

use std::time::{Duration, Instant};

use crate::{fleet::Standing, window::Window};

/// So many hard failures in a row open it.
pub const CONSECUTIVE_FAILURES: u32 = 5;
/// So many outcomes within the window are needed before their share counts.
pub const WINDOW_REQUESTS: u32 = 20;
const WINDOW_STEPS: usize = 10;
const WINDOW_STEP: Duration = Duration::from_secs(1);
/// How long it is open the first time, and at most; doubled each time that a probe fails.
pub const OPEN_FIRST: Duration = Duration::from_secs(2);
pub const OPEN_MOST: Duration = Duration::from_secs(20);
/// A probe that has said nothing for so long no longer keeps others from being sent.
pub const PROBE_PATIENCE: Duration = Duration::from_secs(20);

/// The breaker of one target.
#[derive(Clone, Debug)]
pub struct Breaker {
    opened: Option<Opened>,
    /// Failures in a row.
    failures: u32,
    /// Outcomes, and failures among them.
    window: Window<WINDOW_STEPS>,
    /// How often it was opened without a lasting recovery in between.
    openings: u32,
    closed_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Opened {
    at: Instant,
    until: Instant,
    /// When the probe was taken that is under way.
    probe: Option<Instant>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { opened: None, failures: 0, window: Window::new(WINDOW_STEP), openings: 0, closed_at: None }
    }
}

impl Breaker {
    /// [`Standing::Ready`], [`Standing::Open`] or [`Standing::Probe`].
    pub fn standing(&self, now: Instant) -> Standing {
        let Some(opened) = &self.opened else { return Standing::Ready };
        if now < opened.until {
            return Standing::Open(opened.until);
        }
        match opened.probe.map(|at| at + PROBE_PATIENCE) {
            Some(patience) if now < patience => Standing::Open(patience),
            _ => Standing::Probe,
        }
    }

    /// Since when it is open, or waits for what its probe says.
    pub fn opened_at(&self) -> Option<Instant> {
        self.opened.map(|opened| opened.at)
    }

    /// Takes the probe, if there is one to take.
    pub fn take_probe(&mut self, now: Instant) -> bool {
        let free = self.standing(now) == Standing::Probe;
        if free && let Some(opened) = &mut self.opened {
            opened.probe = Some(now);
        }
        free
    }

    /// A call that was started then was answered. Only a call that was started after the breaker opened closes it.
    pub fn succeeded(&mut self, started: Instant, now: Instant) {
        self.answered(started, now);
        if self.opened.is_none() {
            self.failures = 0;
            self.window.add(1, 0, now);
        }
    }

    /// A call that was started then has brought its first content; how it ends is not known yet.
    pub fn answered(&mut self, started: Instant, now: Instant) {
        if self.opened.is_some_and(|opened| started >= opened.at) {
            self.opened = None;
            self.failures = 0;
            self.window.clear();
            self.closed_at = Some(now);
        }
    }

    /// A call failed in a way that speaks against the target. `at_once`: no second one is needed to open.
    pub fn failed(&mut self, started: Instant, probe: bool, at_once: bool, now: Instant) {
        if let Some(opened) = &self.opened {
            // Calls from before it opened say nothing new, those of the last resort must not keep it open, and of two
            // probes the younger one says how it is.
            if probe && opened.probe.is_some_and(|taken| taken <= started) {
                self.open(now);
            }
            return;
        }
        if self.closed_at.is_some_and(|closed| started < closed) {
            return;
        }
        self.failures += 1;
        self.window.add(1, 1, now);
        let (outcomes, failures) = self.window.sums(now);
        let too_many = outcomes >= WINDOW_REQUESTS && failures * 2 > outcomes;
        if at_once || self.failures >= CONSECUTIVE_FAILURES || too_many {
            self.open(now);
        }
    }

    /// A call ended without a word about the target.
    pub fn cancelled(&mut self, started: Instant, probe: bool) {
        if let Some(opened) = &mut self.opened
            && probe
            && opened.probe.is_some_and(|taken| taken <= started)
        {
            opened.probe = None;
        }
    }

    fn open(&mut self, now: Instant) {
        let lasting = |closed| now.saturating_duration_since(closed) >= OPEN_MOST;
        if self.opened.is_none() && self.closed_at.is_none_or(lasting) {
            self.openings = 0;
        }
        let length = OPEN_FIRST.saturating_mul(1 << self.openings.min(8)).min(OPEN_MOST);
        self.openings = self.openings.saturating_add(1);
        self.opened = Some(Opened { at: now, until: now + length, probe: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::start;

    /// What happens to a breaker at a moment, in milliseconds; a call's start comes second where it matters.
    #[derive(Clone, Copy, Debug)]
    enum Fact {
        Fail(u64),
        FailSince(u64, u64),
        FailAtOnce(u64),
        Success(u64),
        SuccessSince(u64, u64),
        Probe(u64, bool),
        ProbeFails(u64),
        ProbeFailsSince(u64, u64),
        ProbeCancelled,
        Shows(u64),
    }
    use Fact::*;

    /// `R`eady, `P`robe or open until then.
    fn shown(breaker: &Breaker, zero: Instant, now: Instant) -> String {
        match breaker.standing(now) {
            Standing::Ready => "R".into(),
            Standing::Probe => "P".into(),
            Standing::Open(until) => (until - zero).as_millis().to_string(),
            Standing::Cooling(_) => "?".into(),
        }
    }

    /// Standing after each [`Shows`].
    fn check(facts: &[Fact], expect: &str) {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut breaker = Breaker::default();
        let mut probe_since = zero;
        let mut log = Vec::new();
        for fact in facts {
            match *fact {
                Fail(ms) => breaker.failed(at(ms), false, false, at(ms)),
                FailSince(ms, since) => breaker.failed(at(since), false, false, at(ms)),
                FailAtOnce(ms) => breaker.failed(at(ms), false, true, at(ms)),
                Success(ms) => breaker.succeeded(at(ms), at(ms)),
                SuccessSince(ms, since) => breaker.succeeded(at(since), at(ms)),
                Probe(ms, taken) => {
                    assert_eq!(breaker.take_probe(at(ms)), taken, "{fact:?} of {facts:?}");
                    if taken {
                        probe_since = at(ms);
                    }
                }
                ProbeFails(ms) => breaker.failed(probe_since, true, false, at(ms)),
                ProbeFailsSince(ms, since) => breaker.failed(at(since), true, false, at(ms)),
                ProbeCancelled => breaker.cancelled(probe_since, true),
                Shows(ms) => log.push(shown(&breaker, zero, at(ms))),
            }
        }
        assert_eq!(log.join(" "), expect, "{facts:?}");
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        check(&[Shows(0), Fail(0), Fail(0), Fail(0), Fail(0), Shows(0), Fail(0), Shows(0)], "R R 2000");
        check(&[Fail(0), Fail(0), Fail(0), Fail(0), Success(0), Fail(0), Shows(0)], "R");
        check(&[Fail(0), Fail(50_000), Fail(90_000), Fail(95_000), Fail(99_000), Shows(99_000)], "101000");
        check(&[FailAtOnce(7), Shows(7), Shows(2_006), Shows(2_007)], "2007 2007 P");
    }

    #[test]
    fn less_than_half_of_twenty_within_ten_seconds_opens_it() {
        // So many rounds of a success and failures, `step` ms apart.
        let rounds = |count: u64, failures: u64, step: u64| {
            let round = move |n: u64| {
                let fails = (0..failures).map(move |_| Fail(n * step));
                std::iter::once(Success(n * step)).chain(fails)
            };
            (0..count).flat_map(round).collect::<Vec<_>>()
        };
        let shows = |mut facts: Vec<Fact>, ms, expect: &str| {
            facts.push(Shows(ms));
            check(&facts, expect);
        };
        // Half is enough, and 19 are not.
        shows(rounds(100, 1, 10), 990, "R");
        shows(rounds(6, 2, 10), 50, "R");
        shows(rounds(7, 2, 10), 60, "2060");
        // What was before it closed does not count.
        let mut closed = rounds(6, 2, 10);
        closed.extend([FailAtOnce(60), Success(100), Fail(110)]);
        shows(closed, 110, "R");
        // Spread too thin.
        shows(rounds(100, 2, 2_000), 198_000, "R");
        shows(rounds(7, 2, 1_000), 6_000, "8000");
    }

    #[test]
    fn it_is_open_for_longer_each_time_that_the_probe_fails() {
        check(
            &[
                FailAtOnce(0),
                Probe(1_999, false),
                Probe(2_000, true),
                ProbeFails(2_000),
                Shows(2_000),
                Probe(6_000, true),
                ProbeFails(6_000),
                Shows(6_000),
                Probe(14_000, true),
                ProbeFails(14_000),
                Shows(14_000),
                Probe(30_000, true),
                ProbeFails(30_000),
                Shows(30_000),
                Probe(50_000, true),
                ProbeFails(50_000),
                Shows(50_000),
            ],
            "6000 14000 30000 50000 70000",
        );
    }

    #[test]
    fn there_is_one_probe_at_a_time() {
        check(&[FailAtOnce(0), Probe(2_000, true), Probe(2_000, false), Shows(2_001)], "22000");
        check(&[FailAtOnce(0), Probe(2_000, true), ProbeCancelled, Probe(2_001, true)], "");
        // One that never says anything does not block the target for good.
        check(&[FailAtOnce(0), Probe(2_000, true), Probe(21_999, false), Probe(22_000, true)], "");
        // Nor does its end say anything while its successor is under way.
        let two = [FailAtOnce(0), Probe(2_000, true), Probe(22_000, true), ProbeFailsSince(23_000, 2_000)];
        check(&[&two[..], &[Shows(23_000)]].concat(), "42000");
        let other = [FailAtOnce(0), Probe(2_000, true), SuccessSince(3_000, 3_000), FailAtOnce(4_000)];
        check(&[&other[..], &[ProbeFailsSince(5_000, 2_000), Shows(5_000)]].concat(), "8000");
        // And says nothing about its successor when it ends.
        let late = [FailAtOnce(0), Probe(2_000, true), Probe(22_000, true)];
        check(&[&late[..], &[SuccessSince(23_000, 22_000), Shows(23_000)]].concat(), "R");
    }

    #[test]
    fn a_call_that_was_started_since_closes_it_and_older_ones_say_nothing() {
        check(&[FailAtOnce(10), SuccessSince(11, 9), Shows(11), SuccessSince(12, 10), Shows(12)], "2010 R");
        // Failures of the last resort do not keep it open.
        check(&[FailAtOnce(0), Fail(1_000), Fail(1_900), Shows(2_000)], "P");
        // Failures of calls that were started before it closed do not open it again.
        let closed = [FailAtOnce(0), SuccessSince(3_000, 2_500)];
        let old = [FailSince(3_100, 2_900); 9];
        let new = [FailSince(3_100, 3_000); 5];
        check(&[&closed[..], &old, &[Shows(3_100)]].concat(), "R");
        check(&[&closed[..], &new, &[Shows(3_100)]].concat(), "7100");
    }

    #[test]
    fn a_recovery_that_lasts_begins_anew() {
        let flaps = |back: u64, expect: &str| {
            check(&[FailAtOnce(0), Success(2_000), FailAtOnce(back), Shows(back)], expect);
        };
        flaps(2_001, "6001");
        flaps(21_999, "25999");
        flaps(22_000, "24000");
    }
}
