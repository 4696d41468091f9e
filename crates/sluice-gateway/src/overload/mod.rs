//! What happens when there is more to do than one worker can: some wait a little, the others hear so at once.
//!
//! Each worker has a limit on the requests that it answers at a time (`limit.rs`), which falls while the worker is late
//! for everything it does, and rises again when it is not. Most of what a gateway answers waits for providers, so a
//! fixed number would say nothing about the work that there is; only the memory sets one. Beyond the limit requests
//! wait in a queue that is fair between keys (`queue.rs`). Where neither is reached, all of this is two comparisons.

mod limit;
mod queue;
mod rest;
#[cfg(test)]
mod simulation;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use prometheus_client::metrics::gauge::Gauge;
use sluice_ledger::RequestId;
use tokio::sync::oneshot;

pub(crate) use self::rest::Rest;
use self::{
    limit::{Limit, Look},
    queue::Queue,
};
use crate::{authenticate::Caller, bounds, clock, exchange::Exchange, ids::Ids, memory, refusal::Refusal};

/// What a request hears that asks for room.
#[derive(Debug)]
enum Asked {
    Granted(Permit),
    Waits(oneshot::Receiver<Permit>),
    /// It would wait in vain.
    Refused,
}

/// Admission to one worker.
#[derive(Debug)]
pub(crate) struct Admission {
    running: Cell<usize>,
    allowed: Cell<usize>,
    waiting: Cell<usize>,
    /// Rows of refused requests that may still be written before the next look.
    rows: Cell<u32>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    limit: Limit,
    queue: Queue<oneshot::Sender<Permit>>,
}

/// A request is among those that a worker answers, until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Rc<Admission>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get().saturating_sub(1));
        if self.0.waiting.get() > 0 {
            self.0.grant(clock::now());
        }
    }
}

impl Admission {
    /// Answers at most `most` requests at a time.
    pub(crate) fn new(most: usize) -> Rc<Self> {
        let limit = Limit::new(most);
        Rc::new(Self {
            running: Cell::new(0),
            allowed: Cell::new(limit.allowed()),
            waiting: Cell::new(0),
            rows: Cell::new(bounds::SHED_ROWS),
            state: RefCell::new(State { limit, queue: Queue::new(bounds::QUEUE_COUNT) }),
        })
    }

    /// How many it answers at a time, as it sees it now.
    pub(crate) fn allowed(&self) -> i64 {
        i64::try_from(self.allowed.get()).unwrap_or(i64::MAX)
    }

    fn take(self: &Rc<Self>) -> Permit {
        self.running.set(self.running.get() + 1);
        Permit(Rc::clone(self))
    }

    /// A permit, or the wait for one.
    fn ask(self: &Rc<Self>, key: &str, now: Instant) -> Asked {
        if self.running.get() < self.allowed.get() && self.waiting.get() == 0 {
            return Asked::Granted(self.take());
        }
        let mut state = self.state.borrow_mut();
        state.limit.reached();
        if state.queue.refuses(key, now) {
            return Asked::Refused;
        }
        let (permit, granted) = oneshot::channel();
        // Whoever must go hears it by being dropped.
        drop(state.queue.push(key, permit, now));
        self.waiting.set(state.queue.len());
        drop(state);
        // Only those who have left may be waiting.
        self.grant(now);
        Asked::Waits(granted)
    }

    /// Lets in who may come in, in turn.
    fn grant(self: &Rc<Self>, now: Instant) {
        while self.running.get() < self.allowed.get() {
            let mut state = self.state.borrow_mut();
            let next = state.queue.pop(now);
            self.waiting.set(state.queue.len());
            drop(state);
            let Some(permit) = next else { return };
            if !permit.is_closed() {
                // It was open, and nothing else runs on this thread.
                let _ = permit.send(self.take());
            }
        }
    }

    /// Looks at how late the worker is: `lag` behind what it should have done at `now`; since the last look it had
    /// nothing to do for so long as `idle`.
    pub(crate) fn look(self: &Rc<Self>, now: Instant, (lag, idle): (Duration, Duration)) {
        self.rows.set(bounds::SHED_ROWS);
        let mut state = self.state.borrow_mut();
        state.limit.look(Look { now, lag, idle, running: self.running.get() });
        self.allowed.set(state.limit.allowed());
        drop(state.queue.expire(now));
        let any = !state.queue.is_empty();
        self.waiting.set(state.queue.len());
        drop(state);
        if any {
            self.grant(now);
        }
    }

    /// Whether one more request of this key would be refused at once.
    fn refuses(&self, key: &str, now: Instant) -> bool {
        self.waiting.get() > 0 && self.state.borrow().queue.refuses(key, now)
    }

    /// Whether the books are to have a row of a request that is refused: of the first ones only. A row costs more than
    /// the refusal, and tells nothing that the others do not.
    fn has_row(&self) -> bool {
        let left = self.rows.get();
        self.rows.set(left.saturating_sub(1));
        left > 0
    }
}

