//! The conversation: who says what, call by call, before it is put into turns.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{Content, Message, Role};
use sluice_chat::tool::{CustomToolCall, FunctionCall, FunctionToolCall, ToolCall};

use super::blocks::{self, Blocks, Takes, cache_control};
use super::names::{self, CallIds};
use crate::asked::{ECHOES, tools};
use crate::memory::Memory;
use crate::reading::Reading;

/// What was said at one place of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    User { results: Vec<Value>, blocks: Vec<Value> },
    Assistant(Vec<Value>),
    System(Vec<Value>),
}

/// Reads messages one by one.
#[derive(Debug)]
pub(super) struct Messages<'a> {
    pub(super) blocks: Blocks<'a>,
    pub(super) memory: &'a dyn Memory,
    pub(super) reading: &'a mut Reading,
    pub(super) items: Vec<Item>,
    /// Some message holds a call or a result.
    pub(super) has_calls: bool,
    ids: CallIds,
    /// The id of the newest deprecated call.
    function_id: String,
}

impl<'a> Messages<'a> {
    pub(super) fn new(blocks: Blocks<'a>, memory: &'a dyn Memory, reading: &'a mut Reading) -> Self {
        Self {
            blocks,
            memory,
            reading,
            items: Vec::new(),
            has_calls: false,
            ids: CallIds::default(),
            function_id: "call_0".to_owned(),
        }
    }

