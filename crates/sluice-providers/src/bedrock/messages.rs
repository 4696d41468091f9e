//! The conversation as Converse wants it: a system prompt, and turns of user and assistant that alternate.

use serde_json::{Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{Message, Role};
use sluice_chat::tool::{FunctionCall, ToolCall};

use super::content::{Blocks, PLACEHOLDER};
use super::model::Family;
use super::names::{call_id, tool_name};
use crate::asked::calls::{Called, legacy_id};
use crate::asked::text::is_blank;
use crate::asked::tools::arguments;
use crate::asked::{Dropped, unsaid};
use crate::memory::Memory;

/// The whole conversation.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) system: Vec<Value>,
    turns: Vec<Turn>,
    /// It holds calls or results, for which tools must be on offer.
    pub(super) has_tool_blocks: bool,
    called: Called,
}

/// Consecutive messages of one side.
#[derive(Debug)]
struct Turn {
    from_user: bool,
    /// Results of tools come first in a turn.
    results: Vec<Value>,
    blocks: Vec<Value>,
    has_text: bool,
    has_document: bool,
}

impl Turn {
    fn new(from_user: bool) -> Self {
        Self { from_user, results: Vec::new(), blocks: Vec::new(), has_text: false, has_document: false }
    }
}

/// What reading messages needs beside their blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) family: Family,
    pub(super) memory: &'a dyn Memory,
}

impl Conversation {
    /// Reads all messages.
    ///
    /// # Errors
    /// When a message cannot be said.
    pub(super) fn of(
        messages: Vec<Message>,
        reader: Reader<'_>,
        blocks: &mut Blocks<'_>,
    ) -> Result<Self, ApiError> {
        let mut conversation = Self::default();
        for (index, message) in messages.into_iter().enumerate() {
            conversation.add(message, index, reader, blocks)?;
        }
        Ok(conversation)
    }

    /// `messages` of the request: the first turn is the user's, no turn is empty.
    pub(super) fn into_turns(mut self) -> Vec<Value> {
        if self.turns.first().is_none_or(|turn| !turn.from_user) {
            let mut first = Turn::new(true);
            first.blocks.push(json!({ "text": PLACEHOLDER }));
            self.turns.insert(0, first);
        }
        if let Some(last) = self.turns.last_mut().filter(|turn| !turn.from_user) {
            trim_end(&mut last.blocks);
        }
        self.turns.into_iter().map(Turn::into_value).collect()
    }

    fn add(
        &mut self,
        message: Message,
        index: usize,
        reader: Reader<'_>,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), ApiError> {
        let path = format!("messages[{index}]");
        self.called.note(&message, index);
        // What becomes of each field of a message is decided by role, in the functions below.
        let Message {
            role,
            content,
            name,
            tool_calls,
            tool_call_id,
            // Thinking that is not signed is refused.
            reasoning_content: _,
            refusal,
            audio,
            function_call,
            mut rest,
        } = message;
        let names_a_tool = matches!(role, Role::Tool | Role::Function);
        blocks.dropped.add_if(name.is_some() && !names_a_tool, &format!("{path}.name"));
        blocks.dropped.add_if(audio.is_some(), &format!("{path}.audio"));
        let thinking = rest.shift_remove("thinking_blocks");
        let point = blocks.cache.take(&mut rest, &path, &mut blocks.dropped);
        blocks.dropped.rest_of_message(&path, rest);
        match role {
            Role::System | Role::Developer => {
                let written = blocks.of(content, &path)?.blocks;
                self.system_message(written, point);
            }
            Role::User => {
                let written = blocks.of(content, &path)?;
                self.user_message(written, point);
            }
            Role::Assistant => {
                let calls = self.calls(tool_calls, function_call, index, &mut blocks.dropped)?;
                let mut all = thought(thinking, &calls, reader);
                all.extend(blocks.of(content, &path)?.blocks);
                all.extend(refusal.filter(|text| !is_blank(text)).map(|text| json!({ "text": text })));
                all.extend(calls);
                if !all.is_empty() {
                    all.extend(point);
                    self.turn(false).blocks.extend(all);
                }
            }
            Role::Tool | Role::Function => {
                let name = name.unwrap_or_default();
                let id = match tool_call_id.filter(|_| role == Role::Tool) {
                    Some(id) => call_id(&id),
                    None => self.called.legacy_id(&name).map_or_else(|| call_id(&name), str::to_owned),
                };
                let written = blocks.of(content, &path)?;
                self.result(&id, written.blocks, point);
            }
        }
        Ok(())
    }

    /// A system message at the front is the system prompt. A later one stays where it is, so that what the provider
    /// has in its cache stays as it is, and becomes a note in the user's turn.
    fn system_message(&mut self, written: Vec<Value>, point: Option<Value>) {
        if written.is_empty() {
            return;
        }
        if self.turns.is_empty() {
            self.system.extend(written);
            self.system.extend(point);
            return;
        }
        let turn = self.turn(true);
        for block in written {
            let text = block.get("text").and_then(Value::as_str);
            turn.blocks.push(
                text.map_or(block.clone(), |text| json!({ "text": format!("<system>{text}</system>") })),
            );
        }
        turn.blocks.extend(point);
        turn.has_text = true;
    }

