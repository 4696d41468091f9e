//! The truth about one target: what it would answer, now and later.

use sluice_chat::FailureKind;

use crate::seed::Seed;

/// How a target is for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Well,
    /// Content comes, but late.
    Slow,
    /// So many of a thousand calls are too many; with or without a word on when to come back.
    Limited {
        per_mille: u64,
        states: bool,
    },
    /// Every call fails so, soon.
    Fails(FailureKind),
    /// No packet comes back: no connection within the time for one.
    Partitioned,
    /// It takes calls and says nothing.
    Silent,
    /// So many of a thousand streams break after content.
    Breaks(u64),
}

/// How a call goes, in milliseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// First content of a stream.
    pub(crate) content: Option<u64>,
    pub(crate) end: u64,
    /// `None`: complete. With the `Retry-After`.
    pub(crate) failure: Option<(FailureKind, Option<u64>)>,
    /// No byte at all comes before the content.
    pub(crate) silent: bool,
}

/// What a request is, as far as its answer depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks {
    pub(crate) tokens: u64,
    pub(crate) stream: bool,
    /// Every target refuses it so.
    pub(crate) refused: Option<FailureKind>,
}

pub(crate) const CONNECT_MS: u64 = 5_000;
pub(crate) const FIRST_TOKEN_MS: u64 = 60_000;
/// Never, as far as a run goes.
const NEVER_MS: u64 = 100_000_000;

/// One target as it is.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) model: u32,
    pub(crate) provider: usize,
    pub(crate) tier: u32,
    /// Tokens that fit, and whether anybody knows.
    pub(crate) context: u64,
    pub(crate) declared: bool,
    /// Each holds from its moment on; the first from 0.
    pub(crate) phases: Vec<(u64, Mode)>,
    /// Calls at a time; beyond them it refuses, as `full` says.
    pub(crate) capacity: u32,
    pub(crate) full: FailureKind,
    pub(crate) busy: u32,
    /// How long a whole answer takes.
    pub(crate) whole_ms: (u64, u64),
    /// Until when it refuses, by what it said.
    pub(crate) limited_until: u64,
}

impl Upstream {
    pub(crate) fn new(model: u32, provider: usize, tier: u32, phases: Vec<(u64, Mode)>) -> Self {
        Self {
            model,
            provider,
            tier,
            context: 100_000,
            declared: true,
            phases,
            capacity: u32::MAX,
            full: FailureKind::Overloaded,
            busy: 0,
            whole_ms: (300, 6_000),
            limited_until: 0,
        }
    }

    pub(crate) fn mode(&self, now: u64) -> Mode {
        let begun = self.phases.iter().rev().find(|(from, _)| *from <= now);
        begun.map_or(Mode::Well, |(_, mode)| *mode)
    }

    /// It has been well, without a break, since then.
    pub(crate) fn well_since(&self, since: u64, now: u64) -> bool {
        self.mode(since) == Mode::Well
            && self.phases.iter().all(|(from, mode)| *from <= since || *from > now || *mode == Mode::Well)
    }

    /// Whether a prompt of the request fits.
    pub(crate) fn fits(&self, asks: &Asks) -> bool {
        asks.tokens <= self.context
    }

    /// Answers a call that is made now.
    pub(crate) fn answer(&mut self, asks: &Asks, now: u64, seed: &mut Seed) -> Answer {
        let soon = seed.between(20, 80);
        let fails =
            |kind, after| Answer { content: None, end: soon, failure: Some((kind, after)), silent: true };
        match self.mode(now) {
            Mode::Fails(kind) => return fails(kind, None),
            Mode::Partitioned => {
                return Answer { end: CONNECT_MS, ..fails(FailureKind::ConnectTimeout, None) };
            }
            Mode::Silent => return self.late(asks, NEVER_MS, true),
            Mode::Limited { per_mille, states } => {
                if states && now < self.limited_until {
                    return fails(FailureKind::RateLimited, Some(self.limited_until - now));
                }
                if seed.chance(per_mille) {
                    let most = if seed.chance(500) { 2_500 } else { 90_000 };
                    let rest = seed.between(200, most);
                    self.limited_until = now + rest;
                    return fails(FailureKind::RateLimited, states.then_some(rest));
                }
            }
            Mode::Well | Mode::Slow | Mode::Breaks(_) => {}
        }
        if let Some(kind) = asks.refused {
            return fails(kind, None);
        }
        if !self.fits(asks) {
            return fails(FailureKind::ContextLength, None);
        }
        if self.busy >= self.capacity {
            return fails(self.full, None);
        }
        match self.mode(now) {
            Mode::Slow => {
                let content = seed.between(8_000, 90_000);
                self.late(asks, content, seed.chance(500))
            }
            Mode::Breaks(per_mille) if asks.stream && seed.chance(per_mille) => {
                let kinds =
                    [FailureKind::Truncated, FailureKind::Reset, FailureKind::Stalled, FailureKind::BadEvent];
                let kind = kinds[usize::try_from(seed.between(0, 3)).unwrap()];
                let content = seed.between(100, 900);
                let end = content + seed.between(10, 3_000);
                Answer { content: Some(content), end, failure: Some((kind, None)), silent: false }
            }
            _ => {
                let end = seed.between(self.whole_ms.0, self.whole_ms.1);
                let content = asks.stream.then_some(end / 10 + 1);
                Answer { content, end, failure: None, silent: false }
            }
        }
    }

    /// Content so late, or too late.
    fn late(&self, asks: &Asks, content: u64, silent: bool) -> Answer {
        let end = content + 2_000;
        if !asks.stream {
            return Answer { content: None, end, failure: None, silent };
        }
        if content >= FIRST_TOKEN_MS {
            let failure = Some((FailureKind::FirstTokenTimeout, None));
            return Answer { content: None, end: FIRST_TOKEN_MS, failure, silent };
        }
        Answer { content: Some(content), end, failure: None, silent }
    }
}
