//! A script of outcomes in, the calls and what is told out. The dice say 0: pauses are the shortest, lots are equal
//! and targets come in the order of their numbers.

mod budgets;
mod hedges;
mod picks;
mod repairs;
mod standings;
mod table;

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use sluice_chat::{Failure, FailureKind};

use super::{Attempts, Step, Why};
use crate::{
    fleet::{Fleet, Load, Standing},
    health::tests::start,
    target::{Candidate, HedgeTerms, Terms},
};

/// What the fleet says of a target, in milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Ready,
    /// Until then, ready after it.
    Cooling(u64),
    /// Until then; then there is a probe.
    Open(u64),
    /// Half-open, but somebody else is faster.
    ProbeGone,
    /// As many calls as it takes, until then.
    Full(u64),
}

/// A fleet that says what it is told to say.
struct Known {
    zero: Instant,
    targets: RefCell<Vec<Is>>,
    retries: Cell<u32>,
    hedges: Cell<u32>,
    probes: Cell<u32>,
    p95_ms: Option<u64>,
    loads: Vec<u32>,
}

impl Known {
    fn new(targets: &[Is]) -> Self {
        Self {
            zero: start(),
            targets: RefCell::new(targets.to_vec()),
            retries: Cell::new(u32::MAX),
            hedges: Cell::new(u32::MAX),
            probes: Cell::new(0),
            p95_ms: None,
            loads: Vec::new(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.zero + Duration::from_millis(ms)
    }

    fn ms(&self, at: Instant) -> u128 {
        (at - self.zero).as_millis()
    }

    fn is(&self, target: usize) -> Is {
        self.targets.borrow().get(target).copied().unwrap_or(Is::Ready)
    }

    fn set(&self, target: usize, is: Is) {
        let mut targets = self.targets.borrow_mut();
        if targets.len() <= target {
            targets.resize(target + 1, Is::Ready);
        }
        targets[target] = is;
    }
}

fn take(from: &Cell<u32>) -> bool {
    let left = from.get();
    from.set(left.saturating_sub(1));
    left > 0
}

impl Fleet for Known {
    fn standing(&self, target: usize, now: Instant) -> Standing {
        match self.is(target) {
            Is::Cooling(until) if now < self.at(until) => Standing::Cooling(self.at(until)),
            Is::Open(until) if now < self.at(until) => Standing::Open(self.at(until)),
            Is::Open(_) | Is::ProbeGone => Standing::Probe,
            _ => Standing::Ready,
        }
    }

    fn take_probe(&self, target: usize, _: Instant) -> bool {
        self.probes.set(self.probes.get() + 1);
        self.is(target) != Is::ProbeGone
    }

    fn take_retry(&self, _: usize, _: Instant) -> bool {
        take(&self.retries)
    }

    fn take_hedge(&self, _: Instant) -> bool {
        take(&self.hedges)
    }

    fn first_token_p95(&self, _: usize) -> Option<Duration> {
        self.p95_ms.map(Duration::from_millis)
    }

    fn load(&self, target: usize, _: Instant) -> Load {
        let in_flight = self.loads.get(target).copied().unwrap_or(0);
        match self.is(target) {
            Is::Full(_) => Load { in_flight, limit: in_flight },
            _ => Load { in_flight, limit: u32::MAX },
        }
    }
}

fn failure(kind: FailureKind, retry_after_ms: Option<u64>) -> Failure {
    Failure { retry_after_ms, ..Failure::ours(kind, "code", "message") }
}

/// Targets by their models: `a a b` are two equals and a fallback. A `+` puts what follows into the next tier, `:9`
/// declares a context, `*3` is a weight.
fn candidates(text: &str) -> Vec<Candidate> {
    let mut tier = 0;
    let mut all = Vec::new();
    for word in text.split(' ') {
        if word == "+" {
            tier += 1;
            continue;
        }
        let number = |mark| word.split_once(mark).map(|(_, n): (_, &str)| n.parse::<u64>().unwrap());
        all.push(Candidate {
            target: all.len(),
            identity: 100 + all.len() as u64,
            same_model: u32::from(word.as_bytes()[0]),
            priority: tier,
            weight: number('*').map_or(1, |n| u32::try_from(n).unwrap()),
            context_length: number(':'),
            healthless: false,
        });
    }
    all
}

fn terms(known: &Known) -> Terms {
    Terms {
        max_attempts: 4,
        retry_after_wait: Duration::from_secs(3),
        deadline: known.at(600_000),
        stream: true,
        hedge: Some(HedgeTerms { min_delay: Duration::from_secs(10) }),
        repair: true,
        sticky: None,
    }
}

/// One request under `known`; each call fails at once as `outcomes` say, and succeeds when they are used up.
fn run(known: &Known, targets: &str, terms: Terms, outcomes: &[(FailureKind, Option<u64>)]) -> String {
    let dice = &mut || 0;
    let mut now = known.zero;
    let mut attempts = Attempts::new(&candidates(targets), terms, known, now, dice);
    let mut outcomes = outcomes.iter();
    let mut log = Vec::new();
    for _ in 0..1_000 {
        for is in known.targets.borrow_mut().iter_mut() {
            if let Is::Full(until) = *is
                && known.at(until) <= now
            {
                *is = Is::Ready;
            }
        }
        match attempts.next_step(now, known, dice) {
            Step::Call { target, why, probe } => {
                let probe = if probe { " probe" } else { "" };
                log.push(format!("{}ms {target} {why:?}{probe}", known.ms(now)));
                let Some((kind, after)) = outcomes.next() else {
                    log.push("ok".to_owned());
                    break;
                };
                if *kind == FailureKind::RateLimited {
                    let rest = after.filter(|ms| *ms > 0).unwrap_or(1_000);
                    known.set(target, Is::Cooling(u64::try_from(known.ms(now)).unwrap() + rest));
                }
                attempts.failed(target, failure(*kind, *after), now);
            }
            Step::WaitUntil(until) => {
                assert!(until > now, "a wait must take time");
                now = until;
            }
            Step::GiveUp(told) => {
                let after = told.retry_after_ms.map(|ms| format!(" {ms}ms")).unwrap_or_default();
                log.push(format!("{:?}{after}", told.kind));
                break;
            }
        }
    }
    log.join(", ")
}
