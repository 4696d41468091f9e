//! How long the first token of a target takes.

use std::time::Duration;

const SAMPLES: usize = 64;
/// So many samples are needed before they say anything.
pub const SAMPLES_LEAST: u32 = 20;
/// What a new sample weighs in the average.
const NEW_SHARE: f64 = 0.1;

/// Times to the first token of one target.
#[derive(Clone, Debug)]
pub struct Latency {
    /// The last samples in milliseconds.
    ring: [u32; SAMPLES],
    /// How many were ever taken.
    taken: u32,
    average_ms: f64,
    p95_ms: u32,
}

impl Default for Latency {
    fn default() -> Self {
        Self { ring: [0; SAMPLES], taken: 0, average_ms: 0.0, p95_ms: 0 }
    }
}

impl Latency {
    pub fn add(&mut self, took: Duration) {
        let ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        self.ring[self.taken as usize % SAMPLES] = ms;
        self.average_ms = match self.taken {
            0 => f64::from(ms),
            _ => self.average_ms + NEW_SHARE * (f64::from(ms) - self.average_ms),
        };
        // Once around, the number only has to stay above what counts as enough.
        self.taken = self.taken.checked_add(1).unwrap_or(SAMPLES as u32);
        // Sorting is worth it now and then only.
        if self.taken >= SAMPLES_LEAST && self.taken.is_multiple_of(4) {
            self.p95_ms = self.sorted_p95();
        }
    }

    /// 95 of 100 came within this; `None` until there are enough samples.
    pub fn p95(&self) -> Option<Duration> {
        (self.taken >= SAMPLES_LEAST).then(|| Duration::from_millis(u64::from(self.p95_ms)))
    }

    /// The moving average; `None` without a sample.
    pub fn average(&self) -> Option<Duration> {
        (self.taken > 0).then(|| Duration::from_secs_f64(self.average_ms / 1000.0))
    }

    fn sorted_p95(&self) -> u32 {
        let mut samples = self.ring;
        let known = &mut samples[..SAMPLES.min(self.taken as usize)];
        let at = (known.len() * 95).div_ceil(100) - 1;
        *known.select_nth_unstable(at).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p95_is_of_the_last_samples_once_there_are_enough() {
        let check = |samples: &[u64], p95: Option<u64>| {
            let mut latency = Latency::default();
            samples.iter().for_each(|ms| latency.add(Duration::from_millis(*ms)));
            assert_eq!(latency.p95(), p95.map(Duration::from_millis), "{samples:?}");
        };
        let upto = |n| (1..=n).collect::<Vec<u64>>();
        check(&[], None);
        check(&upto(19), None);
        check(&upto(20), Some(19));
        check(&upto(64), Some(61));
        // 65 to 128 are left.
        check(&upto(128), Some(125));
        check(&[7; 20], Some(7));
    }

    #[test]
    fn the_average_moves() {
        let mut latency = Latency::default();
        assert_eq!(latency.average(), None);
        latency.add(Duration::from_millis(100));
        assert_eq!(latency.average(), Some(Duration::from_millis(100)));
        latency.add(Duration::from_millis(200));
        assert_eq!(latency.average(), Some(Duration::from_millis(110)));
    }
}
