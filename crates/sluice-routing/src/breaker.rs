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
        if self.opened.is_some() {
            // Calls from before it opened say nothing new, and those of the last resort must not keep it open.
            if probe {
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
