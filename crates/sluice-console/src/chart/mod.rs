//! Charts: numbers in, SVG out. They can be read without script, follow the width of the page without shrinking their
//! letters (places are percentages, lines stretch in an inner picture), and have no colours of their own: classes do.

mod meter;
mod scale;
mod spark;
mod time_chart;
mod waterfall;

pub use meter::Meter;
pub use scale::Unit;
pub use spark::spark;
pub use time_chart::{Kind, Series, TimeChart, gathered};
pub use waterfall::{Bar, Row, Waterfall};

/// How many series have colours of their own.
pub const COLOURS: usize = 8;

/// A place or a length in percent, as short as it is exact enough.
pub(super) fn percent(share: f64) -> String {
    trimmed(share * 100.0) + "%"
}

/// With at most two decimal places.
pub(super) fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{html::Html, test_visit::is_snapshot};

    fn series(name: &str, values: &[Option<f64>]) -> Series {
        Series { name: name.to_owned(), values: values.to_vec(), total: String::new() }
    }

    fn chart(kind: Kind, unit: Unit<'static>, series: Vec<Series>) -> TimeChart<'static> {
        TimeChart {
            title: "Requests & <errors>".to_owned(),
            kind,
            unit,
            start_ms: 1_795_219_200_000,
            step_ms: 3_600_000,
            zone_minutes: 0,
            series,
            links: Vec::new(),
            height: 160,
        }
    }

    #[test]
    fn charts_are_as_they_were() {
        let mut changed = Vec::new();
        let mut check = |name: &'static str, html: Html| {
            if !is_snapshot(name, html.as_str()) {
                changed.push(name);
            }
        };
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let two = vec![series("a", &some(&[1.0, 0.0, 30.0])), series("<b>", &some(&[2.0, 4.0, 0.0]))];
        let mut linked = chart(Kind::Bars, Unit::Count, two.clone());
        linked.links = (0..3).map(|at| format!("/requests?from={at}&to=x")).collect();
        check("bars", linked.html());
        check("areas", chart(Kind::Areas, Unit::Money(None), two).html());
        let holes = vec![
            series("p50", &[Some(10.0), None, Some(12.0), Some(14.0)]),
            series("p95", &[Some(100.0), None, Some(120.0), Some(140.0)]),
        ];
        check("percentiles", chart(Kind::Lines { band: Some((0, 1)) }, Unit::Duration, holes).html());
        check("nothing", chart(Kind::Lines { band: None }, Unit::Percent, vec![series("a", &[None])]).html());
        check("spark", spark(&[Some(1.0), None, Some(3.0), Some(2.0)], "Requests"));
        check("meter", Meter { spent: 85, reserved: 5, limit: 100, label: "$85 of $100".to_owned() }.html());
        check("meter_over", Meter { spent: 120, reserved: 9, limit: 100, label: "over".to_owned() }.html());
        check("meter_none", Meter { spent: 1, reserved: 0, limit: 0, label: "none".to_owned() }.html());
        let bar = |from_ms, to_ms, class, label: &str| Bar { from_ms, to_ms, class, label: label.to_owned() };
        let rows = vec![
            Row {
                label: "openai / gpt".to_owned(),
                note: "500".to_owned(),
                more: String::new(),
                bars: vec![bar(0.0, 120.0, "bad", "failed")],
            },
            Row {
                label: "azure / gpt".to_owned(),
                note: "200".to_owned(),
                more: String::new(),
                bars: vec![bar(130.0, 400.0, "soft", "first token"), bar(400.0, 1_300.0, "accent", "tokens")],
            },
        ];
        check("waterfall", Waterfall { title: "Attempts".to_owned(), total_ms: 1_300.0, rows }.html());
        assert_eq!(changed, [""; 0]);
    }

    #[test]
    fn numbers_are_short() {
        let check = |number, expect: &str| assert_eq!(trimmed(number), expect);
        check(0.0, "0");
        check(-0.001, "0");
        check(33.333_333, "33.33");
        check(10.0, "10");
        assert_eq!(percent(0.125), "12.5%");
    }
}
