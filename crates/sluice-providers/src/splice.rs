//! Continuing a broken stream with another answer: the part that the caller already has is compared and left out, the
//! rest goes on as if it came from the same stream.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_chat::sse::{SseReader, data_of, write_event};

use crate::transcript::{Channel, Transcript, UNCOMPARABLE};

/// The other answer says something else than the caller already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diverged;

/// A text that the caller already has, and how much of it the other answer has said again.
#[derive(Debug)]
struct Had {
    channel: Channel,
    text: String,
    matched_bytes: usize,
}

impl Had {
    fn is_matched(&self) -> bool {
        self.matched_bytes == self.text.len()
    }
}

/// What a chunk that is held back takes beside its text, at most about.
const HELD_CHUNK_BYTES: usize = 512;

/// One answer on its way to take the place of another.
#[derive(Debug)]
pub struct Splice {
    had: Vec<Had>,
    /// `id`, `created` and `model` of the stream that goes on.
    head: Map<String, Value>,
    reader: SseReader,
    /// Chunks that hold more than the caller has while not all of that has come again.
    held: Vec<Value>,
    held_bytes: usize,
    held_bytes_max: usize,
    through: bool,
}

impl Splice {
    /// A splice onto a stream that has said `transcript`, and whose first event is at the start of `first_event`.
    /// Events of more than `event_bytes_max` bytes, and as much that is held back, count as divergence. `None` where
    /// the stream said what cannot be compared.
    pub fn new(transcript: &Transcript, first_event: &[u8], event_bytes_max: usize) -> Option<Self> {
        let had = transcript.read()?;
        let had = had.into_iter().map(|(channel, text)| Had { channel, text, matched_bytes: 0 }).collect();
        Some(Self {
            had,
            head: head_of(first_event),
            reader: SseReader::new(event_bytes_max),
            held: Vec::new(),
            held_bytes: 0,
            held_bytes_max: event_bytes_max,
            through: false,
        })
    }

    /// Takes events of the other answer, in the form in which they would go to the caller, and appends what may go to
    /// `out`. Comments are left out.
    ///
    /// # Errors
    /// [`Diverged`] at the first difference from what the caller has.
    pub fn push(&mut self, events: &[Bytes], out: &mut Vec<Bytes>) -> Result<(), Diverged> {
        let mut chunks = Vec::new();
        let mut unreadable = false;
        for bytes in events {
            let read = self.reader.feed(bytes, &mut |event| match serde_json::from_slice(event.data) {
                Ok(chunk) => chunks.push(chunk),
                Err(_) => unreadable |= !event.data.is_empty(),
            });
            unreadable |= read.is_err();
        }
        if unreadable {
            return Err(Diverged);
        }
        let mut ready = Vec::new();
        for chunk in chunks {
            self.take(chunk, &mut ready)?;
        }
        if !ready.is_empty() {
            out.push(ready.into());
        }
        Ok(())
    }

    /// Whether the other answer has said all that the caller has.
    pub fn is_through(&self) -> bool {
        self.through
    }

    /// The other answer is complete.
    ///
    /// # Errors
    /// [`Diverged`] when it said less than the caller has.
    pub fn finish(&self) -> Result<(), Diverged> {
        if self.is_matched() { Ok(()) } else { Err(Diverged) }
    }

    fn is_matched(&self) -> bool {
        self.through || self.had.iter().all(Had::is_matched)
    }

    fn take(&mut self, mut chunk: Value, ready: &mut Vec<u8>) -> Result<(), Diverged> {
        if self.through {
            self.without_known_calls(&mut chunk);
            self.write(chunk, ready);
            return Ok(());
        }
        let something = self.without_what_is_had(&mut chunk)?;
        if !self.is_matched() {
            // An answer that ends here, or goes on elsewhere, is another one.
            if finishes(&chunk) {
                return Err(Diverged);
            }
            if something {
                self.held_bytes += chunk.to_string().len() + HELD_CHUNK_BYTES;
                self.held.push(chunk);
            }
            return if self.held_bytes > self.held_bytes_max { Err(Diverged) } else { Ok(()) };
        }
        self.through = true;
        for held in std::mem::take(&mut self.held) {
            self.write(held, ready);
        }
        if something {
            self.write(chunk, ready);
        }
        Ok(())
    }

