//! Which target is first.

use super::{Attempts, Is, Known, Step, Terms, candidates, terms};

/// A generator with a state of its own (SplitMix64).
fn dice(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many of 10,000 requests begin at each target; `sticky`: each with a number of its own.
fn first(known: &Known, targets: &str, sticky: bool) -> Vec<u32> {
    let mut seed = 1;
    let all = candidates(targets);
    let mut counts = vec![0; all.len()];
    for request in 0..10_000_u64 {
        let terms = Terms { sticky: sticky.then_some(request * 7_919), ..terms(known) };
        let dice = &mut || dice(&mut seed);
        let mut attempts = Attempts::new(&all, terms, known, known.zero, dice);
        match attempts.next_step(known.zero, known, dice) {
            Step::Call { target, .. } => counts[target] += 1,
            other => panic!("{other:?}"),
        }
    }
    counts
}

#[test]
fn requests_are_spread_by_weight_over_the_first_tier_that_answers() {
    let check = |known: &[Is], targets: &str, expect: &[u32]| {
        for sticky in [false, true] {
            let counts = first(&Known::new(known), targets, sticky);
            let near =
                |(got, want): (&u32, &u32)| if *want == 0 { *got == 0 } else { got.abs_diff(*want) < 250 };
            assert!(counts.iter().zip(expect).all(near), "{targets} {known:?}: {counts:?}, not {expect:?}");
        }
    };
    check(&[], "a", &[10_000]);
    check(&[], "a a", &[5_000, 5_000]);
    check(&[], "a*1 a*3", &[2_500, 7_500]);
    check(&[], "a*5 b*2 a*2 c*1", &[5_000, 2_000, 2_000, 1_000]);
    check(&[], "a*1 + b*9", &[10_000, 0]);
    check(&[], "a*0 b*3", &[0, 10_000]);
    check(&[Is::Ready, Is::Cooling(9)], "a*0 b*3", &[10_000, 0]);
    check(&[Is::Open(9), Is::Ready, Is::Ready], "a*5 b*1 c*1", &[0, 5_000, 5_000]);
    check(&[Is::Open(9), Is::Cooling(9)], "a*5 b*1 + c*1 d*3", &[0, 0, 2_500, 7_500]);
}

/// Where a sticky request begins.
fn stuck(known: &Known, all: &[super::Candidate], sticky: u64) -> usize {
    let terms = Terms { sticky: Some(sticky), ..terms(known) };
    let mut attempts = Attempts::new(all, terms, known, known.zero, &mut || panic!("no dice"));
    match attempts.next_step(known.zero, known, &mut || 0) {
        Step::Call { target, .. } => target,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_alike_goes_to_the_same_target_while_it_has_room() {
    let all = candidates("a a a");
    let idle = Known::new(&[]);
    for sticky in 0..100 {
        let home = stuck(&idle, &all, sticky);
        assert_eq!(stuck(&idle, &all, sticky), home);
        // Whoever goes away takes only its own along.
        let other = (home + 1) % 3;
        let mut fewer = all.clone();
        fewer.remove(other);
        assert_eq!(stuck(&idle, &fewer, sticky), home);
        // Nor does the position matter, only who it is.
        let mut turned = all.clone();
        turned.rotate_left(1);
        assert_eq!(stuck(&idle, &turned, sticky), home);
        // 30 calls in all: each may have 12 (125 % of 31 / 3, rounded up is 13).
        let mut loads = vec![9; 3];
        loads[home] = 12;
        assert_eq!(stuck(&Known { loads: loads.clone(), ..Known::new(&[]) }, &all, sticky), home);
        loads[home] = 13;
        loads[other] = 8;
        let next = stuck(&Known { loads, ..Known::new(&[]) }, &all, sticky);
        assert_ne!(next, home);
        // The next is always the same, too.
        let mut away = Known::new(&[]);
        away.targets.borrow_mut().resize(3, Is::Ready);
        away.targets.borrow_mut()[home] = Is::Cooling(9);
        assert_eq!(stuck(&away, &all, sticky), next);
        away.loads = vec![0; 3];
    }
}

#[test]
fn whoever_has_no_room_is_still_next() {
    let all = candidates("a a a");
    let order = |known: &Known| {
        let terms = Terms { sticky: Some(1), ..terms(known) };
        let dice = &mut || 0;
        let mut attempts = Attempts::new(&all, terms, known, known.zero, dice);
        let mut called = Vec::new();
        while let Step::Call { target, .. } = attempts.next_step(known.zero, known, dice) {
            called.push(target);
            attempts.failed(target, super::failure(sluice_chat::FailureKind::Tls, None), known.zero);
        }
        called
    };
    let [home, next, last] = order(&Known::new(&[]))[..] else { panic!() };
    let mut loads = vec![13; 3];
    loads[last] = 0;
    assert_eq!(order(&Known { loads, ..Known::new(&[]) }), [last, home, next]);
}

#[test]
fn the_shares_of_the_bound_follow_the_weights() {
    let all = candidates("a*1 a*3");
    let sticky = (0..).find(|sticky| stuck(&Known::new(&[]), &all, *sticky) == 0).unwrap();
    // Of 16 calls with this one the first may have 5, whatever the second has.
    let check = |loads: [u32; 2], expect| {
        let known = Known { loads: loads.to_vec(), ..Known::new(&[]) };
        assert_eq!(stuck(&known, &all, sticky), expect, "{loads:?}");
    };
    check([0, 0], 0);
    check([4, 11], 0);
    check([5, 10], 1);
    check([1, 0], 1);
}
