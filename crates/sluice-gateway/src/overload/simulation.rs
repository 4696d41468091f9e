//! One worker in simulated time, with more to do than it can: the real queue and the real limit, around a model of what
//! a worker does. It does one thing after another. A stream is twenty of them, which its provider sends at their times
//! whether the worker is late or not. Counted in instructions of a release build, to refuse a request costs 60,000, and
//! an answer 28,000 for each of its events while they come one by one: a hundredth of an answer of 200 events, and a
//! thirtieth of one of 64.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    limit::{Limit, Look},
    queue::Queue,
};
use crate::{bounds, clock};

const SLICES: u32 = 20;
const SLICE_US: u64 = 75;
const PAUSE_US: u64 = 25_000;
const LONG_PAUSE_US: u64 = 250_000;
/// To refuse a request, of which half is reading it; where answers are long, and where they are short.
const LOOK_US: u64 = 15;
const LOOK_SHORT_US: u64 = 50;
/// What a worker can answer in a second if it refuses nobody.
const CAPACITY: f64 = 1e6 / (SLICES as u64 * SLICE_US + LOOK_US) as f64;
const SECOND: u64 = 1_000_000;
/// The first seconds, in which the limit finds its place, are not counted.
const SETTLED: u64 = 10 * SECOND;
const END: u64 = 40 * SECOND;
const KEYS: usize = 10;

/// What waits to be done by the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Arrival {
        key: usize,
    },
    Slice {
        due: u64,
        key: usize,
        came: u64,
        left: u32,
    },
    Tick {
        due: u64,
    },
    /// Another process takes the processor.
    Stolen,
    /// A request that waited hears that there is no room.
    Refusal,
    /// Something comes of a stream that has begun long ago and does not end.
    Quiet,
}

/// What is asked of a worker.
#[derive(Clone, Copy)]
struct Load {
    /// Times of the capacity,
    load: f64,
    /// of which the first key asks for this share.
    flood: f64,
    /// Streams that are there from the beginning, and say something once a second.
    quiet: usize,
    look_us: u64,
    /// Between two things that a provider sends.
    pause_us: u64,
    /// Of each [`STEAL_US`] another process takes the processor for so long.
    stolen_us: u64,
}

const STEAL_US: u64 = 100_000;

#[derive(Clone, Copy, Debug)]
struct Waiting {
    key: usize,
    came: u64,
}

struct World {
    start: Instant,
    now: u64,
    later: BinaryHeap<Reverse<(u64, Work)>>,
    ready: VecDeque<Work>,
    queue: Queue<Waiting>,
    limit: Limit,
    running: usize,
    /// Those in the queue, and those who have left it to be refused.
    waiting: usize,
    /// Since the last look.
    idle: u64,
    stolen_us: u64,
    look_us: u64,
    pause_us: u64,
    outcome: Outcome,
}

#[derive(Debug, Default)]
struct Outcome {
    asked: [u64; KEYS],
    answered: [u64; KEYS],
    latencies: Vec<u64>,
    running_most: usize,
}

impl Outcome {
    fn p99(&mut self) -> u64 {
        self.latencies.sort_unstable();
        self.latencies[self.latencies.len() * 99 / 100]
    }

    fn goodput(&self) -> f64 {
        self.latencies.len() as f64 / ((END - SETTLED) as f64 / SECOND as f64)
    }
}

impl World {
    fn instant(&self) -> Instant {
        self.start + Duration::from_micros(self.now)
    }

    fn begin(&mut self, Waiting { key, came }: Waiting) {
        self.running += 1;
        self.ready.push_back(Work::Slice { due: self.now, key, came, left: SLICES });
    }

    /// As `Admission` does.
    fn grant(&mut self) {
        while self.running < self.limit.allowed() {
            let next = self.queue.pop(self.instant());
            self.waiting -= usize::from(next.is_some());
            self.refuse_others();
            let Some(next) = next else { return };
            self.begin(next);
        }
    }

    /// Whoever was dropped from the queue is refused in its turn.
    fn refuse_others(&mut self) {
        let gone = self.waiting - self.queue.len();
        self.waiting -= gone;
        self.ready.extend(std::iter::repeat_n(Work::Refusal, gone));
    }

