//! The way back of an answer: relayed as it came, rewritten to the canonical form, or said anew where the upstream
//! speaks another dialect, as the vendor's row says.

use bytes::Bytes;
use sluice_chat::{Failure, Usage};

use crate::dialect::DecoderTerms;
use crate::openai::exact::ExactPassage;
use crate::openai::normal::NormalisedPassage;
use crate::transcript::Transcript;
use crate::translated::{self, TranslatedPassage};
use crate::vendor::Relay;

/// What is known about a stream that is under way.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The caller was given something of the answer: text, reasoning, a refusal, a call, audio.
    pub has_content: bool,
    /// How many choices appeared.
    pub choices: u32,
    /// At least one choice appeared, and every one that did has its finish reason.
    pub finished: bool,
    /// The upstream's `[DONE]` event as it came.
    pub done: Option<Bytes>,
    /// The counts of the upstream, the last that it gave.
    pub usage: Option<Usage>,
    /// The upstream gave counts that cannot be (negative, not integers); `usage` is without them.
    pub usage_absurd: bool,
    /// Events that carried content.
    pub content_events: u64,
    /// UTF-8 bytes of text in them, after unescaping.
    pub content_bytes: u64,
    /// What the caller was given, where the stream may have to be repaired.
    pub transcript: Option<Box<Transcript>>,
}

/// The passage of one stream.
#[derive(Debug)]
pub enum Passage {
    /// Byte-exact.
    Exact(Box<ExactPassage>),
    /// Rewritten.
    Normalised(Box<NormalisedPassage>),
    /// Said anew: the upstream speaks another dialect.
    Translated(Box<TranslatedPassage>),
}

impl Passage {
    /// A passage for one answer of a vendor. `hide_usage` keeps back the usage that only we asked for.
    pub fn new(terms: &DecoderTerms<'_>, hide_usage: bool) -> Self {
        let max_event_bytes = terms.max_event_bytes;
        match terms.row.relay {
            Relay::Exact => Self::Exact(Box::new(ExactPassage::new(hide_usage, max_event_bytes))),
            Relay::Normalise => {
                Self::Normalised(Box::new(NormalisedPassage::new(terms.row, hide_usage, max_event_bytes)))
            }
            Relay::Translate => Self::Translated(Box::new(TranslatedPassage::new(terms, hide_usage))),
        }
    }

    /// Takes bytes of the body and appends what may go to the caller to `out`: whole events only, those before a
    /// failure too. The `[DONE]` event is never among them ([`Progress::done`]); what follows it is ignored.
    ///
    /// # Errors
    /// The failure that ends the stream: a bad or too large event, an error event.
    pub fn push(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), Failure> {
        match self {
            Self::Exact(passage) => passage.push(data, out),
            Self::Normalised(passage) => passage.push(&data, out),
            Self::Translated(passage) => passage.push(&data, out),
        }
    }

    /// The upstream's body is over, or is waited for no longer. A half event is dropped. An answer whose choices have
    /// all finished is complete, whatever became of the stream afterwards.
    ///
    /// # Errors
    /// [`sluice_chat::FailureKind::Truncated`] unless every choice has finished, or what the body was if it was no
    /// stream.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Failure> {
        match self {
            Self::Exact(passage) => passage.end(),
            Self::Normalised(passage) => passage.end(out),
            Self::Translated(passage) => passage.end(out),
        }
    }

    /// Keeps from now on, which is to be before the first bytes, what the caller is given.
    pub fn keep_transcript(&mut self) {
        self.progress_mut().transcript = Some(Box::default());
    }

    /// What the caller was given, where that was kept.
    pub fn take_transcript(&mut self) -> Option<Transcript> {
        self.progress_mut().transcript.take().map(|transcript| *transcript)
    }

    fn progress_mut(&mut self) -> &mut Progress {
        match self {
            Self::Exact(passage) => passage.progress_mut(),
            Self::Normalised(passage) => passage.progress_mut(),
            Self::Translated(passage) => passage.progress_mut(),
        }
    }

    /// What is known so far.
    pub fn progress(&self) -> &Progress {
        match self {
            Self::Exact(passage) => passage.progress(),
            Self::Normalised(passage) => passage.progress(),
            Self::Translated(passage) => passage.progress(),
        }
    }
}

/// A complete answer that was not streamed.
#[derive(Clone, Debug)]
pub struct WholeAnswer {
    /// The body for the caller; on exact rows the upstream's own bytes.
    pub body: Bytes,
    pub usage: Option<Usage>,
    /// The upstream gave counts that cannot be; `usage` is `None` then.
    pub usage_absurd: bool,
    /// UTF-8 bytes of text in all choices.
    pub content_bytes: u64,
}

/// Reads a whole answer with a success status.
///
/// # Errors
/// The failure that the body declares in place of a completion, or
/// [`sluice_chat::FailureKind::BadResponse`] when it is empty, HTML, not JSON or without choices.
pub fn whole_answer(terms: &DecoderTerms<'_>, body: Bytes) -> Result<WholeAnswer, Failure> {
    match terms.row.relay {
        Relay::Exact => crate::openai::whole::exact(body),
        Relay::Normalise => crate::openai::whole::normalised(terms.row, &body),
        Relay::Translate => translated::whole(terms, &body),
    }
}
