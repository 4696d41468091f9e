//! What is known of one connection, shared between its transport, its requests and the shutdown.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::IpAddr,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use tokio::sync::Notify;

use crate::{bounds, clock, worker::Worker};

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The first byte, or the next request.
    Request { first: bool },
    /// The rest of a request head.
    Head,
}

/// One connection of a caller.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    waiting: Cell<Waiting>,
    since: Cell<Instant>,
    /// Requests being answered: at most one on HTTP/1.1.
    serving: Cell<u32>,
    flushes: Cell<u64>,
    /// Something was written that the kernel does not have yet.
    unflushed: Cell<bool>,
    flush_waiters: RefCell<Vec<Waker>>,
    task: RefCell<Option<Waker>>,
    /// The socket will tell when something comes from the caller.
    caller_watched: Cell<bool>,
    draining: Cell<bool>,
    must_stop: Cell<bool>,
    /// On HTTP/2 a head is not the only thing that comes between requests.
    head_clock: Cell<bool>,
    /// Whom it comes from, and whether over TLS.
    peer: Cell<Option<IpAddr>>,
    tls: Cell<bool>,
}

impl ConnectionState {
    pub(crate) fn new(now: Instant) -> Rc<Self> {
        Rc::new(Self {
            waiting: Cell::new(Waiting::Request { first: true }),
            since: Cell::new(now),
            serving: Cell::new(0),
            flushes: Cell::new(0),
            unflushed: Cell::new(false),
            flush_waiters: RefCell::default(),
            task: RefCell::default(),
            caller_watched: Cell::new(false),
            draining: Cell::new(false),
            must_stop: Cell::new(false),
            head_clock: Cell::new(true),
            peer: Cell::new(None),
            tls: Cell::new(false),
        })
    }

    /// Notes whom it comes from.
    pub(crate) fn comes_from(&self, peer: IpAddr) {
        self.peer.set(Some(peer));
    }

