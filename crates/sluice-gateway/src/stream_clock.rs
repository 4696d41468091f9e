//! The clocks of a running stream.

use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{bounds, timer::Timer};

/// The clocks of a running stream on one timer.
#[derive(Debug)]
pub(crate) struct StreamClock {
    pub(crate) idle: Duration,
    pub(crate) deadline: Instant,
    /// When something last came.
    moved: Instant,
    /// Nothing came for so long after it that what it costs was to be noted.
    marked: bool,
    finish_by: Option<Instant>,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// What has come so far is to be noted. Told once for each silence.
    Mark,
    AfterFinish,
    Idle,
    Deadline,
}

impl StreamClock {
    pub(crate) fn new(idle: Duration, deadline: Instant, now: Instant) -> Self {
        Self { idle, deadline, moved: now, marked: true, finish_by: None, timer: Timer::default() }
    }

    pub(crate) fn moved(&mut self, now: Instant) {
        self.moved = now;
        self.marked = false;
    }

    /// Whether every choice has its finish reason: then what may still come has little time, counted from the first
    /// moment at which that was so.
    pub(crate) fn finished(&mut self, finished: bool) {
        if !finished {
            self.finish_by = None;
        } else if self.finish_by.is_none() {
            self.finish_by = Some(self.moved + bounds::AFTER_FINISH);
        }
    }

    fn next(&self) -> (Instant, Expired) {
        let mut next = (self.moved + self.idle, Expired::Idle);
        if self.deadline < next.0 {
            next = (self.deadline, Expired::Deadline);
        }
        if let Some(at) = self.finish_by.filter(|at| *at < next.0) {
            next = (at, Expired::AfterFinish);
        }
        let mark = self.moved + bounds::MARK_EVERY;
        if !self.marked && mark < next.0 { (mark, Expired::Mark) } else { next }
    }

    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        let (at, what) = self.next();
        if !self.timer.poll_passed(at, cx) {
            return Poll::Pending;
        }
        self.marked |= what == Expired::Mark;
        Poll::Ready(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_nearest_clock_counts() {
        let start = clock::now();
        let s = Duration::from_secs;
        let check = |deadline, moved, finished: Option<u64>, expect: (u64, Expired)| {
            let mut clock = StreamClock::new(s(60), start + s(deadline), start);
            clock.moved(start + s(moved));
            if let Some(at) = finished {
                clock.moved(start + s(at));
                clock.finished(true);
                clock.moved(start + s(moved));
            }
            if clock.next().1 == Expired::Mark {
                assert_eq!(clock.next().0, start + s(moved + 1));
                clock.marked = true;
            }
            assert_eq!(clock.next(), (start + s(expect.0), expect.1));
        };
        check(600, 0, None, (60, Expired::Idle));
        check(600, 100, None, (160, Expired::Idle));
        check(600, 550, None, (600, Expired::Deadline));
        check(600, 100, Some(100), (101, Expired::AfterFinish));
        check(600, 102, Some(101), (102, Expired::AfterFinish));
    }

    #[tokio::test(start_paused = true)]
    async fn each_silence_is_noted_once() {
        let long_ago = |s| clock::now().checked_sub(Duration::from_secs(s)).unwrap();
        let mut clock =
            StreamClock::new(Duration::from_secs(60), clock::now() + Duration::from_secs(600), long_ago(3));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(clock.poll_expired(&mut cx).is_pending(), "nothing has come yet");
        for _ in 0..2 {
            clock.moved(long_ago(2));
            assert_eq!(clock.poll_expired(&mut cx), Poll::Ready(Expired::Mark));
            assert!(clock.poll_expired(&mut cx).is_pending());
        }
    }

    #[test]
    fn a_choice_that_begins_late_stops_the_clock_of_the_end() {
        let start = clock::now();
        let mut clock = StreamClock::new(Duration::from_secs(60), start + Duration::from_secs(600), start);
        clock.finished(true);
        assert_eq!(clock.next().1, Expired::AfterFinish);
        clock.finished(false);
        assert_eq!(clock.next().1, Expired::Idle);
    }
}
