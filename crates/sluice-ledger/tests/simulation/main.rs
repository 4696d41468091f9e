//! The books under everything that can happen to them: three nodes with budgets in common, kill -9, power loss down to
//! sectors, lost questions and lost answers, calls that come late, a database that is away, nodes that are written off
//! and come back, windows that end, and requests that cost more than they may. Everything follows from a seed; the
//! purses, leases, reservations, frames and the fold are the real ones, the database and the disks are simulated.
//!
//! After every step the laws of [`mutant::Law`] hold. That they would not hold for wrong books is shown by planting
//! mistakes: each of [`mutant::Mutant`] must break its law.
//!
//! `SLUICE_SIMULATION_REQUESTS` says how many requests the long run has (`--run-ignored all`).

#![expect(clippy::panic, reason = "a broken law fails the test")]

mod books;
mod desk;
mod disk;
mod mutant;
mod node;
mod seed;
mod truth;
mod world;

use mutant::{Mutant, Violation};
use world::{Setup, Tally, World};

/// Requests of one seed.
const REQUESTS: u64 = 4_000;

/// Seeds within which a planted mistake has to show itself; most do in the first.
const MUTANT_SEEDS: u64 = 200;

fn run(seed: u64, mutant: Option<Mutant>) -> Result<Tally, Violation> {
    World::new(seed, Setup { requests: REQUESTS, mutant }).run()
}

/// Runs seeds from `first` on until so many requests were made.
fn run_all(first: u64, requests: u64) -> Tally {
    let mut all = Tally::default();
    for seed in first..first + requests.div_ceil(REQUESTS) {
        let tally = run(seed, None).unwrap_or_else(|violation| panic!("seed {seed}: {violation:?}"));
        all.add(&tally);
    }
    all
}

#[test]
fn the_laws_hold() {
    let tally = run_all(1, 100_000);
    println!("{tally:?}");
    // A run in which nothing happens proves nothing.
    assert!(tally.admitted * 3 > tally.requests && tally.rows * 10 > tally.admitted * 9, "{tally:?}");
    assert!(tally.interrupted > 100 && tally.kills > 100 && tally.power_losses > 50, "{tally:?}");
    assert!(tally.write_offs > 5 && tally.calls_lost > 1_000, "{tally:?}");
}

#[test]
#[ignore = "as long as is wanted: SLUICE_SIMULATION_REQUESTS, else five million requests"]
#[expect(clippy::disallowed_methods, reason = "the one setting of a test that people start by hand")]
fn the_laws_hold_for_long() {
    let requests = std::env::var("SLUICE_SIMULATION_REQUESTS").ok().and_then(|text| text.parse().ok());
    println!("{:?}", run_all(1_000_000, requests.unwrap_or(5_000_000)));
}

#[test]
fn every_planted_mistake_is_caught_by_its_law() {
    let mut escaped = Vec::new();
    let mut after = Vec::new();
    for (mutant, laws) in Mutant::ALL {
        let caught = (1..=MUTANT_SEEDS)
            .find_map(|seed| run(seed, Some(*mutant)).err().map(|violation| (seed, violation)));
        match caught {
            Some((seed, violation)) if laws.contains(&violation.law) => {
                after.push((mutant, violation.law, seed))
            }
            other => escaped.push(format!("{mutant:?}: expected {laws:?}, found {other:?}")),
        }
    }
    println!("{after:?}");
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    let tally = || format!("{:?}", run(7, None).map_err(|violation| violation.text));
    assert_eq!(tally(), tally());
}
