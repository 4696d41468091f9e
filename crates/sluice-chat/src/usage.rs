//! Token counts of one completion, as numbers. Invariants of the wire: `total = prompt + completion`; cached and
//! cache-write tokens lie inside the prompt, reasoning tokens inside the completion.

use std::sync::LazyLock;

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Map, Value};

/// Token counts. Every number is a count of tokens; a detail nobody reported is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub prompt: PromptDetails,
    pub completion: CompletionDetails,
}

/// `usage.prompt_tokens_details`. The counts that the API's pages name are always on the wire, the others where they are
/// not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PromptDetails {
    pub cached_tokens: u64,
    pub cache_write_tokens: u64,
    /// Those of `cache_write_tokens` that are kept for an hour, and cost more.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    pub text_tokens: u64,
    pub audio_tokens: u64,
    pub image_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub video_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub file_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// `usage.completion_tokens_details`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompletionDetails {
    pub text_tokens: u64,
    pub audio_tokens: u64,
    pub reasoning_tokens: u64,
    pub accepted_prediction_tokens: u64,
    pub rejected_prediction_tokens: u64,
}

impl Usage {
    /// Prompt and completion tokens together.
    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

impl Usage {
    /// Reads a `usage` object, with the places and names that providers use beside OpenAI's: `cached_tokens` at the
    /// top (Moonshot), `prompt_cache_hit_tokens` (DeepSeek), `input_tokens`/`output_tokens`.
    ///
    /// `None` when there is no usage (null, not an object, no count in it), and when a count is not a whole number
    /// of at least 0: such a usage says nothing.
    pub fn from_wire(value: &Value) -> Option<Self> {
        let usage = Counts(value.as_object()?);
        let prompt = usage.first(&["prompt_tokens", "input_tokens"])?;
        let completion = usage.first(&["completion_tokens", "output_tokens"])?;
        let total = usage.count("total_tokens")?;
        let (prompt_tokens, completion_tokens) = match (prompt, completion) {
            (Some(prompt), Some(completion)) => (prompt, completion),
            (Some(prompt), None) => (prompt, total.map_or(0, |total| total.saturating_sub(prompt))),
            (None, Some(completion)) => {
                (total.map_or(0, |total| total.saturating_sub(completion)), completion)
            }
            (None, None) => return None,
        };
        let elsewhere = usage.first(&["prompt_cache_hit_tokens", "cached_tokens"])?;
        Some(Self {
            prompt_tokens,
            completion_tokens,
            prompt: PromptDetails::from_wire(
                &usage.details(&["prompt_tokens_details", "input_tokens_details"]),
                elsewhere,
            )?,
            completion: CompletionDetails::from_wire(
                &usage.details(&["completion_tokens_details", "output_tokens_details"]),
                usage.count("reasoning_tokens")?,
            )?,
        })
    }

    /// The `usage` object of the API, as a tree.
    pub fn to_wire(&self) -> Value {
        // Numbers under fixed names: it does not fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The `usage` object of the API; both objects of details are always there.
impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("usage", 5)?;
        object.serialize_field("prompt_tokens", &self.prompt_tokens)?;
        object.serialize_field("completion_tokens", &self.completion_tokens)?;
        object.serialize_field("total_tokens", &self.total_tokens())?;
        object.serialize_field("prompt_tokens_details", &self.prompt)?;
        object.serialize_field("completion_tokens_details", &self.completion)?;
        object.end()
    }
}

impl PromptDetails {
    /// The names of the counts in `prompt_tokens_details`.
    pub(crate) const NAMES: [&str; 8] = [
        "cached_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "text_tokens",
        "audio_tokens",
        "image_tokens",
        "video_tokens",
        "file_tokens",
    ];

    fn from_wire(details: &Counts<'_>, cached_elsewhere: Option<u64>) -> Option<Self> {
        Some(Self {
            cached_tokens: details.count("cached_tokens")?.or(cached_elsewhere).unwrap_or_default(),
            cache_write_tokens: details
                .first(&["cache_write_tokens", "cache_creation_tokens"])?
                .unwrap_or_default(),
            cache_write_1h_tokens: details.count("cache_write_1h_tokens")?.unwrap_or_default(),
            text_tokens: details.count("text_tokens")?.unwrap_or_default(),
            audio_tokens: details.count("audio_tokens")?.unwrap_or_default(),
            image_tokens: details.count("image_tokens")?.unwrap_or_default(),
            video_tokens: details.count("video_tokens")?.unwrap_or_default(),
            file_tokens: details.count("file_tokens")?.unwrap_or_default(),
        })
    }
}

impl CompletionDetails {
    /// The names of the counts in `completion_tokens_details`.
    pub(crate) const NAMES: [&str; 5] = [
        "text_tokens",
        "audio_tokens",
        "reasoning_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
    ];

    fn from_wire(details: &Counts<'_>, reasoning_elsewhere: Option<u64>) -> Option<Self> {
        Some(Self {
            text_tokens: details.count("text_tokens")?.unwrap_or_default(),
            audio_tokens: details.count("audio_tokens")?.unwrap_or_default(),
            reasoning_tokens: details.count("reasoning_tokens")?.or(reasoning_elsewhere).unwrap_or_default(),
            accepted_prediction_tokens: details.count("accepted_prediction_tokens")?.unwrap_or_default(),
            rejected_prediction_tokens: details.count("rejected_prediction_tokens")?.unwrap_or_default(),
        })
    }
}

/// An object of counts.
struct Counts<'a>(&'a Map<String, Value>);

