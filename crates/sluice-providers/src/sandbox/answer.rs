//! What the sandbox says, before it is put into bytes.

use sluice_chat::Usage;
use sluice_chat::event::FinishReason;
use sluice_chat::usage::{CompletionDetails, PromptDetails};

use super::prose::{count_tokens, prose, tokens};
use super::request::{Model, Request};

/// One whole answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Usage,
}

#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) finish: FinishReason,
}

impl Answer {
    pub(super) fn of(request: &Request) -> Self {
        let text = |choice: u32| match request.model {
            Model::Echo => request.last_user_text.clone(),
            Model::Text => prose(request.seed, choice),
        };
        let choices: Vec<Choice> =
            (0..request.n).map(|choice| Choice::within(&text(choice), request)).collect();
        let completion_tokens = choices.iter().map(|choice| count_tokens(&choice.text)).sum();
        let usage = Usage {
            prompt_tokens: request.prompt_tokens,
            completion_tokens,
            prompt: PromptDetails { text_tokens: request.prompt_tokens, ..PromptDetails::default() },
            completion: CompletionDetails { text_tokens: completion_tokens, ..CompletionDetails::default() },
        };
        Self { choices, usage }
    }

    /// The words of all choices as a stream sends them: in turns, one of each choice.
    pub(super) fn words(&self) -> Vec<(usize, &str)> {
        let mut left: Vec<_> = self.choices.iter().map(|choice| tokens(&choice.text)).collect();
        let mut words = Vec::new();
        loop {
            let before = words.len();
            for (choice, tokens) in left.iter_mut().enumerate() {
                words.extend(tokens.next().map(|token| (choice, token)));
            }
            if words.len() == before {
                return words;
            }
        }
    }
}

impl Choice {
    /// `text` as far as the output limit and the stop strings let it come.
    fn within(text: &str, request: &Request) -> Self {
        let limit = request.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let length: usize = tokens(text).take(limit).map(str::len).sum();
        let said = &text[..length];
        let stop = request.stop.iter().filter_map(|stop| said.find(stop.as_str())).min();
        let (length, finish) = match stop {
            Some(at) => (at, FinishReason::Stop),
            None if length < text.len() => (length, FinishReason::Length),
            None => (length, FinishReason::Stop),
        };
        Self { text: text[..length].to_owned(), finish }
    }
}
