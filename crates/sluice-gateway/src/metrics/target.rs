//! What is counted of one target of a model: made ready when a snapshot is made. What is rare is made when it first
//! happens, and from then on it is there.

use std::sync::{Arc, OnceLock};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
};
use sluice_chat::{FailureKind, Usage};
use sluice_ledger::Charge;
use sluice_routing::Why;

/// Seconds; from a sandbox answer to a long reasoning stream.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// The metrics of all targets, by the names of models and providers that the operator gave.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) completions: Family<CompletionLabels, Counter>,
    pub(super) attempts: Family<AttemptLabels, Counter>,
    pub(super) begun: Family<BegunLabels, Counter>,
    pub(super) tokens: Family<TokenLabels, Counter>,
    pub(super) charged: Family<TargetLabels, Counter>,
    pub(super) first_token: Family<TargetLabels, Histogram, fn() -> Histogram>,
    pub(super) total: Family<TargetLabels, Histogram, fn() -> Histogram>,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            completions: Family::default(),
            attempts: Family::default(),
            begun: Family::default(),
            tokens: Family::default(),
            charged: Family::default(),
            first_token: Family::new_with_constructor(seconds),
            total: Family::new_with_constructor(seconds),
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct CompletionLabels {
    model: Arc<str>,
    provider: Arc<str>,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct AttemptLabels {
    model: Arc<str>,
    provider: Arc<str>,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct BegunLabels {
    model: Arc<str>,
    provider: Arc<str>,
    why: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct TokenLabels {
    model: Arc<str>,
    provider: Arc<str>,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct TargetLabels {
    model: Arc<str>,
    provider: Arc<str>,
}

/// How a call of a target ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Ok,
    /// By us: another call was faster, or the caller left.
    Cancelled,
    Failed(FailureKind),
    /// Another answer was to be gone on with, and this one said something else.
    Diverged,
    /// By us: the gateway stopped.
    Stopped,
}

/// Failures have a counter each, behind them stand the other endings.
const FAILURES: usize = FailureKind::EventTooLarge as usize + 1;
const ENDS: usize = FAILURES + 4;

impl Ended {
    fn index(self) -> usize {
        match self {
            Self::Failed(kind) => kind as usize,
            Self::Ok => FAILURES,
            Self::Cancelled => FAILURES + 1,
            Self::Diverged => FAILURES + 2,
            Self::Stopped => FAILURES + 3,
        }
    }

    /// What went wrong, in one word; `none` where nothing did.
    pub(crate) fn reason(self) -> &'static str {
        self.words().1
    }

    /// The labels `outcome` and `reason`.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("ok", "none"),
            Self::Cancelled => ("cancelled", "none"),
            Self::Failed(kind) => ("failed", reason(kind)),
            Self::Diverged => ("failed", "diverged"),
            Self::Stopped => ("failed", "shutdown"),
        }
    }
}

/// A kind of failure in one word.
pub(crate) fn reason(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::RateLimited => "rate_limited",
        FailureKind::ServerError => "server_error",
        FailureKind::Overloaded => "overloaded",
        FailureKind::ContextLength => "context_length",
        FailureKind::ContentPolicy => "content_policy",
        FailureKind::BadRequest => "bad_request",
        FailureKind::Unsupported => "unsupported",
        FailureKind::AuthRefused => "auth_refused",
        FailureKind::ModelMissing => "model_missing",
        FailureKind::BalanceGone => "balance_gone",
        FailureKind::Unreachable => "unreachable",
        FailureKind::Tls => "tls",
        FailureKind::Reset => "reset",
        FailureKind::BadResponse => "bad_response",
        FailureKind::ConnectTimeout => "connect_timeout",
        FailureKind::FirstTokenTimeout => "first_token_timeout",
        FailureKind::Stalled => "stalled",
        FailureKind::TotalTimeout => "total_timeout",
        FailureKind::Truncated => "truncated",
        FailureKind::BadEvent => "bad_event",
        FailureKind::EventTooLarge => "event_too_large",
    }
}

/// Why a target is called, in one word.
pub(crate) fn why_word(why: Why) -> &'static str {
    match why {
        Why::First => "first",
        Why::Equal => "equal",
        Why::Fallback => "fallback",
        Why::Retry => "retry",
        Why::AfterWait => "after_wait",
        Why::Hedge => "hedge",
        Why::Repair => "repair",
    }
}

const WHYS: usize = Why::Repair as usize + 1;

/// The metrics of one target, ready to be counted up.
#[derive(Clone, Debug)]
pub(crate) struct TargetMetrics(Arc<Ready>);