    /// The address at its other end.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.peer.get()
    }

    /// The connection speaks TLS.
    pub(crate) fn over_tls(&self) {
        self.tls.set(true);
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.get()
    }

    /// The connection speaks HTTP/2.
    pub(crate) fn without_head_clock(&self) {
        self.head_clock.set(false);
    }

    /// Bytes came from the caller.
    pub(crate) fn bytes_came(&self) {
        if self.serving.get() > 0 {
            return;
        }
        if !self.head_clock.get() {
            self.since.set(clock::now());
        } else if self.waiting.get() != Waiting::Head {
            self.waiting.set(Waiting::Head);
            self.since.set(clock::now());
        }
    }

    /// Until when the caller may keep silent; `None` while it is owed an answer.
    pub(crate) fn silent_until(&self) -> Option<Instant> {
        let bound = match self.waiting.get() {
            _ if self.serving.get() > 0 || self.unflushed.get() => return None,
            Waiting::Request { first: true } if self.draining.get() => bounds::FIRST_BYTE_LEAVING,
            Waiting::Request { first: true } => bounds::FIRST_BYTE,
            Waiting::Request { first: false } => bounds::KEEP_ALIVE_IDLE,
            Waiting::Head => bounds::REQUEST_HEAD,
        };
        Some(self.since.get() + bound)
    }

    /// Whether the connection speaks HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        !self.head_clock.get()
    }

    /// Whether it never carried a request, and carries none now.
    pub(crate) fn awaits_first_request(&self) -> bool {
        self.is_idle() && self.waiting.get() == (Waiting::Request { first: true })
    }

    /// Whether it has carried a request and waits for the next one, of which nothing has come.
    fn rests(&self) -> bool {
        self.is_idle() && !self.draining.get() && self.waiting.get() == (Waiting::Request { first: false })
    }

    /// Whether no request is being answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.serving.get() == 0
    }

    /// A request is being answered until the guard is dropped.
    pub(crate) fn serve(self: &Rc<Self>) -> Serving {
        self.serving.set(self.serving.get() + 1);
        Serving(Rc::clone(self))
    }

    /// How often everything written so far was handed to the kernel.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.get()
    }

    /// Something is being written.
    pub(crate) fn writing(&self) {
        self.unflushed.set(true);
    }

    /// The kernel has all that was written.
    pub(crate) fn flushed(&self) {
        self.flushes.set(self.flushes.get() + 1);
        if self.unflushed.replace(false) && self.is_idle() {
            self.since.set(clock::now());
        }
        if !self.flush_waiters.borrow().is_empty() {
            for waiter in self.flush_waiters.take() {
                waiter.wake();
            }
        }
    }

    /// Waits for a flush after the one of number `since`.
    pub(crate) fn poll_flushed(&self, since: u64, cx: &mut Context<'_>) -> Poll<()> {
        if self.flushes.get() > since {
            return Poll::Ready(());
        }
        self.flush_waiters.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }

    /// Remembers the task that drives the connection.
    pub(crate) fn driven_by(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if task.is_none() {
            *task = Some(cx.waker().clone());
        }
    }

    /// Notes whether the watch over the caller will be woken when something comes from it.
    pub(crate) fn caller_watched(&self, watched: bool) {
        self.caller_watched.set(watched);
    }

    pub(crate) fn is_caller_watched(&self) -> bool {
        self.caller_watched.get()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Whether running streams must end now.
    pub(crate) fn must_stop(&self) -> bool {
        self.must_stop.get()
    }

    fn wake(&self) {
        if let Some(task) = self.task.borrow().as_ref() {
            task.wake_by_ref();
        }
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(crate) struct Serving(Rc<ConnectionState>);

impl Drop for Serving {
    fn drop(&mut self) {
        let state = &self.0;
        state.serving.set(state.serving.get().saturating_sub(1));
        state.waiting.set(Waiting::Request { first: false });
        state.since.set(clock::now());
    }
}

/// What a worker that leaves waits for: its open connections, and calls that go on without one.
#[derive(Debug, Default)]
pub(crate) struct Live {
    connections: RefCell<HashMap<u64, Rc<ConnectionState>>>,
    calls: Cell<usize>,
    next_id: Cell<u64>,
    draining: Cell<bool>,
    /// Others wait for a connection to end.
    crowded: Cell<bool>,
    /// When idle connections were last ended for others.
    gave_way: Cell<Option<Instant>>,
    none_left: Notify,
}

impl Live {
    /// Adds a connection for as long as the guard lives.
    pub(crate) fn join(worker: &Rc<Worker>, state: &Rc<ConnectionState>) -> LiveGuard {
        let live = &worker.live;
        let id = live.next_id.get();
        live.next_id.set(id + 1);
        state.draining.set(live.draining.get());
        live.connections.borrow_mut().insert(id, Rc::clone(state));
        worker.shared.metrics.connections.inc();
        LiveGuard { worker: Rc::clone(worker), id }
    }

    /// Closes idle connections; the others end with the answer they are on.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        for state in self.connections.borrow().values() {
            state.draining.set(true);
            state.wake();
        }
    }

    /// No connection finds room any more: every one whose answer is sent while the guard lives ends with it.
    pub(crate) fn crowded(&self) -> Crowded<'_> {
        self.crowded.set(true);
        Crowded(self)
    }

    /// Ends some of the idle connections, those first that have been idle for longest; unless some were ended a moment
    /// ago, which may still be on their way out.
    pub(crate) fn give_way(&self, now: Instant) {
        let is_recent = |last| now.saturating_duration_since(last) < bounds::GIVE_WAY_PAUSE;
        if self.gave_way.get().is_some_and(is_recent) {
            return;
        }
        self.gave_way.set(Some(now));
        let connections = self.connections.borrow();
        let mut resting: Vec<_> = connections.values().filter(|state| state.rests()).collect();
        resting.sort_unstable_by_key(|state| state.since.get());
        for state in resting.iter().take(connections.len().div_ceil(bounds::GIVE_WAY_PART)) {
            state.draining.set(true);
            state.wake();
        }
    }

    /// Whether others wait for a connection to end.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded.get()
    }

    /// Ends running streams with an error event.
    pub(crate) fn stop(&self) {
        for state in self.connections.borrow().values() {
            state.must_stop.set(true);
            state.wake();
        }
    }

    /// A call that may outlive its caller's connection, for as long as the guard lives.
    pub(crate) fn call(worker: &Rc<Worker>) -> CallGuard {
        let calls = &worker.live.calls;
        calls.set(calls.get() + 1);
        CallGuard(Rc::clone(worker))
    }

    fn is_empty(&self) -> bool {
        self.connections.borrow().is_empty() && self.calls.get() == 0
    }

    /// Waits until no connection and no such call is left.
    pub(crate) async fn none_left(&self) {
        loop {
            let left = self.none_left.notified();
            if self.is_empty() {
                return;
            }
            left.await;
        }
    }
}

