//! Notices a caller who leaves while its answer is on the way.
//!
//! A stream's task is woken for every event, and hardly ever by its caller. To ask the socket each time costs as much
//! as reading it, so the socket is asked once, with a waker of our own: until that one was used nothing has come.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

use crate::{
    bounds, clock,
    server::{
        ConnectionState,
        io::{CallerSide, ClientIo},
    },
    timer::Timer,
};

/// Looks after the caller of one HTTP/1.1 connection.
#[derive(Debug, Default)]
pub(super) struct CallerWatch {
    bell: Option<(Arc<Bell>, Waker)>,
    timer: Timer,
}

/// Wakes the connection's task, and remembers that it was the caller's side that did.
#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl CallerWatch {
    /// Whether the caller whose request is being answered has left. If not, the task is woken when it does.
    pub(super) fn sees_departure(
        &mut self,
        state: &ConnectionState,
        io: &ClientIo,
        cx: &mut Context<'_>,
    ) -> bool {
        let (bell, waker) = self.bell.get_or_insert_with(|| {
            let bell = Arc::new(Bell { rung: AtomicBool::new(false), task: cx.waker().clone() });
            (Arc::clone(&bell), Waker::from(bell))
        });
        if state.is_caller_watched() && !bell.rung.load(Ordering::Acquire) {
            return false;
        }
        // Before the look: what comes after it rings again.
        bell.rung.store(false, Ordering::Release);
        let side = io.poll_caller(&mut Context::from_waker(waker));
        state.caller_watched(side == CallerSide::Quiet);
        if side == CallerSide::Hidden {
            // Only to be woken again: what there is to see then is looked for then.
            let _ = self.timer.poll_passed(clock::now() + bounds::LOOK_AFTER_CALLER, cx);
        }
        side == CallerSide::Left
    }
}
