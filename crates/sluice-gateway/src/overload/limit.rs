//! How many requests a worker answers at a time: as many as it can without being late.
//!
//! A worker is late when it does at 20 ms what it should have done at 0: between the two it did what came before. That
//! is what each step of each request waits, and nothing else shows it as directly. The limit falls only where the
//! worker was late at every look of a window, and does not catch up: one long step, or a machine that was busy for a
//! moment, is no overload. Nor is it one where the worker had nothing to do for a part of the window: then somebody
//! else had the processor. And falls that have not made it less late do not go below a part of where they began: what
//! makes it late may not be the requests that it answers.
//!
//! A limit that nothing has tested says nothing: what comes with a request is felt later than it is let in. So many who
//! come at once come in by steps, one between two looks, each as large as a worker in time can bear, and smaller where
//! the last one has left it hardly any time: its streams are still to come.

use std::time::{Duration, Instant};

use crate::bounds;

#[derive(Debug)]
pub(super) struct Limit {
    allowed: usize,
    /// No more than this before the next look, whatever is allowed: many who come at once come in by steps.
    step: usize,
    looked: Option<Instant>,
    most: usize,
    window: Window,
    fall: Option<Fall>,
    vain: Option<Vain>,
    /// Late windows in which it does not fall, as nobody ends.
    rest: u32,
}

/// The last fall, while nobody knows whether it helps.
#[derive(Clone, Copy, Debug)]
struct Fall {
    from: usize,
    to: usize,
    lag: Duration,
    /// Late windows since then, or since some of those beyond it have ended; and how many ran at that time.
    windows: u32,
    running: usize,
    /// Those who ran beyond it have ended, at the end of an earlier window.
    done: bool,
}

impl Fall {
    /// Whether the worker is less late by an eighth of the share that was taken away. It need not be more: a worker with
    /// fewer streams finds fewer of their events together, and each costs it more.
    fn has_helped(&self, lag: Duration) -> bool {
        let of = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX).max(1));
        lag.as_secs_f64() <= self.lag.as_secs_f64() * (7.0 + of(self.to) / of(self.from)) / 8.0
    }
}

/// Falls of which none has helped yet.
#[derive(Clone, Copy, Debug)]
struct Vain {
    /// They go no further: a part of what it answered when the first of them began.
    least: usize,
    /// How late it was then.
    lag: Duration,
    /// Late windows since it is there.
    windows: u32,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    /// `None` before the first look.
    since: Option<Instant>,
    first_lag: Duration,
    least_lag: Duration,
    most_lag: Duration,
    lags: Duration,
    looks: u32,
    idle: Duration,
    /// Whether somebody had to wait.
    reached: bool,
}

impl Window {
    const NEW: Self = Self {
        since: None,
        first_lag: Duration::ZERO,
        least_lag: Duration::MAX,
        most_lag: Duration::ZERO,
        lags: Duration::ZERO,
        looks: 0,
        idle: Duration::ZERO,
        reached: false,
    };

    fn mean_lag(&self) -> Duration {
        self.lags / self.looks.max(1)
    }
}

/// One look at a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) now: Instant,
    /// How late it is.
    pub(super) lag: Duration,
    /// How long it had nothing to do since the last look.
    pub(super) idle: Duration,
    /// Requests that it answers.
    pub(super) running: usize,
}

