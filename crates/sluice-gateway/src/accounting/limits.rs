//! Requests and tokens per minute, and requests at a time: taken before a request is sent, made true at its end.
//!
//! They are counted here, or for several nodes in one place (`shared_limits.rs`). Where that place does not answer
//! every node counts for itself up to its share.

use std::sync::Arc;

use sluice_ledger::{
    Limits,
    limit::{Rate, RateCell, Slots, TooMuch},
};

use super::shared_limits::{Ended, Sharing};

/// The counters of one key, project, or model of a key.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(super) requests: RateCell,
    pub(super) tokens: RateCell,
    /// Every request of this node that runs, wherever it was granted.
    pub(super) slots: Slots,
    /// What they are called where several nodes share them.
    pub(super) keys: CounterKeys,
}

#[derive(Debug)]
pub(super) struct CounterKeys {
    pub(super) requests: Arc<str>,
    pub(super) tokens: Arc<str>,
    pub(super) slots: Arc<str>,
}

impl Counters {
    pub(crate) fn named(name: &str) -> Self {
        let key = |what: &str| format!("sluicegate:{what}:{name}").into();
        Self {
            requests: RateCell::default(),
            tokens: RateCell::default(),
            slots: Slots::default(),
            keys: CounterKeys { requests: key("rpm"), tokens: key("tpm"), slots: key("parallel") },
        }
    }
}

/// One set of limits with its counters.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) requests: Option<Rate>,
    pub(super) tokens: Option<Rate>,
    pub(super) parallel: Option<u32>,
    pub(super) counters: Arc<Counters>,
}

/// All limits that hold for one request; usually none.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitSet {
    all: Option<Arc<[Limit]>>,
}

/// What a limited request holds until it ends. Dropped before that, it counts as never sent.
#[derive(Debug)]
#[must_use = "what a request took from its limits is made true at its end"]
pub(crate) struct Permit {
    /// `None` once it has ended.
    limits: Option<Arc<[Limit]>>,
    /// Tokens that were taken.
    tokens: u64,
    counted: Counted,
    sharing: Option<Arc<Sharing>>,
}

/// Where the requests and tokens of a permit were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// From this node's own counters, as one of so many nodes.
    Here { nodes: u32 },
    /// From those that nodes share.
    Together,
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

impl Standings {
    /// Keeps the tighter of what is known and of `standing`.
    pub(super) fn tighten(known: &mut Option<Standing>, standing: Standing) {
        if known.is_none_or(|known| standing.remaining < known.remaining) {
            *known = Some(standing);
        }
    }
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
pub(super) const PARALLEL_WAIT_NS: u64 = 1_000_000_000;

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

    pub(super) fn all(&self) -> Option<&Arc<[Limit]>> {
        self.all.as_ref()
    }

    /// Takes one request of `tokens` from every limit, or from none, by what is counted here: this node has its share
    /// as one of `nodes`. `None` where nothing is limited.
    pub(crate) fn take(
        &self,
        now_ns: u64,
        tokens: u64,
        nodes: u32,
    ) -> Result<Option<(Permit, Standings)>, Limited> {
        let Some(limits) = &self.all else { return Ok(None) };
        for (index, limit) in limits.iter().enumerate() {
            if let Err((kind, number, wait_ns)) = limit.take(now_ns, tokens, nodes) {
                limits[..index].iter().for_each(|taken| taken.give_back(now_ns, tokens, nodes));
                let standings = standings(limits, now_ns, nodes);
                return Err(Limited { kind, limit: number, wait_ns, standings });
            }
        }
        let standings = standings(limits, now_ns, nodes);
        Ok(Some((Permit::new(limits, tokens, Counted::Here { nodes }, None), standings)))
    }
}

/// The part of `limit` that one of `nodes` has, rounded down, but never nothing of something.
fn share(limit: u64, nodes: u32) -> u64 {
    (limit / u64::from(nodes.max(1))).max(limit.min(1))
}

pub(super) fn share_of(rate: Rate, nodes: u32) -> Rate {
    Rate::per_minute(share(rate.limit(), nodes))
}

/// Takes `cost` from the share of `rate`. What is larger than the share but not than the limit takes the whole share,
/// and owes the rest.
fn take_share(cell: &RateCell, rate: Rate, nodes: u32, now_ns: u64, cost: u64) -> Result<(), TooMuch> {
    if cost > rate.limit() {
        return Err(TooMuch::Never);
    }
    let share = share_of(rate, nodes);
    let at_once = cost.min(share.limit());
    cell.take(share, now_ns, at_once)?;
    if cost > at_once {
        cell.post(share, now_ns, difference(at_once, cost));
    }
    Ok(())
}

