//! Looks after streams that nobody may ask for more: on HTTP/2, while the caller's window is shut.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Relay, State};
use crate::{
    bounds, clock,
    record::{Billing, Ending},
    tasks,
};

/// How often.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Looks after a stream for as long as it is there.
pub(super) fn watch(relay: &Rc<RefCell<Relay>>) {
    let relay = Rc::downgrade(relay);
    tasks::spawn_local(async move {
        loop {
            tokio::time::sleep(LOOK_AFTER).await;
            let Some(relay) = relay.upgrade() else { return };
            if relay.borrow_mut().look_after(clock::now()) {
                return;
            }
        }
    });
}

impl Relay {
    /// True once there is nothing left to look after. A caller whose window stays shut, and a stream past its
    /// deadline, are given up; at a stop the body is woken to say so.
    fn look_after(&mut self, now: Instant) -> bool {
        let stalled = self.handed_out.is_some_and(|at| now.duration_since(at) > bounds::WRITE_STALL);
        if stalled || (self.handed_out.is_some() && now > self.clock.deadline) {
            self.source = None;
            self.out.clear();
            self.next = 0;
            self.state = State::Cut;
            if let Some(drive) = &mut self.drive {
                // The caller is cut off in any case.
                let _ = drive.exchange.end(Ending::CallerLeft, Billing::Delivered);
            }
            return true;
        }
        if self.connection.must_stop()
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
        matches!(self.state, State::Cut | State::Complete)
    }
}
