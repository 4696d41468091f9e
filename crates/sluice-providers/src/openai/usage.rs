//! The counts of one answer, gathered from wherever a vendor puts them.

use serde_json::{Map, Value};
use sluice_chat::Usage;

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
            && ["prompt_tokens", "completion_tokens", "total_tokens"].into_iter().any(counted);
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
