//! What is out of the ordinary about a request, in a word each.

use super::{row::Row, texts::Both};
use crate::texts::fill;

/// A small badge, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Under which `requests.js` finds it.
    pub(super) name: String,
    /// Class of the badge.
    pub(super) class: &'static str,
    pub(super) text: String,
    pub(super) hint: &'static str,
}

impl Mark {
    fn new(t: &'static Both, name: &str) -> Self {
        let (class, text, hint) = match name {
            "attempts" => ("plain", t.attempts, ""),
            "hedged" => ("accent plain", t.hedged, t.hedged_hint),
            "repaired" => ("accent plain", t.repaired, t.repaired_hint),
            "estimated" => ("plain", t.estimated, t.estimated_hint),
            "absurd" => ("warn", t.absurd, t.absurd_hint),
            "excess" => ("warn", t.excess, t.excess_hint),
            "unconfirmed" => ("warn", t.unconfirmed, t.unconfirmed_hint),
            other => ("warn", other, ""),
        };
        Self { name: name.to_owned(), class, text: text.to_owned(), hint }
    }
}

/// Flags of the charge.
pub(super) fn flags(t: &'static Both, row: &Row) -> Vec<Mark> {
    row.flags.iter().map(|flag| Mark::new(t, flag)).collect()
}

/// One of each, for the row that `requests.js` fills.
pub(super) fn every(t: &'static Both) -> Vec<Mark> {
    let names = ["attempts", "hedged", "repaired", "estimated", "absurd", "excess", "unconfirmed"];
    names.into_iter().map(|name| Mark::new(t, name)).collect()
}

/// All of a request.
pub(super) fn marks(t: &'static Both, row: &Row) -> Vec<Mark> {
    let mut marks = Vec::new();
    if row.attempts.len() > 1 {
        let mark = Mark::new(t, "attempts");
        marks.push(Mark { text: fill(&mark.text, &[&row.attempts.len()]), ..mark });
    }
    let estimated = row.usage_source.as_deref() == Some("estimated");
    let others = [(row.hedged, "hedged"), (row.repaired, "repaired"), (estimated, "estimated")];
    marks.extend(others.into_iter().filter(|(is, _)| *is).map(|(_, name)| Mark::new(t, name)));
    marks.extend(flags(t, row));
    marks
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Language,
        pages::requests::row::tests::{attempt, sample},
    };

    #[test]
    fn only_what_is_out_of_the_ordinary_is_marked() {
        let check = |changes: Value, expect: &[&str]| {
            let row: Row = serde_json::from_value(sample(&changes)).unwrap();
            let found = marks(Both::of(Language::English), &row);
            assert_eq!(found.iter().map(|mark| mark.text.as_str()).collect::<Vec<_>>(), expect);
        };
        check(json!({}), &[]);
        check(json!({ "attempts": [attempt(&json!({})), attempt(&json!({}))] }), &["2 attempts"]);
        check(json!({ "hedged": true, "repaired": true }), &["hedged", "repaired"]);
        check(
            json!({ "usage_source": "estimated", "flags": ["absurd", "excess", "unconfirmed", "new"] }),
            &["estimated", "odd count", "over reserve", "unconfirmed", "new"],
        );
    }
}
