//! One model's targets, a gateway before them and its callers, as discrete events: everything that happens follows
//! from the seed.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use sluice_chat::{Failure, FailureKind};
use sluice_routing::{Attempts, Candidate, HedgeTerms, Outcome, Standing, Started, Step, Terms, Why};

use crate::{
    fleet::Shared,
    laws::{History, Laws, Past},
    mutant::{Law, Mutant, Violation},
    scenario::Setup,
    seed::Seed,
    upstream::{Answer, Asks, Upstream},
};

const TOTAL_MS: u64 = 600_000;
const SHORT_TOTAL_MS: u64 = 30_000;
/// From here on goodput counts.
const WARM_MS: u64 = 30_000;

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) calls: u64,
    pub(crate) complete: u64,
    pub(crate) told: u64,
    pub(crate) broken: u64,
    pub(crate) left: u64,
    pub(crate) hedges: u64,
    pub(crate) repairs: u64,
    pub(crate) repeats: u64,
    pub(crate) waits: u64,
    pub(crate) probes: u64,
    pub(crate) simulated_ms: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.calls += other.calls;
        self.complete += other.complete;
        self.told += other.told;
        self.broken += other.broken;
        self.left += other.left;
        self.hedges += other.hedges;
        self.repairs += other.repairs;
        self.repeats += other.repeats;
        self.waits += other.waits;
        self.probes += other.probes;
        self.simulated_ms += other.simulated_ms;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive,
    Content(usize),
    End(usize),
    /// A wait of a request is over.
    Wake(usize),
    /// Time to think of a hedge.
    Hedge(usize),
    Leave(usize),
}

#[derive(Debug)]
struct Call {
    request: usize,
    target: usize,
    at: u64,
    started: Started,
    answer: Answer,
    live: bool,
    /// Where it stands in the request's history.
    number: usize,
}

#[derive(Debug)]
struct Request {
    attempts: Attempts,
    history: History,
    /// Calls under way.
    running: Vec<usize>,
    ends: u32,
}

#[derive(Debug)]
pub(crate) struct World {
    setup: Setup,
    mutant: Option<Mutant>,
    zero: Instant,
    now: u64,
    order: u64,
    seed: Seed,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    upstreams: Vec<Upstream>,
    candidates: Vec<Candidate>,
    shared: Shared,
    laws: Laws,
    calls: Vec<Call>,
    requests: Vec<Request>,
    tally: Tally,
    /// Milliseconds of work that came to a good end in time.
    work_ms: u64,
    /// First good call of the target that came back, and the calls a while after.
    used_again: Option<u64>,
    then: (u64, u64),
    /// Calls that are first of their request, of a target that has long been silent, and of all.
    to_silent: (u64, u64),
}

impl World {
    pub(crate) fn new(setup: Setup, mut seed: Seed, mutant: Option<Mutant>) -> Self {
        let upstreams = setup.upstreams.clone();
        let tiers = if mutant == Some(Mutant::OneTier) { 1 } else { u32::MAX };
        let candidate = |(target, upstream): (usize, &Upstream)| Candidate {
            target,
            identity: target as u64,
            same_model: match mutant {
                Some(Mutant::EqualsUnknown) => u32::try_from(target).unwrap(),
                _ => upstream.model,
            },
            priority: upstream.tier,
            weight: u32::try_from(seed.between(1, 3)).unwrap(),
            context_length: upstream.declared.then_some(upstream.context),
            healthless: false,
        };
        let mut candidates: Vec<Candidate> = upstreams.iter().enumerate().map(candidate).collect();
        let first = candidates.iter().map(|candidate| candidate.priority).min().unwrap_or(0);
        candidates.retain(|candidate| candidate.priority - first < tiers);
        let shared = Shared::new(upstreams.iter().map(|upstream| upstream.provider).collect(), mutant);
        let laws = Laws::new(&upstreams, setup.max_attempts);
        let mut world = Self {
            mutant,
            zero: crate::start(),
            now: 0,
            order: 0,
            seed,
            queue: BinaryHeap::new(),
            upstreams,
            candidates,
            shared,
            laws,
            calls: Vec::new(),
            requests: Vec::new(),
            tally: Tally::default(),
            work_ms: 0,
            used_again: None,
            then: (0, 0),
            to_silent: (0, 0),
            setup,
        };
        world.at(0, Event::Arrive);
        world
    }

