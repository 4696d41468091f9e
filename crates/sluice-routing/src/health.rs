//! All that is known of one target: breaker, cooldown, times to first token, and how much it carries.

use std::time::{Duration, Instant};

use sluice_chat::FailureKind;

use crate::{
    Dice,
    aimd::Aimd,
    breaker::Breaker,
    cooldown::Cooldown,
    fleet::{Load, Standing},
    latency::Latency,
    rules::{Blame, blame},
    window::Window,
};

/// A call that another one has outrun says something about its target once it has lasted so many times what 95 of 100
/// first tokens take, or where that is not known, so long.
const OUTRUN_SLOW: u32 = 3;
const OUTRUN_UNKNOWN: Duration = Duration::from_secs(10);

/// How one call of a target ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// With the upstream's `Retry-After`, if it stated one.
    Failure(FailureKind, Option<Duration>),
    /// We ended it ourselves: the caller left, or another call was faster.
    Cancelled,
}

/// One call that is under way. Each is ended by exactly one [`TargetHealth::on_outcome`].
#[derive(Clone, Copy, Debug)]
pub struct Started {
    pub at: Instant,
    /// It has the breaker's probe.
    pub probe: bool,
    /// Calls of the target under way with it when it was started.
    under_way: u32,
}

/// The health of one target: of one upstream model, reached with one credential at one provider.
#[derive(Clone, Debug, Default)]
pub struct TargetHealth {
    pub breaker: Breaker,
    pub cooldown: Cooldown,
    pub latency: Latency,
    pub aimd: Aimd,
    /// How calls ended lately: for people, nothing is decided by it.
    pub history: History,
}

/// How the calls of the last ten minutes ended.
#[derive(Clone, Debug)]
pub struct History {
    /// Calls, and failures among them that speak against the target or its account.
    ended: Window<HISTORY_STEPS>,
    last_failure: Option<(FailureKind, Instant)>,
}

const HISTORY_STEPS: usize = 10;
const HISTORY_STEP: Duration = Duration::from_secs(60);

impl Default for History {
    fn default() -> Self {
        Self { ended: Window::new(HISTORY_STEP), last_failure: None }
    }
}

impl History {
    fn add(&mut self, failure: Option<FailureKind>, now: Instant) {
        self.ended.add(1, u32::from(failure.is_some()), now);
        if let Some(kind) = failure {
            self.last_failure = Some((kind, now));
        }
    }

    /// Calls that ended within the last ten minutes, and how many of them failed.
    pub fn recent(&mut self, now: Instant) -> (u32, u32) {
        self.ended.sums(now)
    }

    /// The last failure, whenever that was.
    pub fn last_failure(&self) -> Option<(FailureKind, Instant)> {
        self.last_failure
    }
}

impl TargetHealth {
    /// Whether it may be called.
    pub fn standing(&self, now: Instant) -> Standing {
        match self.cooldown.until(now) {
            Some(until) => Standing::Cooling(until),
            None => self.breaker.standing(now),
        }
    }

    /// Takes the breaker's probe; give what this says to [`Self::on_start`].
    pub fn take_probe(&mut self, now: Instant) -> bool {
        self.standing(now) == Standing::Probe && self.breaker.take_probe(now)
    }

    /// A call starts. `probe`: it has the probe.
    pub fn on_start(&mut self, probe: bool, now: Instant) -> Started {
        Started { at: now, probe, under_way: self.aimd.started() }
    }

    /// The first content of a stream has come.
    pub fn on_first_token(&mut self, started: Started, now: Instant) {
        self.latency.add(now.saturating_duration_since(started.at));
        self.breaker.answered(started.at, now);
    }

