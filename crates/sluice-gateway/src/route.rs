//! Third stage: the attempts of an admitted request, over the targets that can take it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use sluice_routing::{Attempts, Candidate, HedgeTerms, Terms};
use smallvec::SmallVec;

use crate::{
    admit::Admitted, bounds, clock, drive::deadline, eligible, exchange::Exchange, fleet::Targets,
    snapshot::Model,
};

/// The attempts of a request.
pub(crate) fn route(admitted: &Admitted, exchange: &Exchange) -> Attempts {
    let model = admitted.model();
    let stream = admitted.scan().stream;
    let candidates: SmallVec<[Candidate; 4]> =
        admitted.eligible().iter().map(|index| candidate(admitted, *index)).collect();
    let many = candidates.len() > 1;
    let terms = Terms {
        max_attempts: model.options.max_attempts.unwrap_or(bounds::MAX_ATTEMPTS),
        retry_after_wait: Duration::from_millis(
            model.options.retry_after_wait_ms.unwrap_or(bounds::RETRY_AFTER_WAIT_MS),
        ),
        deadline: deadline(exchange, admitted),
        stream,
        hedge: (many && stream).then(|| hedge_terms(model)).flatten(),
        repair: admitted.is_repairable(),
        sticky: many.then(|| stickiness(admitted, exchange.key_id())),
    };
    let (now, targets) = (clock::now(), Targets::of(model));
    if many && stream {
        targets.note_request(now);
    }
    Attempts::new(&candidates, terms, &targets, now, &mut || exchange.worker().ids.bits())
}

fn candidate(admitted: &Admitted, index: usize) -> Candidate {
    let targets = &admitted.model().targets;
    let target = &targets[index];
    let behind = if targets.len() < 2 || eligible::is_likely(target, admitted.scan()) {
        0
    } else {
        // Of the tiers behind all others.
        targets.iter().map(|other| other.place.priority).max().unwrap_or(0).saturating_add(1)
    };
    Candidate {
        target: index,
        identity: target.place.identity,
        same_model: target.place.same_model,
        priority: target.place.priority.saturating_add(behind),
        weight: target.place.weight,
        context_length: target.facts.context_length,
        healthless: target.health.is_none(),
    }
}

fn hedge_terms(model: &Model) -> Option<HedgeTerms> {
    let options = &model.options;
    if options.hedge_enabled == Some(false) {
        return None;
    }
    let thinks = model.targets.iter().any(|target| target.facts.reasoning);
    let usual = if thinks { bounds::HEDGE_REASONING_MS } else { bounds::HEDGE_MS };
    Some(HedgeTerms { min_delay: Duration::from_millis(options.hedge_min_delay_ms.unwrap_or(usual)) })
}

/// What the caches of providers go by: the caller's own word for it, else the beginning of its messages.
fn stickiness(admitted: &Admitted, key_id: &str) -> u64 {
    let (scan, body) = (admitted.scan(), admitted.body());
    let mut hasher = DefaultHasher::new();
    match scan.prompt_cache_key {
        Some(key) => key.of(body).hash(&mut hasher),
        None => {
            let messages = scan.messages.of(body);
            messages[..messages.len().min(bounds::STICKY_BYTES)].hash(&mut hasher);
            key_id.hash(&mut hasher);
        }
    }
    hasher.finish()
}