    fn at(&mut self, ms: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse((ms, self.order, event)));
    }

    fn instant(&self) -> Instant {
        self.zero + Duration::from_millis(self.now)
    }

    /// The millisecond at which a moment has come.
    fn ms(&self, at: Instant) -> u64 {
        u64::try_from((at - self.zero).as_micros().div_ceil(1_000)).unwrap()
    }

    /// Lets everything happen until nothing is left to.
    pub(crate) fn run(mut self) -> Result<Tally, Violation> {
        while let Some(Reverse((now, _, event))) = self.queue.pop() {
            self.now = now;
            match event {
                Event::Arrive => self.arrive()?,
                Event::Content(call) => self.content(call)?,
                Event::End(call) => self.end_of(call)?,
                Event::Wake(request) => self.go_on(request)?,
                Event::Hedge(request) => self.hedge(request)?,
                Event::Leave(request) => self.leave(request)?,
            }
        }
        self.tally.simulated_ms = self.now;
        self.over()
    }

    fn arrive(&mut self) -> Result<(), Violation> {
        let gap = self.seed.between(0, 2_000_000 / self.setup.rate);
        if self.now + gap < self.setup.span_ms {
            self.at(self.now + gap, Event::Arrive);
        }
        self.tally.requests += 1;
        self.laws.arrived(self.now);
        self.shared.note_request(self.instant());
        let total = if self.seed.chance(50) { SHORT_TOTAL_MS } else { TOTAL_MS };
        let deadline = self.now + total;
        let refusals = [FailureKind::BadRequest, FailureKind::ContentPolicy];
        let asks = Asks {
            tokens: if self.seed.chance(self.setup.long) {
                self.seed.between(50_000, 220_000)
            } else {
                1_000
            },
            stream: self.seed.chance(self.setup.streams),
            refused: self.seed.chance(self.setup.refused).then(|| refusals[(self.order % 2) as usize]),
        };
        let history = History { arrived: self.now, deadline, asks, calls: Vec::new(), content: false };
        let attempts = self.attempts(deadline, asks);
        let request = self.requests.len();
        self.requests.push(Request { attempts, history, running: Vec::new(), ends: 0 });
        if self.seed.chance(self.setup.leaves) {
            let leaves = self.now + self.seed.between(0, 20_000);
            self.at(leaves, Event::Leave(request));
        }
        self.go_on(request)
    }

    fn attempts(&mut self, deadline: u64, asks: Asks) -> Attempts {
        let max_attempts = match self.mutant {
            Some(Mutant::AttemptsUncounted) => self.setup.max_attempts * 2,
            _ => self.setup.max_attempts,
        };
        let deadline = match self.mutant {
            Some(Mutant::DeadlineMoves) => deadline + 10 * TOTAL_MS,
            _ => deadline,
        };
        let terms = Terms {
            max_attempts,
            retry_after_wait: Duration::from_secs(3),
            deadline: self.zero + Duration::from_millis(deadline),
            stream: asks.stream,
            hedge: Some(HedgeTerms { min_delay: Duration::from_secs(10) }),
            repair: true,
            sticky: self.seed.chance(500).then(|| self.seed.between(0, 50)),
        };
        let now = self.instant();
        let seed = &mut self.seed;
        Attempts::new(&self.candidates, terms, &self.shared, now, &mut || seed.next())
    }

    /// Does what the machine of a request says.
    fn go_on(&mut self, at: usize) -> Result<(), Violation> {
        let now = self.instant();
        let request = &mut self.requests[at];
        if request.ends > 0 || !request.running.is_empty() {
            return Ok(());
        }
        let seed = &mut self.seed;
        let step = if request.history.content {
            request.attempts.repair_step(now, &self.shared, &mut || seed.next())
        } else {
            request.attempts.next_step(now, &self.shared, &mut || seed.next())
        };
        match step {
            Step::Call { target, why, probe } => self.call(at, target, why, probe),
            Step::WaitUntil(until) if until <= now => {
                Err(Violation::new(Law::Time, format!("a wait at {} ms that takes no time", self.now)))
            }
            Step::WaitUntil(until) => {
                self.tally.waits += 1;
                let until = self.ms(until);
                let until = match self.mutant {
                    Some(Mutant::WaitsHalf) => return self.wake_early(at, until),
                    _ => until,
                };
                self.at(until, Event::Wake(at));
                Ok(())
            }
            Step::GiveUp(failure) => self.give_up(at, &failure),
        }
    }

    /// The mistake of a clock that runs ahead: the machine hears that it is time while it is not.
    fn wake_early(&mut self, at: usize, until: u64) -> Result<(), Violation> {
        let ahead = self.zero + Duration::from_millis(until);
        let early = self.now + (until - self.now) / 2;
        let seed = &mut self.seed;
        let request = &mut self.requests[at];
        let step = if request.history.content {
            request.attempts.repair_step(ahead, &self.shared, &mut || seed.next())
        } else {
            request.attempts.next_step(ahead, &self.shared, &mut || seed.next())
        };
        let before = std::mem::replace(&mut self.now, early);
        let done = match step {
            Step::Call { target, why, probe } => self.call(at, target, why, probe),
            Step::WaitUntil(_) => {
                self.at(until, Event::Wake(at));
                Ok(())
            }
            Step::GiveUp(failure) => self.give_up(at, &failure),
        };
        self.now = before;
        done
    }

    fn call(&mut self, at: usize, target: usize, why: Why, probe: bool) -> Result<(), Violation> {
        let now = self.instant();
        let request = &mut self.requests[at];
        self.laws.calling(&request.history, &self.upstreams, (target, why), self.now)?;
        let repeat = request.history.calls.iter().any(|past| past.target == target);
        if !repeat && !matches!(why, Why::Hedge | Why::Repair) {
            self.shared.note_call(target, now);
        }
        self.tally.calls += 1;
        self.tally.hedges += u64::from(why == Why::Hedge);
        self.tally.repairs += u64::from(why == Why::Repair);
        self.tally.repeats += u64::from(repeat);
        let id = self.calls.len();
        if probe {
            self.tally.probes += 1;
            self.laws.probing(target, id, self.now)?;
        }
        let upstream = &mut self.upstreams[target];
        let mut answer = upstream.answer(&request.history.asks, self.now, &mut self.seed);
        upstream.busy += 1;
        let deadline = match self.mutant {
            Some(Mutant::DeadlineMoves) => self.now + TOTAL_MS,
            _ => request.history.deadline,
        };
        let left = deadline.saturating_sub(self.now);
        if answer.end >= left {
            answer.end = left;
            answer.failure = Some((FailureKind::TotalTimeout, None));
            answer.content = answer.content.filter(|content| *content < left);
        }
        let started = self.shared.start(target, probe, now);
        request.running.push(id);
        request.history.calls.push(Past { target, failed: None });
        let number = request.history.calls.len() - 1;
        if number == 0 && self.setup.long_silent.as_ref().is_some_and(|long| long.contains(&self.now)) {
            self.to_silent.0 += u64::from(target == 0);
            self.to_silent.1 += 1;
        }
        self.calls.push(Call { request: at, target, at: self.now, started, answer, live: true, number });
        if let Some(content) = answer.content {
            self.at(self.now + content, Event::Content(id));
        }
        self.at(self.now + answer.end, Event::End(id));
        self.think_of_hedge(at);
        Ok(())
    }

    fn think_of_hedge(&mut self, at: usize) {
        let request = &self.requests[at];
        if let Some(when) = request.attempts.hedge_at(&self.shared).filter(|_| !request.history.content) {
            let when = self.ms(when).max(self.now + 1);
            self.at(when, Event::Hedge(at));
        }
    }

    fn hedge(&mut self, at: usize) -> Result<(), Violation> {
        let now = self.instant();
        let request = &mut self.requests[at];
        let [call] = request.running[..] else { return Ok(()) };
        if request.history.content {
            return Ok(());
        }
        let silent = self.calls[call].answer.silent;
        let told_silent = silent || self.mutant == Some(Mutant::AllSilent);
        let Some(target) = request.attempts.hedge(now, &self.shared, told_silent) else {
            // Only if it is to be thought of later: an event of an earlier call may be among them.
            if request.attempts.hedge_at(&self.shared).is_some_and(|when| when > now) {
                self.think_of_hedge(at);
            }
            return Ok(());
        };
        let beside = [self.calls[call].target];
        self.laws.hedging(&self.upstreams, &beside, silent, self.now)?;
        self.call(at, target, Why::Hedge, false)
    }

    /// The first content of a call: the others of its request are cancelled.
    fn content(&mut self, id: usize) -> Result<(), Violation> {
        let (now, call) = (self.instant(), &self.calls[id]);
        if !call.live {
            return Ok(());
        }
        self.shared.first_token(call.target, call.started, now);
        self.laws.answered(call.target);
        let at = call.request;
        self.requests[at].history.content = true;
        if self.mutant != Some(Mutant::LoserGoesOn) {
            let others: Vec<usize> =
                self.requests[at].running.iter().copied().filter(|other| *other != id).collect();
            for other in others {
                let Call { target, started, at, .. } = self.calls[other];
                if at < self.calls[id].at {
                    self.shared.outrun(target, started, now);
                }
                self.close(other, Outcome::Cancelled);
            }
        }
        Ok(())
    }

    /// A call is over.
    fn close(&mut self, id: usize, outcome: Outcome) {
        let now = self.instant();
        let call = &mut self.calls[id];
        call.live = false;
        self.upstreams[call.target].busy -= 1;
        self.requests[call.request].running.retain(|other| *other != id);
        self.laws.probed(call.target, id);
        use FailureKind::{BadRequest, ContentPolicy, ContextLength, RateLimited};
        if let Outcome::Failure(BadRequest | ContentPolicy | ContextLength | RateLimited, _) = outcome {
            self.laws.answered(call.target);
        }
        if let Outcome::Failure(RateLimited, after) = outcome {
            let after = after.map(|after| u64::try_from(after.as_millis()).unwrap());
            self.laws.limited(call.target, call.at, after, self.now);
        }
        self.shared.ended((call.target, call.started), outcome, now, &mut self.seed);
    }

    fn end_of(&mut self, id: usize) -> Result<(), Violation> {
        let call = &self.calls[id];
        if !call.live {
            return Ok(());
        }
        let (at, target, answer) = (call.request, call.target, call.answer);
        let Some((kind, after)) = answer.failure else {
            self.close(id, Outcome::Success);
            self.laws.answered(target);
            self.good_end(id);
            self.tally.complete += 1;
            return self.ended(at);
        };
        let shown = self.mistaken(kind);
        let waits =
            if self.mutant == Some(Mutant::RetryAfterHalved) { after.map(|ms| ms / 2) } else { after };
        self.close(id, Outcome::Failure(kind, after.map(Duration::from_millis)));
        let (now, number) = (self.instant(), self.calls[id].number);
        let request = &mut self.requests[at];
        let broke = answer.content.is_some();
        request.history.calls[number].failed = Some((self.now, kind, after, broke));
        let failure = Failure { retry_after_ms: waits, ..Failure::ours(shown, "code", "message") };
        if broke {
            request.attempts.broke(target, failure, now);
        } else {
            request.attempts.failed(target, failure, now);
            self.think_of_hedge(at);
        }
        self.go_on(at)
    }

    /// For what a failure is taken.
    fn mistaken(&self, kind: FailureKind) -> FailureKind {
        use FailureKind::*;
        match (self.mutant, kind) {
            (Some(Mutant::RefusalAsBroken), BadRequest | ContentPolicy)
            | (Some(Mutant::ContextAsBroken), ContextLength) => ServerError,
            (Some(Mutant::FailuresAreFree), ServerError | Overloaded | Unreachable | Reset | BadResponse) => {
                Unsupported
            }
            (Some(Mutant::TimeoutAsReset), FirstTokenTimeout | ConnectTimeout) => Reset,
            (Some(Mutant::ResetAsLimited), Reset | Unreachable | ServerError) => RateLimited,
            (_, kind) => kind,
        }
    }

    fn good_end(&mut self, id: usize) {
        let Call { target, at: started, number, .. } = self.calls[id];
        if (WARM_MS..self.setup.span_ms).contains(&self.now) {
            self.work_ms += self.now - started;
        }
        if let Some((returning, back)) = self.setup.returns {
            if target == returning && started >= back {
                self.used_again = Some(self.used_again.map_or(started, |first| first.min(started)));
            }
            if number == 0 && (back + 31_000..back + 45_000).contains(&started) {
                self.then.0 += u64::from(target == returning);
                self.then.1 += 1;
            }
        }
    }

    fn leave(&mut self, at: usize) -> Result<(), Violation> {
        if self.requests[at].ends > 0 {
            return Ok(());
        }
        for call in self.requests[at].running.clone() {
            self.close(call, Outcome::Cancelled);
        }
        self.tally.left += 1;
        self.ended(at)
    }

    fn give_up(&mut self, at: usize, failure: &Failure) -> Result<(), Violation> {
        let history = &self.requests[at].history;
        let now = self.instant();
        let shut = |health: &std::cell::RefCell<sluice_routing::TargetHealth>| {
            health.borrow().breaker.standing(now) != Standing::Ready
        };
        let open: Vec<bool> = self.shared.health.iter().map(shut).collect();
        self.laws.told(history, &self.upstreams, (failure, &open), self.now)?;
        if history.content {
            self.tally.broken += 1;
        } else {
            self.tally.told += 1;
        }
        self.ended(at)
    }

    fn ended(&mut self, at: usize) -> Result<(), Violation> {
        let request = &mut self.requests[at];
        request.ends += 1;
        if request.ends > 1 {
            return Err(Violation::new(Law::Ends, format!("twice: {:?}", request.history)));
        }
        if self.now > request.history.deadline {
            return Err(Violation::new(Law::Time, format!("at {} ms: {:?}", self.now, request.history)));
        }
        Ok(())
    }

    /// What is to be seen of the whole run.
    fn over(self) -> Result<Tally, Violation> {
        if let Some(request) = self.requests.iter().find(|request| request.ends != 1) {
            return Err(Violation::new(Law::Ends, format!("never: {:?}", request.history)));
        }
        for (target, health) in self.shared.health.iter().enumerate() {
            let left = health.borrow().load(self.instant()).in_flight;
            if left > 0 {
                return Err(Violation::new(Law::Ends, format!("{target} has {left} calls for ever")));
            }
        }
        let Tally { requests, calls, .. } = self.tally;
        if self.setup.outage && calls * 10 > requests * 12 {
            return Err(Violation::new(Law::Amplification, format!("{calls} calls for {requests}")));
        }
        if let Some((_, back)) = self.setup.returns {
            let again = self.used_again.is_some_and(|first| first <= back + 30_000);
            let (there, all) = self.then;
            if !again || there * 10 < all * 9 {
                let text = format!("back at {back}, used at {:?}, then {there} of {all}", self.used_again);
                return Err(Violation::new(Law::Return, text));
            }
        }
        let (there, all) = self.to_silent;
        if there * 4 > all {
            return Err(Violation::new(
                Law::Silence,
                format!("{there} of {all} calls for one that is silent"),
            ));
        }
        if self.setup.overload {
            let can = u64::from(self.upstreams[0].capacity) * (self.setup.span_ms - WARM_MS);
            if self.work_ms * 10 < can * 9 {
                let text = format!("{} of {can} ms ({} ‰)", self.work_ms, self.work_ms * 1000 / can);
                return Err(Violation::new(Law::Goodput, text));
            }
        }
        Ok(self.tally)
    }
}