    /// Another call of the request, which was started later, has brought its first content while this one had none. Its
    /// end is still told by [`Self::on_outcome`]. A target that never says anything and is never waited for would
    /// otherwise be taken for well.
    pub fn on_outrun(&mut self, started: Started, now: Instant) {
        let slow = self.latency.p95().map_or(OUTRUN_UNKNOWN, |p95| p95.saturating_mul(OUTRUN_SLOW));
        if now.saturating_duration_since(started.at) < slow {
            return;
        }
        // A probe has been silent since its start: the next one need not wait for longer than after that.
        let since = if started.probe { started.at } else { now };
        self.breaker.failed(started.at, started.probe, false, since);
    }

    /// A call is over.
    pub fn on_outcome(&mut self, started: Started, outcome: Outcome, now: Instant, dice: &mut Dice<'_>) {
        self.aimd.ended();
        let (kind, retry_after) = match outcome {
            Outcome::Success => {
                self.history.add(None, now);
                self.breaker.succeeded(started.at, now);
                self.cooldown.succeeded(started.at);
                self.aimd.succeeded(now);
                return;
            }
            Outcome::Cancelled => {
                self.breaker.cancelled(started.at, started.probe);
                return;
            }
            Outcome::Failure(kind, retry_after) => (kind, retry_after),
        };
        match blame(kind) {
            Blame::Request => self.history.add(None, now),
            Blame::Nobody => {}
            Blame::Rate | Blame::Target | Blame::Account => self.history.add(Some(kind), now),
        }
        match blame(kind) {
            // It answered, if not what was hoped for.
            Blame::Request => self.breaker.succeeded(started.at, now),
            Blame::Nobody => self.breaker.cancelled(started.at, started.probe),
            Blame::Rate => {
                self.breaker.answered(started.at, now);
                self.cooldown.limited(started.at, retry_after, now, dice);
            }
            Blame::Target => self.breaker.failed(started.at, started.probe, false, now),
            Blame::Account => self.breaker.failed(started.at, started.probe, true, now),
        }
        match kind {
            FailureKind::RateLimited | FailureKind::Overloaded => {
                let rate = kind == FailureKind::RateLimited;
                // A rest that it asked for is about time, not about how many there may be at once.
                let own =
                    self.cooldown.until(now).filter(|_| retry_after.is_none_or(|stated| stated.is_zero()));
                let rested = own.unwrap_or(now);
                self.aimd.refused((started.at, started.under_way), rate, (now, rested));
            }
            _ => self.aimd.failed(now),
        }
    }

    /// Calls under way and their limit.
    pub fn load(&self, now: Instant) -> Load {
        self.aimd.load(now)
    }