    fn ask(&mut self, asking: Waiting) {
        if self.running < self.limit.allowed() && self.queue.is_empty() {
            return self.begin(asking);
        }
        self.limit.reached();
        let (now, key) = (self.instant(), asking.key.to_string());
        if self.queue.refuses(&key, now) {
            self.now += self.look_us / 2;
            return;
        }
        let _ = self.queue.push(&key, asking, now);
        self.waiting += 1;
        self.refuse_others();
        self.grant();
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Arrival { key } => {
                let came = self.now;
                self.now += self.look_us / 2;
                self.ask(Waiting { key, came });
            }
            Work::Slice { due, key, came, left } => {
                self.now += SLICE_US;
                if left > 1 {
                    // The first is the request: its answer begins after it.
                    let due = if left == SLICES { self.now } else { due } + self.pause_us;
                    return self.later.push(Reverse((due, Work::Slice { due, key, came, left: left - 1 })));
                }
                self.running -= 1;
                if came >= SETTLED {
                    self.outcome.latencies.push(self.now - came);
                    self.outcome.answered[key] += 1;
                }
                self.grant();
            }
            Work::Tick { due } => {
                let lag = Duration::from_micros(self.now - due);
                let idle = Duration::from_micros(std::mem::take(&mut self.idle));
                self.limit.look(Look { now: self.instant(), lag, idle, running: self.running });
                drop(self.queue.expire(self.instant()));
                self.refuse_others();
                self.grant();
                if due > SETTLED {
                    self.outcome.running_most = self.outcome.running_most.max(self.running);
                }
                let next = self.now + u64::try_from(bounds::TICK.as_micros()).unwrap();
                self.later.push(Reverse((next, Work::Tick { due: next })));
            }
            Work::Stolen => {
                self.later.push(Reverse((self.now + STEAL_US, Work::Stolen)));
                self.now += self.stolen_us;
                // It would have waited.
                self.idle += if self.ready.is_empty() { self.stolen_us } else { 0 };
            }
            Work::Refusal => self.now += self.look_us / 2,
            Work::Quiet => {
                self.later.push(Reverse((self.now + SECOND, Work::Quiet)));
                self.now += SLICE_US;
            }
        }
    }
}

