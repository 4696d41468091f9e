//! The way back of an upstream that speaks another dialect: its bytes become events, and these chunks or a completion.

use std::fmt;

use bytes::Bytes;
use sluice_chat::assemble::{self, ChunkWriter};
use sluice_chat::error::kind;
use sluice_chat::event::ToolCallKind;
use sluice_chat::sse::DONE;
use sluice_chat::{ApiError, ChatEvent, Failure, FailureKind};

use crate::dialect::{Decoder, DecoderTerms, dialect};
use crate::openai::stream::Choices;
use crate::passage::{Progress, WholeAnswer};
use crate::transcript::{Channel, Transcript};

/// What most events take, written.
const EVENT_BYTES_USUAL: usize = 320;

/// The passage of one translated stream.
pub struct TranslatedPassage {
    decoder: Box<dyn Decoder>,
    writer: ChunkWriter,
    events: Vec<ChatEvent>,
    tally: Tally,
    failed: bool,
    ended: bool,
}

/// What the events say of the answer.
#[derive(Debug, Default)]
struct Tally {
    progress: Progress,
    choices: Choices,
}

impl fmt::Debug for TranslatedPassage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranslatedPassage").field("progress", &self.tally.progress).finish_non_exhaustive()
    }
}

impl TranslatedPassage {
    pub(crate) fn new(terms: &DecoderTerms<'_>, hide_usage: bool) -> Self {
        Self {
            decoder: dialect(terms.row, terms.upstream_model).decoder(terms),
            writer: ChunkWriter::new(!hide_usage),
            events: Vec::new(),
            tally: Tally::default(),
            failed: false,
            ended: false,
        }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.tally.progress
    }

    pub(crate) fn progress_mut(&mut self) -> &mut Progress {
        &mut self.tally.progress
    }

    pub(crate) fn push(&mut self, data: &[u8], out: &mut Vec<Bytes>) -> Result<(), Failure> {
        if self.failed || self.ended || self.tally.progress.done.is_some() {
            return Ok(());
        }
        let read = self.decoder.feed(data, &mut self.events);
        let written = self.write(out).and(read);
        self.failed = written.is_err();
        if self.decoder.done() && !self.failed {
            return self.end(out);
        }
        let choices = &self.tally.choices;
        self.tally.progress.finished = choices.finished() || (choices.count() > 0 && self.decoder.finished());
        written
    }

    pub(crate) fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Failure> {
        if self.failed || std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let read = self.decoder.end(&mut self.events);
        let written = self.write(out).and(read);
        self.failed = written.is_err();
        self.tally.progress.usage_absurd = self.decoder.usage_absurd();
        if written.is_ok() && self.decoder.done() {
            self.tally.progress.done = Some(Bytes::from_static(DONE));
        }
        written
    }

    /// Writes what the events say. One that declares a failure ends the answer.
    fn write(&mut self, out: &mut Vec<Bytes>) -> Result<(), Failure> {
        let mut ready = Vec::with_capacity(self.events.len() * EVENT_BYTES_USUAL);
        let mut result = Ok(());
        for event in self.events.drain(..) {
            if let ChatEvent::Failed(error) = event {
                result = Err(declared(error));
                break;
            }
            self.tally.observe(&event);
            self.writer.write_event(&event, &mut ready);
        }
        self.events.clear();
        if !ready.is_empty() {
            out.push(Bytes::from(ready));
        }
        result
    }
}

/// Keeps what an event adds to the first choice.
fn keep(transcript: &mut Transcript, event: &ChatEvent) {
    match event {
        ChatEvent::Text { choice: 0, text } => transcript.add_text(Channel::Content, text),
        ChatEvent::Reasoning { choice: 0, text } => transcript.add_text(Channel::Reasoning, text),
        ChatEvent::Refusal { choice: 0, text } => transcript.add_text(Channel::Refusal, text),
        ChatEvent::ToolCallStarted { choice: 0, index, kind, name, .. } => {
            let index = (*kind != ToolCallKind::LegacyFunction).then_some(*index);
            transcript.add_text(Channel::CallName(index), name);
        }
        // An index of a deprecated call is never read by anybody: such a call stands alone.
        ChatEvent::ToolCallArguments { choice: 0, index, fragment } => {
            let alone = transcript.has(Channel::CallName(None));
            transcript.add_text(Channel::CallArguments((!alone).then_some(*index)), fragment);
        }
        ChatEvent::Started { .. } | ChatEvent::Usage(_) | ChatEvent::Failed(_) => {}
        ChatEvent::Finished { choice: 0, .. } => {}
        _ => transcript.give_up(),
    }
}

impl Tally {
    fn observe(&mut self, event: &ChatEvent) {
        if let Some(transcript) = &mut self.progress.transcript {
            keep(transcript, event);
        }
        let progress = &mut self.progress;
        let (choice, content) = match event {
            ChatEvent::Text { choice, text }
            | ChatEvent::Reasoning { choice, text }
            | ChatEvent::Refusal { choice, text } => (*choice, Some(text.len())),
            ChatEvent::ToolCallArguments { choice, fragment, .. } => (*choice, Some(fragment.len())),
            ChatEvent::ToolCallStarted { choice, .. }
            | ChatEvent::Annotation { choice, .. }
            | ChatEvent::Audio { choice, .. } => (*choice, Some(0)),
            ChatEvent::ThinkingBlock { choice, .. }
            | ChatEvent::Logprobs { choice, .. }
            | ChatEvent::Finished { choice, .. } => (*choice, None),
            ChatEvent::Usage(usage) => {
                progress.usage = Some(*usage);
                return;
            }
            ChatEvent::Started { .. } | ChatEvent::Failed(_) => return,
        };
        self.choices.see(choice, matches!(event, ChatEvent::Finished { .. }));
        progress.choices = self.choices.count();
        progress.finished = self.choices.finished();
        if let Some(bytes) = content {
            progress.has_content = true;
            progress.content_events += 1;
            progress.content_bytes += bytes as u64;
        }
    }
}

/// A whole answer in the canonical form.
pub(crate) fn whole(terms: &DecoderTerms<'_>, body: &[u8]) -> Result<WholeAnswer, Failure> {
    let mut decoder = dialect(terms.row, terms.upstream_model).decoder(terms);
    let mut events = Vec::new();
    decoder.feed(body, &mut events)?;
    decoder.end(&mut events)?;
    let completion = assemble::completion(&events).map_err(declared)?;
    let mut tally = Tally::default();
    events.iter().for_each(|event| tally.observe(event));
    let body = serde_json::to_vec(&completion).map_err(|error| {
        let text = format!("the answer could not be written: {error}");
        Failure::ours(FailureKind::BadResponse, "upstream_bad_response", text)
    })?;
    Ok(WholeAnswer {
        body: body.into(),
        usage: tally.progress.usage,
        usage_absurd: decoder.usage_absurd(),
        content_bytes: tally.progress.content_bytes,
    })
}

/// A failure that a decoder found no kind for.
fn declared(error: ApiError) -> Failure {
    let about_the_request = error.kind == kind::INVALID_REQUEST;
    let kind = if about_the_request { FailureKind::BadRequest } else { FailureKind::ServerError };
    Failure { kind, status: None, error, retry_after_ms: None }
}
