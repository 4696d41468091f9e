//! The table, and the same as JSON.

use serde_json::{Value, json};

use super::{
    TOLERANCE_PERCENT,
    counts::{Count, Part},
};

/// One part.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) part: Part,
    pub(super) base: Option<Count>,
    pub(super) now: Count,
}

impl Row {
    /// In percent of the base.
    fn change(&self) -> Option<f64> {
        self.base.map(|base| (self.now.low / base.low - 1.0) * 100.0)
    }

    pub(super) fn is_dearer(&self) -> bool {
        !self.part.moves && self.change().is_some_and(|change| change > TOLERANCE_PERCENT)
    }

    /// For the error.
    pub(super) fn told(&self) -> String {
        format!("{} {:+.1} %", self.part.name, self.change().unwrap_or_default())
    }

    fn verdict(&self) -> &'static str {
        match self.base {
            _ if self.part.moves => "moves by itself, not judged",
            None => "-",
            Some(_) if self.is_dearer() => "DEARER",
            Some(_) => "ok",
        }
    }
}

pub(super) fn print_header(base: Option<&str>) {
    println!(
        "{:28} {:>12} {:>12} {:>9} {:>9} {:>9}",
        "instructions a unit",
        base.unwrap_or("base"),
        "now",
        "change",
        "spread",
        "(base)"
    );
}

pub(super) fn print(row: &Row) {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    println!(
        "{:28} {:>12} {:>12.0} {:>9} {:>9} {:>9}  {}",
        row.part.name,
        or_none(row.base.map(|base| format!("{:.0}", base.low))),
        row.now.low,
        or_none(row.change().map(|change| format!("{change:+.2} %"))),
        format!("{:.2} %", row.now.spread()),
        or_none(row.base.map(|base| format!("{:.2} %", base.spread()))),
        row.verdict(),
    );
}

pub(super) fn print_footer() {
    println!(
        "\nthe lowest of some counts of each part; the spread is how far the highest is above it; more than \
         {TOLERANCE_PERCENT} % dearer fails"
    );
}

pub(super) fn to_json(rows: &[Row], base: Option<&str>) -> String {
    let count = |count: Count| json!({ "instructions": count.low, "highest": count.high });
    let parts: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({ "name": row.part.name, "base": row.base.map(count), "now": count(row.now),
                    "change_percent": row.change(), "judged": !row.part.moves, "dearer": row.is_dearer() })
        })
        .collect();
    let all = json!({ "base": base, "tolerance_percent": TOLERANCE_PERCENT, "parts": parts });
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: Option<f64>, now: f64, moves: bool, expect: (bool, &str)) {
        let count = |low| Count { low, high: low * 1.001 };
        let part = Part { name: "scan".to_owned(), units: 1, moves };
        let row = Row { part, base: base.map(count), now: count(now) };
        assert_eq!((row.is_dearer(), row.verdict()), expect, "{base:?} {now}");
    }

    #[test]
    fn verdicts() {
        check(Some(1_000.0), 1_029.0, false, (false, "ok"));
        check(Some(1_000.0), 1_031.0, false, (true, "DEARER"));
        check(Some(1_000.0), 500.0, false, (false, "ok"));
        check(Some(1_000.0), 2_000.0, true, (false, "moves by itself, not judged"));
        check(None, 1_000.0, false, (false, "-"));
    }
}
