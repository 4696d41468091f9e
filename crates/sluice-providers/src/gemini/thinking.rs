//! How much a model shall think: a budget of tokens for 2.5, a level from 3 on; both together are refused.

use serde_json::{Map, Value, json};

use super::model::{Generation, Model};

/// The `thinkingConfig` of a request, and whether the wish cannot be honoured as it stands.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Thinking {
    pub(super) config: Option<Value>,
    pub(super) unmet: bool,
}

impl Thinking {
    fn unmet() -> Self {
        Self { config: None, unmet: true }
    }
}

/// `thinkingBudget` as Google's own route for Chat Completions has them for low, medium and high; the ends are those
/// of the models' ranges.
fn budget(effort: &str, model: &Model<'_>) -> Option<u64> {
    Some(match effort {
        "none" if model.is_pro() => PRO_BUDGET_MIN,
        "none" => 0,
        "minimal" => 512,
        "low" => 1024,
        "medium" => 8192,
        "high" => 24_576,
        "xhigh" | "max" => budget_max(model),
        _ => return None,
    })
}

const PRO_BUDGET_MIN: u64 = 128;

fn budget_max(model: &Model<'_>) -> u64 {
    if model.is_pro() { 32_768 } else { 24_576 }
}

fn level(effort: &str, model: &Model<'_>) -> Option<&'static str> {
    Some(match effort {
        "none" | "minimal" if model.has_minimal_level() => "MINIMAL",
        "none" | "minimal" | "low" => "LOW",
        "medium" if model.has_medium_level() => "MEDIUM",
        "medium" | "high" | "xhigh" | "max" => "HIGH",
        _ => return None,
    })
}

/// By `reasoning_effort`. Summaries of the thoughts are asked for along with it.
pub(super) fn of_effort(effort: &str, model: &Model<'_>) -> Thinking {
    let off = effort == "none";
    if !model.thinking_can_be_asked() {
        return if off { Thinking::default() } else { Thinking::unmet() };
    }
    let said = match model.generation {
        Generation::Three => level(effort, model).map(|level| ("thinkingLevel", Value::from(level))),
        _ => budget(effort, model).map(|budget| ("thinkingBudget", Value::from(budget))),
    };
    let Some((name, value)) = said else { return Thinking::unmet() };
    // What cannot be switched off is only made small.
    let unmet = off && value != json!(0);
    Thinking { config: Some(json!({ name: value, "includeThoughts": !off })), unmet }
}

/// By the extension `thinking: {"type": …, "budget_tokens": …}`.
pub(super) fn of_extension(thinking: &Map<String, Value>, model: &Model<'_>) -> Thinking {
    let kind = thinking.get("type").and_then(Value::as_str).unwrap_or("enabled");
    let tokens = thinking.get("budget_tokens").and_then(Value::as_u64);
    match (kind, tokens) {
        ("disabled", _) => of_effort("none", model),
        _ if !model.thinking_can_be_asked() => Thinking::unmet(),
        ("enabled" | "auto" | "adaptive", tokens) => {
            let three = model.generation == Generation::Three;
            let config = match tokens.filter(|_| !three) {
                Some(tokens) => {
                    let least = if model.is_pro() { PRO_BUDGET_MIN } else { 1 };
                    let least = if model.is_flash_lite() { 512 } else { least };
                    let budget = tokens.clamp(least, budget_max(model));
                    json!({ "thinkingBudget": budget, "includeThoughts": true })
                }
                None => json!({ "includeThoughts": true }),
            };
            Thinking { config: Some(config), unmet: three && tokens.is_some() }
        }
        _ => Thinking::unmet(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts() {
        let check = |model: &str, effort: &str, expect: Value, unmet: bool| {
            let got = of_effort(effort, &Model::of(model));
            assert_eq!((got.config.unwrap_or_default(), got.unmet), (expect, unmet), "{model} {effort}");
        };
        let budget = |tokens: u64, shown: bool| json!({ "thinkingBudget": tokens, "includeThoughts": shown });
        let level = |level: &str, shown: bool| json!({ "thinkingLevel": level, "includeThoughts": shown });
        check("gemini-2.5-flash", "none", budget(0, false), false);
        check("gemini-2.5-pro", "none", budget(128, false), true);
        check("gemini-2.5-flash-lite", "minimal", budget(512, true), false);
        check("gemini-2.5-flash", "low", budget(1024, true), false);
        check("gemini-2.5-flash", "medium", budget(8192, true), false);
        check("gemini-2.5-pro", "high", budget(24_576, true), false);
        check("gemini-2.5-pro", "max", budget(32_768, true), false);
        check("gemini-2.5-flash", "xhigh", budget(24_576, true), false);
        check("gemini-2.5-flash", "frantic", Value::Null, true);
        check("gemini-3-flash-preview", "none", level("MINIMAL", false), true);
        check("gemini-3.7-flash", "minimal", level("LOW", true), false);
        check("gemini-3-pro-preview", "medium", level("HIGH", true), false);
        check("gemini-3.1-pro-preview", "medium", level("MEDIUM", true), false);
        check("gemini-3.1-pro-preview", "xhigh", level("HIGH", true), false);
        check("gemini-2.0-flash", "none", Value::Null, false);
        check("gemini-2.0-flash", "high", Value::Null, true);
        check("gemini-2.5-flash-image", "low", Value::Null, true);
    }

    #[test]
    fn the_extension() {
        let check = |model: &str, thinking: Value, expect: Value, unmet: bool| {
            let got = of_extension(thinking.as_object().unwrap(), &Model::of(model));
            assert_eq!((got.config.unwrap_or_default(), got.unmet), (expect, unmet), "{model} {thinking}");
        };
        let budget = |tokens: u64| json!({ "thinkingBudget": tokens, "includeThoughts": true });
        check("gemini-2.5-flash", json!({ "type": "enabled", "budget_tokens": 3000 }), budget(3000), false);
        check("gemini-2.5-pro", json!({ "budget_tokens": 1 }), budget(128), false);
        check("gemini-2.5-flash-lite", json!({ "budget_tokens": 1 }), budget(512), false);
        check("gemini-2.5-flash", json!({ "budget_tokens": 99_999 }), budget(24_576), false);
        check(
            "gemini-3.5-flash",
            json!({ "type": "enabled", "budget_tokens": 3000 }),
            json!({ "includeThoughts": true }),
            true,
        );
        check("gemini-2.5-flash", json!({ "type": "adaptive" }), json!({ "includeThoughts": true }), false);
        check(
            "gemini-2.5-flash",
            json!({ "type": "disabled" }),
            json!({ "thinkingBudget": 0, "includeThoughts": false }),
            false,
        );
        check("gemini-2.5-flash", json!({ "type": "other" }), Value::Null, true);
    }
}
