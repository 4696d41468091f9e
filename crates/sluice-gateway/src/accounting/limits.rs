//! Requests and tokens per minute, and requests at a time: taken before a request is sent, made true at its end.

use std::sync::Arc;

use sluice_ledger::{
    Limits,
    limit::{Rate, RateCell, Slots, TooMuch},
};

/// The counters of one key, project, or model of a key.
#[derive(Debug)]
pub(crate) struct Counters {
    /// What the counters are called where several nodes share them.
    name: String,
    requests: RateCell,
    tokens: RateCell,
    slots: Slots,
}

impl Counters {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            requests: RateCell::default(),
            tokens: RateCell::default(),
            slots: Slots::default(),
        }
    }
}

/// One set of limits with its counters.
#[derive(Clone, Debug)]
struct Limit {
    requests: Option<Rate>,
    tokens: Option<Rate>,
    parallel: Option<u32>,
    counters: Arc<Counters>,
}

/// All limits that hold for one request; usually none.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitSet {
    all: Option<Arc<[Limit]>>,
}

/// What a limited request holds until it ends.
#[derive(Debug)]
#[must_use = "what a request took from its limits is made true at its end"]
pub(crate) struct Permit {
    limits: Arc<[Limit]>,
    /// Tokens that were taken.
    tokens: u64,
}

/// Where a caller stands with one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// Until nothing is taken any more.
    pub(crate) reset_ns: u64,
}

/// Where a caller stands, by the tightest of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standings {
    pub(crate) requests: Option<Standing>,
    pub(crate) tokens: Option<Standing>,
}

/// What a request was too much for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitKind {
    Requests,
    Tokens,
    Parallel,
}

/// A limit does not allow a request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limited {
    pub(crate) kind: LimitKind,
    pub(crate) limit: u64,
    /// `None`: it never will, the request is larger than the whole limit.
    pub(crate) wait_ns: Option<u64>,
    pub(crate) standings: Standings,
}

/// How long to wait for one of the requests that run to end: nobody knows, so not long.
const PARALLEL_WAIT_NS: u64 = 1_000_000_000;

impl LimitSet {
    /// Adds what `limits` has to count; `counters` is asked only then.
    pub(super) fn add(&mut self, limits: &Limits, counters: impl FnOnce() -> Arc<Counters>) {
        let Limits { rpm, tpm, parallel, max_output_tokens: _ } = *limits;
        if rpm.is_none() && tpm.is_none() && parallel.is_none() {
            return;
        }
        let limit = Limit {
            requests: rpm.map(|rpm| Rate::per_minute(u64::from(rpm))),
            tokens: tpm.map(Rate::per_minute),
            parallel,
            counters: counters(),
        };
        let before = self.all.as_deref().unwrap_or_default().iter().cloned();
        self.all = Some(before.chain([limit]).collect());
    }

    /// Takes one request of `tokens` from every limit, or from none. `None` where nothing is limited.
    pub(crate) fn take(&self, now_ns: u64, tokens: u64) -> Result<Option<(Permit, Standings)>, Limited> {
        let Some(limits) = &self.all else { return Ok(None) };
        for (index, limit) in limits.iter().enumerate() {
            if let Err((kind, number, wait_ns)) = limit.take(now_ns, tokens) {
                limits[..index].iter().for_each(|taken| taken.give_back(now_ns, tokens));
                let standings = standings(limits, now_ns);
                return Err(Limited { kind, limit: number, wait_ns, standings });
            }
        }
        let standings = standings(limits, now_ns);
        Ok(Some((Permit { limits: Arc::clone(limits), tokens }, standings)))
    }
}

impl Limit {
    fn take(&self, now_ns: u64, tokens: u64) -> Result<(), (LimitKind, u64, Option<u64>)> {
        if let Some(most) = self.parallel
            && !self.counters.slots.take(most)
        {
            return Err((LimitKind::Parallel, u64::from(most), Some(PARALLEL_WAIT_NS)));
        }
        let requests = self.requests.map(|rate| (rate, self.counters.requests.take(rate, now_ns, 1)));
        if let Some((rate, Err(too_much))) = requests {
            self.free_slot();
            return Err((LimitKind::Requests, rate.limit(), wait_of(too_much)));
        }
        let taken = self.tokens.map(|rate| (rate, self.counters.tokens.take(rate, now_ns, tokens)));
        if let Some((rate, Err(too_much))) = taken {
            self.free_slot();
            self.post_request(now_ns, -1);
            return Err((LimitKind::Tokens, rate.limit(), wait_of(too_much)));
        }
        Ok(())
    }

    fn free_slot(&self) {
        if self.parallel.is_some() {
            self.counters.slots.give_back();
        }
    }

    fn post_request(&self, now_ns: u64, difference: i64) {
        if let Some(rate) = self.requests {
            self.counters.requests.post(rate, now_ns, difference);
        }
    }

    fn post_tokens(&self, now_ns: u64, difference: i64) {
        if let Some(rate) = self.tokens {
            self.counters.tokens.post(rate, now_ns, difference);
        }
    }

