//! The times of a request and of its attempts, on one axis.

use super::{
    row::{Attempt, Row},
    texts::One,
};
use crate::{
    chart::{self, Bar, Waterfall},
    format,
};

/// When an attempt began, in milliseconds after the request came. The clocks of both tick in milliseconds.
pub(super) fn start_ms(row: &Row, attempt: &Attempt) -> Option<f64> {
    let (came, began) =
        (format::moment_ms(&row.created_at)?, format::moment_ms(attempt.started_at.as_deref()?)?);
    Some(began.saturating_sub(came) as f64)
}

/// The picture; `None` where no times are known.
pub(super) fn timeline(t: &'static One, row: &Row) -> Option<Waterfall> {
    let total_ms = row.total_ms?;
    if row.attempts.is_empty() {
        return None;
    }
    let mut rows = vec![chart::Row {
        label: t.whole.to_owned(),
        note: row.status_text(),
        more: String::new(),
        bars: whole(t, row, total_ms),
    }];
    for (at, attempt) in row.attempts.iter().enumerate() {
        let start = start_ms(row, attempt).unwrap_or_default();
        let mut note = outcome(t, attempt).to_owned();
        if let Some(why) = brief_why(t, attempt) {
            note = format!("{why} · {note}");
        }
        rows.push(chart::Row {
            label: format!("{} {} / {}", at + 1, attempt.provider, attempt.upstream_model),
            note,
            more: attempt.reason.as_ref().map(|reason| format!(" · {reason}")).unwrap_or_default(),
            bars: bars(t, attempt, start),
        });
    }
    Some(Waterfall { title: t.times.to_owned(), total_ms, rows })
}

fn whole(t: &'static One, row: &Row, total_ms: f64) -> Vec<Bar> {
    let queue = row.queue_ms.unwrap_or_default().min(total_ms);
    let mut bars = Vec::new();
    let mut bar = |from_ms: f64, to_ms: f64, class, label: &str| {
        if to_ms > from_ms {
            bars.push(Bar { from_ms, to_ms, class, label: label.to_owned() });
        }
    };
    bar(0.0, queue, "idle", t.in_gateway);
    match row.first_token_ms.filter(|first| *first >= queue && *first <= total_ms) {
        Some(first) => {
            bar(queue, first, "soft", t.waiting);
            bar(first, total_ms, "accent", t.answering);
        }
        None => bar(queue, total_ms, "soft", t.calling),
    }
    bars
}

fn bars(t: &'static One, attempt: &Attempt, start: f64) -> Vec<Bar> {
    let end = start + attempt.ended_ms.max(0.0);
    let bar = |from_ms, to_ms, class, label: &str| Bar { from_ms, to_ms, class, label: label.to_owned() };
    match attempt.first_token_ms.filter(|first| *first < attempt.ended_ms) {
        Some(first) => vec![
            bar(start, start + first, if attempt.outcome == "ok" { "soft" } else { "idle" }, t.waiting),
            bar(start + first, end, attempt.class(), t.answering),
        ],
        None => vec![bar(start, end, attempt.class(), t.calling)],
    }
}

pub(super) fn outcome<'a>(t: &'static One, attempt: &'a Attempt) -> &'a str {
    match attempt.outcome.as_str() {
        "ok" => t.outcome_ok,
        "failed" => t.outcome_failed,
        "cancelled" => t.outcome_cancelled,
        other => other,
    }
}

/// Why an attempt was made, where it was not the first, in a word.
fn brief_why(t: &'static One, attempt: &Attempt) -> Option<&'static str> {
    Some(match attempt.why.as_deref()? {
        "equal" => t.brief_equal,
        "fallback" => t.brief_fallback,
        "retry" => t.brief_retry,
        "after_wait" => t.brief_after_wait,
        "hedge" => t.brief_hedge,
        "repair" => t.brief_repair,
        _ => return None,
    })
}

/// Why an attempt was made; a word that is new is told as it is.
pub(super) fn why<'a>(t: &'static One, attempt: &'a Attempt) -> Option<&'a str> {
    Some(match attempt.why.as_deref()? {
        "first" => t.why_first,
        "equal" => t.why_equal,
        "fallback" => t.why_fallback,
        "retry" => t.why_retry,
        "after_wait" => t.why_after_wait,
        "hedge" => t.why_hedge,
        "repair" => t.why_repair,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Language,
        pages::requests::row::tests::{attempt, sample},
    };

    fn drawn(changes: &Value) -> Vec<String> {
        let row: Row = serde_json::from_value(sample(changes)).unwrap();
        let bar = |bar: &Bar| format!("{} {}-{}", bar.class, bar.from_ms, bar.to_ms);
        let line = |row: &chart::Row| {
            let bars: Vec<String> = row.bars.iter().map(bar).collect();
            format!("{} ({}{}): {}", row.label, row.note, row.more, bars.join(", "))
        };
        let picture = timeline(One::of(Language::English), &row);
        picture.map(|picture| picture.rows.iter().map(line).collect()).unwrap_or_default()
    }

    #[test]
    fn every_attempt_has_its_place() {
        let check = |changes: Value, expect: &[&str]| assert_eq!(drawn(&changes), expect, "{changes}");
        check(
            json!({}),
            &[
                "Request (200): idle 0-0.25, soft 0.25-340.5, accent 340.5-2040.5",
                "1 acme / gpt-x (answered): soft 0-340, good 340-2040",
            ],
        );
        let slow = attempt(&json!({ "first_token_ms": null, "outcome": "cancelled", "status": null }));
        let beside =
            attempt(&json!({ "started_at": "2026-11-21T10:13:59.992Z", "ended_ms": 1040, "why": "hedge" }));
        check(
            json!({ "attempts": [slow, beside], "first_token_ms": null }),
            &[
                "Request (200): idle 0-0.25, soft 0.25-2040.5",
                "1 acme / gpt-x (cancelled): idle 0-2040",
                "2 acme / gpt-x (hedge · answered): soft 1000-1340, good 1340-2040",
            ],
        );
        let broken = attempt(&json!({ "outcome": "failed", "reason": "upstream_truncated", "why": null }));
        check(
            json!({ "status": null, "attempts": [broken] }),
            &[
                "Request (–): idle 0-0.25, soft 0.25-340.5, accent 340.5-2040.5",
                "1 acme / gpt-x (failed · upstream_truncated): idle 0-340, bad 340-2040",
            ],
        );
        check(json!({ "attempts": [] }), &[]);
        check(json!({ "total_ms": null }), &[]);
    }

    #[test]
    fn clocks_that_disagree_begin_at_nothing() {
        let early = attempt(&json!({ "started_at": "2026-11-21T10:13:58.000Z" }));
        assert!(drawn(&json!({ "attempts": [early] }))[1].ends_with("soft 0-340, good 340-2040"));
        let timeless = attempt(&json!({ "started_at": null, "ended_ms": -1, "first_token_ms": null }));
        assert!(drawn(&json!({ "attempts": [timeless] }))[1].ends_with("good 0-0"));
    }
}