fn run(seed: u64, Load { load, flood, quiet, look_us, pause_us, stolen_us }: Load) -> Outcome {
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut uniform = move || (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut world = World {
        start: clock::now(),
        now: 0,
        later: BinaryHeap::from([Reverse((0, Work::Tick { due: 0 }))]),
        ready: VecDeque::new(),
        queue: Queue::new(bounds::QUEUE_COUNT),
        limit: Limit::new(MOST),
        running: quiet,
        waiting: 0,
        idle: 0,
        stolen_us,
        look_us,
        pause_us,
        outcome: Outcome::default(),
    };
    let spread = |n: usize| SECOND * n as u64 / quiet as u64;
    world.later.extend((0..quiet).map(|n| Reverse((spread(n), Work::Quiet))));
    world.later.extend((stolen_us > 0).then_some(Reverse((0, Work::Stolen))));
    let mut next_arrival = 0;
    while world.now < END {
        while next_arrival <= world.now {
            let key = if uniform() < flood { 0 } else { 1 + (uniform() * (KEYS - 1) as f64) as usize };
            if next_arrival >= SETTLED {
                world.outcome.asked[key] += 1;
            }
            world.ready.push_back(Work::Arrival { key });
            next_arrival += (-uniform().max(1e-12).ln() / (load * CAPACITY) * SECOND as f64) as u64 + 1;
        }
        while let Some(Reverse((at, work))) =
            world.later.peek().copied().filter(|Reverse((at, _))| *at <= world.now)
        {
            debug_assert!(at <= world.now);
            world.later.pop();
            world.ready.push_back(work);
        }
        match world.ready.pop_front() {
            Some(work) => world.work(work),
            None => {
                let at = world.later.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
                let next = at.min(next_arrival).max(world.now + 1);
                world.idle += next - world.now;
                world.now = next;
            }
        }
    }
    world.outcome
}

const MOST: usize = 16_384;

/// So many times the capacity, of which the first key asks for a share; nothing else.
fn offered(load: f64, flood: f64) -> Load {
    Load { load, flood, quiet: 0, look_us: LOOK_US, pause_us: PAUSE_US, stolen_us: 0 }
}

#[test]
fn what_a_worker_can_do_it_does_and_in_time() {
    let unloaded = run(1, offered(0.2, 0.1)).p99();
    for (seed, load) in [(1, 0.8), (2, 1.5), (3, 2.0), (4, 5.0), (5, 5.0)] {
        let mut outcome = run(seed, offered(load, 0.1));
        let (goodput, p99) = (outcome.goodput(), outcome.p99());
        let wanted = CAPACITY * load.min(1.0);
        assert!(goodput >= 0.9 * wanted, "load {load}: {goodput:.0} of {wanted:.0} a second");
        assert!(p99 <= 2 * unloaded, "load {load}: p99 {p99} µs, {unloaded} µs unloaded");
    }
}

/// Streams that last for seconds: what comes with a request is felt long after it was let in, and so is what was let in
/// too much. So the limit is wrong for longer; those who are let in are in time all the same.
#[test]
fn streams_that_last_are_in_time_too() {
    let long = |load| Load { pause_us: LONG_PAUSE_US, ..offered(load, 0.1) };
    let unloaded = run(1, long(0.2)).p99();
    for (seed, load) in [(1, 0.8), (2, 1.5), (3, 2.5), (4, 5.0)] {
        let mut outcome = run(seed, long(load));
        let (goodput, p99) = (outcome.goodput(), outcome.p99());
        // Those who begin in the last seconds do not end in time to be counted.
        let wanted = CAPACITY * load.min(1.0) * (1.0 - unloaded as f64 / (END - SETTLED) as f64);
        assert!(goodput >= 0.7 * wanted, "load {load}: {goodput:.0} of {wanted:.0} a second");
        assert!(2 * p99 <= 3 * unloaded, "load {load}: p99 {p99} µs, {unloaded} µs unloaded");
    }
}

/// Refusals take their time; of what they leave, nine tenths are used.
#[test]
fn where_answers_are_short_refusing_takes_its_share() {
    for (seed, load) in [(1, 2.0), (2, 5.0)] {
        let goodput = run(seed, Load { look_us: LOOK_SHORT_US, ..offered(load, 0.1) }).goodput();
        let left = 1.0 - load * CAPACITY * LOOK_SHORT_US as f64 / 1e6;
        let wanted = left * 1e6 / (u64::from(SLICES) * SLICE_US) as f64;
        assert!(goodput >= 0.9 * wanted, "load {load}: {goodput:.0} of {wanted:.0} a second");
    }
}

/// Whoever is let in is in time, however much more is asked for and by whomever.
#[test]
fn an_overload_of_one_key_makes_nobody_late() {
    let unloaded = run(1, offered(0.2, 0.1)).p99();
    for (seed, load, flood) in [(1, 5.0, 0.9), (2, 2.0, 0.9), (3, 5.0, 1.0)] {
        let p99 = run(seed, offered(load, flood)).p99();
        assert!(p99 <= 2 * unloaded, "load {load}, flood {flood}: p99 {p99} µs, {unloaded} µs unloaded");
    }
}

#[test]
fn no_key_starves() {
    for (seed, load, flood) in [(1, 5.0, 0.9), (2, 5.0, 0.5), (3, 2.0, 0.9)] {
        let outcome = run(seed, offered(load, flood));
        let seconds = (END - SETTLED) as f64 / SECOND as f64;
        for (key, (asked, answered)) in outcome.asked.iter().zip(&outcome.answered).enumerate() {
            let share = 0.9 * CAPACITY / KEYS as f64 * seconds;
            let wanted = share.min(*asked as f64) * 0.9;
            assert!(
                *answered as f64 >= wanted,
                "load {load}, flood {flood}, key {key}: {answered} of {asked}, {wanted:.0} wanted"
            );
        }
    }
}

/// Streams that wait for their providers are no load, and what another process takes is not theirs: nothing holds them
/// back but the memory.
#[test]
fn a_worker_that_has_time_takes_everybody() {
    let check = |load: Load| {
        let outcome = run(1, load);
        let asked: u64 = outcome.asked.iter().sum();
        let answered: u64 = outcome.answered.iter().sum();
        // Those of the last half second are still running.
        assert!(answered as f64 >= 0.97 * asked as f64, "{answered} of {asked}");
        assert!(outcome.running_most > bounds::RUNNING_LEAST, "{}", outcome.running_most);
    };
    check(offered(0.7, 0.5));
    check(Load { quiet: 1_000, ..offered(0.1, 0.1) });
    for stolen_us in [30_000, 60_000, 80_000] {
        check(Load { quiet: 1_000, stolen_us, ..offered(0.05, 0.1) });
    }
}

/// Where streams that do not end are there before an overload, the others share what is left.
#[test]
fn quiet_streams_keep_nobody_out() {
    let outcome = run(1, Load { quiet: 1_000, ..offered(5.0, 0.1) });
    assert!(outcome.goodput() >= 0.6 * CAPACITY, "{}", outcome.goodput());
}
