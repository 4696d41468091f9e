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
        let another = self.since.is_none_or(|(last, _)| started > last);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::start;

    /// 429s as (start of the call, now, Retry-After) in milliseconds, a `None` for a success in between; until when
    /// the target rests after each.
    fn check(facts: &[Option<(u64, u64, Option<u64>)>], expect: &[u128]) {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut cooldown = Cooldown::default();
        let mut got = Vec::new();
        let mut last = 0;
        for fact in facts {
            let Some((started, now, after)) = *fact else {
                cooldown.succeeded(at(last));
                continue;
            };
            last = now;
            cooldown.limited(at(started), after.map(Duration::from_millis), at(now), &mut || 0);
            got.push(cooldown.until(at(now)).map_or(0, |until| (until - zero).as_millis()));
        }
        assert_eq!(got, expect, "{facts:?}");
    }

    #[test]
    fn it_rests_as_long_as_it_says_up_to_a_minute() {
        check(&[Some((0, 5, Some(700)))], &[705]);
        check(&[Some((0, 5, Some(60_000)))], &[60_005]);
        check(&[Some((0, 5, Some(u64::MAX)))], &[60_005]);
        // A later word does not shorten an earlier one.
        check(&[Some((0, 5, Some(9_000))), Some((0, 6, Some(700))), Some((7, 8, None))], &[9_005; 3]);
        check(&[Some((0, 5, Some(700))), Some((0, 6, Some(9_000)))], &[705, 9_006]);
    }

    #[test]
    fn without_a_word_it_rests_for_longer_each_time() {
        let mut now = 0;
        let mut facts = Vec::new();
        let mut expect = Vec::new();
        for rest in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            facts.push(Some((now, now, None)));
            expect.push(u128::from(now + rest));
            now += rest + 1;
        }
        check(&facts, &expect);
        // A success of a call that was started since begins anew.
        check(&[Some((0, 0, Some(0))), None, Some((1_000, 1_000, None))], &[1_000, 2_000]);
        // Calls that were under way together count once.
        check(&[Some((0, 10, None)), Some((10, 20, None)), Some((11, 1_010, None))], &[1_010, 1_010, 3_010]);
    }

    #[test]
    fn jitter_makes_it_longer_by_a_quarter_at_most() {
        let zero = start();
        let most = |dice: u64| {
            let mut cooldown = Cooldown::default();
            cooldown.limited(zero, None, zero, &mut || dice);
            cooldown.until(zero).unwrap() - zero
        };
        assert_eq!(most(0), Duration::from_millis(1_000));
        assert_eq!(most(250_000), Duration::from_millis(1_250));
        assert_eq!(most(250_001), Duration::from_millis(1_000));
    }

    #[test]
    fn an_old_success_says_nothing() {
        let zero = start();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut cooldown = Cooldown::default();
        cooldown.limited(zero, None, at(10), &mut || 0);
        cooldown.succeeded(at(9));
        cooldown.limited(at(1_010), None, at(1_010), &mut || 0);
        assert_eq!(cooldown.until(at(1_010)), Some(at(3_010)));
    }
}
