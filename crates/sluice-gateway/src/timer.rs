//! A timer for deadlines that keep moving away: set once and only looked at, set anew only when it has fired.

use std::{future::Future, pin::Pin, task::Context, time::Instant};

use tokio::time::Sleep;

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
        self.sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready())
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Waker, time::Duration};

    use super::*;

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