impl Limit {
    fn take(&self, now_ns: u64, tokens: u64, nodes: u32) -> Result<(), (LimitKind, u64, Option<u64>)> {
        if let Some(most) = self.parallel
            && !self.counters.slots.take(u32::try_from(share(u64::from(most), nodes)).unwrap_or(most))
        {
            return Err((LimitKind::Parallel, u64::from(most), Some(PARALLEL_WAIT_NS)));
        }
        let requests =
            self.requests.map(|rate| (rate, take_share(&self.counters.requests, rate, nodes, now_ns, 1)));
        if let Some((rate, Err(too_much))) = requests {
            self.free_slot();
            return Err((LimitKind::Requests, rate.limit(), wait_of(too_much)));
        }
        let taken =
            self.tokens.map(|rate| (rate, take_share(&self.counters.tokens, rate, nodes, now_ns, tokens)));
        if let Some((rate, Err(too_much))) = taken {
            self.free_slot();
            self.post_request(now_ns, -1, nodes);
            return Err((LimitKind::Tokens, rate.limit(), wait_of(too_much)));
        }
        Ok(())
    }

    fn free_slot(&self) {
        if self.parallel.is_some() {
            self.counters.slots.give_back();
        }
    }

    fn post_request(&self, now_ns: u64, difference: i64, nodes: u32) {
        if let Some(rate) = self.requests {
            self.counters.requests.post(share_of(rate, nodes), now_ns, difference);
        }
    }

    fn post_tokens(&self, now_ns: u64, difference: i64, nodes: u32) {
        if let Some(rate) = self.tokens {
            self.counters.tokens.post(share_of(rate, nodes), now_ns, difference);
        }
    }

    fn give_back(&self, now_ns: u64, tokens: u64, nodes: u32) {
        self.free_slot();
        self.post_request(now_ns, -1, nodes);
        self.post_tokens(now_ns, difference(tokens, 0), nodes);
    }
}

impl Permit {
    pub(super) fn new(
        limits: &Arc<[Limit]>,
        tokens: u64,
        counted: Counted,
        sharing: Option<Arc<Sharing>>,
    ) -> Self {
        Self { limits: Some(Arc::clone(limits)), tokens, counted, sharing }
    }

    /// The others are told when it ends.
    pub(super) fn shared_with(mut self, sharing: &Arc<Sharing>) -> Self {
        self.sharing = Some(Arc::clone(sharing));
        self
    }

    /// The request has ended and used `tokens`; `None`: it was never sent, and counts as nothing.
    pub(crate) fn end(mut self, now_ns: u64, tokens: Option<u64>) {
        self.finish(now_ns, tokens);
    }

    fn finish(&mut self, now_ns: u64, used: Option<u64>) {
        let Some(limits) = self.limits.take() else { return };
        for limit in limits.iter() {
            match (self.counted, used) {
                (Counted::Here { nodes }, None) => limit.give_back(now_ns, self.tokens, nodes),
                (Counted::Here { nodes }, Some(used)) => {
                    limit.free_slot();
                    limit.post_tokens(now_ns, difference(self.tokens, used), nodes);
                }
                (Counted::Together, _) => limit.free_slot(),
            }
        }
        if let Some(sharing) = &self.sharing {
            let tokens = self.tokens;
            sharing.ended(Ended { limits, tokens, used, counted: self.counted, now_ns });
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // What comes back comes back whatever the time.
        self.finish(0, None);
    }
}

/// How much more than `taken` was `used`.
pub(super) fn difference(taken: u64, used: u64) -> i64 {
    let signed = |tokens| i64::try_from(tokens).unwrap_or(i64::MAX);
    signed(used).saturating_sub(signed(taken))
}

fn wait_of(too_much: TooMuch) -> Option<u64> {
    match too_much {
        TooMuch::Never => None,
        TooMuch::Wait { ns } => Some(ns),
    }
}

fn standings(limits: &[Limit], now_ns: u64, nodes: u32) -> Standings {
    let standing = |rate: Rate, cell: &RateCell| Standing {
        limit: rate.limit(),
        remaining: cell.remaining(share_of(rate, nodes), now_ns),
        reset_ns: cell.reset_ns(rate, now_ns),
    };
    let mut standings = Standings::default();
    for limit in limits {
        if let Some(rate) = limit.requests {
            Standings::tighten(&mut standings.requests, standing(rate, &limit.counters.requests));
        }
        if let Some(rate) = limit.tokens {
            Standings::tighten(&mut standings.tokens, standing(rate, &limit.counters.tokens));
        }
    }
    standings
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
        assert!(set(&[limits(None, None, None)]).take(0, 7, 1).unwrap().is_none());
    }

