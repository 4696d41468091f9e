//! How long requests took: histograms that are small, can be added up, and lose little.

use std::collections::BTreeMap;

use sluice_ledger::{Posting, record::Outcome};

use crate::{books::Details, query::GroupBy};

/// Bits of a duration behind its highest one that tell buckets apart: four buckets from each power of two to the next,
/// so that what a bucket stands for is at most an eighth beside the truth.
const BITS: u32 = 2;
const PARTS: u64 = 1 << BITS;

/// Counts of durations by their size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<u8, u64>);

impl Histogram {
    /// Counts a duration in microseconds.
    pub fn add(&mut self, us: u64) {
        *self.0.entry(bucket(us)).or_default() += 1;
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            let sum = self.0.entry(*bucket).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The duration in microseconds that so many of a thousand do not pass; `None` where nothing was counted. Inside a
    /// bucket durations count as evenly spread.
    pub fn quantile(&self, permille: u64) -> Option<u64> {
        let count = u128::from(self.count());
        // The rank of the duration that is meant, in thousandths, from 0.
        let rank = count.checked_sub(1)? * u128::from(permille.min(1_000));
        let mut below = 0;
        for (bucket, counted) in &self.0 {
            let counted = u128::from(*counted) * 1_000;
            if rank < below + counted {
                let (from, width) = span(*bucket);
                let inside = u128::from(width) * (rank - below + 500) / counted;
                return Some(from.saturating_add(u64::try_from(inside).unwrap_or(u64::MAX).min(width)));
            }
            below += counted;
        }
        None
    }

    /// As it is stored: `bucket:count`, separated by spaces.
    pub(crate) fn text(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(bucket, count)| format!("{bucket}:{count}")).collect();
        pairs.join(" ")
    }

    /// Reads what [`Self::text`] wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let pair = |pair: &str| {
            let (bucket, count) = pair.split_once(':')?;
            Some((bucket.parse().ok()?, count.parse().ok()?))
        };
        text.split_ascii_whitespace().map(pair).collect::<Option<_>>().map(Self)
    }
}

fn bucket(us: u64) -> u8 {
    let octave = us.checked_ilog2().unwrap_or(0);
    if octave < BITS {
        return u8::try_from(us).unwrap_or_default();
    }
    let shift = octave - BITS;
    let part = (us >> shift) & (PARTS - 1);
    u8::try_from(u64::from(shift + 1) * PARTS + part).unwrap_or(u8::MAX)
}

/// Where a bucket begins, and how wide it is, in microseconds.
fn span(bucket: u8) -> (u64, u64) {
    let (row, part) = (u64::from(bucket) / PARTS, u64::from(bucket) % PARTS);
    match u32::try_from(row.saturating_sub(1)).unwrap_or(u32::MAX) {
        _ if row == 0 => (part, 1),
        shift => (
            (PARTS + part).checked_shl(shift).unwrap_or(u64::MAX),
            1_u64.checked_shl(shift).unwrap_or(u64::MAX),
        ),
    }
}

/// The two properties of a request by which a histogram is kept. Others together have none: there would be as many
/// histograms as requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    ModelAndProvider,
    ProjectAndKey,
    ProjectAndModel,
}

impl Dimension {
    pub(crate) const ALL: [Self; 3] = [Self::ModelAndProvider, Self::ProjectAndKey, Self::ProjectAndModel];

    /// One that has all of these properties.
    pub fn with(properties: &[GroupBy]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|one| properties.iter().all(|property| one.properties().contains(property)))
    }

    pub(crate) fn properties(self) -> [GroupBy; 2] {
        match self {
            Self::ModelAndProvider => [GroupBy::Model, GroupBy::Provider],
            Self::ProjectAndKey => [GroupBy::Project, GroupBy::Key],
            Self::ProjectAndModel => [GroupBy::Project, GroupBy::Model],
        }
    }

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::ModelAndProvider => 0,
            Self::ProjectAndKey => 1,
            Self::ProjectAndModel => 2,
        }
    }
}

/// Times to the first content and to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Of streams alone.
    pub first_token: Histogram,
    pub total: Histogram,
}

impl Times {
    /// Adds what others counted.
    pub fn merge(&mut self, other: &Self) {
        self.first_token.merge(&other.first_token);
        self.total.merge(&other.total);
    }
}