    fn user_message(&mut self, mut written: super::content::Written, point: Option<Value>) {
        if written.blocks.is_empty() {
            written.blocks.push(json!({ "text": PLACEHOLDER }));
        }
        let turn = self.turn(true);
        turn.has_text |= written.has_text();
        turn.has_document |= written.has_document;
        turn.blocks.extend(written.blocks);
        turn.blocks.extend(point);
    }

    /// Results of one turn stand together, in one message of the user's.
    fn result(&mut self, id: &str, content: Vec<Value>, point: Option<Value>) {
        self.has_tool_blocks = true;
        let turn = self.turn(true);
        // A point inside of a result is not known: those of its parts come behind it.
        let (points, content): (Vec<_>, Vec<_>) =
            content.into_iter().partition(|block| block.get("cachePoint").is_some());
        turn.results.push(json!({ "toolResult": { "toolUseId": id, "content": content } }));
        turn.results.extend(points.into_iter().chain(point).next());
    }

    /// The turn that a message of this side belongs to. Who asks for it has something to say in it.
    fn turn(&mut self, from_user: bool) -> &mut Turn {
        if self.turns.last().is_none_or(|turn| turn.from_user != from_user) {
            self.turns.push(Turn::new(from_user));
        }
        let last = self.turns.len() - 1;
        &mut self.turns[last]
    }

    fn calls(
        &mut self,
        tool_calls: Option<Vec<ToolCall>>,
        function_call: Option<FunctionCall>,
        index: usize,
        dropped: &mut Dropped,
    ) -> Result<Vec<Value>, ApiError> {
        let mut calls = Vec::new();
        for (at, call) in tool_calls.into_iter().flatten().enumerate() {
            let path = format!("messages[{index}].tool_calls[{at}]");
            calls.push(match call {
                ToolCall::Function(call) => {
                    let FunctionCall { name, arguments, rest: _ } = call.function;
                    let path = format!("{path}.function.arguments");
                    tool_use(&call_id(&call.id), &name, &input(arguments.as_deref(), &path, dropped))
                }
                ToolCall::Custom(call) => {
                    let input = json!({ "input": call.custom.input.unwrap_or_default() });
                    tool_use(&call_id(&call.id), &call.custom.name, &input)
                }
                ToolCall::Other(_) => {
                    return Err(unsaid(
                        format!("{path}.type"),
                        "This provider does not know this type of call.",
                    ));
                }
            });
        }
        if let Some(FunctionCall { name, arguments, rest: _ }) = function_call {
            let id = legacy_id(index);
            let path = format!("messages[{index}].function_call.arguments");
            calls.push(tool_use(&id, &name, &input(arguments.as_deref(), &path, dropped)));
        }
        self.has_tool_blocks |= !calls.is_empty();
        Ok(calls)
    }
}

impl Turn {
    fn into_value(mut self) -> Value {
        // A document is refused without a text beside it.
        if self.has_document && !self.has_text {
            self.blocks.push(json!({ "text": PLACEHOLDER }));
        }
        let role = if self.from_user { "user" } else { "assistant" };
        let mut content = self.results;
        content.append(&mut self.blocks);
        json!({ "role": role, "content": content })
    }
}

/// What an assistant thought in an earlier turn: only what is signed goes back, and only to models that know the
/// signature. Callers who do not send it back may have it from the memory.
fn thought(given: Option<Value>, calls: &[Value], reader: Reader<'_>) -> Vec<Value> {
    if !reader.family.takes_signed_thinking() {
        return Vec::new();
    }
    let recall = || {
        let id = calls.first()?.pointer("/toolUse/toolUseId")?.as_str()?;
        serde_json::from_str::<Value>(&reader.memory.recall(id)?).ok()
    };
    let given = given.filter(|value| value.as_array().is_some_and(|all| !all.is_empty()));
    let all = given.or_else(recall);
    all.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(signed_block).collect()
}

/// A block of thinking in Anthropic's form as one of Converse's; `None` for one that nobody signed.
fn signed_block(block: &Value) -> Option<Value> {
    let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "thinking" if !text("signature").is_empty() => {
            let thought = json!({ "text": text("thinking"), "signature": text("signature") });
            Some(json!({ "reasoningContent": { "reasoningText": thought } }))
        }
        "redacted_thinking" if !text("data").is_empty() => {
            Some(json!({ "reasoningContent": { "redactedContent": text("data") } }))
        }
        _ => None,
    }
}

fn input(text: Option<&str>, path: &str, dropped: &mut Dropped) -> Value {
    let (object, whole) = arguments(text.unwrap_or_default());
    dropped.add_if(!whole, path);
    Value::Object(object)
}

fn tool_use(id: &str, name: &str, input: &Value) -> Value {
    json!({ "toolUse": { "toolUseId": id, "name": tool_name(name), "input": input } })
}

/// Claude refuses a beginning of its answer that ends in white space.
fn trim_end(blocks: &mut [Value]) {
    if let Some(Value::String(text)) = blocks.last_mut().and_then(|block| block.get_mut("text")) {
        text.truncate(text.trim_end().len());
    }
}
