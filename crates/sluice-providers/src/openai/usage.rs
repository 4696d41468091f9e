//! The counts of one answer, gathered from wherever a vendor puts them.

use std::ops::Range;

use serde_json::{Map, Value};
use sluice_chat::Usage;
use sluice_chat::json::Cursor;
use sluice_chat::usage::{CompletionDetails, PromptDetails};

/// One usage object as it was given.
#[derive(Clone, Debug)]
pub(crate) enum GivenUsage {
    Plain(PlainUsage),
    /// The text of an object of any shape.
    Other(String),
}

/// The counts of an answer that goes on byte by byte. The usual case, one usage object of the usual shape, is read
/// without building a tree.
#[derive(Debug, Default)]
pub(crate) struct RawTally {
    /// The one object so far.
    plain: Option<PlainUsage>,
    tally: UsageTally,
}

impl RawTally {
    /// The counts of a whole answer, from all its usage objects, and whether there were some that cannot be.
    pub(crate) fn read_whole(others: Vec<GivenUsage>, last: Option<GivenUsage>) -> (Option<Usage>, bool) {
        match &last {
            None if others.is_empty() => (None, false),
            Some(GivenUsage::Plain(plain)) if others.is_empty() => (Some(plain.usage()), false),
            _ => {
                let mut tally = Self::default();
                tally.observe_all(others, last);
                tally.read()
            }
        }
    }

    /// Takes the usage objects of one chunk or answer, the last one last.
    pub(crate) fn observe_all(&mut self, others: Vec<GivenUsage>, last: Option<GivenUsage>) {
        others.into_iter().chain(last).for_each(|usage| self.observe(usage));
    }

    /// Takes one more usage object.
    pub(crate) fn observe(&mut self, usage: GivenUsage) {
        let usage = match usage {
            GivenUsage::Plain(plain) if self.plain.is_none() && self.tally.merged.is_null() => {
                self.plain = Some(plain);
                return;
            }
            GivenUsage::Plain(plain) => plain.to_value(),
            GivenUsage::Other(text) => serde_json::from_str(&text).unwrap_or_default(),
        };
        if let Some(plain) = self.plain.take() {
            self.tally.observe(plain.to_value());
        }
        self.tally.observe(usage);
    }

    /// The counts, and whether there were some that cannot be.
    pub(crate) fn read(&self) -> (Option<Usage>, bool) {
        match &self.plain {
            Some(plain) => (Some(plain.usage()), false),
            None => self.tally.read(),
        }
    }
}

/// OpenAI's own object: plain counts under the names of the API. Anything else is left to [`Usage::from_wire`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlainUsage {
    counts: [u64; 15],
    /// One bit for each of [`NAMES`] that was given, and from [`DETAILS_BIT`] on for each of [`DETAILS`].
    given: u32,
}

/// The counts: of the top level, of the prompt's details, of the completion's.
const NAMES: [&str; 15] = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "text_tokens",
    "audio_tokens",
    "image_tokens",
    "video_tokens",
    "file_tokens",
    "text_tokens",
    "audio_tokens",
    "reasoning_tokens",
    "accepted_prediction_tokens",
    "rejected_prediction_tokens",
];

/// The objects of details, and which counts may stand in them.
const DETAILS: [(&str, Range<usize>); 2] =
    [("prompt_tokens_details", 3..10), ("completion_tokens_details", 10..15)];
const DETAILS_BIT: usize = NAMES.len();

/// The counts without which an object is not plain: all of the top level.
const TOP: Range<usize> = 0..3;
const NEEDED: u32 = 0b111;

/// An object of counts: its keys, each as it is written behind another one, with its place. They stand in the order
/// in which OpenAI writes them.
type Keys = &'static [(&'static [u8], usize)];

const TOP_KEYS: Keys = &[
    (b",\"prompt_tokens\":", 0),
    (b",\"completion_tokens\":", 1),
    (b",\"total_tokens\":", 2),
    (b",\"prompt_tokens_details\":", DETAILS_BIT),
    (b",\"completion_tokens_details\":", DETAILS_BIT + 1),
];
const PROMPT_KEYS: Keys = &[
    (b",\"cached_tokens\":", 3),
    (b",\"audio_tokens\":", 6),
    (b",\"cache_write_tokens\":", 4),
    (b",\"text_tokens\":", 5),
    (b",\"image_tokens\":", 7),
    (b",\"video_tokens\":", 8),
    (b",\"file_tokens\":", 9),
];
const COMPLETION_KEYS: Keys = &[
    (b",\"reasoning_tokens\":", 12),
    (b",\"audio_tokens\":", 11),
    (b",\"accepted_prediction_tokens\":", 13),
    (b",\"rejected_prediction_tokens\":", 14),
    (b",\"text_tokens\":", 10),
];

