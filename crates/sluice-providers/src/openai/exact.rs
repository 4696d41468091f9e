//! The byte-exact way back: events go on as they came, and are looked at only as far as truth and accounting need.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use sluice_chat::Failure;
use sluice_chat::sse::{EventBoundary, data_of};

use super::failure;
use super::peek::{self, Facts};
use super::stream::Choices;
use super::template::{Hole, Templates};
use super::usage::RawTally;
use crate::passage::Progress;
use crate::transcript::UNCOMPARABLE;

/// Finders are made once: that costs more than to search an event.
static UNCOMPARABLE_KEYS: LazyLock<[Finder<'_>; UNCOMPARABLE.len()]> =
    LazyLock::new(|| UNCOMPARABLE.map(Finder::new));

/// The passage of an exact row.
#[derive(Debug)]
pub struct ExactPassage {
    boundary: EventBoundary,
    /// The beginning of an event whose end has not come.
    carry: BytesMut,
    templates: Templates,
    choices: Choices,
    tally: RawTally,
    progress: Progress,
    hide_usage: bool,
    max_event_bytes: usize,
    /// An event with data came.
    started: bool,
    failed: bool,
}

/// A stream may begin with one; it belongs to no line.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What becomes of one event.
enum Fate {
    Pass,
    Hide,
    Done,
}

impl ExactPassage {
    pub(crate) fn new(hide_usage: bool, max_event_bytes: usize) -> Self {
        Self {
            boundary: EventBoundary::new(),
            carry: BytesMut::new(),
            templates: Templates::default(),
            choices: Choices::default(),
            tally: RawTally::default(),
            progress: Progress::default(),
            hide_usage,
            max_event_bytes,
            started: false,
            failed: false,
        }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(crate) fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    pub(crate) fn push(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), Failure> {
        if self.failed || self.progress.done.is_some() || data.is_empty() {
            return Ok(());
        }
        let result = self.pass_events(data, out);
        self.failed = result.is_err();
        result
    }

    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if self.progress.done.is_some() || self.progress.finished {
            return Ok(());
        }
        self.failed = true;
        if self.started {
            return Err(failure::truncated());
        }
        Err(failure::of_no_stream(&self.carry))
    }

    /// Passes the whole events of `data` on in as few pieces as hidden ones allow.
    fn pass_events(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), Failure> {
        // Everything before `passed` is in `out` or was left out on purpose; `at` is where the event begins.
        let mut passed = 0;
        let mut at = 0;
        while let Some(end) = self.boundary.next_end(&data, at) {
            let carried = if self.carry.is_empty() {
                None
            } else {
                self.carry.extend_from_slice(&data[at..end]);
                passed = end;
                Some(self.carry.split().freeze())
            };
            let block = carried.as_deref().unwrap_or(&data[at..end]);
            let fate = self.event(block);
            match fate {
                Ok(Fate::Pass) => out.extend(carried),
                Ok(Fate::Hide) => {
                    flush(&data, passed, at, out);
                    passed = end;
                }
                Ok(Fate::Done) => {
                    flush(&data, passed, at, out);
                    self.progress.done = Some(carried.unwrap_or_else(|| data.slice(at..end)));
                    return Ok(());
                }
                Err(failure) => {
                    flush(&data, passed, at, out);
                    return Err(failure);
                }
            }
            at = end;
        }
        if passed == 0 && at == data.len() {
            // Whole events alone, as nearly always.
            out.push(data);
            return Ok(());
        }
        flush(&data, passed, at, out);
        let rest = &data[at..];
        if self.carry.len() + rest.len() > self.max_event_bytes {
            return Err(failure::event_too_large());
        }
        self.carry.extend_from_slice(rest);
        Ok(())
    }

    fn event(&mut self, block: &[u8]) -> Result<Fate, Failure> {
        if block.len() > self.max_event_bytes {
            return Err(failure::event_too_large());
        }
        if let Some((content, content_bytes)) =
            self.templates.recognise(block, self.progress.transcript.as_deref_mut())
        {
            self.progress.content_bytes += content_bytes;
            self.progress.content_events += u64::from(content);
            return Ok(Fate::Pass);
        }
        let mark = if self.started { None } else { block.strip_prefix(BYTE_ORDER_MARK) };
        let data = data_of(mark.unwrap_or(block));
        let data: &[u8] = data.as_ref();
        if data.is_empty() {
            return self.event_without_data(block);
        }
        self.started = true;
        if data.starts_with(b"[DONE]") {
            return self.done();
        }
        let facts = peek::facts_of_bytes(data).ok_or_else(failure::bad_event)?;
        let usage_alone = facts.choices.is_empty() && facts.has_usage();
        self.take(block, data, facts)?;
        Ok(if usage_alone && self.hide_usage { Fate::Hide } else { Fate::Pass })
    }

    fn take(&mut self, block: &[u8], data: &[u8], facts: Facts) -> Result<(), Failure> {
        if let Some(error) = &facts.error {
            return Err(failure::of_error_event(error));
        }
        if facts.has_usage() {
            self.tally.observe_all(facts.other_usages, facts.usage);
            (self.progress.usage, self.progress.usage_absurd) = self.tally.read();
        }
        for (index, finishes) in &facts.choices {
            self.choices.see(*index, *finishes);
        }
        self.progress.finished = self.choices.finished();
        self.progress.choices = self.choices.count();
        self.progress.has_content |= facts.has_content;
        self.progress.content_events += u64::from(facts.has_content);
        self.progress.content_bytes += facts.content_bytes;
        if let Some(transcript) = &mut self.progress.transcript {
            let uncomparable = || UNCOMPARABLE_KEYS.iter().any(|key| key.find(data).is_some());
            if facts.has_content || uncomparable() {
                match serde_json::from_slice(data) {
                    Ok(chunk) => transcript.add_chunk(&chunk),
                    Err(_) => transcript.give_up(),
                }
            }
        }
        // Where the data is not one line of the block, there is no telling where its strings are in it.
        let offset = (data.as_ptr() as usize).wrapping_sub(block.as_ptr() as usize);
        if offset < block.len() {
            let shifted = |hole: &Hole| Hole { start: hole.start + offset, end: hole.end + offset, ..*hole };
            self.templates.learn(block, facts.holes.iter().map(shifted).collect(), facts.always_content);
        }
        Ok(())
    }

    fn done(&self) -> Result<Fate, Failure> {
        match (self.progress.finished, self.choices.any()) {
            (true, _) => Ok(Fate::Done),
            (false, true) => Err(failure::done_without_finish()),
            (false, false) => Err(failure::empty_answer()),
        }
    }

    /// Comments, blank lines and unknown fields go on; a document in place of a stream does not.
    fn event_without_data(&self, block: &[u8]) -> Result<Fate, Failure> {
        if self.started || !failure::looks_like_a_document(block) {
            return Ok(Fate::Pass);
        }
        Err(failure::of_no_stream(block))
    }
}

fn flush(data: &Bytes, from: usize, to: usize, out: &mut Vec<Bytes>) {
    if from < to {
        out.push(data.slice(from..to));
    }
}

#[cfg(test)]
#[path = "exact_tests.rs"]
mod tests;
