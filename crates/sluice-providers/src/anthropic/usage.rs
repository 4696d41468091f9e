//! Counts of tokens: input without what the cache had or took, and output with thinking. A stream gives them in
//! pieces, of which the last counts.

use serde_json::{Map, Value};
use sluice_chat::Usage;
use sluice_chat::usage::{CompletionDetails, PromptDetails};

/// What was said so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    thinking: Option<u64>,
    absurd: bool,
}

impl Counts {
    /// Takes over what is said; null and nothing leave what was there, and so does a zero of the prompt: servers that
    /// repeat it at the end do not always know it there.
    pub(super) fn observe(&mut self, usage: &Map<String, Value>) {
        let kept = *self;
        let mut read = |of: &Map<String, Value>, name: &str, before: Option<u64>| match of.get(name) {
            None | Some(Value::Null) => before,
            Some(value) => match count(value) {
                Some(0) if before.is_some() => before,
                Some(count) => Some(count),
                None => {
                    self.absurd = true;
                    before
                }
            },
        };
        let inside = |name: &str| usage.get(name).and_then(Value::as_object);
        let input = read(usage, "input_tokens", kept.input);
        let output = read(usage, "output_tokens", kept.output);
        let cache_read = read(usage, "cache_read_input_tokens", kept.cache_read);
        let mut cache_write = read(usage, "cache_creation_input_tokens", kept.cache_write);
        let mut cache_write_1h = kept.cache_write_1h;
        if let Some(of_cache) = inside("cache_creation") {
            cache_write_1h = read(of_cache, "ephemeral_1h_input_tokens", kept.cache_write_1h);
            let short = read(of_cache, "ephemeral_5m_input_tokens", None);
            cache_write = cache_write.or_else(|| Some(short?.saturating_add(cache_write_1h.unwrap_or(0))));
        }
        let thinking = inside("output_tokens_details")
            .map_or(kept.thinking, |details| read(details, "thinking_tokens", kept.thinking));
        let absurd = self.absurd;
        *self = Self { input, output, cache_read, cache_write, cache_write_1h, thinking, absurd };
    }

    pub(super) fn is_absurd(&self) -> bool {
        self.absurd
    }

    /// The counts in the API's terms; none where nothing was said, or what cannot be.
    pub(super) fn read(&self) -> Option<Usage> {
        if self.absurd || (self.input.is_none() && self.output.is_none()) {
            return None;
        }
        let [cached, written] = [self.cache_read, self.cache_write].map(Option::unwrap_or_default);
        let output = self.output.unwrap_or_default();
        Some(Usage {
            prompt_tokens: self.input.unwrap_or_default().saturating_add(cached).saturating_add(written),
            completion_tokens: output,
            prompt: PromptDetails {
                cached_tokens: cached,
                cache_write_tokens: written,
                cache_write_1h_tokens: self.cache_write_1h.unwrap_or_default().min(written),
                ..PromptDetails::default()
            },
            completion: CompletionDetails {
                reasoning_tokens: self.thinking.unwrap_or_default().min(output),
                ..CompletionDetails::default()
            },
        })
    }
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value.as_f64().filter(|f| f.fract() == 0.0 && (0.0..=9e15).contains(f))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within range")]
        Some(float as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &[&str], expect: &str) {
        let mut counts = Counts::default();
        for usage in said {
            counts.observe(&serde_json::from_str(usage).unwrap());
        }
        let got = counts.read().map_or("none".to_owned(), |usage| {
            let Usage { prompt_tokens, completion_tokens, prompt, completion } = usage;
            format!(
                "{prompt_tokens}+{completion_tokens} read={} write={} 1h={} thinking={}",
                prompt.cached_tokens,
                prompt.cache_write_tokens,
                prompt.cache_write_1h_tokens,
                completion.reasoning_tokens
            )
        });
        assert_eq!(got, expect, "{said:?}");
        assert!(!counts.is_absurd() || expect == "none");
    }

    #[test]
    fn counts_are_joined() {
        check(&[], "none");
        check(&["{}"], "none");
        check(
            &[
                r#"{"input_tokens":10,"cache_creation_input_tokens":50,"cache_read_input_tokens":1000,"output_tokens":1}"#,
                r#"{"output_tokens":7}"#,
            ],
            "1060+7 read=1000 write=50 1h=0 thinking=0",
        );
        check(&[r#"{"input_tokens":1}"#, r#"{"input_tokens":900}"#], "900+0 read=0 write=0 1h=0 thinking=0");
        check(
            &[r#"{"input_tokens":9,"output_tokens":1}"#, r#"{"input_tokens":null,"output_tokens":4}"#],
            "9+4 read=0 write=0 1h=0 thinking=0",
        );
        check(
            &[
                r#"{"input_tokens":9,"cache_read_input_tokens":8}"#,
                r#"{"input_tokens":0,"cache_read_input_tokens":0}"#,
            ],
            "17+0 read=8 write=0 1h=0 thinking=0",
        );
        check(
            &[
                r#"{"input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":5,"output_tokens_details":{"thinking_tokens":2}}"#,
            ],
            "8+5 read=0 write=7 1h=4 thinking=2",
        );
    }

    #[test]
    fn counts_that_cannot_be_say_nothing() {
        check(&[r#"{"input_tokens":-1,"output_tokens":3}"#], "none");
        check(&[r#"{"input_tokens":1,"output_tokens":"3"}"#], "none");
        check(&[r#"{"input_tokens":1,"output_tokens":2.5}"#], "none");
    }
}
