//! The attempts of one request, driven: what routing decides is done here, and what came of it is told to routing.

use std::{
    cell::Cell,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Instant,
};

use sluice_chat::Failure;
use sluice_providers::{Transcript, transcript::TRANSCRIPT_BYTES_MAX};
use sluice_routing::{Attempts, Dice, Step, Why};
use smallvec::SmallVec;

use crate::{
    admit::Admitted,
    clock,
    drain::{self, Leash},
    exchange::{Exchange, NotWritten},
    fleet::{InFlight, Start, Targets, Witness},
    ids::Ids,
    media::Brought,
    refusal::{self, Refusal},
    relay::Source,
    request_body::KeptBody,
    route::route,
    server::ConnectionState,
    stream_clock::StreamClock,
    translate::{Outbound, Passed, Said, translate},
    upstream::{self, Answer},
    worker::Worker,
};

/// A request whose attempts go on.
#[derive(Debug)]
pub(crate) struct Drive {
    pub(crate) exchange: Exchange,
    ids: Ids,
    admitted: Admitted,
    headers: Passed,
    attempts: Box<Attempts>,
    deadline: Instant,
    /// Media that were fetched for targets that cannot fetch them.
    media: Brought,
    /// Room for what a repair needs: the request, and what the caller has of the answer.
    kept: Option<KeptBody>,
    /// Where a call may go on when the caller leaves.
    leash: Option<Rc<Leash>>,
}

/// An answer, and the call that it is an answer to.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) out: Box<Outbound>,
    pub(crate) answer: Answer,
    pub(crate) in_flight: InFlight,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nothing is left to try.
    Failed(Box<Failure>),
    /// The gateway stops, or the caller has left.
    Stopped,
    /// The journal did not take what had to be there before the first byte.
    NotWritten,
}

impl From<NotWritten> for NoAnswer {
    fn from(NotWritten: NotWritten) -> Self {
        Self::NotWritten
    }
}

impl NoAnswer {
    /// What a caller hears of it who has no head of an answer yet.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Failed(failure) => Refusal::from_failure(*failure),
            Self::Stopped => Refusal::new(503, refusal::shutdown_error()),
            Self::NotWritten => Refusal::accounting_unavailable(),
        }
    }
}

/// The driving of a request that has no answer yet: the drive comes back with the answer.
pub(crate) type Seeking = Pin<Box<dyn Future<Output = (Box<Drive>, Result<Answered, NoAnswer>)>>>;

/// What asks routing for the next step.
type NextStep = fn(&mut Attempts, Instant, &Targets<'_>, &mut Dice<'_>) -> Step;

/// One call under way.
#[derive(Debug)]
struct Call {
    out: Box<Outbound>,
    /// Which of the calls of the exchange this is.
    number: usize,
    without_usage: bool,
    in_flight: InFlight,
}

type Called = (Call, Result<Answer, Failure>);

/// The request in the words of a target, or why it can not be said in them.
type Words = Result<Box<Outbound>, Failure>;

/// Calls under way beside one another.
type Race<'a> = SmallVec<[Racer<'a>; 2]>;

struct Racer<'a> {
    /// Whether anything was heard of it.
    heard: Rc<Cell<bool>>,
    witness: Witness,
    call: Pin<Box<dyn Future<Output = Called> + 'a>>,
}

impl Drive {
    pub(crate) fn new(exchange: Exchange, ids: &Ids, admitted: Admitted, headers: Passed) -> Box<Self> {
        let attempts = Box::new(route(&admitted, &exchange));
        let deadline = deadline(&exchange, &admitted);
        Box::new(Self {
            exchange,
            ids: ids.clone(),
            admitted,
            headers,
            attempts,
            deadline,
            media: Brought::default(),
            kept: None,
            leash: None,
        })
    }

    pub(crate) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// How many calls were made.
    pub(crate) fn made(&self) -> u32 {
        self.attempts.made()
    }