    fn give_back(&self, now_ns: u64, tokens: u64) {
        self.free_slot();
        self.post_request(now_ns, -1);
        self.post_tokens(now_ns, difference(tokens, 0));
    }
}

impl Permit {
    /// The request has ended and used `tokens`; `None`: it was never sent, and counts as nothing.
    pub(crate) fn end(self, now_ns: u64, tokens: Option<u64>) {
        for limit in self.limits.iter() {
            match tokens {
                Some(used) => {
                    limit.free_slot();
                    limit.post_tokens(now_ns, difference(self.tokens, used));
                }
                None => limit.give_back(now_ns, self.tokens),
            }
        }
    }
}

/// How much more than `taken` was `used`.
fn difference(taken: u64, used: u64) -> i64 {
    let signed = |tokens| i64::try_from(tokens).unwrap_or(i64::MAX);
    signed(used).saturating_sub(signed(taken))
}

fn wait_of(too_much: TooMuch) -> Option<u64> {
    match too_much {
        TooMuch::Never => None,
        TooMuch::Wait { ns } => Some(ns),
    }
}

fn standings(limits: &[Limit], now_ns: u64) -> Standings {
    let tightest = |of: fn(&Limit) -> Option<(Rate, &RateCell)>| {
        let standing = |(rate, cell): (Rate, &RateCell)| Standing {
            limit: rate.limit(),
            remaining: cell.remaining(rate, now_ns),
            reset_ns: cell.reset_ns(rate, now_ns),
        };
        limits.iter().filter_map(of).map(standing).min_by_key(|standing| standing.remaining)
    };
    Standings {
        requests: tightest(|limit| limit.requests.map(|rate| (rate, &limit.counters.requests))),
        tokens: tightest(|limit| limit.tokens.map(|rate| (rate, &limit.counters.tokens))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn set(all: &[Limits]) -> LimitSet {
        let mut set = LimitSet::default();
        for limits in all {
            set.add(limits, || Arc::new(Counters::named("x")));
        }
        set
    }

    fn limits(rpm: Option<u32>, tpm: Option<u64>, parallel: Option<u32>) -> Limits {
        Limits { rpm, tpm, parallel, max_output_tokens: None }
    }

    #[test]
    fn nothing_limited_holds_nothing() {
        assert!(set(&[limits(None, None, None)]).take(0, 7).unwrap().is_none());
    }

    #[test]
    fn the_first_limit_in_the_way_is_named_and_nothing_is_kept() {
        let check = |all: &[Limits], tokens, expect: (LimitKind, u64, Option<u64>)| {
            let set = set(all);
            let held = set.take(SECOND_NS, 10).unwrap();
            let standings_before = held.as_ref().unwrap().1;
            let limited = set.take(SECOND_NS, tokens).unwrap_err();
            assert_eq!((limited.kind, limited.limit, limited.wait_ns), expect);
            assert_eq!(limited.standings, standings_before, "a refused request keeps nothing");
            held.unwrap().0.end(SECOND_NS, None);
            assert!(set.take(SECOND_NS, 10).is_ok(), "what was never sent counts as nothing");
        };
        check(&[limits(Some(1), None, None)], 1, (LimitKind::Requests, 1, Some(60 * SECOND_NS)));
        check(&[limits(None, None, Some(1))], 1, (LimitKind::Parallel, 1, Some(SECOND_NS)));
        check(&[limits(Some(9), Some(60), None)], 61, (LimitKind::Tokens, 60, None));
        check(&[limits(Some(9), Some(60), Some(9))], 60, (LimitKind::Tokens, 60, Some(10 * SECOND_NS)));
        let project = limits(Some(1), None, None);
        check(
            &[limits(Some(9), Some(90), Some(9)), project],
            1,
            (LimitKind::Requests, 1, Some(60 * SECOND_NS)),
        );
    }

    #[test]
    fn the_end_makes_tokens_true() {
        let set = set(&[limits(None, Some(100), Some(2))]);
        let remaining = |set: &LimitSet| {
            let (permit, standings) = set.take(SECOND_NS, 0).unwrap().unwrap();
            permit.end(SECOND_NS, Some(0));
            standings.tokens.unwrap().remaining
        };
        let (permit, standings) = set.take(SECOND_NS, 40).unwrap().unwrap();
        assert_eq!(
            standings.tokens.unwrap(),
            Standing { limit: 100, remaining: 60, reset_ns: 24 * SECOND_NS }
        );
        permit.end(SECOND_NS, Some(10));
        assert_eq!(remaining(&set), 90);
        // More than was taken, and more than there is: the limit is below 0 until time has filled it.
        set.take(SECOND_NS, 1).unwrap().unwrap().0.end(SECOND_NS, Some(150));
        let limited = set.take(SECOND_NS, 1).unwrap_err();
        assert_eq!((limited.kind, limited.standings.tokens.unwrap().remaining), (LimitKind::Tokens, 0));
        assert!(set.take(62 * SECOND_NS, 1).is_ok());
    }
}