/// Refuses a request with a large body before that is read, where there will be no room for it.
///
/// # Errors
/// 503 where there is none.
pub(crate) fn before_body(
    exchange: &mut Exchange,
    ids: &Ids,
    caller: &Caller,
    announced_bytes: u64,
) -> Result<(), Refusal> {
    let refuses = || exchange.worker().admission.refuses(&caller.key().id, clock::now());
    if announced_bytes > bounds::SHED_READ_BYTES && refuses() { Err(shed(exchange, ids)) } else { Ok(()) }
}

fn shed(exchange: &mut Exchange, ids: &Ids) -> Refusal {
    exchange.worker().shared.metrics.shed.inc();
    let has_row = exchange.worker().admission.has_row();
    exchange.note(|record| record.has_row = has_row);
    Refusal::overloaded_for(retry_after_ms(ids.request()))
}

/// Waits until the worker has room for a request of this caller; without a wait where it has.
///
/// # Errors
/// 503 where there is none within the time that a request may wait.
pub(crate) async fn admit(exchange: &mut Exchange, ids: &Ids, caller: &Caller) -> Result<(), Refusal> {
    if exchange.is_admitted() {
        return Ok(());
    }
    let since = clock::now();
    let asked = exchange.worker().admission.ask(&caller.key().id, since);
    let permit = match asked {
        Asked::Granted(permit) => permit,
        Asked::Refused => return Err(shed(exchange, ids)),
        Asked::Waits(granted) => {
            let counted = Counted::new(&exchange.worker().shared.metrics.queued);
            let granted = granted.await;
            drop(counted);
            let permit = granted.map_err(|_| shed(exchange, ids))?;
            let metrics = &exchange.worker().shared.metrics;
            metrics.waited.inc();
            metrics.waited_seconds.inc_by(clock::now().saturating_duration_since(since).as_secs_f64());
            permit
        }
    };
    exchange.admitted(permit);
    Ok(())
}

/// One more, for as long as this is there.
struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Callers that were sent away together do not come back together.
fn retry_after_ms(request: RequestId) -> u64 {
    let dice = u64::from(u16::from_be_bytes([request.0[14], request.0[15]]));
    RETRY_AFTER_MS + dice % RETRY_AFTER_MS
}

const RETRY_AFTER_MS: u64 = 1_000;

/// How many requests each of `workers` answers at a time, at most.
pub(crate) fn most(workers: usize) -> usize {
    let bytes = memory::share_bytes(bounds::RUNNING_MEMORY_PERCENT);
    (bytes / bounds::RUNNING_BYTES / workers.max(1)).max(bounds::RUNNING_LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Asked {
        fn permit(self) -> Permit {
            match self {
                Self::Granted(permit) => permit,
                other => panic!("{other:?}"),
            }
        }

        fn wait(self) -> oneshot::Receiver<Permit> {
            match self {
                Self::Waits(granted) => granted,
                other => panic!("{other:?}"),
            }
        }
    }

    fn granted(waiting: &mut oneshot::Receiver<Permit>) -> Option<Permit> {
        waiting.try_recv().ok()
    }

    #[test]
    fn beyond_the_limit_requests_wait_in_turn() {
        let now = clock::now();
        let admission = Admission::new(2);
        let first = admission.ask("a", now).permit();
        let second = admission.ask("a", now).permit();
        let mut third = admission.ask("a", now).wait();
        let fourth = admission.ask("a", now).wait();
        let mut fifth = admission.ask("b", now).wait();
        assert_eq!((admission.running.get(), admission.waiting.get()), (2, 3));
        drop(first);
        let third = granted(&mut third).unwrap();
        drop(second);
        let fifth = granted(&mut fifth).unwrap();
        // Who has left is passed over.
        drop(fourth);
        drop(third);
        assert_eq!((admission.running.get(), admission.waiting.get()), (1, 0));
        drop(fifth);
        assert_eq!(admission.running.get(), 0);
        drop(admission.ask("a", now).permit());
    }

    #[test]
    fn nobody_waits_too_long() {
        let now = clock::now();
        let admission = Admission::new(1);
        let _first = admission.ask("a", now).permit();
        let mut second = admission.ask("a", now).wait();
        admission.look(now + bounds::ADMISSION_QUEUE, (Duration::ZERO, Duration::ZERO));
        assert_eq!(second.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert_eq!(admission.waiting.get(), 0);
    }

    #[test]
    fn only_some_refusals_have_rows() {
        let admission = Admission::new(1);
        let rows = |admission: &Admission| (0..100).filter(|_| admission.has_row()).count();
        let most = usize::try_from(bounds::SHED_ROWS).unwrap();
        assert_eq!((rows(&admission), rows(&admission)), (most, 0));
        admission.look(clock::now(), (Duration::ZERO, Duration::ZERO));
        assert_eq!(rows(&admission), most);
    }

    #[test]
    fn callers_come_back_apart() {
        let check = |last: [u8; 2], expect| {
            let mut id = [0; 16];
            id[14..].copy_from_slice(&last);
            assert_eq!(retry_after_ms(RequestId(id)), expect);
        };
        check([0, 0], 1_000);
        check([0, 9], 1_009);
        check([255, 255], 1_000 + 535);
    }
}
