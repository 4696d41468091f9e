//! Streams that broke after content.

use sluice_chat::FailureKind::{self, *};

use super::{Attempts, Is, Known, Step, Terms, candidates, failure, terms};

/// How a repair's call ends.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// Before it brought anything that the caller has not.
    Fails(FailureKind),
    /// After more content.
    Breaks(FailureKind),
}
use Ends::{Breaks, Fails};

/// The first call is on the first target and breaks; gives what follows.
fn repaired(known: &Known, targets: &str, terms: Terms, broke: FailureKind, ends: &[Ends]) -> String {
    let dice = &mut || 0;
    let mut now = known.zero;
    let mut attempts = Attempts::new(&candidates(targets), terms, known, now, dice);
    assert!(matches!(attempts.next_step(now, known, dice), Step::Call { target: 0, .. }));
    attempts.broke(0, failure(broke, None), now);
    let mut ends = ends.iter();
    let mut log = Vec::new();
    loop {
        match attempts.repair_step(now, known, dice) {
            Step::Call { target, why, .. } => {
                log.push(format!("{}ms {target} {why:?}", known.ms(now)));
                match ends.next() {
                    Some(Fails(kind)) => attempts.failed(target, failure(*kind, None), now),
                    Some(Breaks(kind)) => attempts.broke(target, failure(*kind, None), now),
                    None => {
                        log.push("ok".to_owned());
                        return log.join(", ");
                    }
                }
            }
            Step::WaitUntil(at) => now = at,
            Step::GiveUp(told) => {
                log.push(format!("{:?}", told.kind));
                return log.join(", ");
            }
        }
    }
}

#[test]
fn a_broken_stream_goes_on_elsewhere_or_where_it_broke_by_chance() {
    let check = |known: &[Is], targets: &str, broke, ends: &[Ends], expect: &str| {
        let known = Known::new(known);
        let got = repaired(&known, targets, terms(&known), broke, ends);
        assert_eq!(got, expect, "{known:?} {targets} {broke:?} {ends:?}", known = known.targets.borrow());
    };
    for kind in [Truncated, Reset, Stalled, BadEvent, EventTooLarge, ServerError, Overloaded] {
        check(&[], "a b a", kind, &[], "0ms 2 Repair, ok");
        check(&[], "a b", kind, &[], "0ms 1 Repair, ok");
        let same =
            if matches!(kind, Truncated | Reset) { "100ms 0 Repair, ok".into() } else { format!("{kind:?}") };
        check(&[], "a", kind, &[], &same);
        check(&[Is::Ready, Is::Cooling(99_000)], "a b", kind, &[], &same);
    }
    // What is wrong with the request, or with what it leads to, is so everywhere.
    for kind in [ContentPolicy, BadRequest] {
        check(&[], "a b a", kind, &[], &format!("{kind:?}"));
        check(&[], "a b c", Truncated, &[Breaks(kind)], "0ms 1 Repair, Truncated");
    }
    check(&[], "a b a", ContextLength, &[], "0ms 1 Repair, ok");
    check(&[], "a a", ContextLength, &[], "ContextLength");
    // It is not worth a call of a target that is likely dead; a probe may be one.
    check(&[Is::Ready, Is::Open(9_000)], "a b", Stalled, &[], "Stalled");
    check(&[Is::Ready, Is::Open(0)], "a b", Stalled, &[], "0ms 1 Repair, ok");
    // What is told is what broke first.
    check(&[], "a b", Stalled, &[Fails(BadRequest)], "0ms 1 Repair, Stalled");
    check(&[], "a b c", Stalled, &[Fails(Tls), Breaks(BadEvent)], "0ms 1 Repair, 0ms 2 Repair, Stalled");
    check(&[], "a b", Stalled, &[Breaks(Truncated)], "0ms 1 Repair, 100ms 1 Repair, ok");
    // Once on the same, and never more calls than allowed.
    check(&[], "a", Truncated, &[Breaks(Truncated)], "100ms 0 Repair, Truncated");
    check(
        &[],
        "a b c d e",
        Truncated,
        &[Fails(Tls); 4],
        "0ms 1 Repair, 0ms 2 Repair, 0ms 3 Repair, Truncated",
    );
}

#[test]
fn where_it_broke_by_chance_it_must_be_well_by_now() {
    let check = |then: Is, expect: &str| {
        let known = Known::new(&[]);
        let dice = &mut || 0;
        let mut attempts = Attempts::new(&candidates("a"), terms(&known), &known, known.zero, dice);
        attempts.next_step(known.zero, &known, dice);
        attempts.broke(0, failure(Truncated, None), known.zero);
        known.set(0, then);
        let step = attempts.repair_step(known.zero, &known, dice);
        let word = if matches!(step, Step::WaitUntil(_)) { "waits" } else { "gives up" };
        assert_eq!(word, expect, "{then:?}: {step:?}");
    };
    check(Is::Ready, "waits");
    check(Is::Cooling(9_000), "gives up");
    check(Is::Open(9_000), "gives up");
}

#[test]
fn the_winner_of_two_calls_may_break_too() {
    let known = Known::new(&[]);
    let dice = &mut || 0;
    let mut attempts = Attempts::new(&candidates("a b c"), terms(&known), &known, known.zero, dice);
    attempts.next_step(known.zero, &known, dice);
    assert_eq!(attempts.hedge(known.at(10_000), &known, false), Some(1));
    // Nobody says that the other one was cancelled.
    attempts.broke(1, failure(Stalled, None), known.at(11_000));
    let step = attempts.repair_step(known.at(11_000), &known, dice);
    assert!(matches!(step, Step::Call { target: 2, .. }), "{step:?}");
}

#[test]
fn repairs_have_their_bounds() {
    let check = |targets: &str, change: fn(&mut Terms), retries, expect: &str| {
        let known = Known::new(&[]);
        known.retries.set(retries);
        let mut terms = terms(&known);
        change(&mut terms);
        assert_eq!(repaired(&known, targets, terms, Truncated, &[]), expect, "{targets}");
    };
    check("a b", |terms| terms.repair = false, 1, "Truncated");
    check("a b", |terms| terms.max_attempts = 1, 1, "Truncated");
    check("a", |_| {}, 0, "Truncated");
    check("a b", |_| {}, 0, "0ms 1 Repair, ok");
    check("a", |terms| terms.deadline -= std::time::Duration::from_millis(599_900), 1, "Truncated");
}
