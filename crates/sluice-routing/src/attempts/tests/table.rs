//! The failure table, row by row.

use sluice_chat::FailureKind::{self, *};

use super::{Known, run, terms};

/// Targets, what their calls end in, and what follows.
fn check(targets: &str, outcomes: &[(FailureKind, Option<u64>)], expect: &str) {
    let known = Known::new(&[]);
    assert_eq!(run(&known, targets, terms(&known), outcomes), expect, "{targets}: {outcomes:?}");
}

#[test]
fn too_many_requests_with_a_retry_after_that_can_be_waited_for() {
    let limited = (RateLimited, Some(2_000));
    // Equals first.
    check("a a b", &[limited], "0ms 0 First, 0ms 1 Equal, ok");
    check("a + a b", &[limited], "0ms 0 First, 0ms 1 Equal, ok");
    // With no equal: that long, once, then fallbacks.
    check("a b", &[limited], "0ms 0 First, 2000ms 0 AfterWait, ok");
    check("a b", &[limited, limited], "0ms 0 First, 2000ms 0 AfterWait, 2000ms 1 Fallback, ok");
    // The wait is for the sooner of two equals.
    check("a a", &[limited, (RateLimited, Some(700))], "0ms 0 First, 0ms 1 Equal, 700ms 1 AfterWait, ok");
    check("a a", &[(RateLimited, Some(700)), limited], "0ms 0 First, 0ms 1 Equal, 700ms 0 AfterWait, ok");
    // What it said may have passed while others were tried.
    let broken = (ServerError, None);
    check(
        "a a",
        &[(RateLimited, Some(50)), broken, broken],
        "0ms 0 First, 0ms 1 Equal, 50ms 0 AfterWait, 150ms 1 Retry, ok",
    );
    // Nothing left: 429 with the soonest of what is left of the times.
    check(
        "a b",
        &[limited, (RateLimited, Some(9_000)), (RateLimited, Some(5_000))],
        "0ms 0 First, 2000ms 0 AfterWait, 2000ms 1 Fallback, RateLimited 5000ms",
    );
    check("a", &[limited, limited], "0ms 0 First, 2000ms 0 AfterWait, RateLimited 2000ms");
    // One wait for a whole request.
    check(
        "a b",
        &[limited, limited, (RateLimited, Some(500))],
        "0ms 0 First, 2000ms 0 AfterWait, 2000ms 1 Fallback, RateLimited 500ms",
    );
    // The longest that is waited for.
    check("a", &[(RateLimited, Some(3_000))], "0ms 0 First, 3000ms 0 AfterWait, ok");
}

#[test]
fn too_many_requests_without_a_time_or_with_a_long_one() {
    for after in [None, Some(0), Some(3_001), Some(u64::MAX)] {
        let limited = (RateLimited, after);
        check("a b", &[limited], "0ms 0 First, 0ms 1 Fallback, ok");
        check("a a b", &[limited], "0ms 0 First, 0ms 1 Equal, ok");
        check("a a b", &[limited, limited], "0ms 0 First, 0ms 1 Equal, 0ms 2 Fallback, ok");
    }
    check("a", &[(RateLimited, Some(30_000))], "0ms 0 First, RateLimited 30000ms");
    // What is known of the target where it said nothing.
    check("a", &[(RateLimited, None)], "0ms 0 First, RateLimited 1000ms");
    check(
        "a b",
        &[(RateLimited, Some(30_000)), (RateLimited, Some(20_000))],
        "0ms 0 First, 0ms 1 Fallback, RateLimited 20000ms",
    );
}

#[test]
fn broken_upstreams_get_a_second_chance_when_no_equal_is_left() {
    for kind in [ServerError, Unreachable, Reset, BadResponse, BadEvent, Truncated, Overloaded] {
        let failed = (kind, None);
        check("a a b", &[failed], "0ms 0 First, 0ms 1 Equal, ok");
        check("a b", &[failed], "0ms 0 First, 100ms 0 Retry, ok");
        check("a b", &[failed, failed], "0ms 0 First, 100ms 0 Retry, 100ms 1 Fallback, ok");
        check(
            "a b",
            &[failed; 4],
            &format!("0ms 0 First, 100ms 0 Retry, 100ms 1 Fallback, 200ms 1 Retry, {kind:?}"),
        );
        check("a", &[failed, failed], &format!("0ms 0 First, 100ms 0 Retry, {kind:?}"));
        // Of two equals that broke each has its second chance.
        check(
            "a a",
            &[failed; 4],
            &format!("0ms 0 First, 0ms 1 Equal, 100ms 0 Retry, 200ms 1 Retry, {kind:?}"),
        );
    }
    // An overloaded one that says when to come back is not asked earlier, and not at all if that is too late.
    check("a", &[(Overloaded, Some(1_500))], "0ms 0 First, 1500ms 0 Retry, ok");
    check("a b", &[(Overloaded, Some(4_000))], "0ms 0 First, 0ms 1 Fallback, ok");
}