/// Somebody waits for a connection to end.
#[derive(Debug)]
pub(crate) struct Crowded<'a>(&'a Live);

impl Drop for Crowded<'_> {
    fn drop(&mut self) {
        self.0.crowded.set(false);
    }
}

/// A call that is waited for.
#[derive(Debug)]
pub(crate) struct CallGuard(Rc<Worker>);

impl Drop for CallGuard {
    fn drop(&mut self) {
        let live = &self.0.live;
        live.calls.set(live.calls.get() - 1);
        if live.is_empty() {
            live.none_left.notify_waiters();
        }
    }
}

/// An open connection, counted.
#[derive(Debug)]
pub(crate) struct LiveGuard {
    worker: Rc<Worker>,
    id: u64,
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.worker.shared.metrics.connections.dec();
        let live = &self.worker.live;
        live.connections.borrow_mut().remove(&self.id);
        if live.is_empty() {
            live.none_left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn silence_is_bounded_only_while_nothing_is_owed() {
        let start = clock::now();
        let state = ConnectionState::new(start);
        assert_eq!(state.silent_until(), Some(start + bounds::FIRST_BYTE));
        state.draining.set(true);
        assert_eq!(state.silent_until(), Some(start + bounds::FIRST_BYTE_LEAVING));
        state.draining.set(false);

        state.bytes_came();
        assert_eq!(
            state.silent_until(),
            Some(state.since.get() + bounds::REQUEST_HEAD),
            "the head is dribbled"
        );
        let serving = state.serve();
        assert_eq!(state.silent_until(), None, "the caller waits for us");
        state.writing();
        drop(serving);
        assert_eq!(state.silent_until(), None, "the kernel does not have the answer yet");
        state.flushed();
        assert_eq!(state.silent_until(), Some(state.since.get() + bounds::KEEP_ALIVE_IDLE));
    }

    #[test]
    fn the_longest_idle_connections_give_way_a_few_at_a_time() {
        let (live, start) = (Live::default(), clock::now());
        let states: Vec<_> = (0..16)
            .map(|n| {
                let state = ConnectionState::new(start);
                drop(state.serve());
                state.flushed();
                state.since.set(start + Duration::from_secs(16 - n));
                live.connections.borrow_mut().insert(n, Rc::clone(&state));
                state
            })
            .collect();
        let check = |after: Duration, expect: &[usize]| {
            live.give_way(start + after);
            let gone: Vec<_> = (0..16).filter(|n| states[*n].is_draining()).collect();
            assert_eq!(gone, expect, "{after:?}");
        };
        let _busy = states[13].serve();
        check(Duration::ZERO, &[14, 15]);
        check(bounds::GIVE_WAY_PAUSE / 2, &[14, 15]);
        check(bounds::GIVE_WAY_PAUSE, &[11, 12, 14, 15]);
    }
}
