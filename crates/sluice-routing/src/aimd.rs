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
