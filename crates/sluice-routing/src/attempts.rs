//! The attempts of one request, as a state machine: facts in, the next step out.

mod hedge;
mod repair;
#[cfg(test)]
mod tests;
mod told;

use std::time::{Duration, Instant};

use sluice_chat::{Failure, FailureKind};
use smallvec::SmallVec;

use crate::{
    Dice,
    fleet::{Fleet, Standing},
    pick,
    rules::{self, Again, Next},
    target::{Candidate, Terms},
};

/// The pause before a target that failed is called again.
pub const PAUSE_LEAST: Duration = Duration::from_millis(100);
pub const PAUSE_MOST: Duration = Duration::from_millis(300);
/// Added to a wait for a `Retry-After`, so that not all who waited come at once.
const AFTER_WAIT_MOST: Duration = Duration::from_millis(50);
/// A target that is still cooling after the wait is waited for by so much more.
const WAIT_SLACK: Duration = Duration::from_millis(250);
/// A request waits this long for room where all targets have as many calls as they take.
pub const ROOM_WAIT: Duration = Duration::from_secs(2);
/// How often it looks.
const ROOM_LOOK_LEAST: Duration = Duration::from_millis(20);
const ROOM_LOOK_MOST: Duration = Duration::from_millis(60);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Call the target of this index in the model's list.
    Call {
        target: usize,
        why: Why,
        /// The call has the probe of the target's breaker; see [`crate::TargetHealth::on_start`].
        probe: bool,
    },
    /// Do nothing before this moment, then ask again.
    WaitUntil(Instant),
    /// Nothing is left to try: tell the caller this.
    GiveUp(Box<Failure>),
}

/// Why a target is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The first call of the request.
    First,
    /// Another target runs the same model.
    Equal,
    /// A target that runs another model.
    Fallback,
    /// The same target again after a pause.
    Retry,
    /// The target said when it may be called, and that was waited for.
    AfterWait,
    /// Beside a call that is slow.
    Hedge,
    /// To go on with a stream that broke.
    Repair,
}

/// One target in the course of one request.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) is: Candidate,
    pub(crate) lot: f64,
    tried: bool,
    repeated: bool,
    /// The context of its model is too short for the request.
    barred: bool,
    failed: Option<FailureKind>,
    /// When it may be called again, by its own words.
    free_at: Option<Instant>,
}

/// A call that is to be made at a later moment.
#[derive(Clone, Copy, Debug)]
struct Plan {
    slot: usize,
    at: Instant,
    /// Not after this, where the target is not ready at `at`.
    latest: Instant,
    why: Why,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    slot: usize,
    since: Instant,
}

/// The attempts of one request.
#[derive(Debug)]
pub struct Attempts {
    /// In the order in which they are tried.
    slots: SmallVec<[Slot; 4]>,
    terms: Terms,
    made: u32,
    running: SmallVec<[Running; 2]>,
    /// The target that failed last: its equals are tried before others.
    last: Option<usize>,
    plan: Option<Plan>,
    /// The wait for a `Retry-After` is used up.
    waited: bool,
    /// A target with an open breaker was called for want of others.
    resorted: bool,
    /// Until when room is waited for.
    room_until: Option<Instant>,
    /// Declared context that was too short.
    too_short: Option<u64>,
    hedge_not_before: Option<Instant>,
    /// The failure that the caller hears of if nothing else works.
    told: Option<Failure>,
    /// The failure that broke a stream after content.
    broke: Option<Failure>,
    over: bool,
}

impl Attempts {
    /// Attempts over the eligible targets of a model. Which is first is decided here: by tier and weight, or by hash
    /// for a sticky request.
    pub fn new(
        candidates: &[Candidate],
        terms: Terms,
        fleet: &dyn Fleet,
        now: Instant,
        dice: &mut Dice<'_>,
    ) -> Self {
        let slot = |is: &Candidate| Slot {
            is: *is,
            lot: 0.0,
            tried: false,
            repeated: false,
            barred: false,
            failed: None,
            free_at: None,
        };
        let mut slots: SmallVec<[Slot; 4]> = candidates.iter().map(slot).collect();
        pick::order(&mut slots, terms.sticky, fleet, now, dice);
        Self {
            slots,
            terms,
            made: 0,
            running: SmallVec::new(),
            last: None,
            plan: None,
            waited: false,
            resorted: false,
            room_until: None,
            too_short: None,
            hedge_not_before: None,
            told: None,
            broke: None,
            over: false,
        }
    }

