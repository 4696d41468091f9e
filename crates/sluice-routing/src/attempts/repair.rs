//! A stream that broke after content is started again, on another target where there is one.

use std::time::Instant;

use sluice_chat::Failure;

use super::{Attempts, Plan, Step, WAIT_SLACK, Why};
use crate::{
    Dice,
    attempts::{PAUSE_LEAST, PAUSE_MOST},
    fleet::{Fleet, Standing},
    rules::{self, Next},
};

impl Attempts {
    /// Takes note of a stream that broke after content: of the request's own, or of its repair. Other calls that
    /// were under way are over.
    pub fn broke(&mut self, target: usize, failure: Failure, now: Instant) {
        let Some(at) = self.ended(target) else { return };
        self.running.clear();
        self.last = Some(at);
        self.plan = None;
        let slot = &mut self.slots[at];
        slot.failed = Some(failure.kind);
        slot.free_at = super::stated(&failure).and_then(|wait| now.checked_add(wait));
        match rules::after(failure.kind).1 {
            Next::Others => {}
            Next::LargerContext => self.context_too_short(at),
            // What was refused here is not to be had elsewhere.
            Next::Nothing => self.over = true,
        }
        self.broke.get_or_insert(failure);
    }

    /// The next step of a repair, after [`Self::broke`] and after a repair that failed. What is told in the end is
    /// what broke first.
    pub fn repair_step(&mut self, now: Instant, fleet: &dyn Fleet, dice: &mut Dice<'_>) -> Step {
        let may = self.terms.repair && !self.over && self.broke.is_some() && self.running.is_empty();
        if !may || self.made >= self.terms.max_attempts || now >= self.terms.deadline {
            return self.give_up(now, fleet);
        }
        if let Some(step) = self.carry_out(now, fleet) {
            return step;
        }
        if let Some((slot, probe)) = self.find(true, now, fleet).or_else(|| self.find(false, now, fleet)) {
            return self.call(slot, Why::Repair, probe, now);
        }
        match self.plan_same(now, fleet, dice) {
            Some(at) => Step::WaitUntil(at),
            None => self.give_up(now, fleet),
        }
    }

    /// Plans to start the stream again where it broke by chance.
    fn plan_same(&mut self, now: Instant, fleet: &dyn Fleet, dice: &mut Dice<'_>) -> Option<Instant> {
        let slot = self.last?;
        let by_chance = self.slots[slot].failed.is_some_and(rules::breaks_by_chance);
        let at = now + rules::between(PAUSE_LEAST, PAUSE_MOST, dice);
        let ready = self.standing(slot, now, fleet) == Standing::Ready;
        if !by_chance || self.slots[slot].repeated || at >= self.terms.deadline || !ready {
            return None;
        }
        if !self.take_retry(slot, now, fleet) {
            return None;
        }
        self.slots[slot].repeated = true;
        self.plan = Some(Plan { slot, at, latest: at + WAIT_SLACK, why: Why::Repair });
        Some(at)
    }
}
