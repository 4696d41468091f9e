//! What the health of targets changes.

use sluice_chat::FailureKind::{self, *};

use super::{
    Attempts,
    Is::{self, *},
    Known, Step, candidates, failure, run, terms,
};

/// What is known of the targets, the targets, what their calls end in, and what follows.
fn check(known: &[Is], targets: &str, outcomes: &[(FailureKind, Option<u64>)], expect: &str) {
    let fleet = Known::new(known);
    assert_eq!(run(&fleet, targets, terms(&fleet), outcomes), expect, "{known:?} {targets}: {outcomes:?}");
}

#[test]
fn a_cooled_target_is_not_tried() {
    check(&[Cooling(9_000)], "a b", &[], "0ms 1 First, ok");
    check(&[Cooling(9_000)], "a b", &[(AuthRefused, None)], "0ms 1 First, AuthRefused");
    // The only one: 429 with the remaining time, unless that can be waited for.
    check(&[Cooling(9_000)], "a", &[], "RateLimited 9000ms");
    check(&[Cooling(9_000), Cooling(7_000)], "a b", &[], "RateLimited 7000ms");
    check(&[Cooling(2_500)], "a", &[], "2500ms 0 AfterWait, ok");
    check(&[Cooling(2_500), Cooling(900)], "a b", &[], "900ms 1 AfterWait, ok");
    check(&[Cooling(2_500), Cooling(900)], "a b", &[(Tls, None)], "900ms 1 AfterWait, Tls");
    // What was cooled all the time counts for the soonest.
    check(&[Ready, Cooling(7_000)], "a b", &[(RateLimited, Some(9_000))], "0ms 0 First, RateLimited 7000ms");
    check(&[Ready, Cooling(9_000)], "a b", &[(RateLimited, Some(7_000))], "0ms 0 First, RateLimited 7000ms");
}

#[test]
fn a_breaker_keeps_calls_away_but_for_the_last_target_left() {
    check(&[Open(5_000)], "a b", &[], "0ms 1 First, ok");
    check(&[Open(5_000)], "a", &[], "0ms 0 First, ok");
    check(&[Open(5_000)], "a", &[(ServerError, None)], "0ms 0 First, ServerError");
    // Only one of several, the one that is to be probed soonest.
    check(&[Open(5_000), Open(4_000)], "a b", &[(Reset, None)], "0ms 1 First, Reset");
    check(&[Ready, Open(5_000)], "a b", &[(Tls, None)], "0ms 0 First, 0ms 1 Fallback, ok");
    check(&[Cooling(9_000), Open(5_000)], "a b", &[(Reset, None)], "0ms 1 First, Reset");
    // It is not called a second time by the same request.
    check(&[Open(5_000), Open(4_000)], "a a", &[(Reset, None); 3], "0ms 1 First, Reset");
}

#[test]
fn a_probe_is_a_request_that_can_go_elsewhere() {
    check(&[Open(0)], "a b", &[], "0ms 0 First probe, ok");
    check(&[Open(0)], "a b", &[(FirstTokenTimeout, None)], "0ms 0 First probe, 0ms 1 Fallback, ok");
    check(&[ProbeGone], "a b", &[], "0ms 1 First, ok");
    check(&[ProbeGone], "a", &[], "0ms 0 First, ok");
}

#[test]
fn a_full_target_is_passed_over_and_room_is_waited_for() {
    check(&[Full(1_000)], "a b", &[], "0ms 1 First, ok");
    check(&[Full(50), Full(500)], "a b", &[], "60ms 0 First, ok");
    check(&[Full(5_000), Full(5_000)], "a b", &[], "Overloaded 1000ms");
    check(&[Full(5_000), Open(5_000)], "a b", &[], "2000ms 1 First, ok");
    check(&[Ready, Full(5_000)], "a b", &[(RateLimited, Some(9_000))], "0ms 0 First, Overloaded 1000ms");
    check(&[Ready, Full(90)], "a b", &[(Tls, None)], "0ms 0 First, 100ms 1 Fallback, ok");
}

/// A target fails, its repeat is planned, and meanwhile others learn something of it.
#[test]
fn what_changed_during_a_wait_is_seen_after_it() {
    let check = |kind, after, meanwhile: Is, expect: &str| {
        let known = Known::new(&[]);
        let dice = &mut || 0;
        let mut attempts = Attempts::new(&candidates("a b"), terms(&known), &known, known.zero, dice);
        attempts.next_step(known.zero, &known, dice);
        attempts.failed(0, failure(kind, after), known.zero);
        let Step::WaitUntil(mut now) = attempts.next_step(known.zero, &known, dice) else { panic!() };
        known.set(0, meanwhile);
        let mut step = attempts.next_step(now, &known, dice);
        while let Step::WaitUntil(until) = step {
            now = until;
            step = attempts.next_step(now, &known, dice);
        }
        let Step::Call { target, why, probe } = step else { panic!("{step:?}") };
        assert_eq!(format!("{}ms {target} {why:?} {probe}", known.ms(now)), expect, "{kind:?} {meanwhile:?}");
    };
    let far = 60_000;
    check(Reset, None, Ready, "100ms 0 Retry false");
    check(Reset, None, Cooling(far), "100ms 1 Fallback false");
    check(Reset, None, Open(far), "100ms 1 Fallback false");
    check(Reset, None, Open(50), "100ms 0 Retry true");
    check(Reset, None, ProbeGone, "100ms 1 Fallback false");
    check(Reset, None, Full(far), "100ms 1 Fallback false");
    // Others were told a little more time: that is waited for as well, but not much more.
    check(RateLimited, Some(1_000), Cooling(1_250), "1250ms 0 AfterWait false");
    check(RateLimited, Some(1_000), Cooling(1_251), "1000ms 1 Fallback false");
}

#[test]
fn what_is_told_of_a_time_counts_the_breaker_too() {
    let check = |then: Is, expect| {
        let known = Known::new(&[]);
        let dice = &mut || 0;
        let mut attempts = Attempts::new(&candidates("a"), terms(&known), &known, known.zero, dice);
        attempts.next_step(known.zero, &known, dice);
        attempts.failed(0, failure(RateLimited, Some(9_000)), known.zero);
        known.set(0, then);
        let Step::GiveUp(told) = attempts.next_step(known.zero, &known, dice) else { panic!() };
        assert_eq!((told.kind, told.retry_after_ms), (RateLimited, Some(expect)), "{then:?}");
    };
    check(Ready, 9_000);
    check(Cooling(12_000), 12_000);
    check(Cooling(5_000), 9_000);
    check(Open(20_000), 20_000);
    check(Open(5_000), 9_000);
}

#[test]
fn the_sandbox_keeps_no_health() {
    let known = Known::new(&[Cooling(9_000), Open(9_000)]);
    known.retries.set(0);
    let mut all = candidates("a b");
    for candidate in &mut all {
        candidate.healthless = true;
    }
    let dice = &mut || 0;
    let mut attempts = Attempts::new(&all, terms(&known), &known, known.zero, dice);
    let mut calls = Vec::new();
    let mut now = known.zero;
    for _ in 0..10 {
        match attempts.next_step(now, &known, dice) {
            Step::Call { target, probe, .. } => {
                assert!(!probe);
                calls.push(target);
                attempts.failed(target, failure(ServerError, None), now);
            }
            Step::WaitUntil(at) => now = at,
            Step::GiveUp(_) => break,
        }
    }
    assert_eq!(calls, [0, 0, 1, 1]);
}
