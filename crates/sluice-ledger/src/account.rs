//! Who is charged, and in which window of the calendar: what a budget's books are kept by.

use std::sync::Arc;

use crate::Period;

/// An account with a budget of its own: a key, or a project. Written `key:ID` and `project:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The account of a key, by its id.
    pub fn key(id: &str) -> Self {
        Self(format!("key:{id}").into())
    }

    /// The account of a project, by its name.
    pub fn project(name: &str) -> Self {
        Self(format!("project:{name}").into())
    }

    /// As stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a project's.
    pub fn is_project(&self) -> bool {
        self.0.starts_with("project:")
    }

    /// Reads what was stored; `None` where it is not the account of anything.
    pub fn from_stored(text: &str) -> Option<Self> {
        (text.starts_with("key:") || text.starts_with("project:")).then(|| Self(text.into()))
    }
}

/// A window of a budget, by the Unix seconds of its start; 0 for a budget without windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(pub i64);

/// One window of one account: the row in which its books are kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PurseId {
    pub account: AccountId,
    pub window: Window,
}

const DAY_S: i64 = 86_400;
/// The epoch was a Thursday; weeks begin on Monday (ISO 8601).
const MONDAY_OFFSET_DAYS: i64 = 3;

impl Period {
    /// The window that holds `unix_s`, by the UTC calendar: from midnight, from Monday, from the first of the month.
    pub fn window(self, unix_s: i64) -> Window {
        let day = unix_s.div_euclid(DAY_S);
        Window(match self {
            Self::Day => day * DAY_S,
            Self::Week => (day - (day + MONDAY_OFFSET_DAYS).rem_euclid(7)) * DAY_S,
            Self::Month => (day - i64::from(day_of_month(day)) + 1) * DAY_S,
            Self::Total => 0,
        })
    }
}

/// The day of the month, from 1, of a day counted from the epoch; the civil calendar in closed form: years begin in
/// March, so that the leap day is the last of its year.
fn day_of_month(day: i64) -> u8 {
    const DAYS_PER_ERA: i64 = 146_097;
    const EPOCH_FROM_MARCH_0000: i64 = 719_468;
    let day_of_era = (day + EPOCH_FROM_MARCH_0000).rem_euclid(DAYS_PER_ERA);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    u8::try_from(day_of_year - (153 * month + 2) / 5 + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_utc_calendar() {
        let check = |period: Period, unix_s: i64, start: i64| {
            assert_eq!(period.window(unix_s), Window(start), "{period:?} {unix_s}");
        };
        // 2026-11-21 is a Saturday.
        let saturday = 1_795_219_200;
        check(Period::Day, saturday, saturday);
        check(Period::Day, saturday + 86_399, saturday);
        check(Period::Day, saturday - 1, saturday - 86_400);
        check(Period::Week, saturday, saturday - 5 * 86_400);
        check(Period::Week, saturday + 2 * 86_400, saturday + 2 * 86_400);
        check(Period::Month, saturday, saturday - 20 * 86_400);
        // The last second of February 2028, a leap year, and the first of March.
        check(Period::Month, 1_835_481_599, 1_832_976_000);
        check(Period::Month, 1_835_481_600, 1_835_481_600);
        check(Period::Month, 0, 0);
        check(Period::Month, -1, -31 * 86_400);
        check(Period::Total, saturday, 0);
    }

    #[test]
    fn accounts_are_read_back() {
        let check = |text, expect: Option<AccountId>| assert_eq!(AccountId::from_stored(text), expect);
        check("key:key_1", Some(AccountId::key("key_1")));
        check("project:a:b", Some(AccountId::project("a:b")));
        check("other", None);
    }
}