    pub(crate) fn stream_clock(&self) -> StreamClock {
        StreamClock::new(self.admitted.model().clocks.idle, self.deadline, clock::now())
    }

    /// Tries until a target answers or nothing is left to try.
    async fn answer(&mut self) -> Result<Answered, NoAnswer> {
        let step: NextStep = |attempts, now, targets, dice| attempts.next_step(now, targets, dice);
        self.go_on(step).await
    }

    /// As [`Drive::answer`], for a whole answer.
    pub(crate) async fn whole(
        mut self: Box<Self>,
        connection: &Rc<ConnectionState>,
    ) -> (Box<Self>, Result<Answered, NoAnswer>) {
        if self.drains() {
            return self.seek(connection).await;
        }
        let answered = self.answer().await;
        (self, answered)
    }

    /// As [`Drive::answer`], for a stream: its body may be on its way before there is an answer.
    pub(crate) fn seek(mut self: Box<Self>, connection: &Rc<ConnectionState>) -> Seeking {
        let (connection, worker) = (Rc::clone(connection), Rc::clone(self.exchange.worker()));
        let leash = self.drains().then(Rc::<Leash>::default);
        self.leash.clone_from(&leash);
        let seeking = Box::pin(async move {
            let answered = unless_stopped(&connection, self.answer()).await;
            (self, answered)
        });
        match leash {
            Some(leash) => drain::detached(&worker, seeking, leash),
            None => seeking,
        }
    }

    /// Whether a call may have to go on when the caller leaves.
    fn drains(&self) -> bool {
        let targets = &self.admitted.model().targets;
        self.admitted.eligible().iter().any(|index| targets[*index].upstream.drains())
    }

    /// An answer has begun: keeps what a repair of it needs, or lets the request go where that is too much.
    pub(crate) fn keep_for_repair(&mut self) {
        if self.admitted.is_repairable() {
            let shared = &self.exchange.worker().shared;
            let bytes = self.admitted.body().len();
            self.kept = shared.body_memory.keep(&shared.repair_memory, bytes, TRANSCRIPT_BYTES_MAX);
        }
        if self.kept.is_none() {
            self.admitted.forget_body();
        }
    }

    /// Whether another answer may be looked for.
    pub(crate) fn may_repair(&self) -> bool {
        self.kept.is_some()
    }

    /// An answer broke after its first content. Gives back the call, and what was said of its answer.
    pub(crate) fn lost(&mut self, source: Source, failure: &Failure) -> (Box<Outbound>, Option<Transcript>) {
        self.exchange.broke(failure);
        let worker = self.exchange.worker();
        source.failed(failure, &mut || worker.ids.bits())
    }

    /// Looks for an answer that takes the place of one that broke with `failure` after its first content.
    pub(crate) fn repair(
        mut self: Box<Self>,
        connection: &Rc<ConnectionState>,
        broken: &Outbound,
        failure: Failure,
    ) -> Seeking {
        let connection = Rc::clone(connection);
        self.exchange.worker().shared.metrics.repairs.tried.inc();
        self.attempts.broke(broken.target_index(), failure, clock::now());
        let step: NextStep = |attempts, now, targets, dice| attempts.repair_step(now, targets, dice);
        Box::pin(async move {
            let answered = unless_stopped(&connection, self.go_on(step)).await;
            (self, answered)
        })
    }

