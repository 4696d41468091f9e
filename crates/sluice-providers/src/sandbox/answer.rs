//! What the sandbox says, before it is put into bytes.

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_chat::Usage;
use sluice_chat::event::{FinishReason, ToolCallKind};
use sluice_chat::usage::CompletionDetails;

use super::call;
use super::dice::Dice;
use super::prose::{prose, prose_of};
use super::request::{Format, Model, Request};
use super::schema;
use super::search;
use super::sound::SpeechFormat;
use super::text::Text;

/// Tokens that are spoken at most in one choice: 150 s.
const SPOKEN_TOKENS_MAX: u64 = 3_000;

/// One whole answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Usage,
}

/// One choice: what it says, in the order in which it is streamed.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) sections: Vec<Section>,
    pub(super) finish: FinishReason,
}

/// A part of a choice that has a field of its own.
#[derive(Clone, Debug)]
pub(super) enum Section {
    Reasoning(Text),
    Content(Text),
    Refusal(Text),
    Call(Call),
    Speech(Speech),
    Annotations(Vec<Value>),
}

/// One call of a tool. Its arguments are a text that a limit may cut.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: ToolCallKind,
    /// Dense from 0 within its choice.
    pub(super) index: usize,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Text,
}

/// A spoken answer.
#[derive(Clone, Debug)]
pub(super) struct Speech {
    pub(super) id: String,
    pub(super) format: SpeechFormat,
    pub(super) transcript: Text,
}

impl Answer {
    pub(super) fn of(request: &Request) -> Self {
        let said = Said::of(request);
        let choices: Vec<Choice> = (0..request.n).map(|choice| said.choice(request, choice)).collect();
        let mut completion = CompletionDetails::default();
        choices.iter().for_each(|choice| choice.count(&mut completion));
        predicted(request, &choices, &mut completion);
        let completion_tokens = completion.text_tokens
            + completion.audio_tokens
            + completion.reasoning_tokens
            + completion.rejected_prediction_tokens;
        let prompt_tokens = request.prompt.text_tokens
            + request.prompt.audio_tokens
            + request.prompt.image_tokens
            + request.prompt.video_tokens
            + request.prompt.file_tokens;
        let usage = Usage { prompt_tokens, completion_tokens, prompt: request.prompt, completion };
        Self { choices, usage }
    }
}

/// What all choices say alike.
enum Said {
    Refusal(Text),
    Filtered(Text),
    Calls(Vec<call::Made>),
    Text(Arc<String>),
    /// An instance of the schema that was asked for.
    Instance(Text),
    /// Each choice has its own.
    Prose,
}

