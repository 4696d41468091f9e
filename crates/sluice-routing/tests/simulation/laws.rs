//! What is looked at from outside: what was sent, what was heard, and what the laws say of it.

use std::collections::VecDeque;

use sluice_chat::{Failure, FailureKind};
use sluice_routing::Why;

use crate::{
    fleet::HEDGE_PERCENT,
    mutant::{Law, Violation},
    upstream::{Asks, Upstream},
};

/// A target that was well for so long is known to be well: a minute of rest at most, and then the limit on calls under
/// way has to rise.
const KNOWN_WELL_MS: u64 = 100_000;
/// After so long a probe no longer counts.
const PROBE_MS: u64 = 20_000;

/// No 429 rests a target for longer than this.
const LONGEST_REST_MS: u64 = 60_000;
/// A repeat takes its share when it is planned, and waits for up to three seconds: what is made within ten seconds was
/// planned within thirteen, by what was known of the ten before each.
const PLANNED_MS: u64 = 24_000;

/// One call of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub(crate) target: usize,
    /// When it failed, how, what it said of a time, and whether that was after content.
    pub(crate) failed: Option<(u64, FailureKind, Option<u64>, bool)>,
}

/// What the laws look at of a request.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) arrived: u64,
    pub(crate) deadline: u64,
    pub(crate) asks: Asks,
    pub(crate) calls: Vec<Past>,
    pub(crate) content: bool,
}

/// What was heard of one target.
#[derive(Clone, Debug, Default)]
struct Heard {
    /// Until when it wants to rest, and whether it said so.
    cooled: Option<(u64, bool)>,
    /// When the last 429 came.
    limited: Option<u64>,
    /// Calls that have a probe, and since when.
    probes: Vec<(usize, u64)>,
}

#[derive(Debug)]
pub(crate) struct Laws {
    max_attempts: u32,
    targets: Vec<Heard>,
    /// Requests and repeats of the last while, by provider.
    firsts: Vec<VecDeque<u64>>,
    repeats: Vec<VecDeque<u64>>,
    /// Requests and hedges of the last while.
    arrivals: VecDeque<u64>,
    hedges: VecDeque<u64>,
}

impl Laws {
    pub(crate) fn new(upstreams: &[Upstream], max_attempts: u32) -> Self {
        let providers = upstreams.iter().map(|upstream| upstream.provider + 1).max().unwrap_or(0);
        Self {
            max_attempts,
            targets: vec![Heard::default(); upstreams.len()],
            firsts: vec![VecDeque::new(); providers],
            repeats: vec![VecDeque::new(); providers],
            arrivals: VecDeque::new(),
            hedges: VecDeque::new(),
        }
    }

    pub(crate) fn arrived(&mut self, now: u64) {
        forget(&mut self.arrivals, now, 65_000);
        self.arrivals.push_back(now);
    }

    /// A call is about to be made; it is not in the history yet.
    pub(crate) fn calling(
        &mut self,
        history: &History,
        upstreams: &[Upstream],
        (target, why): (usize, Why),
        now: u64,
    ) -> Result<(), Violation> {
        let made = history.calls.len();
        if made >= self.max_attempts as usize {
            return Err(Violation::new(Law::Attempts, format!("call {} of {history:?}", made + 1)));
        }
        if now >= history.deadline {
            return Err(Violation::new(Law::Time, format!("a call at {now} for {history:?}")));
        }
        if let Some((until, stated)) = self.targets[target].cooled.filter(|(until, _)| now < *until) {
            let law = if stated { Law::RetryAfter } else { Law::Cooled };
            return Err(Violation::new(law, format!("{target} at {now} ms, cooling until {until} ms")));
        }
        Self::table(history, upstreams, target, now)?;
        let provider = upstreams[target].provider;
        if history.calls.iter().any(|past| past.target == target) {
            self.repeated(provider, now)?;
        } else if !matches!(why, Why::Hedge | Why::Repair) {
            forget(&mut self.firsts[provider], now, PLANNED_MS);
            self.firsts[provider].push_back(now);
        }
        Ok(())
    }

    /// The failure table, told from its other end: what must not follow.
    fn table(history: &History, upstreams: &[Upstream], target: usize, now: u64) -> Result<(), Violation> {
        use FailureKind::*;
        let broken = |why: &str| {
            Err(Violation::new(Law::Table, format!("{why}: call of {target} at {now} in {history:?}")))
        };
        for past in &history.calls {
            let Some((_, kind, _, _)) = past.failed else { continue };
            if matches!(kind, BadRequest | ContentPolicy | TotalTimeout) {
                return broken("the caller was to be told");
            }
            if kind == ContextLength && upstreams[past.target].model == upstreams[target].model {
                return broken("the prompt does not fit into this model");
            }
        }
        let mut same = history.calls.iter().filter(|past| past.target == target);
        let Some(before) = same.next() else { return Ok(()) };
        if same.next().is_some() {
            return broken("a third time");
        }
        let Some((at, kind, after, content)) = before.failed else { return broken("it is under way") };
        let may = match kind {
            Truncated | Reset => true,
            ServerError | Overloaded | Unreachable | BadResponse | BadEvent => !content,
            RateLimited => after.is_some(),
            _ => false,
        };
        let pause = if kind == RateLimited { after.unwrap_or(0) } else { 100 };
        if !may || now < at + pause {
            return broken("not again, or not so soon");
        }
        Ok(())
    }