    async fn go_on(&mut self, next_step: NextStep) -> Result<Answered, NoAnswer> {
        let (model, worker) = (Arc::clone(self.admitted.model()), Rc::clone(self.exchange.worker()));
        let targets = Targets::of(&model);
        loop {
            if self.leash.as_ref().is_some_and(|leash| !leash.goes_on()) {
                return Err(NoAnswer::Stopped);
            }
            let dice = &mut || worker.ids.bits();
            let call = match next_step(&mut self.attempts, clock::now(), &targets, dice) {
                Step::Call { target, why, probe } => {
                    let start = Start { why, again: self.exchange.has_called(target), probe };
                    // A probe is given back by the call that has it, should the caller leave meanwhile.
                    let probing = probe.then(|| targets.begin(target, start, clock::now()));
                    self.media.bring(&worker, &self.admitted, target, self.deadline).await;
                    let begin = || targets.begin(target, start, clock::now());
                    let in_flight = probing.unwrap_or_else(begin);
                    let said = self.said(target, false);
                    if said.is_ok() {
                        self.exchange.may_call().await?;
                    }
                    self.begin(target, why, in_flight, said)
                }
                Step::WaitUntil(at) => {
                    tokio::time::sleep_until(at.into()).await;
                    continue;
                }
                Step::GiveUp(failure) => return Err(NoAnswer::Failed(failure)),
            };
            let Some(call) = call else { continue };
            match self.call(&targets, call).await {
                (call, Ok(answer)) => return self.answered(call, answer).await,
                (call, Err(failure)) => self.failed(call, failure),
            }
        }
    }

    async fn answered(&mut self, call: Call, answer: Answer) -> Result<Answered, NoAnswer> {
        if call.without_usage {
            call.out.upstream.ask_no_usage();
        }
        self.exchange.answered_by(call.number);
        if call.out.stream {
            call.in_flight.first_token(clock::now());
            self.exchange.first_token().await?;
        }
        Ok(Answered { out: call.out, answer, in_flight: call.in_flight })
    }

    /// Notes the call of a target, to which the request was put into words. It is sent in the same turn: a caller who
    /// leaves before has called nobody.
    fn begin(&mut self, target: usize, why: Why, in_flight: InFlight, said: Words) -> Option<Call> {
        let attempt = self.attempts.made();
        let number = self.exchange.calling(self.admitted.model(), target, why, attempt);
        match said {
            Ok(mut out) => {
                self.exchange.trace_call(number, &mut out);
                if let Some(leash) = &self.leash {
                    leash.calls(out.upstream.drains());
                }
                let without_usage = !out.upstream.may_ask_usage();
                Some(Call { out, number, without_usage, in_flight })
            }
            Err(failure) => {
                self.exchange.call_failed(number, &failure);
                self.attempts.failed(target, failure, clock::now());
                None
            }
        }
    }

    /// Puts the request into the words of a target.
    fn said(&self, target: usize, without_usage: bool) -> Words {
        self.media.check(&self.admitted, target)?;
        let signatures = &self.exchange.worker().shared.signatures;
        let memory = (signatures, self.exchange.key_id());
        let (attempt, media) = (self.attempts.made(), self.media.inlined());
        let said = Said { ids: &self.ids, attempt, without_usage, memory, media };
        translate(&self.admitted, target, &self.headers, said)
    }

    fn failed(&mut self, call: Call, failure: Failure) {
        let worker = Rc::clone(self.exchange.worker());
        self.exchange.call_failed(call.number, &failure);
        call.in_flight.failed(&failure, clock::now(), &mut || worker.ids.bits());
        self.attempts.failed(call.out.target_index(), failure, clock::now());
    }

    /// Makes one call, others beside it where the first content takes too long, and once more without the question for
    /// usage where that was refused.
    async fn call(&mut self, targets: &Targets<'_>, call: Call) -> Called {
        let worker = Rc::clone(self.exchange.worker());
        // Media are not waited for beside a call that is under way.
        let ready = |target: &usize| self.media.check(&self.admitted, *target).is_ok();
        if self.attempts.hedge_at(targets).is_some() && self.admitted.eligible().iter().all(ready) {
            return Box::pin(self.race(targets, &worker, call)).await;
        }
        let called = run(&worker, call, self.deadline).await;
        match self.said_again(&called) {
            Some(out) => {
                let call = Call { out, without_usage: true, ..called.0 };
                Box::pin(run(&worker, call, self.deadline)).await
            }
            None => called,
        }
    }

