//! Reading an answer, streamed or whole, through one code path.

use sluice_chat::sse::SseReader;
use sluice_chat::{ChatEvent, Failure};

use super::events::Events;
use super::failure;
use crate::dialect::{Decoder, DecoderTerms};
use crate::openai::failure as common;

/// Bound on a whole body, in bytes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What is kept of a body that turns out not to be a stream, in bytes.
const PRELUDE_BYTES_MAX: usize = 64 << 10;

pub(super) fn decoder(terms: &DecoderTerms<'_>) -> Box<dyn Decoder> {
    let events = Events::new(terms);
    if terms.streaming {
        Box::new(StreamDecoder {
            reader: SseReader::new(terms.max_event_bytes),
            events,
            prelude: Vec::new(),
            state: State::Silent,
        })
    } else {
        Box::new(WholeDecoder { events, body: Vec::new() })
    }
}

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No event came.
    Silent,
    Reading,
    /// An event said that nothing more comes. Gemini itself has none; proxies before it may.
    Done,
    Failed,
    Ended,
}

struct StreamDecoder {
    reader: SseReader,
    events: Events,
    prelude: Vec<u8>,
    state: State,
}

impl StreamDecoder {
    fn read(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let mut result = Ok(());
        let Self { reader, events, state, .. } = self;
        let read = reader.feed(bytes, &mut |event| {
            if result.is_err() || *state == State::Done {
                return;
            }
            if event.data.starts_with(b"[DONE]") {
                *state = State::Done;
                return;
            }
            *state = State::Reading;
            result = events.json(event.data, out);
        });
        let too_large = read.is_err() && *state != State::Done;
        result.and_then(|()| if too_large { Err(common::event_too_large()) } else { Ok(()) })
    }

    /// What a body without events is.
    fn no_stream(&self) -> Failure {
        match failure::error_in(&self.prelude) {
            Some(error) => failure::of_error_event(&error),
            None => common::of_no_stream(&self.prelude),
        }
    }
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if !matches!(self.state, State::Silent | State::Reading) {
            return Ok(());
        }
        if self.state == State::Silent && self.prelude.len() < PRELUDE_BYTES_MAX {
            let left = PRELUDE_BYTES_MAX - self.prelude.len();
            self.prelude.extend_from_slice(&bytes[..bytes.len().min(left)]);
        }
        let result = self.read(bytes, out);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Silent => Err(self.no_stream()),
            State::Reading | State::Done => self.events.end(false, out),
            State::Failed => {
                self.state = State::Failed;
                Err(common::truncated())
            }
            State::Ended => Ok(()),
        }
    }

    fn done(&self) -> bool {
        matches!(self.state, State::Done | State::Ended)
    }

    fn finished(&self) -> bool {
        self.events.finished()
    }

    fn usage_absurd(&self) -> bool {
        self.events.usage_absurd()
    }
}

struct WholeDecoder {
    events: Events,
    body: Vec<u8>,
}

impl Decoder for WholeDecoder {
    fn feed(&mut self, bytes: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.body.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(common::bad_response("the upstream's answer is larger than the bound"));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let body = std::mem::take(&mut self.body);
        match body.trim_ascii_start().first() {
            Some(b'{' | b'[') => {}
            // The words of the other dialect fit: empty, a page, no JSON.
            _ => return Err(common::of_no_completion(&body)),
        }
        let read = self.events.json(&body, out);
        read.map_err(|failure| match failure.kind {
            sluice_chat::FailureKind::BadEvent => common::bad_response("the upstream's answer is not JSON"),
            _ => failure,
        })?;
        self.events.end(true, out)
    }

    fn usage_absurd(&self) -> bool {
        self.events.usage_absurd()
    }
}
