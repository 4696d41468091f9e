//! Latencies in log-linear buckets: 64 to each power of two, so that a percentile is right to 1.6 %.

const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;
const BUCKETS: usize = ((64 - SUB_BITS as usize) + 1) * SUB as usize;

/// Counts of nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], count: 0 }
    }
}

impl Histogram {
    /// Counts one latency.
    pub fn record_ns(&mut self, ns: u64) {
        self.counts[bucket(ns)] += 1;
        self.count += 1;
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
    }

    /// How many latencies were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency that the share `q` (0 to 1) of all stays at or below, in microseconds; 0 when there is none.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and latencies of a benchmark are far below 2^52"
    )]
    pub fn quantile_us(&self, q: f64) -> f64 {
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return middle(index) as f64 / 1000.0;
            }
        }
        0.0
    }
}

fn bucket(ns: u64) -> usize {
    if ns < SUB {
        return usize::try_from(ns).unwrap_or(0);
    }
    let shift = 63 - SUB_BITS - ns.leading_zeros();
    // Powers of two from 2^SUB_BITS on have SUB buckets each.
    let sub = (ns >> shift) & (SUB - 1);
    usize::try_from((u64::from(shift) + 1) * SUB + sub).unwrap_or(BUCKETS - 1)
}

fn middle(index: usize) -> u64 {
    let index = index as u64;
    if index < SUB {
        return index;
    }
    let shift = index / SUB - 1;
    let low = (SUB + index % SUB) << shift;
    low + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[u64], q: f64, expect_us: f64) {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&ns| histogram.record_ns(ns));
        let got = histogram.quantile_us(q);
        assert!((got - expect_us).abs() <= expect_us * 0.016, "{values:?} {q}: {got} instead of {expect_us}");
    }

    #[test]
    fn quantiles_are_near() {
        check(&[], 0.5, 0.0);
        check(&[5], 0.99, 0.005);
        check(&[1_000], 0.5, 1.0);
        check(&[1_000, 2_000, 3_000, 4_000], 0.5, 2.0);
        check(&[1_000, 2_000, 3_000, 4_000], 1.0, 4.0);
        check(&[123_456_789], 0.5, 123_456.789);
        let many: Vec<u64> = (1..=10_000).map(|n| n * 1_000).collect();
        check(&many, 0.99, 9_900.0);
    }

    #[test]
    fn every_value_is_in_the_bucket_that_stands_for_it() {
        for ns in (0..64).map(|bit| 1_u64 << bit).flat_map(|v| [v.saturating_sub(1), v, v.saturating_add(1)])
        {
            let near = middle(bucket(ns));
            assert!(near.abs_diff(ns) <= ns / 64, "{ns} is counted as {near}");
        }
    }
}