    /// The same without the question for usage, where that was refused.
    fn said_again(&self, (call, answer): &Called) -> Option<Box<Outbound>> {
        let failure = answer.as_ref().err()?;
        if call.without_usage || !call.out.was_refused_over_usage(failure) {
            return None;
        }
        let mut out = self.said(call.out.target_index(), true).ok()?;
        // The span of the call is still the same.
        out.forwarded.clone_from(&call.out.forwarded);
        Some(out)
    }

    /// Runs a call, and others on other targets as long as there is no content. The first content wins.
    async fn race(&mut self, targets: &Targets<'_>, worker: &Worker, first: Call) -> Called {
        let mut calls = Race::new();
        enter(&mut calls, worker, first, self.deadline);
        loop {
            let called = match self.attempts.hedge_at(targets) {
                None => first_done(&mut calls).await,
                Some(at) => match tokio::time::timeout_at(at.into(), first_done(&mut calls)).await {
                    Ok(called) => called,
                    Err(_) => {
                        let silent = !calls.iter().any(|racer| racer.heard.get());
                        if let Some(hedge) = self.hedge(targets, silent) {
                            enter(&mut calls, worker, hedge, self.deadline);
                        }
                        continue;
                    }
                },
            };
            if let Some(out) = self.said_again(&called) {
                let call = Call { out, without_usage: true, ..called.0 };
                enter(&mut calls, worker, call, self.deadline);
                continue;
            }
            match called {
                (call, Err(failure)) if !calls.is_empty() => self.failed(call, failure),
                (call, answer) => {
                    let now = clock::now();
                    calls.iter().for_each(|racer| racer.witness.outrun(&call.in_flight, now));
                    return (call, answer);
                }
            }
        }
    }

    /// Begins a call beside one that is slow, where there may be one now.
    fn hedge(&mut self, targets: &Targets<'_>, silent: bool) -> Option<Call> {
        let now = clock::now();
        let target = self.attempts.hedge(now, targets, silent)?;
        let start = Start { why: Why::Hedge, again: false, probe: false };
        let in_flight = targets.begin(target, start, now);
        let said = self.said(target, false);
        let call = self.begin(target, Why::Hedge, in_flight, said)?;
        self.exchange.note(|record| record.hedged = true);
        Some(call)
    }
}

fn enter<'a>(calls: &mut Race<'a>, worker: &'a Worker, mut call: Call, deadline: Instant) {
    let heard = Rc::new(Cell::new(false));
    call.out.heard = Some(Rc::clone(&heard));
    let witness = call.in_flight.witness();
    calls.push(Racer { heard, witness, call: Box::pin(run(worker, call, deadline)) });
}

/// The first of the calls that is over, which is then none of them any more.
async fn first_done(calls: &mut Race<'_>) -> Called {
    std::future::poll_fn(|cx| {
        let done = calls.iter_mut().enumerate().find_map(|(at, racer)| match racer.call.as_mut().poll(cx) {
            Poll::Ready(called) => Some((at, called)),
            Poll::Pending => None,
        });
        let Some((at, called)) = done else { return Poll::Pending };
        drop(calls.remove(at));
        Poll::Ready(called)
    })
    .await
}

/// When a request must be over.
pub(crate) fn deadline(exchange: &Exchange, admitted: &Admitted) -> Instant {
    exchange.started + admitted.model().clocks.total
}

async fn run(worker: &Worker, call: Call, deadline: Instant) -> Called {
    let clocks = call.out.target().clocks;
    let answer = upstream::call(&worker.connections, &call.out, &clocks, deadline).await;
    (call, answer)
}

async fn unless_stopped(
    connection: &ConnectionState,
    answer: impl Future<Output = Result<Answered, NoAnswer>>,
) -> Result<Answered, NoAnswer> {
    let mut answer = pin!(answer);
    std::future::poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Pending if connection.must_stop() => Poll::Ready(Err(NoAnswer::Stopped)),
        answered => answered,
    })
    .await
}
