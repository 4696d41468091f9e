//! The failure table: what each kind of failure says about the request, the target, and what may be tried next.

use std::time::Duration;

use sluice_chat::FailureKind;

use crate::Dice;

/// Whether the same target may be called again by the request that failed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    /// Once, after a short pause.
    Pause,
    /// Once, after the `Retry-After` it stated.
    Stated,
}

/// What is left to try after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Equals, then fallbacks.
    Others,
    /// Fallbacks only, those with a larger context first.
    LargerContext,
    /// Nothing: the caller is told.
    Nothing,
}

/// One row of the failure table.
pub(crate) fn after(kind: FailureKind) -> (Again, Next) {
    use FailureKind::*;
    match kind {
        RateLimited => (Again::Stated, Next::Others),
        ServerError | Overloaded | Unreachable | Reset | BadResponse | BadEvent | Truncated => {
            (Again::Pause, Next::Others)
        }
        ConnectTimeout | FirstTokenTimeout | Stalled => (Again::Never, Next::Others),
        AuthRefused | ModelMissing | BalanceGone | Tls | EventTooLarge | Unsupported => {
            (Again::Never, Next::Others)
        }
        ContextLength => (Again::Never, Next::LargerContext),
        ContentPolicy | BadRequest | TotalTimeout => (Again::Never, Next::Nothing),
    }
}

/// Whether a stream that broke this way after content may be started again on the same target.
pub(crate) fn breaks_by_chance(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Truncated | FailureKind::Reset)
}

/// What a failure says about its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The target works; it is the request that it does not take.
    Request,
    /// Too many requests: the target needs a rest.
    Rate,
    /// The target does not work.
    Target,
    /// Nobody can use the target as it is configured.
    Account,
    /// Nothing.
    Nobody,
}

pub(crate) fn blame(kind: FailureKind) -> Blame {
    use FailureKind::*;
    match kind {
        ContextLength | ContentPolicy | BadRequest => Blame::Request,
        RateLimited => Blame::Rate,
        ServerError | Overloaded | Unreachable | Tls | Reset | BadResponse | ConnectTimeout
        | FirstTokenTimeout | Stalled | TotalTimeout | Truncated | BadEvent => Blame::Target,
        AuthRefused | ModelMissing | BalanceGone => Blame::Account,
        // Too large for us, or never sent.
        EventTooLarge | Unsupported => Blame::Nobody,
    }
}

/// A random length of time, both ends included.
pub(crate) fn between(least: Duration, most: Duration, dice: &mut Dice<'_>) -> Duration {
    let span = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX - 1);
    least + Duration::from_micros(dice() % (span + 1))
}
