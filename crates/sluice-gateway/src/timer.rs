//! A timer for deadlines that keep moving away: set once and only looked at, set anew only when it has fired.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::Context,
    time::Instant,
};

use tokio::{task::unconstrained, time::Sleep};

use crate::clock;

/// Belongs to one task.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Whether `at` has passed. If not, the task is woken no later than then.
    pub(crate) fn poll_passed(&mut self, at: Instant, cx: &mut Context<'_>) -> bool {
        match &mut self.sleep {
            // Set for this time or an earlier one, by this very task: it will be woken.
            Some(sleep) if !sleep.is_elapsed() && sleep.deadline() <= at.into() => return false,
            Some(sleep) => {
                if clock::now() >= at {
                    return true;
                }
                sleep.as_mut().reset(at.into());
            }
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at.into()))),
        }
        // Whatever this task has used up of its turn: a sleep that is not looked at is not set.
        self.sleep.as_mut().is_some_and(|sleep| pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        task::{Poll, Waker},
        time::Duration,
    };

    use super::*;

    /// Waits for a time that begins in a turn of which nothing is left.
    async fn waits_at_the_end_of_a_turn(timer: &mut Timer, wait: Duration) {
        let at = clock::now() + wait;
        let mut used_up = false;
        std::future::poll_fn(|cx| {
            while !used_up && pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            used_up = true;
            let fired = timer.sleep.as_ref().is_some_and(|sleep| sleep.is_elapsed());
            if timer.poll_passed(at, cx) || fired { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The paused clock goes on by itself, but only to a timer that is set: else this waits for ever.
    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_used_up_stops_no_timer() {
        let mut timer = Timer::default();
        let bound = Duration::from_secs(3600);
        let waits = waits_at_the_end_of_a_turn(&mut timer, Duration::from_secs(60));
        assert!(tokio::time::timeout(bound, waits).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_may_move_both_ways() {
        let mut timer = Timer::default();
        let mut cx = Context::from_waker(Waker::noop());
        // What has passed is told by the real clock, so these are far off or long gone.
        let far = clock::now() + Duration::from_secs(3600);
        let gone = clock::now().checked_sub(Duration::from_millis(1)).unwrap();
        assert!(!timer.poll_passed(far, &mut cx));
        assert!(!timer.poll_passed(far + Duration::from_secs(60), &mut cx));
        assert!(!timer.poll_passed(far.checked_sub(Duration::from_secs(60)).unwrap(), &mut cx));
        assert!(timer.poll_passed(gone, &mut cx));
    }
}
