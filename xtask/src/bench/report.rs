//! The table, and the same as JSON.

use serde_json::{Value, json};

use super::{
    Options,
    cases::Mark,
    rounds::{Measured, Overloaded, Sample},
};

/// Middle, lowest and highest of some figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

pub(super) fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Spread::default() };
    let (lower, upper) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Spread { median: f64::midpoint(lower, upper), low, high }
}

pub(super) fn median(values: Vec<f64>) -> f64 {
    spread(values).median
}

impl Overloaded {
    fn to_json(self) -> Value {
        json!({ "capacity_per_s": self.capacity_per_s, "refused_per_s": self.refused_per_s, "failures": self.failures,
                "unfinished": self.unfinished, "unloaded_p99_us": self.unloaded_p99_us, "late_p99_us": self.late_p99_us })
    }
}

impl Spread {
    pub(super) fn to_json(self) -> Value {
        json!({ "median": self.median, "low": self.low, "high": self.high })
    }
}

/// The ratio of each round: the two were measured side by side.
fn ratios(ours: &[Sample], theirs: &[Sample]) -> Spread {
    spread(ours.iter().zip(theirs).map(|(ours, theirs)| ours.value / theirs.value).collect())
}

fn values(samples: &[Sample]) -> Spread {
    spread(samples.iter().map(|sample| sample.value).collect())
}

fn middle(samples: &[Sample], pick: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let picked: Vec<f64> = samples.iter().filter_map(pick).collect();
    (!picked.is_empty()).then(|| spread(picked).median)
}

pub(crate) fn print_header() {
    println!(
        "{:<20} {:<16} {:>9} {:>9} {:>7} {:>13}  {:<15} {:>15} {:>15} {:>17} {:>15} {:>15}",
        "case",
        "unit",
        "base",
        "this",
        "ratio",
        "spread",
        "mark",
        "calls/s",
        "p50 µs",
        "p99 µs",
        "RSS MiB",
        "user µs"
    );
    println!("{:>78}  {:<15} {:>15} {:>15} {:>17} {:>15} {:>15}", "", "", "base | this", "", "", "", "");
}

pub(crate) fn print(measured: &Measured) {
    let case = &measured.case;
    let (ours, ratio) = (values(&measured.gateway), ratios(&measured.gateway, &measured.base));
    print_row(measured, case.name, &measured.gateway, &verdict(case.mark, ratio.median, ours.median));
    print_overload("base", &measured.base);
    print_overload("this", &measured.gateway);
    if !measured.other.is_empty() {
        let ours_to_it = ratios(&measured.gateway, &measured.other);
        print_row(measured, "  other build", &measured.other, &format!("ours/it {:.2}x", ours_to_it.median));
    }
}

/// What there is to say of an overload beside the row.
fn print_overload(name: &str, samples: &[Sample]) {
    let of = |pick: fn(&Overloaded) -> f64| middle(samples, |sample| sample.overloaded.as_ref().map(pick));
    let (Some(capacity), Some(refused), Some(failures), Some(unfinished), Some(unloaded), Some(late)) = (
        of(|o| o.capacity_per_s),
        of(|o| o.refused_per_s),
        of(|o| o.failures),
        of(|o| o.unfinished),
        of(|o| o.unloaded_p99_us),
        of(|o| o.late_p99_us),
    ) else {
        return;
    };
    let goodput = middle(samples, |sample| sample.calls_per_s).unwrap_or_default();
    println!(
        "  {name}: goodput {:.2} of {capacity:.0} a second, {refused:.0} a second refused, {failures:.0} failed, \
         {unfinished:.0} never ended; p99 {unloaded:.0} µs unloaded; the load was {late:.0} µs late at p99",
        goodput / capacity
    );
}

