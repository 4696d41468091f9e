//! The health of targets, shared by all requests and all workers, and as one request sees it. It outlives snapshots:
//! a target is known by its provider, its place, its credential and its model.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sluice_chat::{Failure, FailureKind};
use sluice_routing::{
    Dice, Fleet, HedgeBudget, Load, Outcome, RetryBudget, Standing, Started, TargetHealth, Why,
};

use crate::{bounds, snapshot::Model};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The health of one target.
#[derive(Debug)]
pub(crate) struct Health {
    target: Mutex<TargetHealth>,
    provider: Arc<Mutex<RetryBudget>>,
}

/// How a target does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) cooling_until: Option<Instant>,
    /// What the breaker alone says.
    pub(crate) standing: Standing,
    /// Since when the breaker is not closed.
    pub(crate) opened_at: Option<Instant>,
    pub(crate) load: Load,
    pub(crate) first_token_p95: Option<Duration>,
    /// Calls of the last ten minutes, and failures among them.
    pub(crate) recent: (u32, u32),
    pub(crate) last_failure: Option<(FailureKind, Instant)>,
}

/// Every health there is.
#[derive(Debug, Default)]
pub(crate) struct Healths {
    targets: Mutex<HashMap<String, Arc<Health>>>,
    providers: Mutex<HashMap<String, Arc<Mutex<RetryBudget>>>>,
    hedges: Mutex<HashMap<String, Arc<Mutex<HedgeBudget>>>>,
}

/// The entry of `name`. Those that nobody else has are let go before there are too many: names can be callers'.
fn entry<T>(map: &Mutex<HashMap<String, Arc<T>>>, name: String, make: impl FnOnce() -> T) -> Arc<T> {
    let mut map = lock(map);
    if map.len() >= bounds::HEALTH_COUNT && !map.contains_key(&name) {
        map.retain(|_, value| Arc::strong_count(value) > 1);
    }
    Arc::clone(map.entry(name).or_insert_with(|| Arc::new(make())))
}

impl Healths {
    /// The health of `model` at a provider, which is told from others by `identity`.
    pub(crate) fn target(&self, provider: &str, identity: u64, model: &str) -> Arc<Health> {
        let budget = entry(&self.providers, provider.to_owned(), Mutex::default);
        entry(&self.targets, format!("{provider}\n{identity:x}\n{model}"), || Health {
            target: Mutex::default(),
            provider: budget,
        })
    }

    /// The hedges of a model: at most `percent` of its requests.
    pub(crate) fn hedges(&self, model: &str, percent: u32) -> Arc<Mutex<HedgeBudget>> {
        let budget = entry(&self.hedges, model.to_owned(), || Mutex::new(HedgeBudget::new(percent)));
        lock(&budget).set_percent(percent);
        budget
    }
}

impl Health {
    fn standing(&self, now: Instant) -> Standing {
        lock(&self.target).standing(now)
    }

    /// All that is known of it, for people.
    pub(crate) fn told(&self, now: Instant) -> Told {
        let mut target = lock(&self.target);
        Told {
            cooling_until: target.cooldown.until(now),
            standing: target.breaker.standing(now),
            opened_at: target.breaker.opened_at(),
            load: target.load(now),
            first_token_p95: target.first_token_p95(),
            recent: target.history.recent(now),
            last_failure: target.history.last_failure(),
        }
    }

    /// How it stands and what it carries at the moment, for metrics.
    pub(crate) fn seen(&self, now: Instant) -> (Standing, Load) {
        let target = lock(&self.target);
        (target.standing(now), target.load(now))
    }
}

/// How a call begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) why: Why,
    /// The request has called the target before: a repeat is not a request of its own.
    pub(crate) again: bool,
    /// It has the probe of the target's breaker.
    pub(crate) probe: bool,
}

/// The targets of one model as one request sees them.
#[derive(Debug)]
pub(crate) struct Targets<'a> {
    model: &'a Model,
}

