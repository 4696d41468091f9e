//! The counts of one answer, gathered from wherever a vendor puts them.

use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_chat::Usage;
use sluice_chat::usage::{CompletionDetails, PromptDetails};

/// The counts of an answer that goes on byte by byte. The usual case, one usage object of the usual shape, is read
/// without building a tree.
#[derive(Debug, Default)]
pub(crate) struct RawTally {
    /// The one object so far, and its text.
    plain: Option<(Usage, String)>,
    tally: UsageTally,
}

impl RawTally {
    /// Takes the text of one more usage object.
    pub(crate) fn observe(&mut self, usage: String) {
        if self.plain.is_none()
            && self.tally.merged.is_null()
            && let Some(plain) = plain(&usage)
        {
            self.plain = Some((plain, usage));
            return;
        }
        let texts = self.plain.take().map(|(_, text)| text).into_iter().chain([usage]);
        texts.for_each(|text| self.tally.observe(serde_json::from_str(&text).unwrap_or_default()));
    }

    /// The counts, and whether there were some that cannot be.
    pub(crate) fn read(&self) -> (Option<Usage>, bool) {
        match &self.plain {
            Some((usage, _)) => (Some(*usage), false),
            None => self.tally.read(),
        }
    }
}

/// OpenAI's own object. Anything else in it is left to [`Usage::from_wire`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    #[serde(rename = "total_tokens")]
    _total_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: PlainPrompt,
    #[serde(default)]
    completion_tokens_details: PlainCompletion,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PlainPrompt {
    cached_tokens: u64,
    cache_write_tokens: u64,
    text_tokens: u64,
    audio_tokens: u64,
    image_tokens: u64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PlainCompletion {
    text_tokens: u64,
    audio_tokens: u64,
    reasoning_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

fn plain(text: &str) -> Option<Usage> {
    let wire: PlainUsage = serde_json::from_str(text).ok()?;
    let prompt = wire.prompt_tokens_details;
    let completion = wire.completion_tokens_details;
    Some(Usage {
        prompt_tokens: wire.prompt_tokens,
        completion_tokens: wire.completion_tokens,
        prompt: PromptDetails {
            cached_tokens: prompt.cached_tokens,
            cache_write_tokens: prompt.cache_write_tokens,
            text_tokens: prompt.text_tokens,
            audio_tokens: prompt.audio_tokens,
            image_tokens: prompt.image_tokens,
            ..PromptDetails::default()
        },
        completion: CompletionDetails {
            text_tokens: completion.text_tokens,
            audio_tokens: completion.audio_tokens,
            reasoning_tokens: completion.reasoning_tokens,
            accepted_prediction_tokens: completion.accepted_prediction_tokens,
            rejected_prediction_tokens: completion.rejected_prediction_tokens,
        },
    })
}

/// Gathers usage objects: of each number the last that was given and not null holds, nothing is ever added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct UsageTally {
    /// Null, or an object.
    merged: Value,
}

impl UsageTally {
    /// Takes one more usage object; anything else is no information.
    pub(crate) fn observe(&mut self, usage: Value) {
        match (&mut self.merged, usage) {
            (Value::Object(merged), Value::Object(given)) => overlay(merged, given),
            (merged, usage @ Value::Object(_)) => *merged = usage,
            _ => {}
        }
    }

    /// The counts, and whether there were some that cannot be.
    pub(crate) fn read(&self) -> (Option<Usage>, bool) {
        let usage = Usage::from_wire(&self.merged);
        let counted = |key: &str| self.merged.get(key).is_some_and(|count| !count.is_null());
        let absurd = usage.is_none()
            && ["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"]
                .into_iter()
                .any(counted);
        (usage, absurd)
    }

    /// The counts in the form of the API, with whatever else the vendor counts after them; `None` when there are
    /// none that can be.
    pub(crate) fn canonical(&self) -> Option<Value> {
        let mut wire = self.read().0?.to_wire();
        if let Value::Object(wire) = &mut wire {
            let counted = self.merged.as_object().into_iter().flatten();
            for (key, value) in counted.filter(|(_, value)| !value.is_null()) {
                wire.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        Some(wire)
    }

    /// Counts reasoning into the completion where the vendor's total shows that it was left out.
    pub(crate) fn fold_reasoning_in(&mut self) {
        let number = |value: Option<&Value>| value.and_then(Value::as_u64);
        let details = self.merged.get("completion_tokens_details");
        let reasoning = number(details.and_then(|details| details.get("reasoning_tokens")));
        let prompt = number(self.merged.get("prompt_tokens"));
        let completion = number(self.merged.get("completion_tokens"));
        let total = number(self.merged.get("total_tokens"));
        if let (Some(reasoning), Some(prompt), Some(completion), Some(total)) =
            (reasoning, prompt, completion, total)
        {
            let with_reasoning = completion.saturating_add(reasoning);
            if reasoning > 0 && prompt.saturating_add(with_reasoning) == total {
                self.merged["completion_tokens"] = with_reasoning.into();
            }
        }
    }
}

fn overlay(onto: &mut Map<String, Value>, given: Map<String, Value>) {
    for (key, value) in given {
        match (onto.get_mut(&key), value) {
            (_, Value::Null) => {}
            (Some(Value::Object(onto)), Value::Object(given)) => overlay(onto, given),
            (_, value) => {
                onto.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(given: &[Value], expect: (Option<(u64, u64)>, bool)) {
        let mut tally = UsageTally::default();
        given.iter().for_each(|usage| tally.observe(usage.clone()));
        let (usage, absurd) = tally.read();
        assert_eq!((usage.map(|u| (u.prompt_tokens, u.completion_tokens)), absurd), expect, "{given:?}");
    }

    #[test]
    fn the_last_number_that_is_not_null_holds() {
        check(&[], (None, false));
        check(&[json!(null)], (None, false));
        check(&[json!({})], (None, false));
        check(&[json!({"prompt_tokens": 1, "completion_tokens": 0})], (Some((1, 0)), false));
        check(
            &[
                json!({"prompt_tokens": 9, "completion_tokens": 1}),
                json!({"prompt_tokens": null, "completion_tokens": 3}),
                json!(null),
            ],
            (Some((9, 3)), false),
        );
    }

    #[test]
    fn the_usual_object_is_read_as_any_other() {
        for text in [
            r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}"#,
            r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":5,"text_tokens":6,"audio_tokens":7,"image_tokens":8},"completion_tokens_details":{"text_tokens":1,"audio_tokens":2,"reasoning_tokens":3,"accepted_prediction_tokens":4,"rejected_prediction_tokens":5}}"#,
            r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{},"completion_tokens_details":{}}"#,
        ] {
            let expect = Usage::from_wire(&serde_json::from_str(text).unwrap());
            assert!(expect.is_some());
            assert_eq!(plain(text), expect, "{text}");
        }
        for text in [
            r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cached_tokens":1}"#,
            r#"{"prompt_tokens":1,"completion_tokens":2}"#,
            r#"{"prompt_tokens":-1,"completion_tokens":2,"total_tokens":1}"#,
            r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":null}"#,
            "{}",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn a_second_object_is_laid_over_the_usual_first() {
        let mut tally = RawTally::default();
        tally.observe(r#"{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}"#.to_owned());
        tally.observe(r#"{"prompt_tokens":null,"completion_tokens":3}"#.to_owned());
        let (usage, absurd) = tally.read();
        assert_eq!((usage.map(|u| (u.prompt_tokens, u.completion_tokens)), absurd), (Some((9, 3)), false));
        tally.observe(r#"{"completion_tokens":-3}"#.to_owned());
        assert_eq!(tally.read(), (None, true));
    }

    #[test]
    fn impossible_counts_are_absent_and_noted() {
        check(&[json!({"prompt_tokens": -1, "completion_tokens": 2})], (None, true));
        check(&[json!({"prompt_tokens": 1.5, "completion_tokens": 2})], (None, true));
    }

    #[test]
    fn reasoning_is_folded_in_only_where_the_total_shows_it() {
        let check = |usage: Value, expect: u64| {
            let mut tally = UsageTally::default();
            tally.observe(usage.clone());
            tally.fold_reasoning_in();
            assert_eq!(tally.read().0.map(|u| u.completion_tokens), Some(expect), "{usage}");
        };
        let details = json!({"reasoning_tokens": 100});
        let usage = |total: u64| json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": total, "completion_tokens_details": details});
        check(usage(115), 105);
        check(usage(15), 5);
    }
}
