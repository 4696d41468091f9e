//! Where numbers and moments stand on their axes, and what is written there.

use crate::{Currency, format};

/// What the numbers of a chart are.
#[derive(Clone, Copy, Debug)]
pub enum Unit<'a> {
    /// Requests, tokens and so on.
    Count,
    /// Nano-dollars, shown in a currency.
    Money(Option<&'a Currency>),
    /// Milliseconds.
    Duration,
    /// Shares from 0 to 1.
    Percent,
}

impl Unit<'_> {
    /// Whether there is nothing between one and two.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Count)
    }

    /// A value as it is written.
    #[must_use]
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Count => format::short(value.round().max(0.0) as u64),
            Self::Money(currency) => format::money(value.round() as i128, currency),
            Self::Duration => format::duration(value),
            Self::Percent => format!("{} %", super::trimmed(value * 100.0)),
        }
    }

    /// A value of an axis, without digits that say nothing.
    pub(super) fn axis_text(self, value: f64) -> String {
        let text = self.text(value);
        let Some((number, unit)) = text.split_once(' ') else { return format::without_zeros(&text) };
        format!("{} {unit}", format::without_zeros(number))
    }
}

/// The end of an axis that begins at zero, and the step between its lines: round numbers, some lines. `whole`: there is
/// nothing between one and two.
pub(super) fn round_up(largest: f64, whole: bool) -> (f64, f64) {
    if !(largest.is_finite() && largest > 0.0) {
        return if whole { (1.0, 1.0) } else { (1.0, 0.5) };
    }
    let rough = largest / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    let fits = |step: &f64| *step >= rough * 0.999_999 && (!whole || (*step >= 1.0 && step.fract() == 0.0));
    let step = steps.into_iter().find(fits).unwrap_or_else(|| (10.0 * power).max(1.0));
    ((largest / step - 1e-9).ceil().max(1.0) * step, step)
}

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Steps of an axis of time.
const STEPS_MS: [u64; 17] = [
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    2 * DAY_MS,
    7 * DAY_MS,
    14 * DAY_MS,
    30 * DAY_MS,
    90 * DAY_MS,
];
const TICKS_MAX: u64 = 6;

/// The moments that an axis names: its share of the way, and its name. They are round on the viewer's clock.
pub(super) fn moments(start_ms: u64, end_ms: u64, zone_minutes: i32) -> Vec<(f64, String)> {
    let span = end_ms.saturating_sub(start_ms).max(1);
    let step = STEPS_MS.into_iter().find(|step| span / step <= TICKS_MAX).unwrap_or(365 * DAY_MS);
    let zone = i64::from(zone_minutes) * 60_000;
    let local = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_add(zone);
    let step_i = i64::try_from(step).unwrap_or(i64::MAX);
    let mut at = local(start_ms).div_euclid(step_i).saturating_add(1).saturating_mul(step_i);
    if local(start_ms).rem_euclid(step_i) == 0 {
        at = local(start_ms);
    }
    let mut found = Vec::new();
    while at <= local(end_ms) && found.len() <= 2 * TICKS_MAX as usize {
        let unix_ms = u64::try_from(at - zone).unwrap_or_default();
        let midnight = at.rem_euclid(DAY_MS as i64) == 0;
        let name = match step >= DAY_MS || midnight {
            true => format::day(unix_ms, zone_minutes),
            false => format::clock(unix_ms, zone_minutes),
        };
        found.push(((unix_ms.saturating_sub(start_ms)) as f64 / span as f64, name));
        at = at.saturating_add(step_i);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |largest, expect: (f64, f64)| assert_eq!(round_up(largest, false), expect, "{largest}");
        check(0.0, (1.0, 0.5));
        check(f64::NAN, (1.0, 0.5));
        check(1.0, (1.0, 0.25));
        check(4.0, (4.0, 1.0));
        check(7.0, (8.0, 2.0));
        check(97.0, (100.0, 25.0));
        check(101.0, (150.0, 50.0));
        check(1_500_000.0, (1_500_000.0, 500_000.0));
        let whole = |largest, expect: (f64, f64)| assert_eq!(round_up(largest, true), expect, "{largest}");
        whole(0.0, (1.0, 1.0));
        whole(1.0, (1.0, 1.0));
        whole(3.0, (3.0, 1.0));
        whole(9.0, (10.0, 5.0));
        whole(97.0, (100.0, 25.0));
    }

    #[test]
    fn values_have_their_unit() {
        let check = |unit: Unit<'_>, value, text: &str, axis: &str| {
            assert_eq!((unit.text(value).as_str(), unit.axis_text(value).as_str()), (text, axis));
        };
        check(Unit::Count, 1500.0, "1,500", "1,500");
        check(Unit::Count, 15_000.0, "15.0k", "15k");
        check(Unit::Count, 100.0, "100", "100");
        check(Unit::Money(None), 2_500_000_000.0, "$2.50", "$2.5");
        check(Unit::Duration, 1500.0, "1.50 s", "1.5 s");
        check(Unit::Percent, 0.125, "12.5 %", "12.5 %");
        check(Unit::Percent, 1.0, "100 %", "100 %");
    }

    #[test]
    fn moments_are_round_on_the_viewers_clock() {
        // 2026-11-21T00:00:00Z
        let start = 1_795_219_200_000;
        let check = |span: u64, zone, expect: &[&str]| {
            let names: Vec<String> =
                moments(start, start + span, zone).into_iter().map(|(_, name)| name).collect();
            assert_eq!(names, expect, "{span} {zone}");
        };
        check(HOUR_MS, 0, &["11-21", "00:10", "00:20", "00:30", "00:40", "00:50", "01:00"]);
        check(DAY_MS, 0, &["11-21", "06:00", "12:00", "18:00", "11-22"]);
        check(DAY_MS, 8 * 60, &["12:00", "18:00", "11-22", "06:00"]);
        check(5 * DAY_MS, 330, &["11-22", "11-23", "11-24", "11-25", "11-26"]);
        let places: Vec<f64> =
            moments(start, start + DAY_MS, 0).into_iter().map(|(place, _)| place).collect();
        assert_eq!((places[0], places[2], places[4]), (0.0, 0.5, 1.0));
    }
}