impl Limit {
    /// At most `most`; it begins there.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            allowed: most,
            step: bounds::RUNNING_STEP,
            looked: None,
            most,
            window: Window::NEW,
            fall: None,
            vain: None,
            rest: 0,
        }
    }

    pub(super) fn allowed(&self) -> usize {
        self.allowed.min(self.step)
    }

    /// Somebody has to wait.
    pub(super) fn reached(&mut self) {
        self.window.reached = true;
    }

    pub(super) fn look(&mut self, look: Look) {
        self.step = look.running + self.step(look);
        self.looked = Some(look.now);
        let window = &mut self.window;
        let Some(since) = window.since else {
            *window = Window { since: Some(look.now), first_lag: look.lag, ..*window };
            return;
        };
        window.least_lag = window.least_lag.min(look.lag);
        window.most_lag = window.most_lag.max(look.lag);
        window.lags += look.lag;
        window.looks += 1;
        window.idle += look.idle;
        let length = look.now.saturating_duration_since(since);
        if length < bounds::LAG_WINDOW {
            return;
        }
        let window = *window;
        let has_time = window.idle * bounds::IDLE_PART >= length;
        let is_late = window.least_lag > bounds::LAG_HIGH;
        let next =
            if is_late && !has_time { self.late(&window, look) } else { self.in_time(&window, has_time) };
        self.allowed = next.clamp(bounds::RUNNING_LEAST.min(self.most), self.most);
        self.window = Window { since: Some(look.now), first_lag: look.lag, ..Window::NEW };
    }

    /// How many more than it answers a worker takes before the next look.
    fn step(&self, look: Look) -> usize {
        let passed = self.looked.map_or(Duration::ZERO, |last| look.now.saturating_duration_since(last));
        if look.lag > bounds::LAG_HIGH {
            bounds::RUNNING_STEP_LATE.max(look.running / 64)
        } else if look.idle * bounds::IDLE_PART_STEP < passed {
            bounds::RUNNING_STEP_BUSY.max(look.running / 16)
        } else {
            bounds::RUNNING_STEP.max(look.running / 4)
        }
    }

    fn in_time(&mut self, window: &Window, has_time: bool) -> usize {
        (self.fall, self.vain, self.rest) = (None, None, 0);
        let mean = window.mean_lag();
        match window.reached {
            // Nobody needs more: what an earlier overload has taken away comes back at once.
            false if window.most_lag < bounds::LAG_LOW => self.allowed + self.allowed / 2,
            false => self.allowed,
            true if mean < bounds::LAG_LOW || has_time => self.allowed + self.allowed / 10 + 1,
            true if mean < bounds::LAG_HIGH / 2 => self.allowed + self.allowed / 20 + 1,
            // As many as it can.
            true if window.most_lag > bounds::LAG_HIGH => self.allowed,
            true => self.allowed + self.allowed / 40 + 1,
        }
    }

    fn late(&mut self, window: &Window, look: Look) -> usize {
        let lag = window.mean_lag();
        if let Some(fall) = &mut self.fall {
            // Judged by a window that was whole without those who had to go.
            let (was_done, is_done) = (fall.done, look.running <= fall.to);
            fall.done = is_done;
            if !(was_done && is_done) {
                return self.waits(look.running);
            }
            let fall = *fall;
            self.fall = None;
            if fall.has_helped(lag) {
                self.vain = None;
            }
        }
        // It catches up, or nothing helps.
        if look.lag * 4 < window.first_lag * 3 || self.rest > 0 {
            self.rest = self.rest.saturating_sub(1);
            return self.allowed;
        }
        let from = look.running.min(self.allowed);
        // As late as there are requests: so many less, by a fifth to a half.
        let permille = (bounds::LAG_HIGH.as_micros() * 1000).checked_div(lag.as_micros()).unwrap_or(1000);
        let permille = usize::try_from(permille).unwrap_or(usize::MAX).clamp(500, 800);
        let vain = self.vain.get_or_insert(Vain { least: from / bounds::VAIN_PART, lag, windows: 0 });
        if from <= vain.least {
            vain.windows += 1;
            // Not for ever, and not where it gets worse: it may be late for its requests after all.
            if vain.windows < bounds::VAIN_WINDOWS && lag < 2 * vain.lag {
                return self.allowed;
            }
            *vain = Vain { least: from / bounds::VAIN_PART, lag, windows: 0 };
        }
        let least = vain.least;
        let to = (from * permille / 1000).max(least).max(bounds::RUNNING_LEAST.min(self.most));
        self.fall = Some(Fall { from, to, lag, windows: 0, running: look.running, done: look.running <= to });
        to
    }

    /// Those who had to go are still there. While some of them end, the others are waited for; where none does, as many
    /// as there are may be there for a while.
    fn waits(&mut self, running: usize) -> usize {
        let Some(fall) = &mut self.fall else { return self.allowed };
        fall.windows += 1;
        if fall.windows < bounds::FALL_WINDOWS {
            return self.allowed;
        }
        if running < fall.running - fall.running / 16 {
            (fall.windows, fall.running) = (0, running);
            return self.allowed;
        }
        (self.fall, self.rest) = (None, bounds::FALL_WINDOWS);
        running
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const MOST: usize = 1_000;

    /// A worker that is looked at: the limit after windows of five looks.
    struct Watched {
        limit: Limit,
        now: Instant,
    }

    impl Watched {
        fn new() -> Self {
            let now = clock::now();
            let mut limit = Limit::new(MOST);
            limit.look(Look { now, lag: Duration::ZERO, idle: Duration::ZERO, running: 0 });
            Self { limit, now }
        }

        /// A window with so many running, these lags in milliseconds, and this share of it without work.
        fn window(&mut self, running: usize, lags: [u64; 5], idle_percent: u32) -> usize {
            let step = bounds::LAG_WINDOW / 5;
            for lag in lags {
                self.now += step;
                let (lag, idle) = (Duration::from_millis(lag), step * idle_percent / 100);
                self.limit.look(Look { now: self.now, lag, idle, running });
            }
            self.limit.allowed
        }
    }

    #[test]
    fn falls_while_the_worker_is_late_and_rises_when_it_is_not() {
        let mut worker = Watched::new();
        let mut check = |reached: bool, running, lags, expect| {
            if reached {
                worker.limit.reached();
            }
            assert_eq!(worker.window(running, lags, 0), expect, "{running} {lags:?}");
        };
        check(false, 10, [1, 0, 1, 0, 1], MOST);
        check(false, 900, [500, 500, 500, 500, 20], MOST);
        check(false, 900, [25, 25, 25, 25, 25], 720);
        // Those who run beyond it end, then a whole window is looked at.
        check(true, 800, [25, 25, 25, 25, 25], 720);
        check(true, 720, [25, 25, 25, 25, 25], 720);
        check(true, 720, [22, 22, 22, 22, 22], 576);
        check(true, 576, [80, 70, 60, 50, 40], 576);
        check(true, 576, [10, 10, 10, 10, 10], 591);
        check(false, 400, [10, 10, 10, 10, 10], 591);
        check(true, 576, [1, 1, 1, 1, 1], 651);
        check(false, 3, [1, 1, 1, 1, 1], 976);
        check(false, 3, [1, 1, 1, 1, 1], MOST);
        // Very late: by half.
        check(true, 900, [90, 90, 90, 90, 90], 450);
        check(true, 450, [90, 90, 90, 90, 90], 450);
        check(true, 450, [45, 45, 45, 45, 45], 450);
        check(true, 450, [45, 45, 45, 45, 45], 225);
        check(true, 225, [1, 1, 1, 50, 1], 225);
        check(false, 3, [1, 1, 1, 1, 1], 337);
        check(true, 3, [99, 99, 99, 99, 99], bounds::RUNNING_LEAST);
    }

    #[test]
    fn many_who_come_at_once_come_in_by_steps() {
        let check = |most, running, lag, idle_percent, expect| {
            let mut limit = Limit::new(most);
            let first = Look { now: clock::now(), lag: Duration::ZERO, idle: Duration::ZERO, running };
            limit.look(first);
            let (lag, idle) = (Duration::from_millis(lag), bounds::TICK * idle_percent / 100);
            limit.look(Look { now: first.now + bounds::TICK, lag, idle, running });
            assert_eq!(limit.allowed(), expect, "{running} {lag:?} {idle:?}");
        };
        check(100_000, 0, 0, 90, bounds::RUNNING_STEP);
        check(100_000, 1_000, 0, 90, 1_000 + bounds::RUNNING_STEP);
        check(100_000, 8_000, 0, 90, 10_000);
        check(600, 500, 0, 90, 600);
        // Little time left.
        check(100_000, 1_000, 0, 10, 1_000 + bounds::RUNNING_STEP_BUSY);
        check(100_000, 8_000, 0, 10, 8_500);
        // Late.
        check(100_000, 100, 25, 0, 100 + bounds::RUNNING_STEP_LATE);
        check(100_000, 8_000, 25, 0, 8_125);
        assert_eq!(Limit::new(100_000).allowed(), bounds::RUNNING_STEP);
    }

    #[test]
    fn what_does_not_help_has_an_end() {
        // How many are allowed in the middle of 400 windows, all of them late, and in which share of them it falls.
        let check = |running: &dyn Fn(usize) -> usize, idle_percent, expect: usize, falls: usize| {
            let mut worker = Watched::new();
            let allowed: Vec<usize> = (0..400)
                .map(|_| {
                    worker.limit.reached();
                    worker.window(running(worker.limit.allowed), [60, 60, 60, 60, 60], idle_percent)
                })
                .collect();
            let fallen = allowed.windows(2).filter(|pair| pair[1] < pair[0]).count();
            assert_eq!((allowed.iter().sum::<usize>() / allowed.len(), fallen), (expect, falls));
        };
        // Late all the time whatever it does.
        check(&|allowed| allowed.min(800), 10, 107, 3);
        // Streams that do not end.
        check(&|_| 900, 10, 684, 23);
        // Somebody else has the processor: it had nothing to do.
        check(&|allowed| allowed.min(900), 30, MOST, 0);
    }

    #[test]
    fn falls_that_seem_in_vain_go_on_where_it_gets_worse() {
        let mut worker = Watched::new();
        let mut windows = |count: u32, lag| {
            let last = (0..count).map(|_| worker.window(worker.limit.allowed.min(800), [lag; 5], 0)).last();
            last.unwrap_or_default()
        };
        assert_eq!(windows(20, 60), 200);
        assert_eq!(windows(20, 119), 200);
        assert_eq!(windows(1, 120), 100);
    }

    #[test]
    fn a_worker_with_time_left_takes_more_however_late_it_is() {
        let mut worker = Watched::new();
        worker.window(100, [25, 25, 25, 25, 25], 0);
        assert_eq!(worker.limit.allowed, 80);
        worker.limit.reached();
        assert_eq!(worker.window(80, [60, 60, 60, 60, 60], 30), 89);
        assert_eq!(worker.window(80, [60, 60, 60, 60, 60], 30), 89, "nobody waits");
    }
}
