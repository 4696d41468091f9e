//! Events of a normalised stream that differ from an earlier one in their text alone.
//!
//! What a repair makes of an event depends on the event and on what came before it. Of a fragment of text it asks only
//! whether there is one. So an event is repaired once more with a marker in place of its text: where that leaves the
//! repairer as it was, every event of the same bytes around another text becomes the same bytes around that text, for
//! the price of a comparison, until something changes the repairer.

use std::borrow::Cow;

use memchr::{memchr, memmem};
use serde_json::Value;

use super::peek;
use super::repair::Repairer;
use super::template::string_end;
use crate::transcript::{Channel, Transcript};

/// Patterns that are kept: choices, and kinds of text, that take turns.
const PATTERNS_MAX: usize = 4;

/// Attempts to learn in one stream. Those of a stream whose events differ elsewhere too are in vain.
const ATTEMPTS_MAX: u32 = 12;

/// Events of more bytes are not learnt.
const PATTERN_BYTES_MAX: usize = 4096;

/// Stands for the text. JSON writes it as it is, and no vendor does.
const MARKER: &str = "\u{10FFFD}text\u{10FFFD}";

/// The patterns of one stream.
#[derive(Debug)]
pub(super) struct Recurring {
    kept: Vec<Pattern>,
    /// What the patterns hold for.
    repairer: Option<Repairer>,
    attempts_left: u32,
}

/// Bytes around a text, as they come and as they go on.
#[derive(Debug)]
struct Pattern {
    given: [Vec<u8>; 2],
    written: [Vec<u8>; 2],
    channel: Channel,
}

/// An event with the marker in place of its text.
#[derive(Debug)]
pub(super) struct Probe {
    /// The event, to be repaired.
    pub(super) data: Vec<u8>,
    text_start: usize,
    channel: Channel,
}

impl Recurring {
    pub(super) fn new() -> Self {
        Self { kept: Vec::new(), repairer: None, attempts_left: ATTEMPTS_MAX }
    }

    /// One that learns nothing.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { attempts_left: 0, ..Self::new() }
    }

    /// Appends the event that `data` becomes to `out` and its text to `transcript`, if it is like one before. The text's
    /// UTF-8 bytes, unescaped; never 0.
    #[inline]
    pub(super) fn write(
        &self,
        data: &[u8],
        out: &mut Vec<u8>,
        transcript: Option<&mut Transcript>,
    ) -> Option<u64> {
        let (pattern, text) = self.kept.iter().find_map(|pattern| Some((pattern, pattern.text_in(data)?)))?;
        let (text, text_bytes) = as_written(text)?;
        let [before, behind] = &pattern.written;
        out.reserve(before.len() + text.len() + behind.len());
        out.extend_from_slice(before);
        out.extend_from_slice(&text);
        out.extend_from_slice(behind);
        if let Some(transcript) = transcript {
            transcript.add(pattern.channel, &text);
        }
        Some(text_bytes)
    }

    /// An event was repaired: what was learnt holds no longer if that changed the repairer.
    pub(super) fn keep_while(&mut self, repairer: &Repairer) {
        if self.repairer.as_ref().is_some_and(|known| !known.is_at(repairer)) {
            self.kept.clear();
            self.repairer = None;
        }
    }

    /// What to repair in order to learn from an event, where that is worth trying.
    pub(super) fn probe(&mut self, data: &[u8]) -> Option<Probe> {
        if self.attempts_left == 0 || self.kept.len() == PATTERNS_MAX || data.len() > PATTERN_BYTES_MAX {
            return None;
        }
        let holes = peek::facts_of_bytes(data)?.holes;
        let mut texts = holes.iter().filter(|hole| hole.start < hole.end && hole.channel.is_some());
        let (text, None) = (texts.next()?, texts.next()) else { return None };
        let channel = text.channel?;
        if !matches!(channel, Channel::Content | Channel::Reasoning | Channel::Refusal) {
            return None;
        }
        let (before, behind) = (data.get(..text.start)?, data.get(text.end..)?);
        // Nothing else may be the marker, however it is written.
        let marked = |part: &[u8]| {
            memmem::find(part, MARKER.as_bytes()).is_some() || memmem::find(part, b"\\u").is_some()
        };
        if marked(before) || marked(behind) {
            return None;
        }
        self.attempts_left -= 1;
        Some(Probe { data: [before, MARKER.as_bytes(), behind].concat(), text_start: text.start, channel })
    }

    /// Learns what the probe became: `chunk`, without a change of `repairer`.
    pub(super) fn learn(&mut self, probe: &Probe, chunk: &Value, repairer: &Repairer) {
        let mut event = Vec::new();
        sluice_chat::sse::write_event(&mut event, chunk.to_string().as_bytes());
        let quoted = format!("\"{MARKER}\"");
        let mut places = memmem::find_iter(&event, quoted.as_bytes());
        let (Some(at), None) = (places.next(), places.next()) else { return };
        let around =
            |bytes: &[u8], start: usize| [bytes[..start].to_vec(), bytes[start + MARKER.len()..].to_vec()];
        let mut transcript = Transcript::default();
        transcript.add_chunk(chunk);
        let mut kept = transcript.read().unwrap_or_default();
        let text_alone = kept.pop().is_some_and(|(channel, text)| channel == probe.channel && text == MARKER);
        if !text_alone
            || !kept.is_empty()
            || super::normal::content_bytes_of(chunk) != Some(MARKER.len() as u64)
        {
            return;
        }
        self.kept.push(Pattern {
            given: around(&probe.data, probe.text_start),
            written: around(&event, at + 1),
            channel: probe.channel,
        });
        self.repairer.get_or_insert_with(|| repairer.clone());
    }
}

impl Pattern {
    /// The text of an event that has these bytes around it, as it is written there.
    #[inline]
    fn text_in<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        let [before, behind] = &self.given;
        let rest = data.strip_prefix(before.as_slice())?;
        let (text, rest) = rest.split_at_checked(string_end(rest)?.0)?;
        (!text.is_empty() && rest == behind.as_slice()).then_some(text)
    }
}

/// The inside of a JSON string as we write it, and its UTF-8 bytes, unescaped. `None` when it is none.
#[inline]
fn as_written(text: &[u8]) -> Option<(Cow<'_, [u8]>, u64)> {
    if memchr(b'\\', text).is_none() {
        return Some((Cow::Borrowed(text), text.len() as u64));
    }
    let read: String = serde_json::from_slice(&[b"\"", text, b"\""].concat()).ok()?;
    let mut written = serde_json::to_vec(&read).ok()?;
    written.pop();
    written.remove(0);
    Some((Cow::Owned(written), read.len() as u64))
}