    /// How many calls were started.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The next step; each `Call` counts as an attempt. While a call is under way (its hedge failed) there is nothing
    /// to do but to wait for it: `WaitUntil` says when to think of another hedge.
    pub fn next_step(&mut self, now: Instant, fleet: &dyn Fleet, dice: &mut Dice<'_>) -> Step {
        if !self.running.is_empty() {
            return Step::WaitUntil(self.hedge_at(fleet).unwrap_or(self.terms.deadline));
        }
        if self.over || self.made >= self.terms.max_attempts || now >= self.terms.deadline {
            return self.give_up(now, fleet);
        }
        if let Some(step) = self.carry_out(now, fleet) {
            return step;
        }
        if let Some((slot, probe)) = self.find(true, now, fleet) {
            return self.call(slot, Why::Equal, probe, now);
        }
        if self.plan_repeat(now, fleet, dice)
            && let Some(step) = self.carry_out(now, fleet)
        {
            return step;
        }
        if let Some((slot, probe)) = self.find(false, now, fleet) {
            return self.call(slot, self.why_new(), probe, now);
        }
        self.last_resorts(now, fleet, dice)
    }

    /// Takes note of a call that failed before any content.
    pub fn failed(&mut self, target: usize, failure: Failure, now: Instant) {
        let Some(at) = self.ended(target) else { return };
        self.last = Some(at);
        if failure.kind == FailureKind::Unsupported {
            // Nothing was sent.
            self.made = self.made.saturating_sub(1);
        }
        let slot = &mut self.slots[at];
        slot.failed = Some(failure.kind);
        slot.free_at = stated(&failure).and_then(|wait| now.checked_add(wait));
        match rules::after(failure.kind).1 {
            Next::Others => {}
            Next::LargerContext => self.context_too_short(at),
            Next::Nothing if self.broke.is_none() => {
                if !self.over {
                    self.told = Some(failure);
                }
                self.over = true;
                return;
            }
            Next::Nothing => self.over = true,
        }
        if !self.over {
            self.told = Some(told::says_more(self.told.take(), failure));
        }
    }

    /// The call of a slot starts.
    fn call(&mut self, slot: usize, why: Why, probe: bool, now: Instant) -> Step {
        self.made += 1;
        self.slots[slot].tried = true;
        self.running.push(Running { slot, since: now });
        Step::Call { target: self.slots[slot].is.target, why, probe }
    }

    /// The call of a target is over; gives its slot.
    fn ended(&mut self, target: usize) -> Option<usize> {
        let at = self.running.iter().position(|call| self.slots[call.slot].is.target == target)?;
        Some(self.running.remove(at).slot)
    }

    fn why_new(&self) -> Why {
        if self.slots.iter().any(|slot| slot.tried) { Why::Fallback } else { Why::First }
    }

    fn standing(&self, slot: usize, now: Instant, fleet: &dyn Fleet) -> Standing {
        let is = &self.slots[slot].is;
        if is.healthless { Standing::Ready } else { fleet.standing(is.target, now) }
    }

    fn is_full(&self, slot: usize, now: Instant, fleet: &dyn Fleet) -> bool {
        let is = &self.slots[slot].is;
        !is.healthless && fleet.load(is.target, now).is_full()
    }

    fn take_retry(&self, slot: usize, now: Instant, fleet: &dyn Fleet) -> bool {
        let is = &self.slots[slot].is;
        is.healthless || fleet.take_retry(is.target, now)
    }

    /// Slots that were not tried yet and may be; with `equal` those of the model that failed last.
    fn left(&self, equal: bool) -> impl Iterator<Item = usize> {
        let model = self.last.map(|last| self.slots[last].is.same_model);
        let slots = self.slots.iter().enumerate();
        slots
            .filter(move |(_, slot)| !slot.tried && !slot.barred)
            .filter(move |(_, slot)| !equal || model == Some(slot.is.same_model))
            .map(|(at, _)| at)
    }

    /// The first slot that can be called now, and whether with a probe.
    fn find(&self, equal: bool, now: Instant, fleet: &dyn Fleet) -> Option<(usize, bool)> {
        let usable = |at: usize| match self.standing(at, now, fleet) {
            Standing::Ready if !self.is_full(at, now, fleet) => Some((at, false)),
            Standing::Probe if fleet.take_probe(self.slots[at].is.target, now) => Some((at, true)),
            _ => None,
        };
        let larger = |at: &usize| self.slots[*at].is.context_length > self.too_short;
        if self.too_short.is_some()
            && let Some(found) = self.left(equal).filter(larger).find_map(usable)
        {
            return Some(found);
        }
        self.left(equal).find_map(usable)
    }

    /// The prompt did not fit there: nor does it at its equals.
    fn context_too_short(&mut self, at: usize) {
        let failed = self.slots[at].is;
        for slot in self.slots.iter_mut().filter(|slot| slot.is.same_model == failed.same_model) {
            slot.barred = true;
        }
        self.too_short = self.too_short.max(failed.context_length);
    }

