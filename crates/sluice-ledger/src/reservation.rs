//! What one request holds between admission and settlement.
//!
//! A [`Reservation`] is made by admission before anything is sent upstream and is consumed by exactly one of
//! [`Reservation::settle`] and [`Reservation::release`].

use sluice_chat::Usage;

/// Where the token counts of a charge come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    /// The upstream reported them.
    Provider,
    /// Counted here, because the upstream reported none.
    Estimated,
    /// Counted here up to the point at which the caller left or the process died.
    Interrupted,
}

impl UsageSource {
    /// The word used in request rows and in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Estimated => "estimated",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What a request is held to have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    pub usage: Usage,
    pub source: UsageSource,
}

/// The hold that one admitted request has on its budgets and limits.
#[derive(Debug)]
#[must_use = "a reservation is settled or released, never dropped"]
pub struct Reservation {
    _private: (),
}

impl Reservation {
    /// Holds nothing: for a key without limits or budget.
    pub fn unlimited() -> Self {
        Self { _private: () }
    }

    /// The request was answered, wholly or in part: posts what it used.
    pub fn settle(self, charge: Charge) -> Charge {
        charge
    }

    /// Nothing was delivered: gives everything back.
    pub fn release(self) {}
}