    /// Reads the message at `index`.
    pub(super) fn read(&mut self, message: Message, index: usize) -> Result<(), ApiError> {
        let place = format!("messages[{index}]");
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
            rest,
        } = message;
        let assistant = Said { refusal, tool_calls, function_call };
        if role != Role::Function && name.is_some_and(|name| !name.is_empty()) {
            self.blocks.dropped.push(format!("{place}.name"));
        }
        if audio.is_some() {
            self.blocks.dropped.push(format!("{place}.audio"));
        }
        let known = [&["cache_control", "prompt_cache_breakpoint"], ECHOES].concat();
        self.blocks.rest(&rest, &place, &known);
        let marker = cache_control(&rest);
        match role {
            Role::System | Role::Developer => {
                let mut blocks = self.blocks.of(content, &place, Takes::Text)?;
                blocks::mark(&mut blocks, marker);
                self.system(blocks);
            }
            Role::User => {
                let mut blocks = self.blocks.of(content, &place, Takes::Media)?;
                blocks::mark(&mut blocks, marker);
                self.user(Vec::new(), blocks);
            }
            Role::Assistant => {
                let mut said = self.assistant(content, assistant, &rest, &place)?;
                blocks::mark(&mut said, marker);
                self.answer(said);
            }
            Role::Tool | Role::Function => {
                let id = match tool_call_id.filter(|_| role == Role::Tool) {
                    Some(id) => self.ids.result(&id),
                    None => self.function_id.clone(),
                };
                let mut results = vec![self.result(content, &id, &place)?];
                blocks::mark(&mut results, marker);
                self.user(results, Vec::new());
            }
        }
        Ok(())
    }

    fn system(&mut self, more: Vec<Value>) {
        match self.items.last_mut() {
            _ if more.is_empty() => {}
            Some(Item::System(blocks)) => blocks.extend(more),
            _ => self.items.push(Item::System(more)),
        }
    }

    fn user(&mut self, more_results: Vec<Value>, more: Vec<Value>) {
        match self.items.last_mut() {
            Some(Item::User { results, blocks }) => {
                results.extend(more_results);
                blocks.extend(more);
            }
            _ => self.items.push(Item::User { results: more_results, blocks: more }),
        }
    }

    fn answer(&mut self, more: Vec<Value>) {
        match self.items.last_mut() {
            _ if more.is_empty() => {}
            Some(Item::Assistant(blocks)) => blocks.extend(more),
            _ => self.items.push(Item::Assistant(more)),
        }
    }

    fn result(&mut self, content: Option<Content>, id: &str, place: &str) -> Result<Value, ApiError> {
        self.has_calls = true;
        let mut result = json!({ "type": "tool_result", "tool_use_id": id });
        match content {
            Some(Content::Text(text)) if !text.trim().is_empty() => result["content"] = text.into(),
            Some(Content::Text(_)) | None => {}
            Some(parts) => {
                let blocks = self.blocks.of(Some(parts), place, Takes::Media)?;
                if !blocks.is_empty() {
                    result["content"] = blocks.into();
                }
            }
        }
        Ok(result)
    }

    fn assistant(
        &mut self,
        content: Option<Content>,
        said: Said,
        rest: &Map<String, Value>,
        place: &str,
    ) -> Result<Vec<Value>, ApiError> {
        let Said { refusal, tool_calls, function_call } = said;
        let calls = self.calls(tool_calls.unwrap_or_default(), function_call, place)?;
        let mut blocks = match rest.get("thinking_blocks").and_then(Value::as_array) {
            Some(sent) => sent.iter().filter_map(thinking).collect(),
            None => calls.first().map(|(id, _)| self.recalled(id)).unwrap_or_default(),
        };
        blocks.extend(self.blocks.of(content, place, Takes::Text)?);
        blocks.extend(refusal.as_deref().and_then(blocks::text));
        blocks.extend(calls.into_iter().map(|(_, call)| call));
        Ok(blocks)
    }

    /// The signed thinking that came before a call, from the gateway's own memory.
    fn recalled(&self, id: &str) -> Vec<Value> {
        let kept = self.memory.recall(id).and_then(|kept| serde_json::from_str::<Vec<Value>>(&kept).ok());
        kept.unwrap_or_default().iter().filter_map(thinking).collect()
    }

    /// The calls with the ids under which the caller knows them.
    fn calls(
        &mut self,
        tool_calls: Vec<ToolCall>,
        function_call: Option<FunctionCall>,
        place: &str,
    ) -> Result<Vec<(String, Value)>, ApiError> {
        let mut calls = Vec::new();
        for (at, call) in tool_calls.into_iter().enumerate() {
            let place = format!("{place}.tool_calls[{at}]");
            let (id, name, input, rest) = match call {
                ToolCall::Function(FunctionToolCall { id, function, rest }) => {
                    let FunctionCall { name, arguments, rest: _ } = function;
                    (id, name, self.input(arguments.as_deref(), &format!("{place}.function")), rest)
                }
                ToolCall::Custom(CustomToolCall { id, custom, rest }) => {
                    (id, custom.name, json!({ "input": custom.input.unwrap_or_default() }), rest)
                }
                ToolCall::Other(_) => {
                    let text = "This model does not know this type of tool call.";
                    let error = ApiError::invalid("unsupported_value", text);
                    return Err(error.with_param(format!("{place}.type")));
                }
            };
            self.blocks.rest(&rest, &place, &["index", "cache_control", "extra_content"]);
            let said = self.ids.call(&id);
            let mut block = self.call(&name, &said, input);
            if let Some(marker) = cache_control(&rest) {
                block["cache_control"] = marker;
            }
            calls.push((id, block));
        }
        if let Some(FunctionCall { name, arguments, rest: _ }) = function_call {
            let place = format!("{place}.function_call");
            let input = self.input(arguments.as_deref(), &place);
            let id = self.ids.call("call");
            calls.push((id.clone(), self.call(&name, &id, input)));
            self.function_id = id;
        }
        Ok(calls)
    }

    fn input(&mut self, arguments: Option<&str>, place: &str) -> Value {
        let (object, whole) = tools::arguments(arguments.unwrap_or_default());
        if !whole {
            self.blocks.dropped.push(format!("{place}.arguments"));
        }
        object.into()
    }

    fn call(&mut self, name: &str, id: &str, input: Value) -> Value {
        self.has_calls = true;
        let mut call = json!({ "type": "tool_use", "id": id, "name": names::tool(name, self.reading) });
        call["input"] = input;
        call
    }
}

/// What only an assistant says beside its content.
struct Said {
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
    function_call: Option<FunctionCall>,
}

/// A block of thinking as it may go back; unsigned ones may not.
fn thinking(block: &Value) -> Option<Value> {
    let text = |key: &str| block.get(key).and_then(Value::as_str);
    match text("type")? {
        "thinking" => {
            let signature = text("signature").filter(|signature| !signature.is_empty())?;
            let thought = text("thinking").unwrap_or_default();
            Some(json!({ "type": "thinking", "thinking": thought, "signature": signature }))
        }
        "redacted_thinking" => Some(json!({ "type": "redacted_thinking", "data": text("data")? })),
        _ => None,
    }
}
