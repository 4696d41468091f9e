//! Chunks, one for an event.

use std::io::Write as _;

use serde_json::{Value, json};
use smallvec::SmallVec;

use super::whole::{THINKING_BLOCKS, add_extra_content, choice_of};
use crate::chunk::{Chunk, ChunkChoice, ChunkUsage, Delta};
use crate::event::ToolCallKind;
use crate::{ChatEvent, Usage, sse};

/// Turns events into chunks, one by one. The first chunk of a choice carries its role.
#[derive(Clone, Debug)]
pub struct ChunkWriter {
    include_usage: bool,
    /// A chunk with the facts of `Started`, and nothing else.
    head: Chunk,
    /// The choices that have their role.
    opened: SmallVec<[u32; 4]>,
    /// A chunk as text up to its choices, and from behind them on: the same in every chunk of a stream.
    frame: Option<[Vec<u8>; 2]>,
    /// Calls that are not plain functions, by choice and index: their fragments go to another place.
    unusual: SmallVec<[(u32, u32, ToolCallKind); 2]>,
    /// How many entries the lists of a choice have so far, by choice and name of the list.
    listed: SmallVec<[(u32, &'static str, u32); 2]>,
}

impl ChunkWriter {
    /// For a stream whose caller did or did not ask for usage (`stream_options.include_usage`). When it did, every
    /// chunk before the one with the usage carries `usage: null`.
    pub fn new(include_usage: bool) -> Self {
        let usage = if include_usage { ChunkUsage::Null } else { ChunkUsage::Absent };
        let head = Chunk { usage, ..Chunk::default() };
        let (opened, unusual, listed) = <_>::default();
        Self { include_usage, head, opened, frame: None, unusual, listed }
    }

    /// The chunk of one event. None for `Started` (its facts stand in every later chunk), for `Usage` that nobody
    /// asked for, and for `Failed`, which is an error event and the business of whoever writes the stream.
    pub fn write(&mut self, event: &ChatEvent) -> Option<Chunk> {
        match event {
            ChatEvent::Started { id, created, model, system_fingerprint, service_tier } => {
                self.head.id.clone_from(id);
                self.head.created = *created;
                self.head.model.clone_from(model);
                self.head.system_fingerprint.clone_from(system_fingerprint);
                self.head.service_tier.clone_from(service_tier);
                self.frame = None;
                None
            }
            ChatEvent::Usage(usage) => self.include_usage.then(|| self.usage_chunk(*usage)),
            ChatEvent::Failed(_) => None,
            of_choice => {
                let choice = self.choice(choice_of(of_choice)?, of_choice);
                Some(Chunk { choices: vec![choice], ..self.head.clone() })
            }
        }
    }

    /// Appends the chunk of one event to `out`, as an event of the stream. Of most events this is the shorter way: only
    /// what is new in them is written anew.
    pub fn write_event(&mut self, event: &ChatEvent, out: &mut Vec<u8>) {
        let written = match event {
            ChatEvent::Text { choice, text } => {
                self.write_delta(*choice, (br#"{"content":"#, b"}"), text, out)
            }
            ChatEvent::Reasoning { choice, text } => {
                self.write_delta(*choice, (br#"{"reasoning_content":"#, b"}"), text, out)
            }
            ChatEvent::ToolCallArguments { choice, index, fragment }
                if self.kind(*choice, *index) == ToolCallKind::Function =>
            {
                let before = format!(r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":"#);
                self.write_delta(*choice, (before.as_bytes(), b"}}]}"), fragment, out)
            }
            _ => false,
        };
        if !written && let Some(chunk) = self.write(event) {
            // Chunks have no keys but texts: writing one does not fail.
            sse::write_event(out, &serde_json::to_vec(&chunk).unwrap_or_default());
        }
    }

    /// Writes a delta of one text, unless the choice still wants its role.
    fn write_delta(&mut self, choice: u32, around: (&[u8], &[u8]), text: &str, out: &mut Vec<u8>) -> bool {
        if !self.opened.contains(&choice) {
            return false;
        }
        let [head, tail] = self.frame.get_or_insert_with(|| frame(&self.head));
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(head);
        // Writing to a vector does not fail.
        let _ = write!(out, r#"{{"index":{choice},"delta":"#);
        out.extend_from_slice(around.0);
        let _ = serde_json::to_writer(&mut *out, text);
        out.extend_from_slice(around.1);
        out.extend_from_slice(br#","logprobs":null,"finish_reason":null}"#);
        out.extend_from_slice(tail);
        out.extend_from_slice(b"\n\n");
        true
    }

    fn usage_chunk(&self, usage: Usage) -> Chunk {
        Chunk { usage: ChunkUsage::Known(Box::new(usage.into())), ..self.head.clone() }
    }

    fn choice(&mut self, index: u32, event: &ChatEvent) -> ChunkChoice {
        let mut choice = ChunkChoice { index, delta: self.delta(index, event), ..ChunkChoice::default() };
        match event {
            ChatEvent::Logprobs { logprobs, .. } => choice.logprobs = Some(logprobs.clone()),
            ChatEvent::Finished { reason, .. } => choice.finish_reason = Some(reason.as_str().to_owned()),
            _ => {}
        }
        if !self.opened.contains(&index) {
            self.opened.push(index);
            open(&mut choice.delta);
        }
        choice
    }

    fn delta(&mut self, choice: u32, event: &ChatEvent) -> Delta {
        let mut delta = Delta::default();
        match event {
            ChatEvent::Text { text, .. } => delta.content = Some(Some(text.clone())),
            ChatEvent::Reasoning { text, .. } => delta.reasoning_content = Some(text.clone()),
            ChatEvent::Refusal { text, .. } => delta.refusal = Some(Some(text.clone())),
            ChatEvent::ToolCallStarted { index, id, kind, name, extra_content, .. } => {
                if *kind != ToolCallKind::Function {
                    self.unusual.push((choice, *index, *kind));
                }
                call_begins(&mut delta, *index, *kind, (id, name));
                let call = delta.tool_calls.as_mut().and_then(|calls| calls.first_mut());
                add_extra_content(call, extra_content.as_ref());
            }
            ChatEvent::ToolCallArguments { index, fragment, .. } => {
                call_goes_on(&mut delta, *index, self.kind(choice, *index), fragment);
            }
            ChatEvent::ThinkingBlock { block, .. } => {
                let block = self.entry(choice, THINKING_BLOCKS, block);
                delta.rest.insert(THINKING_BLOCKS.to_owned(), json!([block]));
            }
            ChatEvent::Annotation { annotation, .. } => {
                delta.annotations = Some(vec![self.entry(choice, "annotations", annotation)]);
            }
            ChatEvent::Audio { audio, .. } => delta.audio = Some(audio.clone()),
            _ => {}
        }
        delta
    }

    /// An entry of a list, with its place in it. OpenAI's own clients put the entries of deltas together by `index`, as
    /// those of `tool_calls`, and fail at the second one without.
    fn entry(&mut self, choice: u32, list: &'static str, entry: &Value) -> Value {
        let known = self.listed.iter().position(|(c, name, _)| (*c, *name) == (choice, list));
        let at = known.unwrap_or(self.listed.len());
        if known.is_none() {
            self.listed.push((choice, list, 0));
        }
        let mut entry = entry.clone();
        if let (Value::Object(fields), Some((_, _, count))) = (&mut entry, self.listed.get_mut(at)) {
            fields.insert("index".to_owned(), json!(*count));
            *count += 1;
        }
        entry
    }

    fn kind(&self, choice: u32, index: u32) -> ToolCallKind {
        let unusual = self.unusual.iter().find(|(c, i, _)| (*c, *i) == (choice, index));
        unusual.map_or(ToolCallKind::Function, |(_, _, kind)| *kind)
    }
}

/// The text of a chunk without choices, cut where these belong.
fn frame(head: &Chunk) -> [Vec<u8>; 2] {
    const CHOICES: &[u8] = br#""choices":["#;
    let text = serde_json::to_vec(head).unwrap_or_default();
    // The facts before it are texts in quotes, in which no bare quote stands before a colon.
    let at = memchr::memmem::find(&text, CHOICES).map_or(text.len(), |at| at + CHOICES.len());
    let (before, after) = text.split_at(at);
    [before.to_vec(), after.to_vec()]
}

/// The first delta of a choice names the role and, where it brings no text, says what there is none of.
fn open(delta: &mut Delta) {
    delta.role = Some("assistant".to_owned());
    let calls = delta.tool_calls.is_some() || delta.function_call.is_some();
    let nothing = if calls { None } else { Some(String::new()) };
    delta.content.get_or_insert(nothing);
    delta.refusal.get_or_insert(None);
}

fn call_begins(delta: &mut Delta, index: u32, kind: ToolCallKind, (id, name): (&str, &str)) {
    match kind {
        ToolCallKind::Function => {
            let function = json!({ "name": name, "arguments": "" });
            call(delta, json!({ "index": index, "id": id, "type": "function", "function": function }));
        }
        ToolCallKind::Custom => {
            let custom = json!({ "name": name, "input": "" });
            call(delta, json!({ "index": index, "id": id, "type": "custom", "custom": custom }));
        }
        ToolCallKind::LegacyFunction => delta.function_call = Some(json!({ "name": name, "arguments": "" })),
    }
}

fn call_goes_on(delta: &mut Delta, index: u32, kind: ToolCallKind, fragment: &str) {
    match kind {
        ToolCallKind::Function => {
            call(delta, json!({ "index": index, "function": { "arguments": fragment } }))
        }
        ToolCallKind::Custom => call(delta, json!({ "index": index, "custom": { "input": fragment } })),
        ToolCallKind::LegacyFunction => delta.function_call = Some(json!({ "arguments": fragment })),
    }
}

fn call(delta: &mut Delta, call: Value) {
    delta.tool_calls = Some(vec![call]);
}
