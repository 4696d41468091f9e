//! `reasoning_effort` and `thinking` in the form that a model takes. Source: Anthropic's pages on extended thinking,
//! adaptive thinking and effort.

use serde_json::{Map, Value, json};

use super::model::{Model, Thinking};

/// What a request says of thinking.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) thinking: Option<Value>,
    pub(super) effort: Option<&'static str>,
    /// The tokens that are for thinking alone.
    pub(super) budget: Option<u64>,
    /// What was asked cannot be had.
    pub(super) dropped: bool,
    /// The field in which it was asked.
    pub(super) field: &'static str,
}

/// The least budget, in tokens.
const BUDGET_MIN: u64 = 1024;

impl Plan {
    /// The plan for an effort in OpenAI's words.
    pub(super) fn of_effort(effort: &str, model: &Model) -> Self {
        let level = match effort {
            "none" => return Self::off(model),
            "minimal" | "low" => "low",
            "medium" => "medium",
            "high" => "high",
            "xhigh" if model.xhigh => "xhigh",
            "xhigh" => "high",
            "max" => "max",
            _ => return Self { dropped: true, ..Self::default() },
        };
        match model.thinking {
            Thinking::Never => Self { dropped: true, ..Self::default() },
            Thinking::Budget => Self::with_budget(match effort {
                "minimal" => BUDGET_MIN,
                "low" => 2_048,
                "medium" => 4_096,
                "high" => 16_384,
                _ => 32_768,
            }),
            Thinking::Either | Thinking::Adaptive | Thinking::Always => Self::adaptive(Some(level)),
        }
    }

    /// The plan for the `thinking` object that clients of Anthropic send.
    pub(super) fn of_object(thinking: &Map<String, Value>, model: &Model) -> Self {
        let kind = thinking.get("type").and_then(Value::as_str).unwrap_or_default();
        let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
        match (kind, model.thinking) {
            (_, Thinking::Never) => Self { dropped: kind != "disabled", ..Self::default() },
            ("disabled", _) => Self::off(model),
            ("enabled", Thinking::Budget | Thinking::Either) => {
                Self::with_budget(budget.unwrap_or(4_096).max(BUDGET_MIN))
            }
            ("adaptive", Thinking::Budget) => Self::with_budget(4_096),
            ("enabled", _) => Self::adaptive(budget.map(|budget| match budget {
                8_192.. => "high",
                2_048.. => "medium",
                _ => "low",
            })),
            // A form that is newer than this: as it came.
            ("adaptive", _) | ("", _) => Self::adaptive(None),
            _ => Self { thinking: Some(Value::Object(thinking.clone())), ..Self::default() },
        }
    }

    fn with_budget(budget: u64) -> Self {
        Self { budget: Some(budget), thinking: Some(enabled(budget)), ..Self::default() }
    }

    /// Without the wish for a summary the text of the thinking stays away.
    fn adaptive(effort: Option<&'static str>) -> Self {
        let thinking = json!({ "type": "adaptive", "display": "summarized" });
        Self { thinking: Some(thinking), effort, ..Self::default() }
    }

    fn off(model: &Model) -> Self {
        match model.thinking {
            Thinking::Never | Thinking::Budget | Thinking::Either => Self::default(),
            Thinking::Adaptive => Self { thinking: Some(json!({ "type": "disabled" })), ..Self::default() },
            Thinking::Always => Self { effort: Some("low"), dropped: true, ..Self::default() },
        }
    }

    /// Whether the request turns thinking on.
    pub(super) fn is_on(&self) -> bool {
        let kind = self.thinking.as_ref().and_then(|thinking| thinking.get("type")).and_then(Value::as_str);
        kind.is_some_and(|kind| kind != "disabled")
    }

    /// Gives the wish up.
    pub(super) fn give_up(&mut self, model: &Model) {
        *self = Self { dropped: true, field: self.field, ..Self::off(model) };
    }

