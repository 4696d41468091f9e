//! What bounds the attempts: their number, the deadline, and the budget for repeats.

use std::time::Duration;

use sluice_chat::FailureKind::{self, *};

use super::{Attempts, Is, Known, Step, Terms, Why, candidates, failure, run, terms};

#[test]
fn there_are_no_more_calls_than_allowed() {
    let check = |max_attempts, outcomes: &[(FailureKind, Option<u64>)], expect: &str| {
        let known = Known::new(&[]);
        let terms = Terms { max_attempts, ..terms(&known) };
        assert_eq!(run(&known, "a a b b", terms, outcomes), expect, "{max_attempts}");
    };
    check(0, &[], "Unreachable");
    check(1, &[(Tls, None)], "0ms 0 First, Tls");
    check(2, &[(Tls, None), (Reset, None)], "0ms 0 First, 0ms 1 Equal, Reset");
    check(3, &[(Reset, None); 3], "0ms 0 First, 0ms 1 Equal, 100ms 0 Retry, Reset");
    check(4, &[(Tls, None); 4], "0ms 0 First, 0ms 1 Equal, 0ms 2 Fallback, 0ms 3 Equal, Tls");
}

#[test]
fn repeats_need_a_budget_and_moves_do_not() {
    let check = |retries, targets, outcomes: &[(FailureKind, Option<u64>)], expect: &str| {
        let known = Known::new(&[]);
        known.retries.set(retries);
        assert_eq!(run(&known, targets, terms(&known), outcomes), expect, "{retries} {targets}");
    };
    check(0, "a", &[(Reset, None)], "0ms 0 First, Reset");
    check(0, "a", &[(RateLimited, Some(500))], "0ms 0 First, RateLimited 500ms");
    check(0, "a a b", &[(Reset, None); 3], "0ms 0 First, 0ms 1 Equal, 0ms 2 Fallback, Reset");
    check(1, "a b", &[(Reset, None); 3], "0ms 0 First, 100ms 0 Retry, 100ms 1 Fallback, Reset");
}

#[test]
fn no_wait_goes_beyond_the_deadline() {
    let check =
        |known: &[Is], targets, deadline_ms, outcomes: &[(FailureKind, Option<u64>)], expect: &str| {
            let known = Known::new(known);
            let terms = Terms { deadline: known.at(deadline_ms), ..terms(&known) };
            assert_eq!(run(&known, targets, terms, outcomes), expect, "{deadline_ms} {targets}");
        };
    check(&[], "a", 0, &[], "TotalTimeout");
    check(&[], "a", 100, &[(Reset, None)], "0ms 0 First, Reset");
    check(&[], "a", 101, &[(Reset, None)], "0ms 0 First, 100ms 0 Retry, ok");
    check(&[], "a", 2_000, &[(RateLimited, Some(2_000))], "0ms 0 First, RateLimited 2000ms");
    check(&[], "a b", 2_000, &[(RateLimited, Some(2_000))], "0ms 0 First, 0ms 1 Fallback, ok");
    check(&[Is::Cooling(2_000)], "a", 2_000, &[], "RateLimited 2000ms");
    check(&[Is::Full(9_000)], "a", 500, &[], "TotalTimeout");
}

#[test]
fn asking_too_early_changes_nothing() {
    let known = Known::new(&[]);
    let dice = &mut || 0;
    let mut attempts = Attempts::new(&candidates("a"), terms(&known), &known, known.zero, dice);
    attempts.next_step(known.zero, &known, dice);
    attempts.failed(0, failure(Reset, None), known.zero);
    let due = known.zero + Duration::from_millis(100);
    for ms in [0, 1, 99] {
        assert_eq!(attempts.next_step(known.at(ms), &known, dice), Step::WaitUntil(due));
    }
    assert!(matches!(attempts.next_step(due, &known, dice), Step::Call { why: Why::Retry, .. }));
}

#[test]
fn failures_of_targets_that_were_not_called_are_nothing() {
    let known = Known::new(&[]);
    let dice = &mut || 0;
    let mut attempts = Attempts::new(&candidates("a b"), terms(&known), &known, known.zero, dice);
    attempts.failed(1, failure(BadRequest, None), known.zero);
    attempts.broke(0, failure(Reset, None), known.zero);
    assert!(matches!(
        attempts.next_step(known.zero, &known, dice),
        Step::Call { target: 0, why: Why::First, .. }
    ));
}