    fn write(&self, mut chunk: Value, ready: &mut Vec<u8>) {
        if let Some(chunk) = chunk.as_object_mut() {
            chunk.extend(self.head.clone());
        }
        write_event(ready, chunk.to_string().as_bytes());
    }

    /// Takes out of a chunk what the caller has; false when nothing is left of it.
    fn without_what_is_had(&mut self, chunk: &mut Value) -> Result<bool, Diverged> {
        let Some(choices) = chunk.get_mut("choices").and_then(Value::as_array_mut) else { return Ok(true) };
        let mut something = choices.is_empty();
        for choice in choices {
            something |= is_reason(choice);
            if let Some(delta) = choice.get_mut("delta").and_then(Value::as_object_mut) {
                something |= self.delta(delta)?;
            }
        }
        Ok(something)
    }

    /// True when something of the delta is left.
    fn delta(&mut self, delta: &mut Map<String, Value>) -> Result<bool, Diverged> {
        if !self.had.is_empty() {
            delta.remove("role");
        }
        if delta.get("reasoning_content").is_some_and(Value::is_string) {
            delta.remove("reasoning");
        }
        let mut something = false;
        for (key, channel) in TEXTS {
            something |= self.strip(delta, key, channel)?;
        }
        if let Some(call) = delta.get_mut("function_call").and_then(Value::as_object_mut) {
            match self.call(call, None, "arguments")? {
                true => something = true,
                false => drop(delta.remove("function_call")),
            }
        }
        if let Some(calls) = delta.get_mut("tool_calls").and_then(Value::as_array_mut) {
            let mut left = Vec::new();
            for mut call in std::mem::take(calls) {
                if self.tool_call(&mut call)? {
                    left.push(call);
                }
            }
            if left.is_empty() {
                delta.remove("tool_calls");
            } else {
                *calls = left;
                something = true;
            }
        }
        Ok(something || UNCOMPARABLE.iter().any(|key| delta.contains_key(*key)))
    }

    fn tool_call(&mut self, call: &mut Value) -> Result<bool, Diverged> {
        let Some(call) = call.as_object_mut() else { return Ok(true) };
        let index = Some(index_of(call));
        if !self.knows_call(index) {
            return Ok(true);
        }
        // The caller has its id and type, and those of another answer are others.
        call.remove("id");
        call.remove("type");
        for (kind, arguments) in [("function", "arguments"), ("custom", "input")] {
            if let Some(said) = call.get_mut(kind).and_then(Value::as_object_mut) {
                return self.call(said, index, arguments);
            }
        }
        Ok(false)
    }

    /// What of a call is left, beside its name.
    fn call(
        &mut self,
        call: &mut Map<String, Value>,
        index: Option<u32>,
        arguments: &str,
    ) -> Result<bool, Diverged> {
        if !self.knows_call(index) {
            return Ok(true);
        }
        let name = self.had.iter().find(|had| had.channel == Channel::CallName(index));
        if name
            .is_some_and(|name| call.get("name").is_some_and(|said| *said == *name.text && name.is_matched()))
        {
            // Said again with another piece of the call.
            call.remove("name");
        } else if self.strip(call, "name", Channel::CallName(index))? {
            return Err(Diverged);
        }
        self.strip(call, arguments, Channel::CallArguments(index))
    }

    /// Takes out of a chunk that is new what the caller knows of the calls that it goes on with.
    fn without_known_calls(&self, chunk: &mut Value) {
        let choices = chunk.get_mut("choices").and_then(Value::as_array_mut);
        for delta in choices.into_iter().flatten().filter_map(|choice| choice.get_mut("delta")) {
            if self.knows_call(None)
                && let Some(said) = delta.get_mut("function_call").and_then(Value::as_object_mut)
            {
                said.remove("name");
            }
            let calls = delta.get_mut("tool_calls").and_then(Value::as_array_mut);
            for call in calls.into_iter().flatten().filter_map(Value::as_object_mut) {
                if !self.knows_call(Some(index_of(call))) {
                    continue;
                }
                call.remove("id");
                call.remove("type");
                for kind in ["function", "custom"] {
                    if let Some(said) = call.get_mut(kind).and_then(Value::as_object_mut) {
                        said.remove("name");
                    }
                }
            }
        }
    }