impl<'a> Targets<'a> {
    pub(crate) fn of(model: &'a Model) -> Self {
        Self { model }
    }

    fn health(&self, target: usize) -> Option<&'a Health> {
        self.model.targets.get(target)?.health.as_deref()
    }

    /// A call of a target begins.
    pub(crate) fn begin(&self, target: usize, start: Start, now: Instant) -> InFlight {
        let Start { why, again, probe } = start;
        let target = self.model.targets.get(target);
        if let Some(target) = target {
            target.metrics.begun(why);
        }
        let Some(health) = target.and_then(|target| target.health.clone()) else { return InFlight(None) };
        if why != Why::Hedge && !again {
            lock(&health.provider).note_request(now);
        }
        let started = lock(&health.target).on_start(probe, now);
        InFlight(Some(Running { health, started }))
    }

    /// A streamed request for the model begins.
    pub(crate) fn note_request(&self, now: Instant) {
        if self.model.targets.len() > 1 {
            lock(&self.model.hedges).note_request(now);
        }
    }
}

impl Fleet for Targets<'_> {
    fn standing(&self, target: usize, now: Instant) -> Standing {
        self.health(target).map_or(Standing::Ready, |health| health.standing(now))
    }

    fn take_probe(&self, target: usize, now: Instant) -> bool {
        self.health(target).is_some_and(|health| lock(&health.target).take_probe(now))
    }

    fn take_retry(&self, target: usize, now: Instant) -> bool {
        self.health(target).is_none_or(|health| lock(&health.provider).take(now))
    }

    fn take_hedge(&self, now: Instant) -> bool {
        lock(&self.model.hedges).take(now)
    }

    fn first_token_p95(&self, target: usize) -> Option<Duration> {
        lock(&self.health(target)?.target).first_token_p95()
    }

    fn load(&self, target: usize, now: Instant) -> Load {
        let none = Load { in_flight: 0, limit: u32::MAX };
        self.health(target).map_or(none, |health| lock(&health.target).load(now))
    }
}

/// A call under way, which its target's health counts. Dropped, it was cancelled by us.
#[derive(Debug)]
pub(crate) struct InFlight(Option<Running>);

/// A call that somebody else has, as far as its target's health goes.
#[derive(Clone, Debug)]
pub(crate) struct Witness(Option<Running>);

impl Witness {
    /// The first content of `other` has come while this call had none. That says something where it was first.
    pub(crate) fn outrun(&self, other: &InFlight, now: Instant) {
        if let (Some(running), Some(other)) = (&self.0, &other.0)
            && running.started.at < other.started.at
        {
            lock(&running.health.target).on_outrun(running.started, now);
        }
    }
}

#[derive(Clone, Debug)]
struct Running {
    health: Arc<Health>,
    started: Started,
}

impl InFlight {
    /// The first content of a stream has come.
    pub(crate) fn first_token(&self, now: Instant) {
        if let Some(running) = &self.0 {
            lock(&running.health.target).on_first_token(running.started, now);
        }
    }

    pub(crate) fn witness(&self) -> Witness {
        Witness(self.0.clone())
    }

    pub(crate) fn failed(self, failure: &Failure, now: Instant, dice: &mut Dice<'_>) {
        let retry_after = failure.retry_after_ms.map(Duration::from_millis);
        self.ended(Outcome::Failure(failure.kind, retry_after), now, dice);
    }

    pub(crate) fn succeeded(self, now: Instant) {
        self.ended(Outcome::Success, now, &mut || 0);
    }

    fn ended(mut self, outcome: Outcome, now: Instant, dice: &mut Dice<'_>) {
        if let Some(running) = self.0.take() {
            lock(&running.health.target).on_outcome(running.started, outcome, now, dice);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            let health = &running.health;
            lock(&health.target).on_outcome(
                running.started,
                Outcome::Cancelled,
                running.started.at,
                &mut || 0,
            );
        }
    }
}
