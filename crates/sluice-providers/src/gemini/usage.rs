//! Counts of tokens. Every event has those so far; a count that a later event leaves out stays.

use serde_json::Value;
use sluice_chat::Usage;
use sluice_chat::usage::{CompletionDetails, PromptDetails};

use super::wire::{ModalityCount, UsageMetadata};

#[derive(Debug, Default)]
pub(super) struct Tally {
    prompt: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    tool_use: Option<u64>,
    cached: Option<u64>,
    total: Option<u64>,
    prompt_details: Modalities,
    tool_use_details: Modalities,
    candidates_details: Modalities,
    /// Some count was none.
    absurd: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Modalities {
    text: u64,
    image: u64,
    audio: u64,
    video: u64,
}

impl Tally {
    pub(super) fn observe(&mut self, usage: &UsageMetadata) {
        let counts = [
            (&mut self.prompt, &usage.prompt_token_count),
            (&mut self.candidates, &usage.candidates_token_count),
            (&mut self.thoughts, &usage.thoughts_token_count),
            (&mut self.tool_use, &usage.tool_use_prompt_token_count),
            (&mut self.cached, &usage.cached_content_token_count),
            (&mut self.total, &usage.total_token_count),
        ];
        for (known, given) in counts {
            match given {
                Value::Null => {}
                given => match given.as_u64() {
                    Some(count) => *known = Some(count),
                    None => self.absurd = true,
                },
            }
        }
        let details = [
            (&mut self.prompt_details, &usage.prompt_tokens_details),
            (&mut self.tool_use_details, &usage.tool_use_prompt_tokens_details),
            (&mut self.candidates_details, &usage.candidates_tokens_details),
        ];
        for (known, given) in details {
            if let Some(given) = given {
                *known = modalities(given);
            }
        }
    }

    /// Whether there were counts that cannot be.
    pub(super) fn absurd(&self) -> bool {
        self.absurd
    }

    /// The counts; `None` when there were none, or some that cannot be.
    pub(super) fn read(&self) -> Option<Usage> {
        let nothing = self.prompt.is_none() && self.candidates.is_none() && self.total.is_none();
        if nothing || self.absurd {
            return None;
        }
        let (tool_use, thoughts) = (self.tool_use.unwrap_or(0), self.thoughts.unwrap_or(0));
        let candidates = self.candidates.unwrap_or(0);
        let completion_tokens = match (self.prompt, self.total) {
            // The candidates' count has the thoughts already.
            (Some(prompt), Some(total)) if sum([prompt, tool_use, candidates]) == total => candidates,
            (Some(prompt), Some(total)) if self.candidates.is_none() && self.thoughts.is_none() => {
                total.saturating_sub(sum([prompt, tool_use]))
            }
            _ => sum([candidates, thoughts]),
        };
        let prompt_tokens = match (self.prompt, self.total) {
            (Some(prompt), _) => sum([prompt, tool_use]),
            (None, Some(total)) => total.saturating_sub(completion_tokens),
            (None, None) => tool_use,
        };
        let (prompt, tool, out) = (self.prompt_details, self.tool_use_details, self.candidates_details);
        Some(Usage {
            prompt_tokens,
            completion_tokens,
            prompt: PromptDetails {
                cached_tokens: self.cached.unwrap_or(0).min(prompt_tokens),
                text_tokens: sum([prompt.text, tool.text]),
                image_tokens: sum([prompt.image, tool.image]),
                audio_tokens: sum([prompt.audio, tool.audio]),
                video_tokens: sum([prompt.video, tool.video]),
                ..PromptDetails::default()
            },
            completion: CompletionDetails {
                text_tokens: out.text,
                audio_tokens: out.audio,
                reasoning_tokens: thoughts.min(completion_tokens),
                ..CompletionDetails::default()
            },
        })
    }
}

fn sum<const N: usize>(counts: [u64; N]) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

fn modalities(counts: &[ModalityCount]) -> Modalities {
    let mut all = Modalities::default();
    for ModalityCount { modality, token_count } in counts {
        let count = token_count.as_u64().unwrap_or(0);
        let known = match modality.as_deref() {
            // A document is read as text.
            Some("TEXT" | "DOCUMENT") => &mut all.text,
            Some("IMAGE") => &mut all.image,
            Some("AUDIO") => &mut all.audio,
            Some("VIDEO") => &mut all.video,
            _ => continue,
        };
        *known = known.saturating_add(count);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(events: &[&str], expect: Option<(u64, u64, u64, u64)>) {
        let mut tally = Tally::default();
        events.iter().for_each(|event| tally.observe(&serde_json::from_str(event).unwrap()));
        let got = tally.read().map(|usage| {
            let (cached, reasoning) = (usage.prompt.cached_tokens, usage.completion.reasoning_tokens);
            (usage.prompt_tokens, usage.completion_tokens, cached, reasoning)
        });
        assert_eq!(got, expect, "{events:?}");
    }

    #[test]
    fn counts() {
        let thoughts =
            r#"{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":22}"#;
        check(&[thoughts], Some((10, 12, 0, 7)));
        let inside = r#"{"promptTokenCount":10,"candidatesTokenCount":12,"thoughtsTokenCount":7,"totalTokenCount":22}"#;
        check(&[inside], Some((10, 12, 0, 7)));
        let tool = r#"{"promptTokenCount":10,"toolUsePromptTokenCount":3,"candidatesTokenCount":5,"totalTokenCount":18,"cachedContentTokenCount":8}"#;
        check(&[tool], Some((13, 5, 8, 0)));
        check(&[r#"{"promptTokenCount":10,"totalTokenCount":10}"#], Some((10, 0, 0, 0)));
        check(&[r#"{"promptTokenCount":10,"totalTokenCount":14}"#], Some((10, 4, 0, 0)));
        check(
            &[r#"{"promptTokenCount":10,"thoughtsTokenCount":4,"totalTokenCount":14}"#],
            Some((10, 4, 0, 4)),
        );
        check(&[r#"{"totalTokenCount":14,"candidatesTokenCount":4}"#], Some((10, 4, 0, 0)));
        check(&[r#"{}"#], None);
        check(&[], None);
    }

    #[test]
    fn the_last_of_each_count_holds() {
        let first = r#"{"promptTokenCount":10,"candidatesTokenCount":1,"cachedContentTokenCount":4}"#;
        check(&[first, r#"{"promptTokenCount":10,"candidatesTokenCount":3}"#], Some((10, 3, 4, 0)));
        check(&[first, r#"{"candidatesTokenCount":null}"#], Some((10, 1, 4, 0)));
    }

    #[test]
    fn counts_that_cannot_be() {
        check(&[r#"{"promptTokenCount":-1,"candidatesTokenCount":1}"#], None);
        check(&[r#"{"promptTokenCount":"many","candidatesTokenCount":1}"#], None);
        check(&[r#"{"promptTokenCount":1.5}"#], None);
    }
}
