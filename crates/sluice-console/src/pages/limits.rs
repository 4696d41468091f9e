//! Limits and budgets, as keys and projects have them.

use serde::Deserialize;

use crate::{
    Language,
    chart::Meter,
    format,
    html::Html,
    parts::Choice,
    shell::Shell,
    texts::{fill, texts},
};

texts! {
    /// Words of limits and budgets.
    pub(crate) struct Words {
        limits: "Limits", "限额";
        budget: "Budget", "预算";
        rpm: "Requests a minute", "每分钟请求数";
        tpm: "Tokens a minute", "每分钟 token 数";
        parallel: "Requests at a time", "并发请求数";
        max_output: "Output tokens of a request", "单次输出 token 上限";
        no_limit_hint: "Empty: no limit.", "留空表示不限。";
        spend_limit: "Limit", "上限";
        period: "Period", "周期";
        day: "day", "天";
        week: "week", "周";
        month: "month", "月";
        total: "in total", "累计";
        budget_hint: "Calendar periods of UTC. Empty: no budget.", "按 UTC 日历周期计算；留空表示无预算。";
        of_budget: "{0} of {1} · {2}", "{0} / {1} · {2}";
        held: "{0} spent, {1} held for running requests, of {2}", "已用 {0}，为进行中的请求预留 {1}，上限 {2}";
        none: "None", "无";
        short_rpm: "{0} req/min", "{0} 次/分";
        short_tpm: "{0} tok/min", "{0} tok/分";
        short_parallel: "{0} at a time", "并发 {0}";
        short_output: "{0} tok out", "输出 {0}";
    }
}

/// Limits; what is `None` is not limited.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Limits {
    pub(crate) rpm: Option<u64>,
    pub(crate) tpm: Option<u64>,
    pub(crate) parallel: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
}

impl Limits {
    /// In one line; empty where there are none.
    pub(crate) fn line(&self, shell: &Shell<'_>) -> String {
        let words = Words::of(shell.visit.language);
        let parts = [
            (self.rpm, words.short_rpm),
            (self.tpm, words.short_tpm),
            (self.parallel, words.short_parallel),
            (self.max_output_tokens, words.short_output),
        ];
        let told = parts.iter().filter_map(|(number, text)| Some(fill(text, &[&format::brief((*number)?)])));
        told.collect::<Vec<_>>().join(" · ")
    }
}

/// A budget and what is used of it in its running period.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Budget {
    pub(crate) limit_nanousd: u64,
    #[serde(default)]
    pub(crate) spent_nanousd: u64,
    #[serde(default)]
    pub(crate) reserved_nanousd: u64,
    pub(crate) period: String,
}

impl Budget {
    /// The bar.
    pub(crate) fn meter(&self, shell: &Shell<'_>) -> Html {
        let money = |nano: u64| format::money(nano.into(), shell.visit.currency);
        let words = Words::of(shell.visit.language);
        let (spent, held) = (money(self.spent_nanousd), money(self.reserved_nanousd));
        let label = fill(words.held, &[&spent, &held, &money(self.limit_nanousd)]);
        Meter { spent: self.spent_nanousd, reserved: self.reserved_nanousd, limit: self.limit_nanousd, label }
            .html()
    }

    /// What is spent, of how much, in which period.
    pub(crate) fn line(&self, shell: &Shell<'_>) -> String {
        let money = |nano: u64| format::money(nano.into(), shell.visit.currency);
        let words = Words::of(shell.visit.language);
        let period = period_name(words, &self.period);
        fill(words.of_budget, &[&money(self.spent_nanousd), &money(self.limit_nanousd), &period])
    }
}

fn period_name<'a>(words: &'static Words, period: &'a str) -> &'a str {
    match period {
        "day" => words.day,
        "week" => words.week,
        "month" => words.month,
        "total" => words.total,
        other => other,
    }
}

/// The periods, of which that of `budget` is chosen, or the month.
pub(crate) fn periods(language: Language, budget: Option<&Budget>) -> Vec<Choice> {
    let words = Words::of(language);
    let chosen = budget.map_or("month", |budget| budget.period.as_str());
    Choice::list(["day", "week", "month", "total"].map(|period| (period, period_name(words, period))), chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Page, test_visit::TestVisit};

    #[test]
    fn limits_are_told_in_a_line() {
        let check = |limits: Limits, language, expect: &str| {
            let owned = TestVisit::new(Page::Keys).language(language);
            let visit = owned.visit();
            assert_eq!(limits.line(&Shell::new(&visit, "x")), expect);
        };
        let some = Limits { rpm: Some(600), tpm: Some(1_000_000), ..Limits::default() };
        check(Limits::default(), Language::English, "");
        check(some.clone(), Language::English, "600 req/min · 1M tok/min");
        check(some, Language::Chinese, "600 次/分 · 1M tok/分");
    }

    #[test]
    fn budgets_are_told_in_a_line() {
        let owned = TestVisit::new(Page::Keys);
        let visit = owned.visit();
        let shell = Shell::new(&visit, "x");
        let budget = Budget {
            limit_nanousd: 50_000_000_000,
            spent_nanousd: 1_250_000_000,
            reserved_nanousd: 0,
            period: "month".to_owned(),
        };
        assert_eq!(budget.line(&shell), "$1.25 of $50.00 · month");
        assert!(budget.meter(&shell).as_str().contains("$1.25 spent, $0.00 held"));
        let chosen = periods(Language::English, Some(&budget));
        assert_eq!(
            chosen.iter().filter(|c| c.chosen).map(|c| c.value.as_str()).collect::<Vec<_>>(),
            ["month"]
        );
    }
}