/// One row: what was measured of `this`, beside what the case is compared with.
fn print_row(measured: &Measured, name: &str, this: &[Sample], mark: &str) {
    let (base, value, ratio) = (values(&measured.base), values(this), ratios(this, &measured.base));
    let pair = |pick: fn(&Sample) -> Option<f64>| {
        let show = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |n| format!("{n:.0}"));
        format!("{} | {}", show(middle(&measured.base, pick)), show(middle(this, pick)))
    };
    println!(
        "{:<20} {:<16} {:>9.2} {:>9.2} {:>6.2}x {:>13}  {:<15} {:>15} {:>15} {:>17} {:>15} {:>15}",
        name,
        measured.case.shape.unit(),
        base.median,
        value.median,
        ratio.median,
        format!("{:.2}-{:.2}", ratio.low, ratio.high),
        mark,
        pair(|s| s.calls_per_s),
        pair(|s| s.p50_us),
        pair(|s| s.p99_us),
        pair(|s| Some(s.rss_kib / 1024.0)),
        format!("{} | {}", user(&measured.base), user(this)),
    );
}

fn user(samples: &[Sample]) -> String {
    middle(samples, |sample| sample.user).map_or_else(|| "-".to_owned(), |us| format!("{us:.2}"))
}

pub(crate) fn print_footer() {
    println!(
        "\nmedians over the rounds; the ratio is this/base, with its lowest and highest round; base is nginx, and of \
         normalised and translated streams ours, passing the same texts through"
    );
}

fn verdict(mark: Option<Mark>, ratio: f64, value: f64) -> String {
    let (text, reached) = match mark {
        None => return "-".to_owned(),
        Some(Mark::Ratio(most)) => (format!("<= {most}x"), ratio <= most),
        Some(Mark::Value(most)) => (format!("<= {most}"), value <= most),
    };
    format!("{text} {}", if reached { "ok" } else { "MISSED" })
}

pub(crate) fn to_json(results: &[Measured], options: &Options) -> String {
    let samples = |all: &[Sample]| -> Value {
        all.iter()
            .map(|s| {
                json!({ "value": s.value, "user": s.user, "calls_per_s": s.calls_per_s, "p50_us": s.p50_us, "p99_us": s.p99_us,
                        "rss_kib": s.rss_kib, "overloaded": s.overloaded.map(Overloaded::to_json) })
            })
            .collect()
    };
    let cases: Vec<Value> = results
        .iter()
        .map(|m| {
            let mark = match m.case.mark {
                None => Value::Null,
                Some(Mark::Ratio(most)) => json!({ "ratio": most }),
                Some(Mark::Value(most)) => json!({ "value": most }),
            };
            json!({
                "name": m.case.name, "unit": m.case.shape.unit(), "mark": mark,
                "against": m.case.against.unwrap_or("nginx"),
                "base": values(&m.base).to_json(), "gateway": values(&m.gateway).to_json(),
                "ratio": ratios(&m.gateway, &m.base).to_json(),
                "other": (!m.other.is_empty()).then(|| values(&m.other).to_json()),
                "rounds": {
                    "base": samples(&m.base), "gateway": samples(&m.gateway), "other": samples(&m.other),
                },
            })
        })
        .collect();
    let all = json!({ "rounds": options.rounds, "seconds": options.seconds, "cases": cases });
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], median: f64, low: f64, high: f64) {
        assert_eq!(spread(values.to_vec()), Spread { median, low, high });
    }

    #[test]
    fn spreads() {
        check(&[], 0.0, 0.0, 0.0);
        check(&[3.0], 3.0, 3.0, 3.0);
        check(&[3.0, 1.0, 2.0], 2.0, 1.0, 3.0);
        check(&[4.0, 1.0, 2.0, 3.0], 2.5, 1.0, 4.0);
    }

    #[test]
    fn marks() {
        assert_eq!(verdict(None, 1.0, 1.0), "-");
        assert_eq!(verdict(Some(Mark::Ratio(1.5)), 1.4, 99.0), "<= 1.5x ok");
        assert_eq!(verdict(Some(Mark::Value(20.0)), 1.0, 21.0), "<= 20 MISSED");
    }
}