    /// Plans to call a target of the failed one's model again, the soonest first.
    fn plan_repeat(&mut self, now: Instant, fleet: &dyn Fleet, dice: &mut Dice<'_>) -> bool {
        let Some(model) = self.last.map(|last| self.slots[last].is.same_model) else { return false };
        let mut soonest: Option<Plan> = None;
        for (at, slot) in self.slots.iter().enumerate() {
            if slot.is.same_model != model || slot.repeated || slot.barred {
                continue;
            }
            let Some(plan) = self.repeat_of(at, now, fleet, dice) else { continue };
            if plan.at < self.terms.deadline && soonest.is_none_or(|other| plan.at < other.at) {
                soonest = Some(plan);
            }
        }
        let Some(plan) = soonest.filter(|plan| self.take_retry(plan.slot, now, fleet)) else { return false };
        self.slots[plan.slot].repeated = true;
        self.waited |= plan.why == Why::AfterWait;
        self.plan = Some(plan);
        true
    }

    /// When and whether a failed target may be called again.
    fn repeat_of(&self, at: usize, now: Instant, fleet: &dyn Fleet, dice: &mut Dice<'_>) -> Option<Plan> {
        let slot = &self.slots[at];
        let rule = rules::after(slot.failed?).0;
        let short = |until: Instant| until.saturating_duration_since(now) <= self.terms.retry_after_wait;
        let why = match rule {
            Again::Never => return None,
            Again::Stated if self.waited || slot.free_at.is_none_or(|until| !short(until)) => return None,
            Again::Stated => Why::AfterWait,
            Again::Pause if slot.free_at.is_some_and(|until| !short(until)) => return None,
            Again::Pause if self.standing(at, now, fleet) != Standing::Ready => return None,
            Again::Pause => Why::Retry,
        };
        let pause = match why {
            Why::AfterWait => rules::between(Duration::ZERO, AFTER_WAIT_MOST, dice),
            _ => rules::between(PAUSE_LEAST, PAUSE_MOST, dice),
        };
        let due = match why {
            Why::AfterWait => slot.free_at? + pause,
            _ => slot.free_at.unwrap_or(now).max(now + pause),
        };
        Some(Plan { slot: at, at: due, latest: due + WAIT_SLACK, why })
    }

    /// Makes the call that was planned, once it is due. `None`: there is none, or it came to nothing.
    fn carry_out(&mut self, now: Instant, fleet: &dyn Fleet) -> Option<Step> {
        let plan = self.plan?;
        if now < plan.at {
            return Some(Step::WaitUntil(plan.at));
        }
        self.plan = None;
        let probe = match self.standing(plan.slot, now, fleet) {
            _ if self.is_full(plan.slot, now, fleet) => return None,
            Standing::Ready => false,
            Standing::Probe if fleet.take_probe(self.slots[plan.slot].is.target, now) => true,
            Standing::Cooling(until) if until <= plan.latest && until < self.terms.deadline => {
                self.plan = Some(Plan { at: until, ..plan });
                return Some(Step::WaitUntil(until));
            }
            Standing::Probe | Standing::Open(_) | Standing::Cooling(_) => return None,
        };
        Some(self.call(plan.slot, plan.why, probe, now))
    }

    /// Nothing can be called: waits for room or for the end of a cooldown, or calls a target in spite of its breaker.
    fn last_resorts(&mut self, now: Instant, fleet: &dyn Fleet, dice: &mut Dice<'_>) -> Step {
        let (mut full, mut open, mut cooling) = (false, None, None);
        for at in self.left(false) {
            let soonest = |seen: Option<(Instant, usize)>, until| match seen {
                Some(seen) if seen.0 <= until => Some(seen),
                _ => Some((until, at)),
            };
            match self.standing(at, now, fleet) {
                Standing::Ready => full = true,
                Standing::Open(until) => open = soonest(open, until),
                // Somebody else has the probe by now.
                Standing::Probe => open = soonest(open, now),
                Standing::Cooling(until) => cooling = soonest(cooling, until),
            }
        }
        if full {
            let until = *self.room_until.get_or_insert((now + ROOM_WAIT).min(self.terms.deadline));
            if now < until {
                let look = now + rules::between(ROOM_LOOK_LEAST, ROOM_LOOK_MOST, dice);
                return Step::WaitUntil(look.min(until));
            }
        }
        if let Some((_, slot)) = open
            && !self.resorted
        {
            self.resorted = true;
            return self.call(slot, self.why_new(), false, now);
        }
        if let Some((until, slot)) = cooling
            && !self.waited
            && until.saturating_duration_since(now) <= self.terms.retry_after_wait
            && until < self.terms.deadline
        {
            self.waited = true;
            let at = until + rules::between(Duration::ZERO, AFTER_WAIT_MOST, dice);
            self.plan = Some(Plan { slot, at, latest: at + WAIT_SLACK, why: Why::AfterWait });
            return Step::WaitUntil(at);
        }
        if full {
            self.told = Some(told::says_more(self.told.take(), told::overloaded(dice)));
        }
        self.give_up(now, fleet)
    }
}

/// What the upstream said about when to come back. Zero says nothing; beyond a day it does not matter how much.
fn stated(failure: &Failure) -> Option<Duration> {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    failure.retry_after_ms.filter(|ms| *ms > 0).map(|ms| Duration::from_millis(ms.min(DAY_MS)))
}
