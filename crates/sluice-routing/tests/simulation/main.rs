//! Requests under everything that upstreams do: slow, too many requests, flapping, dead, partitioned, silent, breaking
//! streams, prompts that do not fit, content that is refused, credentials that do not count. Everything follows from
//! a seed; the machine of attempts, health and budgets are the real ones, upstreams and time are simulated.
//!
//! At every step the laws of [`mutant::Law`] hold. That they would not hold around a wrong machine is shown by planting
//! mistakes: each of [`mutant::Mutant`] must break its law.
//!
//! `SLUICE_SIMULATION_SEEDS` says how many seeds the long run has (`--run-ignored all`).

#![expect(clippy::panic, clippy::unwrap_used, reason = "a broken law fails the test")]

mod fleet;
mod laws;
mod mutant;
mod scenario;
mod seed;

mod upstream;
mod world;

use std::time::Instant;

use mutant::{Mutant, Violation};
use scenario::{Scenario, Setup};
use seed::Seed;
use world::{Tally, World};

/// Seeds within which a planted mistake has to show itself.
const MUTANT_SEEDS: u64 = 40;

#[expect(
    clippy::disallowed_methods,
    reason = "there is no other way to an Instant; which one does not matter"
)]
fn start() -> Instant {
    Instant::now()
}

fn run(seed: u64, scenario: Scenario, mutant: Option<Mutant>) -> Result<Tally, Violation> {
    let mut dice = Seed(seed);
    let setup = Setup::new(scenario, &mut dice);
    World::new(setup, dice, mutant).run()
}

/// Runs so many seeds of each scenario.
fn run_all(first: u64, seeds: u64) -> Tally {
    let mut all = Tally::default();
    for scenario in Scenario::ALL {
        for seed in first..first + seeds {
            let tally = run(seed, scenario, None)
                .unwrap_or_else(|violation| panic!("{scenario:?}, seed {seed}: {violation:?}"));
            all.add(&tally);
        }
    }
    all
}

#[test]
fn the_laws_hold() {
    let tally = run_all(1, 15);
    println!("{tally:?}");
    // A run in which nothing happens proves nothing.
    assert!(tally.complete * 3 > tally.requests, "{tally:?}");
    for count in [tally.told, tally.broken, tally.left, tally.hedges, tally.repairs, tally.repeats] {
        assert!(count > 100, "{tally:?}");
    }
    assert!(tally.probes > 100 && tally.waits > 1_000 && tally.simulated_ms > 3_600_000, "{tally:?}");
}

#[test]
#[ignore = "as long as is wanted: SLUICE_SIMULATION_SEEDS, else two thousand"]
#[expect(clippy::disallowed_methods, reason = "the one setting of a test that people start by hand")]
fn the_laws_hold_for_long() {
    let seeds = std::env::var("SLUICE_SIMULATION_SEEDS").ok().and_then(|text| text.parse().ok());
    println!("{:?}", run_all(1_000_000, seeds.unwrap_or(2_000)));
}

#[test]
fn every_planted_mistake_is_caught_by_its_law() {
    let mut escaped = Vec::new();
    let mut after = Vec::new();
    for (mutant, laws) in Mutant::ALL {
        let runs = (1..=MUTANT_SEEDS).flat_map(|seed| Scenario::ALL.map(|scenario| (seed, scenario)));
        // Overload is long, and needs no luck.
        let caught = runs
            .filter(|(seed, scenario)| *seed == 1 || *scenario != Scenario::Overload)
            .find_map(|(seed, scenario)| run(seed, scenario, Some(*mutant)).err().map(|found| (seed, found)));
        match caught {
            Some((seed, violation)) if laws.contains(&violation.law) => {
                after.push((mutant, violation.law, seed));
            }
            other => escaped.push(format!("{mutant:?}: expected {laws:?}, found {other:?}")),
        }
    }
    println!("{after:?}");
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for scenario in Scenario::ALL {
        let tally = || format!("{:?}", run(7, scenario, None).map_err(|violation| violation.text));
        assert_eq!(tally(), tally());
    }
}