impl Said {
    fn of(request: &Request) -> Self {
        let text = &request.last_user_text;
        if let Some(rest) = text.strip_prefix("refuse:") {
            let own = rest.trim();
            let refusal = if own.is_empty() { "I cannot help with that." } else { own };
            return Self::Refusal(Text::from(refusal.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("filter:") {
            let mut said = Text::from(rest.trim().to_owned());
            said.keep_tokens(said.tokens() / 2);
            return Self::Filtered(said);
        }
        if !request.calls.is_empty() {
            return Self::Calls(request.calls.iter().map(|wanted| wanted.make(request.seed)).collect());
        }
        if let Format::JsonSchema(schema) = &request.format {
            return Self::Instance(Text::from(schema::instance(schema, request.seed as u64).to_string()));
        }
        match (&request.tool_results, request.model) {
            (Some(results), _) => Self::Text(Arc::clone(results)),
            (None, Model::Echo) => Self::Text(Arc::clone(text)),
            (None, Model::Text) => Self::Prose,
        }
    }

    fn choice(&self, request: &Request, choice: u32) -> Choice {
        let mut budget = Budget(request.limit.unwrap_or(u64::MAX));
        let mut sections = Vec::new();
        if request.reasoning_words > 0 && !matches!(self, Self::Refusal(_) | Self::Filtered(_)) {
            let mut dice = Dice::of(&[b"reasoning", &request.seed.to_le_bytes(), &choice.to_le_bytes()]);
            let mut text = Text::from(prose_of(request.reasoning_words, &mut dice));
            let cut = budget.take(&mut text, 1);
            sections.push(Section::Reasoning(text));
            if cut {
                sections.push(Section::Content(Text::default()));
                return Choice { sections, finish: FinishReason::Length };
            }
        }
        let finish = match self {
            Self::Refusal(text) => {
                let mut text = text.clone();
                let cut = budget.take(&mut text, 1);
                sections.push(Section::Refusal(text));
                if cut { FinishReason::Length } else { FinishReason::Stop }
            }
            Self::Filtered(text) => content(text.clone(), request, &mut budget, &mut sections, choice)
                .unwrap_or(FinishReason::ContentFilter),
            Self::Calls(made) => calls(made, (request.seed, choice), &mut budget, &mut sections),
            Self::Instance(text) => content(text.clone(), request, &mut budget, &mut sections, choice)
                .unwrap_or(FinishReason::Stop),
            Self::Text(_) | Self::Prose => {
                let text = match self {
                    Self::Text(text) => Arc::clone(text),
                    _ => Arc::new(prose(request.seed, choice)),
                };
                formatted(text, request, &mut budget, &mut sections, choice)
            }
        };
        Choice { sections, finish }
    }
}

/// Tokens that are left for a choice.
struct Budget(u64);

impl Budget {
    /// Takes what a text needs, or cuts it; whether it was cut. `price` is how much one token of the text takes.
    fn take(&mut self, text: &mut Text, price: u64) -> bool {
        let cut = text.keep_tokens(self.0 / price);
        self.0 -= text.tokens() * price;
        cut
    }
}

/// A text in the form that the request asks for, and with its sources.
fn formatted(
    text: Arc<String>,
    request: &Request,
    budget: &mut Budget,
    sections: &mut Vec<Section>,
    choice: u32,
) -> FinishReason {
    let mut citations = Vec::new();
    let text = match (&request.format, &request.search) {
        (Format::JsonObject, _) => Text::from(json!({ "text": text.as_str() }).to_string()),
        (_, Some(search)) => {
            let (text, found) = search::cited(&text, search);
            citations = found;
            Text::from(text)
        }
        (_, None) => Text::all(text),
    };
    let before = sections.len();
    let finish = content(text, request, budget, sections, choice);
    if let Some(Section::Content(text)) = sections.get(before) {
        let annotations = search::annotations(&citations, text.as_str());
        if !annotations.is_empty() {
            sections.push(Section::Annotations(annotations));
        }
    }
    finish.unwrap_or(FinishReason::Stop)
}

/// Written or spoken, up to a stop string or the limit; the reason where it ended by one of them.
fn content(
    mut text: Text,
    request: &Request,
    budget: &mut Budget,
    sections: &mut Vec<Section>,
    choice: u32,
) -> Option<FinishReason> {
    let Some(format) = request.speech else {
        let cut = budget.take(&mut text, 1);
        let stopped = text.stop_at(&request.stop);
        sections.push(Section::Content(text));
        return if stopped { Some(FinishReason::Stop) } else { cut.then_some(FinishReason::Length) };
    };
    // Every token is said twice: as a word and as sound.
    let cut = text.keep_tokens(SPOKEN_TOKENS_MAX) | budget.take(&mut text, 2);
    let stopped = text.stop_at(&request.stop);
    let id = format!("audio_{:016x}", Dice::of(&[&request.seed.to_le_bytes(), &choice.to_le_bytes()]).next());
    sections.push(Section::Speech(Speech { id, format, transcript: text }));
    if stopped { Some(FinishReason::Stop) } else { cut.then_some(FinishReason::Length) }
}

/// Calls, as far as the limit lets them come: a name is a token, and so are those of the arguments.
fn calls(
    made: &[call::Made],
    (seed, choice): (i64, u32),
    budget: &mut Budget,
    sections: &mut Vec<Section>,
) -> FinishReason {
    let mut finish = FinishReason::ToolCalls;
    for (index, made) in made.iter().enumerate() {
        if budget.0 == 0 {
            if index == 0 {
                sections.push(Section::Content(Text::default()));
            }
            return FinishReason::Length;
        }
        budget.0 -= 1;
        let mut arguments = made.arguments.clone();
        let cut = budget.take(&mut arguments, 1);
        let place = [seed.to_le_bytes(), (index as i64).to_le_bytes()].concat();
        let id =
            format!("call_{:016x}", Dice::of(&[&place, &choice.to_le_bytes(), made.name.as_bytes()]).next());
        sections.push(Section::Call(Call { kind: made.kind, index, id, name: made.name.clone(), arguments }));
        if cut {
            return FinishReason::Length;
        }
        if made.kind == ToolCallKind::LegacyFunction {
            finish = FinishReason::FunctionCall;
        }
    }
    finish
}

impl Choice {
    fn count(&self, counts: &mut CompletionDetails) {
        for section in &self.sections {
            match section {
                Section::Reasoning(text) => counts.reasoning_tokens += text.tokens(),
                Section::Content(text) | Section::Refusal(text) => counts.text_tokens += text.tokens(),
                Section::Call(call) => counts.text_tokens += 1 + call.arguments.tokens(),
                Section::Speech(speech) => {
                    counts.text_tokens += speech.transcript.tokens();
                    counts.audio_tokens += speech.transcript.tokens();
                }
                Section::Annotations(_) => {}
            }
        }
    }

    /// The text of the first section that has the one asked for.
    pub(super) fn text_of(&self, of: impl Fn(&Section) -> Option<&Text>) -> Option<&Text> {
        self.sections.iter().find_map(of)
    }

    /// `content` is null: something else is said in its place.
    pub(super) fn without_content(&self) -> bool {
        !self.sections.iter().any(|section| matches!(section, Section::Content(_)))
    }
}

/// Compares a predicted text with what the choices say: a predicted word that a choice has too, as often as it has
/// it, is accepted, the others are rejected.
fn predicted(request: &Request, choices: &[Choice], counts: &mut CompletionDetails) {
    let Some(prediction) = &request.prediction else { return };
    for choice in choices {
        let mut words = std::collections::HashMap::<&str, u64>::new();
        for section in &choice.sections {
            if let Section::Content(text) = section {
                text.as_str().split_whitespace().for_each(|word| *words.entry(word).or_default() += 1);
            }
        }
        for word in prediction.split_whitespace() {
            match words.get_mut(word).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    counts.accepted_prediction_tokens += 1;
                }
                None => counts.rejected_prediction_tokens += 1,
            }
        }
    }
}
