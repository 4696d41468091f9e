//! The rest that a target gets after it said 429.

use std::time::{Duration, Instant};

use crate::Dice;

/// A `Retry-After` counts up to this.
pub const COOLDOWN_MOST: Duration = Duration::from_secs(60);
/// The first rest after a 429 without a `Retry-After`; doubled by each further one up to [`COOLDOWN_MOST`].
pub const COOLDOWN_FIRST: Duration = Duration::from_secs(1);

/// The cooldown of one target.
#[derive(Clone, Debug, Default)]
pub struct Cooldown {
    /// When the last 429 came, and until when it holds.
    since: Option<(Instant, Instant)>,
    /// 429s without a `Retry-After`, each of a call that was started after the one before.
    times: u32,
}

impl Cooldown {
    /// Until when the target rests; `None`: it does not.
    pub fn until(&self, now: Instant) -> Option<Instant> {
        self.since.map(|(_, until)| until).filter(|until| now < *until)
    }

    /// A call that was started then was refused with 429. A `retry_after` of zero says nothing.
    pub fn limited(
        &mut self,
        started: Instant,
        retry_after: Option<Duration>,
        now: Instant,
        dice: &mut Dice<'_>,
    ) {
        // Calls that were under way together were refused together: one refusal.
        let another = self.since.is_none_or(|(last, _)| started >= last);
        let rest = match retry_after.filter(|stated| !stated.is_zero()) {
            Some(stated) => stated.min(COOLDOWN_MOST),
            None if !another => return,
            None => {
                let base = COOLDOWN_FIRST.saturating_mul(1 << self.times.min(8)).min(COOLDOWN_MOST);
                self.times = self.times.saturating_add(1);
                (base + crate::rules::between(Duration::ZERO, base / 4, dice)).min(COOLDOWN_MOST)
            }
        };
        let before = self.since.map(|(_, until)| until);
        self.since = Some((now, before.map_or(now + rest, |before| before.max(now + rest))));
    }

    /// A call that was started then was answered.
    pub fn succeeded(&mut self, started: Instant) {
        if self.since.is_some_and(|(last, _)| started >= last) {
            self.times = 0;
        }
    }
}