/// Which requests a histogram is of: the hour in Unix seconds, the dimension, and its two properties.
pub(crate) type Of = (i64, Dimension, String, String);

/// Times of requests that were answered, gathered between two writings of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(pub(crate) BTreeMap<Of, Times>);

impl Latencies {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts a request, if it was answered.
    pub fn add(&mut self, posting: &Posting, details: &Details) {
        let Outcome::Settled(settle) = &posting.outcome else { return };
        if posting.is_error() || details.is_error() {
            return;
        }
        let reserve = &posting.reserve;
        let hour = i64::try_from(reserve.unix_ms / 3_600_000 * 3_600).unwrap_or(i64::MAX);
        for dimension in Dimension::ALL {
            let [a, b] = dimension.properties().map(|property| match property {
                GroupBy::Model => &reserve.model,
                GroupBy::Key => &reserve.key,
                GroupBy::Project => &reserve.project,
                GroupBy::Provider => &settle.answered.provider,
            });
            let times = self.0.entry((hour, dimension, a.clone(), b.clone())).or_default();
            if let Some(us) = details.first_token_us {
                times.first_token.add(us);
            }
            times.total.add(details.total_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another() {
        let mut next = 0;
        for number in 0..=250 {
            let (from, width) = span(number);
            assert_eq!((from, bucket(from), bucket(from + width - 1)), (next, number, number));
            let Some(end) = from.checked_add(width) else { break };
            next = end;
        }
        assert_eq!(span(bucket(u64::MAX)).0.checked_add(span(bucket(u64::MAX)).1), None);
    }

    #[test]
    fn quantiles() {
        let check = |times: &[u64], permille, expect: Option<(u64, u64)>| {
            let mut histogram = Histogram::default();
            times.iter().for_each(|us| histogram.add(*us));
            let found = histogram.quantile(permille);
            let is = match (found, expect) {
                (Some(us), Some((low, high))) => (low..=high).contains(&us),
                (found, expect) => found.is_none() && expect.is_none(),
            };
            assert!(is, "{times:?} {permille}: {found:?}");
            assert_eq!(Histogram::read(&histogram.text()), Some(histogram));
        };
        check(&[], 500, None);
        check(&[0], 500, Some((0, 1)));
        check(&[1_000], 0, Some((896, 1_024)));
        check(&[1_000], 1_000, Some((896, 1_024)));
        let thousand: Vec<u64> = (1..=1_000).map(|ms| ms * 1_000).collect();
        check(&thousand, 500, Some((485_000, 515_000)));
        check(&thousand, 900, Some((880_000, 920_000)));
        check(&thousand, 990, Some((960_000, 1_048_576)));
        check(&thousand, 5_000, Some((980_000, 1_048_576)));
        check(&[5, u64::MAX], 1_000, Some((u64::MAX / 8 * 7, u64::MAX)));
    }

    #[test]
    fn what_is_added_up_is_as_what_was_counted_together() {
        let (mut a, mut b, mut all) = (Histogram::default(), Histogram::default(), Histogram::default());
        for us in 0..5_000 {
            if us % 3 == 0 { &mut a } else { &mut b }.add(us * us);
            all.add(us * us);
        }
        a.merge(&b);
        assert_eq!((a.count(), &a), (5_000, &all));
    }

    #[test]
    fn texts_that_cannot_be_read() {
        for text in ["1", "1:", ":1", "x:1", "1:-1", "256:1"] {
            assert_eq!(Histogram::read(text), None, "{text}");
        }
        assert_eq!(Histogram::read(""), Some(Histogram::default()));
    }

    #[test]
    fn dimensions_are_found_by_what_they_have() {
        use GroupBy::{Key, Model, Project, Provider};
        let check = |properties: &[GroupBy], expect: Option<Dimension>| {
            assert_eq!(Dimension::with(properties), expect, "{properties:?}");
        };
        check(&[], Some(Dimension::ModelAndProvider));
        check(&[Model], Some(Dimension::ModelAndProvider));
        check(&[Provider, Model], Some(Dimension::ModelAndProvider));
        check(&[Key], Some(Dimension::ProjectAndKey));
        check(&[Key, Project], Some(Dimension::ProjectAndKey));
        check(&[Project, Model], Some(Dimension::ProjectAndModel));
        check(&[Key, Model], None);
        check(&[Project, Provider], None);
    }
}
