//! What the caller is told when nothing is left to try.

use std::time::{Duration, Instant};

use sluice_chat::{Failure, FailureKind};

use super::{Attempts, Step};
use crate::{
    Dice,
    fleet::{Fleet, Standing},
    rules,
};

/// When a caller may come back after all targets were full; spread, so that not all come at once.
const FULL_BACK_LEAST: Duration = Duration::from_secs(1);
const FULL_BACK_MOST: Duration = Duration::from_secs(2);

impl Attempts {
    /// Ends the attempts.
    pub(super) fn give_up(&mut self, now: Instant, fleet: &dyn Fleet) -> Step {
        self.over = true;
        if let Some(broke) = self.broke.take() {
            return Step::GiveUp(Box::new(broke));
        }
        let told = self.told.take();
        let limited = told.as_ref().is_none_or(|told| told.kind == FailureKind::RateLimited);
        let soonest = if limited { self.soonest(now, fleet) } else { None };
        let told = match (told, soonest) {
            (Some(told), Some(wait)) => Failure { retry_after_ms: Some(wait), ..told },
            (Some(told), None) => told,
            (None, _) if now >= self.terms.deadline => too_late(),
            (None, Some(wait)) => Failure { retry_after_ms: Some(wait), ..cooling() },
            (None, None) => no_target(),
        };
        Step::GiveUp(Box::new(told))
    }

    /// In how many milliseconds the first of the targets that are cooling may be called, by what they said and by
    /// what is known of them.
    fn soonest(&self, now: Instant, fleet: &dyn Fleet) -> Option<u64> {
        let free = self.slots.iter().enumerate().filter_map(|(at, slot)| {
            let own = slot.free_at.filter(|_| slot.failed == Some(FailureKind::RateLimited));
            match self.standing(at, now, fleet) {
                Standing::Cooling(until) => Some(own.map_or(until, |own| own.max(until))),
                Standing::Open(until) => own.map(|own| own.max(until)),
                Standing::Ready | Standing::Probe => own,
            }
        });
        let wait = free.min()?.saturating_duration_since(now);
        // What is free by now was not when it was asked: never "at once".
        u64::try_from(wait.as_micros().div_ceil(1000)).ok().map(|ms| ms.max(1))
    }
}

/// Of two failures the one to tell. A rate limit is told only when all targets were rate limited; a context that is
/// too long is told rather than a target that could not be reached.
pub(super) fn says_more(earlier: Option<Failure>, later: Failure) -> Failure {
    use FailureKind::{ContextLength, RateLimited, Unsupported};
    let Some(earlier) = earlier else { return later };
    match (earlier.kind, later.kind) {
        (Unsupported, RateLimited) => later,
        (_, RateLimited | Unsupported) | (ContextLength, _) => earlier,
        _ => later,
    }
}

fn no_target() -> Failure {
    Failure::ours(FailureKind::Unreachable, "upstream_unreachable", "no target of this model can be tried")
}

fn too_late() -> Failure {
    let text = "no target could be called within the time of the whole request";
    Failure::ours(FailureKind::TotalTimeout, "upstream_timeout", text)
}

fn cooling() -> Failure {
    let text = "every target of this model is rate limited by its provider";
    Failure::ours(FailureKind::RateLimited, "rate_limit_exceeded", text)
}

/// All targets have as many calls under way as they take.
pub(super) fn overloaded(dice: &mut Dice<'_>) -> Failure {
    let text = "every target of this model has as many requests under way as it takes";
    let back = rules::between(FULL_BACK_LEAST, FULL_BACK_MOST, dice).as_millis();
    let failure = Failure::ours(FailureKind::Overloaded, "server_is_overloaded", text);
    Failure { retry_after_ms: u64::try_from(back).ok(), ..failure }
}
