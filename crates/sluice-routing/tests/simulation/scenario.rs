//! Worlds: which targets there are, what becomes of them, and who calls.

use std::ops::Range;

use sluice_chat::FailureKind;

use crate::{
    seed::Seed,
    upstream::{Mode, Upstream},
};

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Ten minutes of everything.
    Chaos,
    /// All targets are down for a minute.
    Outage,
    /// The first choice is down for a while and comes back.
    Return,
    /// Five times the load that the only target carries.
    Overload,
}

impl Scenario {
    pub(crate) const ALL: [Self; 4] = [Self::Chaos, Self::Outage, Self::Return, Self::Overload];
}

/// One world.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) upstreams: Vec<Upstream>,
    /// Requests in a thousand seconds.
    pub(crate) rate: u64,
    pub(crate) span_ms: u64,
    pub(crate) max_attempts: u32,
    /// Of a thousand requests: streams, refused ones, long ones, and callers who leave.
    pub(crate) streams: u64,
    pub(crate) refused: u64,
    pub(crate) long: u64,
    pub(crate) leaves: u64,
    pub(crate) outage: bool,
    /// The target that comes back, and when.
    pub(crate) returns: Option<(usize, u64)>,
    /// When the first target has been silent for long, and still is.
    pub(crate) long_silent: Option<Range<u64>>,
    pub(crate) overload: bool,
}

/// Ten minutes in which nothing goes wrong.
const PLAIN: Setup = Setup {
    upstreams: Vec::new(),
    rate: 5_000,
    span_ms: 600_000,
    max_attempts: 4,
    streams: 700,
    refused: 0,
    long: 0,
    leaves: 0,
    outage: false,
    returns: None,
    long_silent: None,
    overload: false,
};

impl Setup {
    pub(crate) fn new(scenario: Scenario, seed: &mut Seed) -> Self {
        match scenario {
            Scenario::Chaos => chaos(seed),
            Scenario::Outage => outage(seed),
            Scenario::Return => comes_back(seed),
            Scenario::Overload => overload(seed),
        }
    }
}

const DEAD: [FailureKind; 5] = [
    FailureKind::ServerError,
    FailureKind::Overloaded,
    FailureKind::Unreachable,
    FailureKind::Reset,
    FailureKind::BadResponse,
];

fn one_of<T: Copy>(all: &[T], seed: &mut Seed) -> T {
    all[usize::try_from(seed.next() % all.len() as u64).unwrap()]
}

fn mode(seed: &mut Seed) -> Mode {
    match seed.between(0, 9) {
        0 => Mode::Slow,
        1 => Mode::Limited { per_mille: seed.between(50, 1_000), states: true },
        2 => Mode::Limited { per_mille: seed.between(50, 1_000), states: false },
        3 | 4 => Mode::Fails(one_of(&DEAD, seed)),
        5 => Mode::Partitioned,
        6 => Mode::Silent,
        7 => Mode::Breaks(seed.between(100, 1_000)),
        8 => Mode::Fails(one_of(
            &[
                FailureKind::AuthRefused,
                FailureKind::ModelMissing,
                FailureKind::BalanceGone,
                FailureKind::Tls,
            ],
            seed,
        )),
        _ => Mode::Well,
    }
}

/// Times of trouble, long or flapping, with health between them.
fn phases(span_ms: u64, seed: &mut Seed) -> Vec<(u64, Mode)> {
    let flapping = seed.chance(300);
    let mut all = vec![(0, Mode::Well)];
    let mut at = seed.between(0, 60_000);
    while at < span_ms {
        let most = if flapping { 8_000 } else { 150_000 };
        let trouble = mode(seed);
        all.push((at, trouble));
        at += seed.between(200, most);
        all.push((at, Mode::Well));
        at += seed.between(200, most);
    }
    all
}

fn chaos(seed: &mut Seed) -> Setup {
    let count = seed.between(1, 5);
    let models = seed.between(1, 3);
    let contexts: Vec<(u64, bool)> =
        (0..models).map(|_| (seed.between(1, 4) * 50_000, seed.chance(700))).collect();
    // In every second world one target is never in trouble.
    let anchor = seed.chance(500).then(|| seed.between(0, count - 1));
    let upstreams = (0..count).map(|number| {
        let model = u32::try_from(seed.between(0, models - 1)).unwrap();
        let provider = usize::try_from(seed.between(0, 1)).unwrap();
        let tier = u32::try_from(seed.between(0, 1)).unwrap();
        let phases = if anchor == Some(number) { vec![(0, Mode::Well)] } else { phases(PLAIN.span_ms, seed) };
        let (context, declared) = contexts[model as usize];
        Upstream { context, declared, ..Upstream::new(model, provider, tier, phases) }
    });
    let upstreams = upstreams.collect();
    Setup {
        upstreams,
        rate: seed.between(500, 15_000),
        max_attempts: u32::try_from(seed.between(1, 6)).unwrap(),
        streams: seed.between(0, 1_000),
        refused: 30,
        long: 100,
        leaves: 40,
        ..PLAIN
    }
}

fn outage(seed: &mut Seed) -> Setup {
    let count = seed.between(1, 4);
    let apart = seed.chance(500);
    let upstreams = (0..count).map(|number| {
        let kind = one_of(&DEAD, seed);
        let model = if apart { u32::try_from(number).unwrap() } else { 0 };
        let provider = usize::try_from(seed.between(0, 1)).unwrap();
        Upstream::new(model, provider, u32::from(apart && number > 0), vec![(0, Mode::Fails(kind))])
    });
    let upstreams = upstreams.collect();
    Setup { upstreams, rate: 50_000, span_ms: 60_000, outage: true, ..PLAIN }
}

fn comes_back(seed: &mut Seed) -> Setup {
    let down = 30_000 + seed.between(0, 10_000);
    let back = down + seed.between(5_000, 200_000);
    let kinds = [
        Mode::Partitioned,
        Mode::Silent,
        Mode::Fails(FailureKind::AuthRefused),
        Mode::Fails(one_of(&DEAD, seed)),
        Mode::Slow,
    ];
    let trouble = one_of(&kinds, seed);
    let first = Upstream::new(0, 0, 0, vec![(0, Mode::Well), (down, trouble), (back, Mode::Well)]);
    let second = Upstream::new(u32::from(seed.chance(500)), 1, 1, vec![(0, Mode::Well)]);
    // Where little is asked every call that is slow has another one beside it.
    let quiet = seed.chance(300);
    Setup {
        upstreams: vec![first, second],
        span_ms: back + 60_000,
        rate: if quiet { 1_000 } else { PLAIN.rate },
        streams: if quiet { 1_000 } else { PLAIN.streams },
        returns: Some((0, back)),
        long_silent: (trouble == Mode::Silent && back > down + 90_000).then(|| down + 60_000..back),
        ..PLAIN
    }
}

fn overload(seed: &mut Seed) -> Setup {
    let capacity = seed.between(10, 40);
    let full = one_of(&[FailureKind::Overloaded, FailureKind::RateLimited], seed);
    let (least, most) = (2_000, 8_000);
    let mut only = Upstream::new(0, 0, 0, vec![(0, Mode::Well)]);
    only.capacity = u32::try_from(capacity).unwrap();
    only.full = full;
    only.whole_ms = (least, most);
    let carries = capacity * 1_000_000 / ((least + most) / 2);
    Setup { upstreams: vec![only], rate: 5 * carries, span_ms: 150_000, overload: true, ..PLAIN }
}
