//! `reasoning_effort` in the words of each maker.
//!
//! Sources: the Bedrock User Guide's pages of the makers' models; Amazon Nova 2 User Guide, "Extended thinking".

use serde_json::{Map, Value, json};

use super::encode::Inference;
use super::model::Family;
use crate::asked::Dropped;

/// Says how much the model shall think; what it cannot be told is reported.
pub(super) fn effort(
    word: &str,
    family: Family,
    inference: &mut Inference,
    more: &mut Map<String, Value>,
    dropped: &mut Dropped,
) {
    match family {
        Family::GptOss | Family::DeepSeek => {
            let level = level(word);
            // These always think, at least a little.
            dropped.add_if(level != word, "reasoning_effort");
            more.insert("reasoning_effort".to_owned(), level.into());
        }
        Family::Gpt => drop(more.insert("reasoning".to_owned(), json!({ "effort": word }))),
        Family::Nova2 => nova(word, inference, more, dropped),
        _ => dropped.add("reasoning_effort"),
    }
}

/// One of the three levels that most know.
fn level(word: &str) -> &'static str {
    match word {
        "none" | "minimal" | "low" => "low",
        "medium" => "medium",
        _ => "high",
    }
}

/// Nova thinks only where it is told to. At its highest effort it refuses a limit and sampling: a limit is a promise to
/// whoever pays, and wins.
fn nova(word: &str, inference: &mut Inference, more: &mut Map<String, Value>, dropped: &mut Dropped) {
    if word == "none" {
        return;
    }
    let mut level = level(word);
    if level == "high" && inference.max_tokens.is_some() {
        level = "medium";
        dropped.add("reasoning_effort");
    }
    if level == "high" {
        dropped.add_if(inference.temperature.take().is_some(), "temperature");
        dropped.add_if(inference.top_p.take().is_some(), "top_p");
    }
    let config = json!({ "type": "enabled", "maxReasoningEffort": level });
    more.insert("reasoningConfig".to_owned(), config);
}