static NO_COUNTS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl<'a> Counts<'a> {
    /// `None` for what is there and is no count, `Some(None)` for what is absent or null.
    #[expect(clippy::option_option, reason = "a bad count and no count are two things")]
    fn count(&self, name: &str) -> Option<Option<u64>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => whole_number(value).map(Some),
        }
    }

    /// The first of several names that has a count.
    #[expect(clippy::option_option, reason = "a bad count and no count are two things")]
    fn first(&self, names: &[&str]) -> Option<Option<u64>> {
        for name in names {
            if let Some(count) = self.count(name)? {
                return Some(Some(count));
            }
        }
        Some(None)
    }

    fn details(&self, names: &[&str]) -> Counts<'a> {
        let object = names.iter().find_map(|name| self.0.get(*name)?.as_object());
        Counts(object.unwrap_or(&NO_COUNTS))
    }
}

/// A count, also where it is written with a fraction of zero.
fn whole_number(value: &Value) -> Option<u64> {
    if let Some(count) = value.as_u64() {
        return Some(count);
    }
    let float = value.as_f64().filter(|f| f.fract() == 0.0 && (0.0..=MAX_EXACT).contains(f))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within range")]
    Some(float as u64)
}

/// Up to here every whole number is a float: 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wire: &str, expect: Option<Usage>) {
        assert_eq!(Usage::from_wire(&serde_json::from_str(wire).unwrap()), expect, "{wire}");
    }

    fn of(prompt_tokens: u64, completion_tokens: u64) -> Usage {
        Usage { prompt_tokens, completion_tokens, ..Usage::default() }
    }

    fn cached(tokens: u64) -> Option<Usage> {
        Some(Usage {
            prompt: PromptDetails { cached_tokens: tokens, ..PromptDetails::default() },
            ..of(9, 2)
        })
    }

    #[test]
    fn zero_and_nothing_are_two_facts() {
        check("null", None);
        check("{}", None);
        check("[1]", None);
        check("7", None);
        check(r#"{"total_tokens":5}"#, None);
        check(r#"{"prompt_tokens":null,"completion_tokens":null}"#, None);
        check(r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#, Some(of(0, 0)));
    }

    #[test]
    fn counts_of_every_shape() {
        check(r#"{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}"#, Some(of(5, 3)));
        check(r#"{"prompt_tokens":5.0,"completion_tokens":3}"#, Some(of(5, 3)));
        check(r#"{"prompt_tokens":5}"#, Some(of(5, 0)));
        check(r#"{"prompt_tokens":5,"total_tokens":8}"#, Some(of(5, 3)));
        check(r#"{"completion_tokens":3,"total_tokens":8}"#, Some(of(5, 3)));
        check(r#"{"input_tokens":5,"output_tokens":3}"#, Some(of(5, 3)));
        check(r#"{"prompt_tokens":5,"completion_tokens":3,"prompt_tokens_details":null}"#, Some(of(5, 3)));
        check(r#"{"prompt_tokens":18446744073709551615,"completion_tokens":1}"#, Some(of(u64::MAX, 1)));
        assert_eq!(of(u64::MAX, 1).total_tokens(), u64::MAX);
    }

    #[test]
    fn absurd_counts_say_nothing() {
        check(r#"{"prompt_tokens":-1,"completion_tokens":3}"#, None);
        check(r#"{"prompt_tokens":5,"completion_tokens":2.5}"#, None);
        check(r#"{"prompt_tokens":5,"completion_tokens":"3"}"#, None);
        check(r#"{"prompt_tokens":1e30,"completion_tokens":3}"#, None);
        check(r#"{"prompt_tokens":5,"completion_tokens":3,"total_tokens":-8}"#, None);
        check(
            r#"{"prompt_tokens":5,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":-1}}"#,
            None,
        );
    }

    #[test]
    fn cached_tokens_wherever_they_stand() {
        check(
            r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}"#,
            cached(4),
        );
        check(r#"{"prompt_tokens":9,"completion_tokens":2,"cached_tokens":4}"#, cached(4));
        check(r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4}"#, cached(4));
        check(
            r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4,"prompt_tokens_details":{"cached_tokens":0}}"#,
            cached(0),
        );
    }

    #[test]
    fn the_object_has_all_details_and_reads_back() {
        let usage = Usage {
            prompt: PromptDetails {
                cached_tokens: 1,
                cache_write_tokens: 2,
                cache_write_1h_tokens: 1,
                text_tokens: 3,
                audio_tokens: 4,
                image_tokens: 5,
                video_tokens: 6,
                file_tokens: 7,
            },
            completion: CompletionDetails {
                text_tokens: 8,
                audio_tokens: 9,
                reasoning_tokens: 10,
                accepted_prediction_tokens: 11,
                rejected_prediction_tokens: 12,
            },
            ..of(40, 50)
        };
        assert_eq!(Usage::from_wire(&usage.to_wire()), Some(usage));
        assert_eq!(
            of(5, 3).to_wire().to_string(),
            r#"{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"text_tokens":0,"audio_tokens":0,"image_tokens":0},"completion_tokens_details":{"text_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#
        );
    }
}