    #[test]
    fn the_first_limit_in_the_way_is_named_and_nothing_is_kept() {
        let check = |all: &[Limits], tokens, expect: (LimitKind, u64, Option<u64>)| {
            let set = set(all);
            let held = set.take(SECOND_NS, 10, 1).unwrap();
            let standings_before = held.as_ref().unwrap().1;
            let limited = set.take(SECOND_NS, tokens, 1).unwrap_err();
            assert_eq!((limited.kind, limited.limit, limited.wait_ns), expect);
            assert_eq!(limited.standings, standings_before, "a refused request keeps nothing");
            held.unwrap().0.end(SECOND_NS, None);
            assert!(set.take(SECOND_NS, 10, 1).is_ok(), "what was never sent counts as nothing");
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
            let (permit, standings) = set.take(SECOND_NS, 0, 1).unwrap().unwrap();
            permit.end(SECOND_NS, Some(0));
            standings.tokens.unwrap().remaining
        };
        let (permit, standings) = set.take(SECOND_NS, 40, 1).unwrap().unwrap();
        assert_eq!(
            standings.tokens.unwrap(),
            Standing { limit: 100, remaining: 60, reset_ns: 24 * SECOND_NS }
        );
        permit.end(SECOND_NS, Some(10));
        assert_eq!(remaining(&set), 90);
        // More than was taken, and more than there is: the limit is below 0 until time has filled it.
        set.take(SECOND_NS, 1, 1).unwrap().unwrap().0.end(SECOND_NS, Some(150));
        let limited = set.take(SECOND_NS, 1, 1).unwrap_err();
        assert_eq!((limited.kind, limited.standings.tokens.unwrap().remaining), (LimitKind::Tokens, 0));
        assert!(set.take(62 * SECOND_NS, 1, 1).is_ok());
    }

    #[test]
    fn shares() {
        let check = |limit, nodes, expect| assert_eq!(share(limit, nodes), expect, "{limit} among {nodes}");
        check(10, 1, 10);
        check(10, 0, 10);
        check(10, 3, 3);
        check(2, 3, 1);
        check(1, 9, 1);
        check(0, 9, 0);
    }

    #[test]
    fn a_node_has_its_share() {
        let set = set(&[limits(Some(9), Some(90), Some(3))]);
        let (permit, standings) = set.take(SECOND_NS, 1, 3).unwrap().unwrap();
        assert_eq!(
            standings.requests.unwrap(),
            Standing { limit: 9, remaining: 2, reset_ns: 20 * SECOND_NS }
        );
        assert_eq!(set.take(SECOND_NS, 1, 3).unwrap_err().kind, LimitKind::Parallel);
        permit.end(SECOND_NS, Some(1));
        assert_eq!(set.take(SECOND_NS, 91, 3).unwrap_err().wait_ns, None, "the whole limit is what counts");
        set.take(SECOND_NS, 1, 3).unwrap().unwrap().0.end(SECOND_NS, Some(0));
        set.take(SECOND_NS, 1, 3).unwrap().unwrap().0.end(SECOND_NS, Some(0));
        let limited = set.take(SECOND_NS, 1, 3).unwrap_err();
        assert_eq!((limited.kind, limited.limit), (LimitKind::Requests, 9));
    }

    #[test]
    fn what_is_larger_than_the_share_takes_all_of_it_and_owes_the_rest() {
        let set = set(&[limits(None, Some(90), None)]);
        let (permit, _) = set.take(SECOND_NS, 60, 3).unwrap().unwrap();
        assert_eq!(set.take(60 * SECOND_NS, 30, 3).unwrap_err().kind, LimitKind::Tokens);
        permit.end(60 * SECOND_NS, Some(30));
        assert!(set.take(61 * SECOND_NS, 30, 3).is_ok());
    }

    #[test]
    fn what_is_dropped_was_never_sent() {
        let set = set(&[limits(Some(1), Some(9), Some(1))]);
        drop(set.take(SECOND_NS, 9, 1).unwrap());
        assert!(set.take(SECOND_NS, 9, 1).is_ok());
    }
}
