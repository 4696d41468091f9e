//! Mistakes that people make around a machine like this, planted one at a time: each must be caught, by the law it
//! breaks.

use std::fmt;

/// What always holds. A broken law names what a run must never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// A target whose breaker is not closed has one probe at a time.
    OneProbe,
    /// No more calls for one request than allowed.
    Attempts,
    /// Every request is over at its deadline, and every wait takes time.
    Time,
    /// A target that is cooling is not called.
    Cooled,
    /// A `Retry-After` is not shortened, up to the minute that counts.
    RetryAfter,
    /// While a target is well no request fails that may go there.
    Served,
    /// What is sent upstream in an outage is at most 1.2 times what callers sent.
    Amplification,
    /// A target that is well again is used again within 30 s.
    Return,
    /// Who says nothing is soon left alone.
    Silence,
    /// At five times the load a target does at least 90 % of what it can.
    Goodput,
    /// Every request ends once, and nothing of it is left.
    Ends,
    /// Repeats keep to the failure table.
    Table,
    /// Repeats stay within the budget of their provider.
    Repeats,
    /// Hedges stay within the budget of their model, and one call is beside one other.
    Hedges,
    /// 429 is told only when every target had too many requests, with a time.
    Told,
}

/// A law that was broken, and how.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) law: Law,
    pub(crate) text: String,
}

impl Violation {
    pub(crate) fn new(law: Law, text: impl fmt::Display) -> Self {
        Self { law, text: text.to_string() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Whoever asks for the probe gets it.
    ProbeForAll,
    /// Nobody gets the probe.
    ProbeForNobody,
    /// A target that is cooling is called all the same.
    CooldownIgnored,
    /// The `Retry-After` is not handed to the health of the target.
    RetryAfterNotNoted,
    /// Seconds are taken for twice as many.
    RetryAfterHalved,
    /// The wait is cut to half.
    WaitsHalf,
    /// A target with an open breaker is called all the same.
    BreakerIgnored,
    /// Failures are noted as calls that we ended.
    FailuresNotNoted,
    /// Successes are noted as calls that we ended.
    SuccessesNotNoted,
    /// That a call was outrun by another one is not noted.
    OutrunNotNoted,
    /// Each request has a health of its own.
    HealthForgotten,
    /// The end of a call that we ended is not noted.
    CancelledNotNoted,
    /// Repeats are free.
    RepeatsFree,
    /// Hedges are free.
    HedgesFree,
    /// Every slow call is taken for a silent one.
    AllSilent,
    /// The limit on calls under way is not looked at.
    LimitIgnored,
    /// A failure of the upstream is taken for one before anything was sent, which is no attempt.
    FailuresAreFree,
    /// The slower of two calls goes on.
    LoserGoesOn,
    /// The deadline of a request begins anew with each call.
    DeadlineMoves,
    /// The number of attempts is that of targets, twice over.
    AttemptsUncounted,
    /// What the caller did is taken for the upstream's fault.
    RefusalAsBroken,
    /// A context that is too short is taken for the upstream's fault.
    ContextAsBroken,
    /// Targets of one model are not known to be equals.
    EqualsUnknown,
    /// Only the first tier is tried.
    OneTier,
    /// A clock that ran out is taken for a connection that broke.
    TimeoutAsReset,
    /// A broken connection is taken for too many requests.
    ResetAsLimited,
}

impl Mutant {
    /// Each with the laws of which it breaks one first.
    pub(crate) const ALL: &[(Self, &[Law])] = &[
        (Self::ProbeForAll, &[Law::OneProbe]),
        (Self::ProbeForNobody, &[Law::Return]),
        (Self::CooldownIgnored, &[Law::Cooled, Law::RetryAfter, Law::Told]),
        (Self::RetryAfterNotNoted, &[Law::RetryAfter]),
        (Self::RetryAfterHalved, &[Law::RetryAfter]),
        (Self::WaitsHalf, &[Law::RetryAfter, Law::Table]),
        (Self::BreakerIgnored, &[Law::Amplification]),
        (Self::FailuresNotNoted, &[Law::Amplification]),
        (Self::SuccessesNotNoted, &[Law::Return]),
        (Self::OutrunNotNoted, &[Law::Silence]),
        (Self::HealthForgotten, &[Law::Cooled, Law::RetryAfter, Law::Amplification]),
        (Self::CancelledNotNoted, &[Law::Ends]),
        (Self::RepeatsFree, &[Law::Repeats]),
        (Self::HedgesFree, &[Law::Hedges]),
        (Self::AllSilent, &[Law::Hedges, Law::Repeats]),
        (Self::LimitIgnored, &[Law::Goodput]),
        (Self::FailuresAreFree, &[Law::Attempts, Law::Table]),
        (Self::LoserGoesOn, &[Law::Ends]),
        (Self::DeadlineMoves, &[Law::Time]),
        (Self::AttemptsUncounted, &[Law::Attempts]),
        (Self::RefusalAsBroken, &[Law::Table]),
        (Self::ContextAsBroken, &[Law::Table]),
        (Self::EqualsUnknown, &[Law::Table]),
        (Self::OneTier, &[Law::Served]),
        (Self::TimeoutAsReset, &[Law::Table]),
        (Self::ResetAsLimited, &[Law::Told]),
    ];
}
