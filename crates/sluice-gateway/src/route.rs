//! Third stage: in which order the eligible targets are tried.

use std::time::{Duration, Instant};

use sluice_chat::Failure;
use sluice_routing::{Attempts, Candidate, Fleet, Load, Standing, Step, Terms};
use smallvec::SmallVec;

use crate::{admit::Admitted, bounds, clock};

/// The attempts of an admitted request.
pub(crate) fn route(admitted: &Admitted, deadline: Instant) -> Attempts {
    let model = admitted.model();
    let candidate = |(place, target): (usize, &usize)| {
        // Every one a tier of its own: they are tried in the order of the list.
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        Candidate {
            target: *target,
            identity: u64::from(number),
            same_model: number,
            priority: number,
            weight: 1,
            context_length: model.targets[*target].context_length,
            healthless: false,
        }
    };
    let candidates: SmallVec<[Candidate; 4]> =
        admitted.eligible().iter().enumerate().map(candidate).collect();
    let terms = Terms {
        max_attempts: model.options.max_attempts.unwrap_or(bounds::MAX_ATTEMPTS),
        retry_after_wait: Duration::ZERO,
        deadline,
        stream: admitted.scan().stream,
        hedge: None,
        repair: false,
        sticky: None,
    };
    Attempts::new(&candidates, terms, &Unwatched, clock::now(), &mut || 0)
}

/// The target to call next, when it is time to.
pub(crate) async fn next_target(attempts: &mut Attempts) -> Result<usize, Box<Failure>> {
    loop {
        match attempts.next_step(clock::now(), &Unwatched, &mut || 0) {
            Step::Call { target, .. } => return Ok(target),
            Step::WaitUntil(at) => tokio::time::sleep_until(at.into()).await,
            Step::GiveUp(failure) => return Err(failure),
        }
    }
}

/// Targets of whose health nothing is known: always ready, and never called twice.
#[derive(Debug)]
struct Unwatched;

impl Fleet for Unwatched {
    fn standing(&self, _: usize, _: Instant) -> Standing {
        Standing::Ready
    }

    fn take_probe(&self, _: usize, _: Instant) -> bool {
        false
    }

    fn take_retry(&self, _: usize, _: Instant) -> bool {
        false
    }

    fn take_hedge(&self, _: Instant) -> bool {
        false
    }

    fn first_token_p95(&self, _: usize) -> Option<Duration> {
        None
    }

    fn load(&self, _: usize) -> Load {
        Load { in_flight: 0, limit: u32::MAX }
    }
}
