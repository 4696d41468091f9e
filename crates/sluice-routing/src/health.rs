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
};

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

    /// A call is over.
    pub fn on_outcome(&mut self, started: Started, outcome: Outcome, now: Instant, dice: &mut Dice<'_>) {
        self.aimd.ended();
        let (kind, retry_after) = match outcome {
            Outcome::Success => {
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
            FailureKind::RateLimited | FailureKind::Overloaded | FailureKind::FirstTokenTimeout => {
                self.aimd.refused(started.at, started.under_way, now);
            }
            _ => self.aimd.failed(now),
        }
    }

    /// Calls under way and their limit.
    pub fn load(&self) -> Load {
        self.aimd.load()
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
        Instant::now()
    }
}