#[derive(Debug)]
struct Ready {
    labels: TargetLabels,
    completions: Family<CompletionLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    begun: Family<BegunLabels, Counter>,
    ok: Counter,
    ends: [OnceLock<Counter>; ENDS],
    whys: [OnceLock<Counter>; WHYS],
    prompt_tokens: Counter,
    completion_tokens: Counter,
    cached_tokens: Counter,
    cache_write_tokens: Counter,
    reasoning_tokens: Counter,
    charged: Counter,
    first_token: Histogram,
    total: Histogram,
}

impl TargetLabels {
    fn with_status(&self, status: u16) -> CompletionLabels {
        CompletionLabels { model: self.model.clone(), provider: self.provider.clone(), status }
    }
}

impl Families {
    pub(super) fn target(&self, model: &str, provider: &str) -> TargetMetrics {
        let labels = TargetLabels { model: model.into(), provider: provider.into() };
        let tokens = |kind| {
            let labels = TokenLabels { model: labels.model.clone(), provider: labels.provider.clone(), kind };
            self.tokens.get_or_create(&labels).clone()
        };
        let ready = Ready {
            completions: self.completions.clone(),
            attempts: self.attempts.clone(),
            begun: self.begun.clone(),
            ok: self.completions.get_or_create(&labels.with_status(200)).clone(),
            ends: Default::default(),
            whys: Default::default(),
            prompt_tokens: tokens("prompt"),
            completion_tokens: tokens("completion"),
            cached_tokens: tokens("cached"),
            cache_write_tokens: tokens("cache_write"),
            reasoning_tokens: tokens("reasoning"),
            charged: self.charged.get_or_create(&labels).clone(),
            first_token: self.first_token.get_or_create(&labels).clone(),
            total: self.total.get_or_create(&labels).clone(),
            labels,
        };
        let target = TargetMetrics(Arc::new(ready));
        // What happens to nearly every request is there before the first one.
        target.ended_counter(Ended::Ok);
        target.begun_counter(Why::First);
        target
    }
}

impl TargetMetrics {
    /// Counts a call that begins.
    pub(crate) fn begun(&self, why: Why) {
        if let Some(counter) = self.begun_counter(why) {
            counter.inc();
        }
    }

    fn begun_counter(&self, why: Why) -> Option<&Counter> {
        let Ready { begun, whys, labels: TargetLabels { model, provider }, .. } = &*self.0;
        let make = || {
            let labels = BegunLabels { model: model.clone(), provider: provider.clone(), why: why_word(why) };
            begun.get_or_create(&labels).clone()
        };
        Some(whys.get(why as usize)?.get_or_init(make))
    }

    /// Counts a call that is over.
    pub(crate) fn ended(&self, how: Ended) {
        if let Some(counter) = self.ended_counter(how) {
            counter.inc();
        }
    }

    fn ended_counter(&self, how: Ended) -> Option<&Counter> {
        let Ready { attempts, ends, labels: TargetLabels { model, provider }, .. } = &*self.0;
        let make = || {
            let (outcome, reason) = how.words();
            let (model, provider) = (model.clone(), provider.clone());
            attempts.get_or_create(&AttemptLabels { model, provider, outcome, reason }).clone()
        };
        Some(ends.get(how.index())?.get_or_init(make))
    }

    /// Counts an answer of this target.
    pub(crate) fn answered(
        &self,
        status: u16,
        first_token: Option<f64>,
        total: f64,
        charge: Option<&Charge>,
    ) {
        let ready = &*self.0;
        if status == 200 {
            ready.ok.inc();
        } else {
            ready.completions.get_or_create(&ready.labels.with_status(status)).inc();
        }
        if let Some(first_token) = first_token {
            ready.first_token.observe(first_token);
        }
        ready.total.observe(total);
        if let Some(charge) = charge {
            self.used(&charge.usage);
            let cost = charge.cost.unwrap_or_default().0;
            ready.charged.inc_by(cost);
        }
    }

    fn used(&self, usage: &Usage) {
        let ready = &*self.0;
        ready.prompt_tokens.inc_by(usage.prompt_tokens);
        ready.completion_tokens.inc_by(usage.completion_tokens);
        for (counter, tokens) in [
            (&ready.cached_tokens, usage.prompt.cached_tokens),
            (&ready.cache_write_tokens, usage.prompt.cache_write_tokens),
            (&ready.reasoning_tokens, usage.completion.reasoning_tokens),
        ] {
            if tokens > 0 {
                counter.inc_by(tokens);
            }
        }
    }
}
