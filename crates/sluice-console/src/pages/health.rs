//! How targets and providers do, as the node that was asked sees them: `GET /admin/v1/status`.

use serde::Deserialize;

use crate::{
    Answers, Problem, Want,
    shell::Shell,
    texts::{fill, texts},
};

texts! {
    /// Words of the table of targets and of the badges.
    pub(crate) struct Words {
        targets: "Targets now", "目标当前状态";
        targets_note: "As this node sees them; errors of the last ten minutes", "本节点所见；错误为最近十分钟";
        target: "Target", "目标";
        upstream_model: "Model there", "上游模型";
        state: "State", "状态";
        first_token: "First token p95", "首字延迟 p95";
        in_flight: "Under way", "进行中";
        errors: "Errors", "错误";
        last_failure: "Last failure", "最近失败";
        credential: "key {0}", "密钥 {0}";
        until: "until", "至";
        well: "healthy", "正常";
        unused: "no calls lately", "近期无调用";
        failing: "failing", "出错";
        cooling: "resting", "限流等待";
        half_open: "on trial", "试探恢复";
        open: "not called", "已熔断";
        no_model: "no model", "无模型";
        no_targets: "No target to watch; those of the sandbox need no watching.", "没有需要监测的目标；沙箱目标无需监测。";
    }
}

/// What a badge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) text: &'static str,
    pub(crate) kind: &'static str,
}

/// How well a target does, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Unused,
    Well,
    Cooling,
    Failing,
    HalfOpen,
    Open,
}

impl Standing {
    fn badge(self, words: &Words) -> Badge {
        let (text, kind) = match self {
            Self::Unused => (words.unused, ""),
            Self::Well => (words.well, "good"),
            Self::Cooling => (words.cooling, "warn"),
            Self::Failing => (words.failing, "warn"),
            Self::HalfOpen => (words.half_open, "warn"),
            Self::Open => (words.open, "bad"),
        };
        Badge { text, kind }
    }
}

/// A provider is called failing from this share of failed calls on, in percent, of at least so many.
const FAILING_PERCENT: u64 = 20;
const FAILING_CALLS: u64 = 10;

/// An upstream model at a provider, with one credential.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) provider: String,
    pub(crate) upstream_model: String,
    #[serde(default)]
    pub(crate) credential: u64,
    #[serde(default)]
    pub(crate) models: Vec<String>,
    state: String,
    until: Option<String>,
    cooling_until: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) failed_at: Option<String>,
    pub(crate) first_token_p95_ms: Option<f64>,
    #[serde(default)]
    pub(crate) in_flight: u64,
    #[serde(default)]
    pub(crate) calls: u64,
    #[serde(default)]
    pub(crate) failures: u64,
}

impl Target {
    fn standing(&self) -> Standing {
        match self.state.as_str() {
            "open" => Standing::Open,
            "half_open" => Standing::HalfOpen,
            _ if self.cooling_until.is_some() => Standing::Cooling,
            _ if self.calls >= FAILING_CALLS && self.failures * 100 >= self.calls * FAILING_PERCENT => {
                Standing::Failing
            }
            _ if self.calls == 0 && self.first_token_p95_ms.is_none() => Standing::Unused,
            _ => Standing::Well,
        }
    }

    pub(crate) fn badge(&self, words: &Words) -> Badge {
        self.standing().badge(words)
    }

    /// Which of the provider's keys, as people count them.
    pub(crate) fn credential_name(&self, words: &Words) -> String {
        fill(words.credential, &[&self.credential.saturating_add(1)])
    }

    /// Until when it is not called.
    pub(crate) fn away_until(&self) -> Option<&str> {
        self.until.as_deref().or(self.cooling_until.as_deref())
    }
}

/// All that is known of how targets do.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Health {
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
}

/// How one provider does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sum {
    pub(crate) badge: Badge,
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) in_flight: u64,
    /// The slowest's.
    pub(crate) first_token_p95_ms: Option<f64>,
}

pub(crate) fn want() -> Want {
    Want::new("status", "status")
}

/// What the answer to [`want`] says.
pub(crate) fn read(answers: &Answers) -> Result<Health, Problem> {
    answers.read("status")
}

impl Health {
    /// Only the targets of one provider.
    pub(crate) fn of_provider(mut self, name: &str) -> Self {
        self.targets.retain(|target| target.provider == name);
        self
    }

    /// The sum over some targets: the badge is that of the worst. `None`: there are none.
    pub(crate) fn sum(&self, words: &Words, of: impl Fn(&Target) -> bool) -> Option<Sum> {
        let mut worst = None;
        let mut first_token_p95_ms: Option<f64> = None;
        let (mut calls, mut failures, mut in_flight) = (0_u64, 0_u64, 0_u64);
        for target in self.targets.iter().filter(|target| of(target)) {
            worst = worst.max(Some(target.standing()));
            let slowest = first_token_p95_ms.unwrap_or(0.0);
            first_token_p95_ms = target.first_token_p95_ms.map(|ms| ms.max(slowest)).or(first_token_p95_ms);
            calls = calls.saturating_add(target.calls);
            failures = failures.saturating_add(target.failures);
            in_flight = in_flight.saturating_add(target.in_flight);
        }
        Some(Sum { badge: worst?.badge(words), calls, failures, in_flight, first_token_p95_ms })
    }

    /// How many credentials are in use, as far as targets tell.
    pub(crate) fn credentials(&self) -> u64 {
        self.targets.iter().map(|target| target.credential.saturating_add(1)).max().unwrap_or(0)
    }

    /// Whether a provider is called with more than one credential.
    pub(crate) fn has_credentials(&self, target: &Target) -> bool {
        self.targets.iter().any(|other| {
            other.credential > 0
                && other.provider == target.provider
                && other.upstream_model == target.upstream_model
        })
    }
}

impl Words {
    pub(crate) fn here(shell: &Shell<'_>) -> &'static Self {
        Self::of(shell.visit.language)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Language;

    fn target(more: &Value) -> Value {
        let mut target = json!({ "provider": "p", "upstream_model": "m", "state": "closed", "calls": 20 });
        for (name, value) in more.as_object().into_iter().flatten() {
            target[name] = value.clone();
        }
        target
    }

    #[test]
    fn the_worst_target_is_told_of() {
        let words = Words::of(Language::English);
        let check = |targets: &[Value], expect: Option<(&str, u64)>| {
            let answers = Answers::new().with("status", json!({ "targets": targets }));
            let sum = read(&answers).unwrap().sum(words, |target| target.provider == "p");
            assert_eq!(sum.map(|sum| (sum.badge.text, sum.failures)), expect, "{targets:?}");
        };
        check(&[], None);
        check(&[target(&json!({ "provider": "q" }))], None);
        check(&[target(&json!({ "calls": 0 }))], Some(("no calls lately", 0)));
        check(&[target(&json!({ "calls": 0 })), target(&json!({}))], Some(("healthy", 0)));
        check(&[target(&json!({ "failures": 3 })), target(&json!({}))], Some(("healthy", 3)));
        check(&[target(&json!({ "failures": 4 })), target(&json!({ "failures": 1 }))], Some(("failing", 5)));
        check(&[target(&json!({ "cooling_until": "2026-11-21T12:00:05Z" }))], Some(("resting", 0)));
        check(
            &[target(&json!({ "state": "open" })), target(&json!({ "state": "half_open" }))],
            Some(("not called", 0)),
        );
    }
}
