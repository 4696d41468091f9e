//! What became of a request, told in sentences.

use super::{
    codes,
    row::{End, Row},
    texts::One,
};
use crate::{Language, format, shell::Shell, texts::fill};

/// The sentences, in their order.
pub(super) fn story(shell: &Shell<'_>, row: &Row) -> Vec<String> {
    let language = shell.visit.language;
    let t = One::of(language);
    let mut told = vec![ending(t, row)];
    told.extend(error(row, language).map(str::to_owned));
    if row.hedged {
        told.push(t.hedged.to_owned());
    }
    if row.repaired {
        told.push(t.repaired.to_owned());
    }
    if row.wasted_nanousd > 0 {
        let money = format::money(row.wasted_nanousd.into(), shell.visit.currency);
        told.push(fill(t.wasted, &[&money]));
    }
    told
}

fn ending(t: &'static One, row: &Row) -> String {
    let attempts = row.attempts.len();
    match row.end() {
        End::Answered => match (&row.provider, &row.upstream_model) {
            (Some(provider), Some(model)) if attempts > 1 => {
                fill(t.answered_later, &[provider, model, &attempts])
            }
            (Some(provider), Some(model)) => fill(t.answered_once, &[provider, model]),
            _ => t.answered.to_owned(),
        },
        End::Broken if row.charged_nanousd.unwrap_or_default() > 0 => t.broken_charged.to_owned(),
        End::Broken => t.broken.to_owned(),
        End::Left => t.left.to_owned(),
        End::Refused => t.refused.to_owned(),
        End::Failed if attempts > 1 => fill(t.failed_later, &[&attempts]),
        End::Failed => t.failed_once.to_owned(),
        End::Unknown => t.unknown.to_owned(),
    }
}

/// The error in words, where the gateway has any: of the request, else of its last attempt.
fn error(row: &Row, language: Language) -> Option<&'static str> {
    if matches!(row.end(), End::Answered | End::Left | End::Unknown) {
        return None;
    }
    let last = row.attempts.last().and_then(|attempt| attempt.reason.as_deref());
    let of = |code: Option<&str>| codes::words(code?, language);
    of(row.error_code.as_deref()).or_else(|| of(last))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Page,
        pages::requests::row::tests::{attempt, sample},
        test_visit::TestVisit,
    };

    #[test]
    fn every_ending_is_told() {
        let check = |changes: Value, expect: &[&str]| {
            let owned = TestVisit::new(Page::Request);
            let visit = owned.visit();
            let row: Row = serde_json::from_value(sample(&changes)).unwrap();
            let found = story(&Shell::new(&visit, ""), &row);
            assert_eq!(found.len(), expect.len(), "{found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(found.contains(expect), "{changes}: {found}");
            }
        };
        let failed = || attempt(&json!({ "outcome": "failed", "reason": "bad_request", "status": 400 }));
        check(json!({}), &["acme answered with gpt-x at the first attempt."]);
        check(
            json!({ "attempts": [failed(), attempt(&json!({}))], "hedged": true, "wasted_nanousd": 10_200 }),
            &["after 2 attempts", "another was asked beside it", "cost $0.0000102."],
        );
        check(json!({ "repaired": true }), &["first attempt", "pays for one"]);
        check(json!({ "provider": null, "upstream_model": null }), &["It was answered."]);
        check(
            json!({ "error_code": "upstream_truncated", "charged_nanousd": 0 }),
            &["is not charged", "too early"],
        );
        check(json!({ "usage_source": "interrupted" }), &["The caller left"]);
        check(
            json!({ "status": 402, "error_code": "insufficient_quota", "attempts": [] }),
            &["before any target", "budget"],
        );
        check(json!({ "status": 400, "attempts": [failed()] }), &["The one attempt failed", "as it is"]);
        check(
            json!({ "status": 502, "error_code": "own_code", "attempts": [failed(), failed()] }),
            &["All 2 attempts failed.", "as it is"],
        );
        check(json!({ "status": null, "attempts": [] }), &["not known"]);
    }
}
