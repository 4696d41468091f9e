//! Budgets: how much money may be spent in one period of the UTC calendar.

use crate::NanoUsd;

/// The window in which a budget is counted; all but `Total` begin anew with the UTC calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    Week,
    Month,
    Total,
}

impl Period {
    /// The word used in settings and in the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// Reads the word used in settings and in the admin API.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Total].into_iter().find(|p| p.as_str() == word)
    }

    /// Longer periods have higher ranks.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Day => 0,
            Self::Week => 1,
            Self::Month => 2,
            Self::Total => 3,
        }
    }
}

/// A limit on spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub limit: NanoUsd,
    pub period: Period,
}
