//! Which time is looked at, in which steps.

use crate::{Query, format};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The times that can be chosen by a word.
const PRESETS: [(&str, u64); 4] =
    [("24h", DAY_MS), ("7d", 7 * DAY_MS), ("30d", 30 * DAY_MS), ("90d", 90 * DAY_MS)];
/// Up to this length steps are hours.
const HOURLY_MS: u64 = 4 * DAY_MS;
/// The longest time: steps of a day must fit on a screen.
const LONGEST_MS: u64 = 400 * DAY_MS;

/// A time from one moment to another, cut to whole steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// `None`: chosen by `from` and `to`.
    pub(super) preset: Option<&'static str>,
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) step_ms: u64,
}

impl Span {
    /// As the address says: `range`, or `from` and `to`. What cannot be used is the last day.
    pub(super) fn of(query: &Query, now_ms: u64) -> Self {
        let word = query.text("range");
        let moment = |name| query.get(name).and_then(moment_ms);
        if let (Some(from_ms), to_ms) = (moment("from"), moment("to").unwrap_or(now_ms))
            && word.is_empty()
            && from_ms < to_ms
        {
            return Self::cut(None, from_ms.max(to_ms.saturating_sub(LONGEST_MS)), to_ms);
        }
        let (word, length) = PRESETS.into_iter().find(|(known, _)| *known == word).unwrap_or(PRESETS[0]);
        Self::cut(Some(word), now_ms.saturating_sub(length), now_ms)
    }

    fn cut(preset: Option<&'static str>, from_ms: u64, to_ms: u64) -> Self {
        let step_ms = if to_ms - from_ms <= HOURLY_MS { HOUR_MS } else { DAY_MS };
        // The step that runs is part of a time that ends now; one more before it would be only half there.
        let end = to_ms.div_ceil(step_ms) * step_ms;
        let start = match preset {
            Some(_) => end - (to_ms - from_ms).div_ceil(step_ms) * step_ms,
            None => from_ms / step_ms * step_ms,
        };
        Self { preset, from_ms: start, to_ms: end, step_ms }
    }

    /// The words of [`PRESETS`].
    pub(super) fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.into_iter().map(|(word, _)| word)
    }

    /// The time of the same length before it.
    pub(super) fn before(self) -> Self {
        let length = self.to_ms - self.from_ms;
        Self { from_ms: self.from_ms.saturating_sub(length), to_ms: self.from_ms, ..self }
    }

    pub(super) fn steps(self) -> usize {
        usize::try_from((self.to_ms - self.from_ms) / self.step_ms).unwrap_or_default()
    }

    /// The step that a moment of the API is in.
    pub(super) fn step_of(self, moment: &str) -> Option<usize> {
        let since = format::moment_ms(moment)?.checked_sub(self.from_ms)?;
        usize::try_from(since / self.step_ms).ok().filter(|step| *step < self.steps())
    }

    /// Beginning and end of a step, as the API writes moments.
    pub(super) fn step(self, at: usize) -> (String, String) {
        let from = self.from_ms + self.step_ms * at as u64;
        (format::rfc3339(from), format::rfc3339(from + self.step_ms))
    }

    pub(super) fn from(self) -> String {
        format::rfc3339(self.from_ms)
    }

    pub(super) fn to(self) -> String {
        format::rfc3339(self.to_ms)
    }

    pub(super) fn bucket(self) -> &'static str {
        if self.step_ms == HOUR_MS { "hour" } else { "day" }
    }
}

/// A moment with its offset, or a day.
fn moment_ms(text: &str) -> Option<u64> {
    format::moment_ms(text).or_else(|| format::moment_ms(&format!("{text}T00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T12:30:00Z
    const NOW_MS: u64 = 1_795_264_200_000;

    #[test]
    fn times_are_cut_to_steps() {
        let check = |pairs: &[(&str, &str)], expect: (Option<&str>, &str, &str, usize, &str)| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let span = Span::of(&Query::new(pairs.collect()), NOW_MS);
            let (from, to) = (span.from(), span.to());
            let found = (span.preset, from.as_str(), to.as_str(), span.steps(), span.bucket());
            assert_eq!(found, expect);
        };
        let day = (Some("24h"), "2026-11-20T13:00:00Z", "2026-11-21T13:00:00Z", 24, "hour");
        check(&[], day);
        check(&[("range", "nonsense")], day);
        check(&[("range", "7d")], (Some("7d"), "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z", 7, "day"));
        check(
            &[("from", "2026-11-21T08:10:00Z"), ("to", "2026-11-21T09:10:00Z")],
            (None, "2026-11-21T08:00:00Z", "2026-11-21T10:00:00Z", 2, "hour"),
        );
        check(
            &[("from", "2026-11-01"), ("to", "2026-11-08")],
            (None, "2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z", 7, "day"),
        );
        check(&[("from", "2026-11-22"), ("to", "2026-11-21")], day);
        check(&[("from", "x"), ("to", "2026-11-21")], day);
        check(
            &[("from", "1970-01-01"), ("to", "2026-11-22")],
            (None, "2025-10-18T00:00:00Z", "2026-11-22T00:00:00Z", 400, "day"),
        );
    }

    #[test]
    fn moments_are_in_steps() {
        let span = Span::of(&Query::default(), NOW_MS);
        let check = |moment, expect| assert_eq!(span.step_of(moment), expect, "{moment}");
        check("2026-11-20T13:00:00Z", Some(0));
        check("2026-11-21T12:59:59Z", Some(23));
        check("2026-11-21T13:00:00Z", None);
        check("2026-11-20T12:59:59Z", None);
        check("x", None);
        assert_eq!(span.step(1), ("2026-11-20T14:00:00Z".to_owned(), "2026-11-20T15:00:00Z".to_owned()));
        assert_eq!(span.before().from(), "2026-11-19T13:00:00Z");
    }
}