/// Moves to the next value of an object, behind its key: the place of the key, or `None` at the object's end. It is the
/// one of index `next`, and mostly so in `keys` too; a first key has no comma.
#[inline]
fn next_place(cursor: &mut Cursor<'_>, keys: Keys, next: usize) -> Option<Option<usize>> {
    let first = next == 0;
    if let Some((written, place)) = keys.get(next)
        && cursor.take(&written[usize::from(first)..])
    {
        return Some(Some(*place));
    }
    let Some(key) = cursor.member(first).ok()? else { return Some(None) };
    let name = cursor.raw(key);
    let (_, place) = keys.iter().find(|(written, _)| &written[2..written.len() - 2] == name)?;
    Some(Some(*place))
}

impl PlainUsage {
    /// Reads the object at which the cursor stands; `None` when it is not plain, or not JSON.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut plain = Self::default();
        plain.object(cursor, TOP_KEYS)?;
        (plain.given & NEEDED == NEEDED).then_some(plain)
    }

    fn object(&mut self, cursor: &mut Cursor<'_>, keys: Keys) -> Option<()> {
        cursor.open().ok()?;
        let mut next = 0;
        while let Some(place) = next_place(cursor, keys, next)? {
            next += 1;
            self.give(place)?;
            let byte = cursor.peek().ok()?;
            match self.counts.get_mut(place) {
                Some(count) if byte.is_ascii_digit() => *count = cursor.number().ok()?.as_u64()?,
                None if byte == b'{' && place == DETAILS_BIT => self.object(cursor, PROMPT_KEYS)?,
                None if byte == b'{' => self.object(cursor, COMPLETION_KEYS)?,
                _ => return None,
            }
        }
        Some(())
    }

    /// Notes what may be given once.
    fn give(&mut self, bit: usize) -> Option<()> {
        let mask = 1 << bit;
        let new = self.given & mask == 0;
        self.given |= mask;
        new.then_some(())
    }

    fn usage(&self) -> Usage {
        let [prompt_tokens, completion_tokens, _, prompt @ .., _, _, _, _, _] = self.counts;
        let [
            cached_tokens,
            cache_write_tokens,
            text_tokens,
            audio_tokens,
            image_tokens,
            video_tokens,
            file_tokens,
        ] = prompt;
        let [.., text, audio, reasoning_tokens, accepted_prediction_tokens, rejected_prediction_tokens] =
            self.counts;
        Usage {
            prompt_tokens,
            completion_tokens,
            prompt: PromptDetails {
                cached_tokens,
                cache_write_tokens,
                // Nobody who speaks this dialect tells.
                cache_write_1h_tokens: 0,
                text_tokens,
                audio_tokens,
                image_tokens,
                video_tokens,
                file_tokens,
            },
            completion: CompletionDetails {
                text_tokens: text,
                audio_tokens: audio,
                reasoning_tokens,
                accepted_prediction_tokens,
                rejected_prediction_tokens,
            },
        }
    }

    /// The object again, what was not given left out.
    fn to_value(self) -> Value {
        let counts = |of: Range<usize>| -> Map<String, Value> {
            let given = of.filter(|at| self.given & 1 << at != 0);
            given.map(|at| (NAMES[at].to_owned(), self.counts[at].into())).collect()
        };
        let mut object = counts(TOP);
        for (of, (name, range)) in DETAILS.into_iter().enumerate() {
            if self.given & 1 << (DETAILS_BIT + of) != 0 {
                object.insert(name.to_owned(), Value::Object(counts(range)));
            }
        }
        Value::Object(object)
    }
}

/// Gathers usage objects: of each number the last that was given and not null holds, nothing is ever added up.
#[derive(Clone, Debug, Default, PartialEq)]
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

    fn plain(text: &str) -> Option<PlainUsage> {
        PlainUsage::read(&mut Cursor::new(text.as_bytes()).unwrap())
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
            assert_eq!(plain(text).map(|plain| plain.usage()), expect, "{text}");
            let again: Value = serde_json::from_str(text).unwrap();
            assert_eq!(plain(text).map(PlainUsage::to_value), Some(again));
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
        let usual = plain(r#"{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}"#).unwrap();
        tally.observe(GivenUsage::Plain(usual));
        tally.observe(GivenUsage::Other(r#"{"prompt_tokens":null,"completion_tokens":3}"#.to_owned()));
        let (usage, absurd) = tally.read();
        assert_eq!((usage.map(|u| (u.prompt_tokens, u.completion_tokens)), absurd), (Some((9, 3)), false));
        tally.observe(GivenUsage::Other(r#"{"completion_tokens":-3}"#.to_owned()));
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