#[test]
fn clocks_that_ran_out_are_never_waited_for_again() {
    for kind in [ConnectTimeout, FirstTokenTimeout, Stalled] {
        let failed = (kind, None);
        check("a a b", &[failed, failed], "0ms 0 First, 0ms 1 Equal, 0ms 2 Fallback, ok");
        check("a", &[failed], &format!("0ms 0 First, {kind:?}"));
        check("a b", &[failed, failed], &format!("0ms 0 First, 0ms 1 Fallback, {kind:?}"));
    }
    check("a b", &[(TotalTimeout, None)], "0ms 0 First, TotalTimeout");
}

#[test]
fn a_context_that_is_too_short_asks_for_a_larger_one() {
    let long = (ContextLength, None);
    check("a a", &[long], "0ms 0 First, ContextLength");
    check("a a b", &[long], "0ms 0 First, 0ms 2 Fallback, ok");
    check("a:8 b:8 c:16", &[long], "0ms 0 First, 0ms 2 Fallback, ok");
    check("a:8 b:8 c:16", &[long, long], "0ms 0 First, 0ms 2 Fallback, 0ms 1 Fallback, ok");
    check("a:8 b c:16 d:32", &[long, long], "0ms 0 First, 0ms 2 Fallback, 0ms 3 Fallback, ok");
    check("a b:8", &[long], "0ms 0 First, 0ms 1 Fallback, ok");
    // Whatever else fails, the caller hears what it can change.
    check("a b", &[long, (FirstTokenTimeout, None)], "0ms 0 First, 0ms 1 Fallback, ContextLength");
    check("a b", &[(FirstTokenTimeout, None), long], "0ms 0 First, 0ms 1 Fallback, ContextLength");
    // An equal that failed otherwise is not repeated either.
    check("a a", &[(ServerError, None), long], "0ms 0 First, 0ms 1 Equal, ContextLength");
}

#[test]
fn what_the_caller_did_is_told_as_it_is() {
    for kind in [ContentPolicy, BadRequest] {
        check("a a b", &[(kind, None)], &format!("0ms 0 First, {kind:?}"));
        check(
            "a b",
            &[(FirstTokenTimeout, None), (kind, None)],
            &format!("0ms 0 First, 0ms 1 Fallback, {kind:?}"),
        );
    }
}

#[test]
fn what_is_wrong_with_our_account_or_their_certificate_moves_on() {
    for kind in [AuthRefused, ModelMissing, BalanceGone, Tls, EventTooLarge] {
        let failed = (kind, None);
        check("a a b", &[failed, failed], "0ms 0 First, 0ms 1 Equal, 0ms 2 Fallback, ok");
        check("a b", &[failed, failed], &format!("0ms 0 First, 0ms 1 Fallback, {kind:?}"));
    }
}

#[test]
fn what_a_target_can_not_take_costs_no_attempt() {
    let known = Known::new(&[]);
    let once = super::Terms { max_attempts: 1, ..terms(&known) };
    let check = |targets, outcomes: &[(FailureKind, Option<u64>)], expect: &str| {
        assert_eq!(run(&known, targets, once, outcomes), expect, "{targets}: {outcomes:?}");
    };
    check("a a b", &[(Unsupported, None); 2], "0ms 0 First, 0ms 1 Equal, 0ms 2 Fallback, ok");
    check("a b", &[(Unsupported, None); 2], "0ms 0 First, 0ms 1 Fallback, Unsupported");
    check("a b", &[(Unsupported, None), (Reset, None)], "0ms 0 First, 0ms 1 Fallback, Reset");
}

#[test]
fn the_failure_that_says_most_is_told() {
    check("a b", &[(RateLimited, Some(9_000)), (Tls, None)], "0ms 0 First, 0ms 1 Fallback, Tls");
    check("a b", &[(Tls, None), (RateLimited, Some(9_000))], "0ms 0 First, 0ms 1 Fallback, Tls");
    check(
        "a b",
        &[(Unsupported, None), (RateLimited, Some(9_000))],
        "0ms 0 First, 0ms 1 Fallback, RateLimited 9000ms",
    );
    check("a b", &[(Tls, None), (FirstTokenTimeout, None)], "0ms 0 First, 0ms 1 Fallback, FirstTokenTimeout");
}
