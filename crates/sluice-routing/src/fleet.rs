//! What one request asks of the health that all requests share.

use std::time::{Duration, Instant};

/// Whether a target may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Ready,
    /// It said 429: not to be called before this.
    Cooling(Instant),
    /// Its breaker is open until this; called only when nothing else is left.
    Open(Instant),
    /// Its breaker lets one request through to see how the target is: [`Fleet::take_probe`] says to whom.
    Probe,
}

/// Calls of a target that are under way, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    pub in_flight: u32,
    /// `u32::MAX`: no limit.
    pub limit: u32,
}

impl Load {
    /// No further call is to be started.
    pub fn is_full(self) -> bool {
        self.in_flight >= self.limit
    }
}

/// The process-wide health of a model's targets, named by [`crate::Candidate::target`].
pub trait Fleet {
    fn standing(&self, target: usize, now: Instant) -> Standing;
    /// Takes the probe of a target whose standing is [`Standing::Probe`]; exactly one caller gets it.
    fn take_probe(&self, target: usize, now: Instant) -> bool;
    /// Takes one repeat from the retry budget of the target's provider.
    fn take_retry(&self, target: usize, now: Instant) -> bool;
    /// Takes one hedge from the model's budget.
    fn take_hedge(&self, now: Instant) -> bool;
    /// 95 of 100 first tokens of the target come within this; `None` until enough is known.
    fn first_token_p95(&self, target: usize) -> Option<Duration>;
    fn load(&self, target: usize, now: Instant) -> Load;
}