    fn knows_call(&self, index: Option<u32>) -> bool {
        let of_call = [Channel::CallName(index), Channel::CallArguments(index)];
        self.had.iter().any(|had| of_call.contains(&had.channel))
    }

    /// Leaves of a text what the caller does not have; true when that is something.
    fn strip(
        &mut self,
        said: &mut Map<String, Value>,
        key: &str,
        channel: Channel,
    ) -> Result<bool, Diverged> {
        let Some(text) = said.get(key).and_then(Value::as_str) else {
            // Content that is no text is new to the caller.
            return Ok(said.get(key).is_some_and(|value| !value.is_null()));
        };
        let rest = self.rest(channel, text)?.to_owned();
        if rest.is_empty() {
            said.remove(key);
            return Ok(false);
        }
        said.insert(key.to_owned(), rest.into());
        Ok(true)
    }

    /// What of `text` goes beyond what the caller has.
    fn rest<'t>(&mut self, channel: Channel, text: &'t str) -> Result<&'t str, Diverged> {
        let Some(had) = self.had.iter_mut().find(|had| had.channel == channel) else { return Ok(text) };
        let left = had.text.get(had.matched_bytes..).unwrap_or_default();
        let same = left.len().min(text.len());
        if left.as_bytes()[..same] != text.as_bytes()[..same] {
            return Err(Diverged);
        }
        had.matched_bytes += same;
        // What is the same bytes in both ends where a character does, or the texts go apart right behind it.
        text.get(same..).ok_or(Diverged)
    }
}

/// Which call of an answer this is a piece of.
fn index_of(call: &Map<String, Value>) -> u32 {
    let index = call.get("index").and_then(Value::as_u64);
    index.and_then(|index| u32::try_from(index).ok()).unwrap_or_default()
}

/// Texts of a delta that stand at its top.
const TEXTS: [(&str, Channel); 4] = [
    ("content", Channel::Content),
    ("reasoning_content", Channel::Reasoning),
    ("reasoning", Channel::Reasoning),
    ("refusal", Channel::Refusal),
];

fn finishes(chunk: &Value) -> bool {
    let choices = chunk.get("choices").and_then(Value::as_array);
    choices.into_iter().flatten().any(is_reason)
}

/// Whether a choice has its finish reason. Some say an empty one with every chunk.
fn is_reason(choice: &Value) -> bool {
    choice.get("finish_reason").is_some_and(|reason| !reason.is_null() && reason != "")
}

/// From the beginnings of a stream, in pieces of whole events: the first event that says the stream's id, where there is
/// one, else the first with data. It is at the start of what is returned. Before it there can be comments, and events
/// about the request.
pub fn first_event(pieces: &[Bytes]) -> Option<Bytes> {
    let mut first = None;
    for piece in pieces {
        let mut end = 0;
        for line in piece.split_inclusive(|b| *b == b'\n') {
            end += line.len();
            let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
            if !line.starts_with(b"data:") {
                continue;
            }
            if says_its_id(line) {
                return Some(piece.slice(end - line.len()..));
            }
            first.get_or_insert_with(|| piece.slice(end - line.len()..));
        }
    }
    first
}

fn says_its_id(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
    }
    let data = data_of(line);
    let named = serde_json::from_slice(&data).ok();
    named.is_some_and(|named: Named<'_>| named.id.is_some_and(|id| !id.is_empty()))
}

/// What every chunk of a stream has in common.
fn head_of(event: &[u8]) -> Map<String, Value> {
    let mut head = Map::new();
    let first = event.split_inclusive(|b| *b == b'\n').find(|line| line.starts_with(b"data:"));
    let first: Value = serde_json::from_slice(&data_of(first.unwrap_or_default())).unwrap_or_default();
    for key in ["id", "created", "model"] {
        if let Some(value) = first.get(key) {
            head.insert(key.to_owned(), value.clone());
        }
    }
    head
}

#[cfg(test)]
#[path = "splice_tests.rs"]
mod tests;