    /// Brings budget and limit together: a limit of the caller's holds, and the budget gives way; a limit of ours
    /// leaves room for both, up to `most`. Returns the limit that holds.
    pub(super) fn fit(&mut self, limit: u64, holds: bool, most: u64) -> u64 {
        let Some(budget) = self.budget else { return limit };
        if !holds {
            let limit = limit.saturating_add(budget).min(most.max(limit));
            self.shrink(budget.min(limit / 2));
            return limit;
        }
        if limit <= BUDGET_MIN {
            // Budgets are for models that do not think without one.
            *self = Self { dropped: true, field: self.field, ..Self::default() };
        } else {
            // A quarter is for what is said.
            self.shrink(budget.min((limit - limit / 4).max(BUDGET_MIN)));
        }
        limit
    }

    fn shrink(&mut self, budget: u64) {
        let budget = budget.max(BUDGET_MIN);
        self.budget = Some(budget);
        self.thinking = Some(enabled(budget));
    }
}

fn enabled(budget: u64) -> Value {
    json!({ "type": "enabled", "budget_tokens": budget })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, effort: &str, expect: &str) {
        assert_eq!(shown(&Plan::of_effort(effort, &Model::of(name))), expect, "{name} {effort}");
    }

    fn shown(plan: &Plan) -> String {
        let Plan { thinking, effort, dropped, .. } = plan;
        let thinking = thinking.as_ref().map_or("-".to_owned(), |thinking| {
            let budget = thinking.get("budget_tokens").map_or(String::new(), |budget| format!(" {budget}"));
            format!("{}{budget}", thinking["type"].as_str().unwrap())
        });
        format!("{thinking} {}{}", effort.unwrap_or("-"), if *dropped { " dropped" } else { "" })
    }

    #[test]
    fn efforts() {
        check("claude-haiku-4-5", "low", "enabled 2048 -");
        check("claude-haiku-4-5", "max", "enabled 32768 -");
        check("claude-haiku-4-5", "none", "- -");
        check("claude-3-haiku", "high", "- - dropped");
        check("claude-sonnet-4-6", "xhigh", "adaptive high");
        check("claude-sonnet-4-6", "max", "adaptive max");
        check("claude-sonnet-4-6", "none", "- -");
        check("claude-opus-4-7", "xhigh", "adaptive xhigh");
        check("claude-opus-4-7", "none", "disabled -");
        check("claude-opus-4-7", "minimal", "adaptive low");
        check("claude-fable-5", "none", "- low dropped");
        check("claude-fable-5", "fast", "- - dropped");
    }

    #[test]
    fn objects() {
        let check = |name: &str, thinking: Value, expect: &str| {
            let plan = Plan::of_object(thinking.as_object().unwrap(), &Model::of(name));
            assert_eq!(shown(&plan), expect, "{name} {thinking}");
        };
        let enabled = json!({ "type": "enabled", "budget_tokens": 9000 });
        check("claude-haiku-4-5", enabled.clone(), "enabled 9000 -");
        check("claude-opus-4-6", enabled.clone(), "enabled 9000 -");
        check("claude-opus-4-7", enabled, "adaptive high");
        check("claude-haiku-4-5", json!({ "type": "adaptive" }), "enabled 4096 -");
        check("claude-opus-5", json!({ "type": "disabled" }), "disabled -");
        check("claude-fable-5", json!({ "type": "disabled" }), "- low dropped");
        check("claude-opus-5", json!({ "type": "between_tools" }), "between_tools -");
    }

    #[test]
    fn budgets_and_limits() {
        let check = |budget, limit, holds, expect: (&str, u64)| {
            let mut plan = Plan::with_budget(budget);
            let limit = plan.fit(limit, holds, 64_000);
            assert_eq!((shown(&plan).as_str(), limit), expect);
        };
        check(4096, 8192, true, ("enabled 4096 -", 8192));
        check(16_384, 8192, true, ("enabled 6144 -", 8192));
        check(4096, 1100, true, ("enabled 1024 -", 1100));
        check(4096, 1024, true, ("- - dropped", 1024));
        check(16_384, 32_000, false, ("enabled 16384 -", 48_384));
        check(32_768, 64_000, false, ("enabled 32000 -", 64_000));
    }
}