    fn repeated(&mut self, provider: usize, now: u64) -> Result<(), Violation> {
        let (firsts, repeats) = (&mut self.firsts[provider], &mut self.repeats[provider]);
        forget(firsts, now, PLANNED_MS);
        forget(repeats, now, 10_000);
        repeats.push_back(now);
        let most = firsts.len() / 5 + 39;
        if repeats.len() > most {
            let text = format!("{} in 10 s after {} requests", repeats.len(), firsts.len());
            return Err(Violation::new(Law::Repeats, text));
        }
        Ok(())
    }

    /// A hedge beside the call of `beside`; a silent one counts among the repeats of that call's provider.
    pub(crate) fn hedging(
        &mut self,
        upstreams: &[Upstream],
        beside: &[usize],
        silent: bool,
        now: u64,
    ) -> Result<(), Violation> {
        let [beside] = beside else {
            return Err(Violation::new(Law::Hedges, format!("beside {beside:?}")));
        };
        if silent {
            return self.repeated(upstreams[*beside].provider, now);
        }
        forget(&mut self.hedges, now, 55_000);
        self.hedges.push_back(now);
        let most = (self.arrivals.len() * HEDGE_PERCENT as usize / 100).max(3);
        if self.hedges.len() > most {
            let text = format!("{} in a minute with {} requests", self.hedges.len(), self.arrivals.len());
            return Err(Violation::new(Law::Hedges, text));
        }
        Ok(())
    }

    /// A call has taken the probe.
    pub(crate) fn probing(&mut self, target: usize, call: usize, now: u64) -> Result<(), Violation> {
        let probes = &mut self.targets[target].probes;
        probes.retain(|(_, since)| now < since + PROBE_MS);
        probes.push((call, now));
        if probes.len() > 1 {
            return Err(Violation::new(Law::OneProbe, format!("{target} at {now} ms: {probes:?}")));
        }
        Ok(())
    }

    /// A target answers: whatever is under way is no probe any more.
    pub(crate) fn answered(&mut self, target: usize) {
        self.targets[target].probes.clear();
    }

    /// A call is over.
    pub(crate) fn probed(&mut self, target: usize, call: usize) {
        self.targets[target].probes.retain(|(other, _)| *other != call);
    }

    /// A call that was started then ended in 429.
    pub(crate) fn limited(&mut self, target: usize, started: u64, after: Option<u64>, now: u64) {
        let heard = &mut self.targets[target];
        let together = heard.limited.is_some_and(|last| started <= last);
        let until = match after {
            Some(ms) => now + ms.min(60_000),
            None if together => return,
            None => now + 1_000,
        };
        heard.limited = Some(now);
        if heard.cooled.is_none_or(|(before, _)| before < until) {
            heard.cooled = Some((until, after.is_some()));
        }
    }

    /// A request ends in a failure that the caller is told.
    pub(crate) fn told(
        &self,
        history: &History,
        upstreams: &[Upstream],
        (failure, open): (&Failure, &[bool]),
        now: u64,
    ) -> Result<(), Violation> {
        if history.content || history.calls.len() >= self.max_attempts as usize {
            return Ok(());
        }
        let callers = matches!(
            failure.kind,
            FailureKind::BadRequest | FailureKind::ContentPolicy | FailureKind::TotalTimeout
        );
        let well = upstreams.iter().position(|upstream| {
            let known_since = history.arrived.saturating_sub(KNOWN_WELL_MS);
            upstream.capacity == u32::MAX
                && upstream.well_since(known_since, now)
                && upstream.fits(&history.asks)
        });
        if let Some(target) = well
            && !callers
            && now < history.deadline
        {
            let text = format!("{target} was well at {now} ms: {failure:?} of {history:?}");
            return Err(Violation::new(Law::Served, text));
        }
        if failure.kind == FailureKind::RateLimited {
            return self.told_limited(history, (failure, open), now);
        }
        Ok(())
    }

    /// `open`: the target's breaker says that nothing can be heard there.
    fn told_limited(
        &self,
        history: &History,
        (failure, open): (&Failure, &[bool]),
        now: u64,
    ) -> Result<(), Violation> {
        let mut least = u64::MAX;
        for (target, heard) in self.targets.iter().enumerate() {
            let said = history.calls.iter().any(|past| {
                past.target == target && past.failed.is_some_and(|f| f.1 == FailureKind::RateLimited)
            });
            let lately = heard.limited.is_some_and(|at| now < at + LONGEST_REST_MS);
            if !lately && !said {
                if open[target] {
                    continue;
                }
                let text = format!("{target} has not said 429 at {now} ms: {failure:?} of {history:?}");
                return Err(Violation::new(Law::Told, text));
            }
            least = least.min(heard.cooled.map_or(0, |(until, _)| until.saturating_sub(now)));
        }
        if failure.retry_after_ms.is_none_or(|told| told < least) && least < u64::MAX {
            return Err(Violation::new(Law::Told, format!("{least} ms are left, told {failure:?}")));
        }
        Ok(())
    }
}

fn forget(times: &mut VecDeque<u64>, now: u64, age: u64) {
    while times.front().is_some_and(|at| at + age <= now) {
        times.pop_front();
    }
}
