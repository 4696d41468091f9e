//! How much of something is used.

use super::percent;
use crate::html::Html;

/// From this share on a budget is near its end, and from this one it is at it; in percent.
const WARN_PERCENT: u64 = 80;
const BAD_PERCENT: u64 = 95;

/// A budget: what is spent, what is held for requests that run, and the limit, all in one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    pub spent: u64,
    pub reserved: u64,
    pub limit: u64,
    /// The same in words.
    pub label: String,
}

impl Meter {
    /// `good`, `warn` or `bad`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        let used = u128::from(self.spent.saturating_add(self.reserved)) * 100;
        match u128::from(self.limit) {
            limit if used >= limit * u128::from(BAD_PERCENT) => "bad",
            limit if used >= limit * u128::from(WARN_PERCENT) => "warn",
            _ => "good",
        }
    }

    /// The bar.
    #[must_use]
    pub fn html(&self) -> Html {
        let share = |part: u64| match self.limit {
            0 => f64::from(u8::from(part > 0)),
            limit => (part as f64 / limit as f64).min(1.0),
        };
        let (spent, used) = (share(self.spent), share(self.spent.saturating_add(self.reserved)));
        let colour = if self.state() == "good" { "accent" } else { self.state() };
        let mut html = Html::new(
            "<svg class=\"meter\" role=\"img\" aria-label=\"{}\"><title>{}</title>\
             <rect class=\"fill track\" width=\"100%\" height=\"100%\" rx=\"3\"/>",
            &[&self.label, &self.label],
        );
        if used > spent {
            html.push("<rect class=\"fill soft\" width=\"{}\" height=\"100%\" rx=\"3\"/>", &[&percent(used)]);
        }
        if spent > 0.0 {
            html.push(
                "<rect class=\"fill {}\" width=\"{}\" height=\"100%\" rx=\"3\"/>",
                &[&colour, &percent(spent.max(0.01))],
            );
        }
        html.push("</svg>", &[]);
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let check = |spent, reserved, limit, expect| {
            assert_eq!(Meter { spent, reserved, limit, label: String::new() }.state(), expect);
        };
        check(0, 0, 100, "good");
        check(70, 9, 100, "good");
        check(70, 10, 100, "warn");
        check(95, 0, 100, "bad");
        check(u64::MAX, u64::MAX, u64::MAX, "bad");
        check(0, 0, 0, "bad");
    }
}
