//! Second calls beside slow ones.

use std::time::{Duration, Instant};

use sluice_chat::FailureKind::*;

use super::{Attempts, HedgeTerms, Is, Known, Step, Terms, candidates, failure, terms};

/// A request whose first call is under way since the start.
fn called(known: &Known, targets: &str, terms: Terms) -> Attempts {
    let dice = &mut || 0;
    let mut attempts = Attempts::new(&candidates(targets), terms, known, known.zero, dice);
    let step = attempts.next_step(known.zero, known, dice);
    assert!(matches!(step, Step::Call { .. }), "{step:?}");
    attempts
}

#[test]
fn a_hedge_is_thought_of_when_the_first_token_is_late() {
    let check = |targets: &str, p95_ms: Option<u64>, change: fn(&mut Terms), expect: Option<u64>| {
        let known = Known { p95_ms, ..Known::new(&[]) };
        let mut terms = terms(&known);
        change(&mut terms);
        let attempts = called(&known, targets, terms);
        assert_eq!(attempts.hedge_at(&known), expect.map(|ms| known.at(ms)), "{targets} {p95_ms:?}");
    };
    let no = |_: &mut Terms| {};
    check("a b", None, no, Some(10_000));
    check("a b", Some(1_000), no, Some(10_000));
    check("a b", Some(4_000), no, Some(12_000));
    check("a b", Some(u64::MAX), no, None);
    check("a", None, no, None);
    check("a b", None, |terms| terms.stream = false, None);
    check("a b", None, |terms| terms.hedge = None, None);
    check("a b", None, |terms| terms.max_attempts = 1, None);
    let late = |terms: &mut Terms| terms.hedge = Some(HedgeTerms { min_delay: Duration::from_secs(600) });
    check("a b", None, late, None);
}

/// (target hedged or none, attempts made) at 10 s.
fn hedged(known: &Known, targets: &str, silent: bool) -> (Option<usize>, u32) {
    let mut attempts = called(known, targets, terms(known));
    let hedge = attempts.hedge(known.at(10_000), known, silent);
    (hedge, attempts.made())
}

#[test]
fn equals_are_hedged_before_fallbacks_and_only_what_is_well() {
    let check = |known: &[Is], targets: &str, expect: Option<usize>| {
        let made = if expect.is_some() { 2 } else { 1 };
        assert_eq!(hedged(&Known::new(known), targets, false), (expect, made), "{known:?} {targets}");
    };
    let far = 60_000;
    check(&[], "a b a", Some(2));
    check(&[], "a b", Some(1));
    check(&[Is::Ready, Is::Ready, Is::Cooling(far)], "a b a", Some(1));
    check(&[Is::Ready, Is::Open(far)], "a b", None);
    check(&[Is::Ready, Is::Open(0)], "a b", None);
    check(&[Is::Ready, Is::Full(far)], "a b", None);
}

#[test]
fn hedges_have_a_budget_and_silent_targets_another() {
    let check = |hedges, retries, silent, expect: Option<usize>| {
        let known = Known::new(&[]);
        known.hedges.set(hedges);
        known.retries.set(retries);
        assert_eq!(hedged(&known, "a b", silent).0, expect, "{hedges} {retries} {silent}");
    };
    check(1, 0, false, Some(1));
    check(0, 1, false, None);
    check(0, 1, true, Some(1));
    check(1, 0, true, None);
}

#[test]
fn a_hedge_that_is_not_to_be_had_is_thought_of_again() {
    let known = Known::new(&[]);
    known.hedges.set(0);
    let mut attempts = called(&known, "a b", terms(&known));
    assert_eq!(attempts.hedge(known.at(9_999), &known, false), None, "too early");
    assert_eq!(attempts.hedge_at(&known), Some(known.at(10_000)));
    assert_eq!(attempts.hedge(known.at(10_000), &known, false), None);
    assert_eq!(attempts.hedge_at(&known), Some(known.at(11_000)));
    known.hedges.set(1);
    assert_eq!(attempts.hedge(known.at(11_000), &known, false), Some(1));
    assert_eq!(attempts.hedge_at(&known), None, "there are never three");
    assert_eq!(attempts.hedge(known.at(99_000), &known, false), None);
}

/// What follows when one of two calls fails, and then the other.
#[test]
fn one_of_two_may_fail() {
    let dice = &mut || 0;
    let late = |known: &Known| -> Instant { known.at(10_500) };
    let pair = |known: &Known| {
        let mut attempts = called(known, "a b c", terms(known));
        assert_eq!(attempts.hedge(known.at(10_000), known, false), Some(1));
        attempts
    };
    // The other goes on, whatever the first one says of the request; the next hedge is thought of a second later.
    for kind in [Reset, BadRequest, RateLimited] {
        for fails in [0, 1] {
            let known = Known::new(&[]);
            let mut attempts = pair(&known);
            attempts.failed(fails, failure(kind, None), late(&known));
            let step = attempts.next_step(late(&known), &known, dice);
            assert!(matches!(step, Step::WaitUntil(_)), "{kind:?} {fails}: {step:?}");
            let again = attempts.hedge_at(&known);
            let expect = if kind == BadRequest {
                None
            } else {
                Some(11_000.max(10_000 + 10_000 * (1 - fails as u64)))
            };
            assert_eq!(again, expect.map(|ms| known.at(ms)), "{kind:?} {fails}");
        }
    }
    // Both failed: the request goes on from the last one.
    let known = Known::new(&[]);
    let mut attempts = pair(&known);
    attempts.failed(1, failure(Tls, None), late(&known));
    attempts.failed(0, failure(FirstTokenTimeout, None), late(&known));
    assert!(matches!(attempts.next_step(late(&known), &known, dice), Step::Call { target: 2, .. }));
    // A bad request is one, wherever the other call ended.
    let known = Known::new(&[]);
    let mut attempts = pair(&known);
    attempts.failed(1, failure(BadRequest, None), late(&known));
    attempts.failed(0, failure(Reset, None), late(&known));
    let step = attempts.next_step(late(&known), &known, dice);
    assert!(matches!(&step, Step::GiveUp(told) if told.kind == BadRequest), "{step:?}");
}