    /// See [`crate::Fleet::first_token_p95`].
    pub fn first_token_p95(&self) -> Option<Duration> {
        self.latency.p95()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Some moment; tests count from it.
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no other way to an Instant; which one does not matter"
    )]
    pub(crate) fn start() -> Instant {
        // Far enough from the machine's start that something may have been before it.
        Instant::now() + Duration::from_secs(3_600)
    }

    fn fails(health: &mut TargetHealth, kind: FailureKind, after: Option<u64>, now: Instant) {
        let call = health.on_start(false, now);
        let outcome = Outcome::Failure(kind, after.map(Duration::from_millis));
        health.on_outcome(call, outcome, now, &mut || 0);
    }

    #[test]
    fn what_a_failure_says_of_the_target() {
        // Standing after one failure of the kind, and after five.
        let check = |kind, once: &str, five: &str| {
            let zero = start();
            let show = |health: &TargetHealth| match health.standing(zero) {
                Standing::Ready => "ready".to_owned(),
                Standing::Probe => "probe".to_owned(),
                Standing::Open(until) => format!("open {:?}", until - zero),
                Standing::Cooling(until) => format!("cooling {:?}", until - zero),
            };
            let mut health = TargetHealth::default();
            fails(&mut health, kind, None, zero);
            assert_eq!(show(&health), once, "{kind:?}");
            (0..4).for_each(|_| fails(&mut health, kind, None, zero));
            assert_eq!(show(&health), five, "{kind:?}");
            assert_eq!(health.load(zero).in_flight, 0);
        };
        use FailureKind::*;
        for kind in [
            ServerError,
            Overloaded,
            Unreachable,
            Tls,
            Reset,
            BadResponse,
            ConnectTimeout,
            FirstTokenTimeout,
            Stalled,
            TotalTimeout,
            Truncated,
            BadEvent,
        ] {
            check(kind, "ready", "open 2s");
        }
        for kind in [AuthRefused, ModelMissing, BalanceGone] {
            check(kind, "open 2s", "open 2s");
        }
        for kind in [BadRequest, ContentPolicy, ContextLength, Unsupported, EventTooLarge] {
            check(kind, "ready", "ready");
        }
        // None was started after another was refused.
        check(RateLimited, "cooling 1s", "cooling 1s");
    }

    #[test]
    fn the_last_minutes_are_remembered() {
        let zero = start();
        let mut health = TargetHealth::default();
        let minute = Duration::from_secs(60);
        let call = health.on_start(false, zero);
        health.on_outcome(call, Outcome::Success, zero, &mut || 0);
        fails(&mut health, FailureKind::BadRequest, None, zero);
        fails(&mut health, FailureKind::RateLimited, None, zero + minute);
        fails(&mut health, FailureKind::Reset, None, zero + 2 * minute);
        let check = |health: &mut TargetHealth, minutes, expect| {
            assert_eq!(health.history.recent(zero + minutes * minute), expect, "{minutes}");
        };
        check(&mut health, 2, (4, 2));
        check(&mut health, 9, (4, 2));
        check(&mut health, 10, (2, 2));
        check(&mut health, 12, (0, 0));
        assert_eq!(health.history.last_failure(), Some((FailureKind::Reset, zero + 2 * minute)));
    }

    #[test]
    fn a_refusal_of_the_request_is_a_sign_of_life() {
        let zero = start();
        let mut health = TargetHealth::default();
        for _ in 0..20 {
            (0..4).for_each(|_| fails(&mut health, FailureKind::Reset, None, zero));
            (0..4).for_each(|_| fails(&mut health, FailureKind::BadRequest, None, zero));
        }
        assert_eq!(health.standing(zero), Standing::Ready);
    }

    #[test]
    fn cooling_comes_before_the_breaker() {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut health = TargetHealth::default();
        fails(&mut health, FailureKind::AuthRefused, None, zero);
        fails(&mut health, FailureKind::RateLimited, Some(1_000), at(1));
        assert_eq!(health.standing(at(2)), Standing::Cooling(at(1_001)));
        // The answer closed the breaker, for the call was started since.
        assert_eq!(health.standing(at(1_001)), Standing::Ready);
        assert!(!health.take_probe(at(1_001)));
    }

    #[test]
    fn a_success_ends_what_was_counted_against_a_target() {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let rests = |successes: bool| {
            let mut health = TargetHealth::default();
            fails(&mut health, FailureKind::RateLimited, None, zero);
            if successes {
                let call = health.on_start(false, at(1_000));
                health.on_outcome(call, Outcome::Success, at(1_001), &mut || 0);
            }
            fails(&mut health, FailureKind::RateLimited, None, at(2_000));
            health.standing(at(2_000))
        };
        assert_eq!(rests(false), Standing::Cooling(at(4_000)));
        assert_eq!(rests(true), Standing::Cooling(at(3_000)));
    }

    #[test]
    fn a_rest_of_our_own_is_no_quiet_and_one_that_was_asked_for_is() {
        let check = |after: Option<u64>, limit| {
            let zero = start();
            let mut health = TargetHealth::default();
            let calls: Vec<_> = (0..100).map(|_| health.on_start(false, zero)).collect();
            for call in &calls[..3] {
                let outcome = Outcome::Failure(FailureKind::RateLimited, after.map(Duration::from_millis));
                health.on_outcome(*call, outcome, zero, &mut || 0);
            }
            let load = health.load(zero + Duration::from_secs(15));
            assert_eq!(load.limit, limit, "{after:?}");
        };
        // 97 were left when the third was refused.
        check(Some(9_000), 184);
        check(Some(0), 160);
        check(None, 160);
    }

    #[test]
    fn the_first_token_of_a_probe_closes_the_breaker() {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut health = TargetHealth::default();
        let old = health.on_start(false, zero);
        fails(&mut health, FailureKind::ModelMissing, None, at(1));
        health.on_first_token(old, at(2));
        assert_eq!(health.standing(at(2)), Standing::Open(at(2_001)), "a call from before says nothing");
        assert!(health.take_probe(at(2_001)) && !health.take_probe(at(2_001)));
        let probe = health.on_start(true, at(2_001));
        health.on_first_token(probe, at(2_100));
        assert_eq!(health.standing(at(2_100)), Standing::Ready);
        assert_eq!(health.latency.average(), Some(Duration::from_micros(11_700)));
    }

    #[test]
    fn who_is_always_outrun_is_left_alone() {
        // How often a target with these times to first tokens was outrun after so long, and how it stands then.
        let check = |first_tokens: usize, after_ms: u64, times: usize, expect: Standing| {
            let zero = start();
            let mut health = TargetHealth::default();
            for _ in 0..first_tokens {
                let call = health.on_start(false, zero);
                health.on_first_token(call, zero + Duration::from_millis(500));
                health.on_outcome(call, Outcome::Success, zero + Duration::from_millis(600), &mut || 0);
            }
            for _ in 0..times {
                let call = health.on_start(false, zero + Duration::from_secs(1));
                let now = call.at + Duration::from_millis(after_ms);
                health.on_outrun(call, now);
                health.on_outcome(call, Outcome::Cancelled, now, &mut || 0);
            }
            let now = zero + Duration::from_millis(1_000 + after_ms);
            let shown = match health.standing(now) {
                Standing::Open(until) => Standing::Open(zero + (until - now)),
                other => other,
            };
            let expect = match expect {
                Standing::Open(_) => Standing::Open(zero + crate::breaker::OPEN_FIRST),
                other => other,
            };
            assert_eq!(shown, expect, "{first_tokens} {after_ms} {times}");
            assert_eq!(health.load(now).in_flight, 0);
        };
        let open = Standing::Open(start());
        check(20, 1_500, 5, open);
        check(20, 1_499, 50, Standing::Ready);
        check(20, 60_000, 4, Standing::Ready);
        check(19, 9_999, 50, Standing::Ready);
        check(19, 10_000, 5, open);
        check(0, 10_000, 5, open);
    }

    #[test]
    fn an_outrun_probe_opens_from_its_start() {
        let zero = start();
        let at = |s| zero + Duration::from_secs(s);
        let mut health = TargetHealth::default();
        fails(&mut health, FailureKind::ModelMissing, None, zero);
        let mut probe = |from: u64, expect: Standing| {
            assert!(health.take_probe(at(from)));
            let call = health.on_start(true, at(from));
            health.on_outrun(call, at(from + 10));
            health.on_outcome(call, Outcome::Cancelled, at(from + 10), &mut || 0);
            assert_eq!(health.standing(at(from + 10)), expect, "{from}");
        };
        probe(2, Standing::Probe);
        probe(12, Standing::Probe);
        probe(22, Standing::Open(at(22 + 16)));
        probe(38, Standing::Open(at(38 + 20)));
    }

    #[test]
    fn a_cancelled_probe_is_free_again_and_other_cancelled_calls_change_nothing() {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut health = TargetHealth::default();
        fails(&mut health, FailureKind::ModelMissing, None, zero);
        assert!(health.take_probe(at(2_000)));
        let probe = health.on_start(true, at(2_000));
        let other = health.on_start(false, at(2_000));
        health.on_outcome(other, Outcome::Cancelled, at(2_001), &mut || 0);
        assert!(!health.take_probe(at(2_001)));
        health.on_outcome(probe, Outcome::Cancelled, at(2_001), &mut || 0);
        assert!(health.take_probe(at(2_001)));
        assert_eq!(health.load(zero), Load { in_flight: 0, limit: u32::MAX });
    }
}
