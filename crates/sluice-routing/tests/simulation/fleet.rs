//! What all requests share, as a gateway keeps it.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use sluice_routing::{Fleet, HedgeBudget, Load, Outcome, RetryBudget, Standing, Started, TargetHealth};

use crate::{mutant::Mutant, seed::Seed};

pub(crate) const HEDGE_PERCENT: u32 = 5;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) health: Vec<RefCell<TargetHealth>>,
    provider_of: Vec<usize>,
    retries: Vec<RefCell<RetryBudget>>,
    hedges: RefCell<HedgeBudget>,
    mutant: Option<Mutant>,
}

impl Shared {
    pub(crate) fn new(provider_of: Vec<usize>, mutant: Option<Mutant>) -> Self {
        let providers = provider_of.iter().max().map_or(0, |most| most + 1);
        Self {
            health: provider_of.iter().map(|_| RefCell::default()).collect(),
            provider_of,
            retries: (0..providers).map(|_| RefCell::default()).collect(),
            hedges: RefCell::new(HedgeBudget::new(HEDGE_PERCENT)),
            mutant,
        }
    }

    fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// A request for the model.
    pub(crate) fn note_request(&self, now: Instant) {
        self.hedges.borrow_mut().note_request(now);
        if self.has(Mutant::HealthForgotten) {
            self.health.iter().for_each(|health| *health.borrow_mut() = TargetHealth::default());
        }
    }

    /// A call that is no repeat of another.
    pub(crate) fn note_call(&self, target: usize, now: Instant) {
        self.retries[self.provider_of[target]].borrow_mut().note_request(now);
    }

    pub(crate) fn start(&self, target: usize, probe: bool, now: Instant) -> Started {
        self.health[target].borrow_mut().on_start(probe, now)
    }

    pub(crate) fn first_token(&self, target: usize, call: Started, now: Instant) {
        if !self.has(Mutant::SuccessesNotNoted) {
            self.health[target].borrow_mut().on_first_token(call, now);
        }
    }

    pub(crate) fn outrun(&self, target: usize, call: Started, now: Instant) {
        if !self.has(Mutant::OutrunNotNoted) {
            self.health[target].borrow_mut().on_outrun(call, now);
        }
    }

    pub(crate) fn ended(
        &self,
        (target, call): (usize, Started),
        outcome: Outcome,
        now: Instant,
        seed: &mut Seed,
    ) {
        let outcome = match (self.mutant, outcome) {
            (Some(Mutant::CancelledNotNoted), Outcome::Cancelled) => return,
            (Some(Mutant::FailuresNotNoted), Outcome::Failure(..))
            | (Some(Mutant::SuccessesNotNoted), Outcome::Success) => Outcome::Cancelled,
            (Some(Mutant::RetryAfterNotNoted), Outcome::Failure(kind, _)) => Outcome::Failure(kind, None),
            (Some(Mutant::RetryAfterHalved), Outcome::Failure(kind, after)) => {
                Outcome::Failure(kind, after.map(|after| after / 2))
            }
            (_, outcome) => outcome,
        };
        self.health[target].borrow_mut().on_outcome(call, outcome, now, &mut || seed.next());
    }
}

impl Fleet for Shared {
    fn standing(&self, target: usize, now: Instant) -> Standing {
        match self.health[target].borrow().standing(now) {
            Standing::Cooling(_) if self.has(Mutant::CooldownIgnored) => Standing::Ready,
            Standing::Open(_) if self.has(Mutant::BreakerIgnored) => Standing::Ready,
            standing => standing,
        }
    }

    fn take_probe(&self, target: usize, now: Instant) -> bool {
        match self.mutant {
            Some(Mutant::ProbeForAll) => true,
            Some(Mutant::ProbeForNobody) => false,
            _ => self.health[target].borrow_mut().take_probe(now),
        }
    }

    fn take_retry(&self, target: usize, now: Instant) -> bool {
        self.has(Mutant::RepeatsFree) || self.retries[self.provider_of[target]].borrow_mut().take(now)
    }

    fn take_hedge(&self, now: Instant) -> bool {
        self.has(Mutant::HedgesFree) || self.hedges.borrow_mut().take(now)
    }

    fn first_token_p95(&self, target: usize) -> Option<Duration> {
        self.health[target].borrow().first_token_p95()
    }

    fn load(&self, target: usize, now: Instant) -> Load {
        let load = self.health[target].borrow().load(now);
        if self.has(Mutant::LimitIgnored) { Load { limit: u32::MAX, ..load } } else { load }
    }
}
