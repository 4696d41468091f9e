//! Calls of tools, on their way back to the caller in the form that he knows.

use serde_json::Value;
use sluice_chat::event::{FinishReason, ToolCallKind};
use sluice_chat::message::Message;
use sluice_chat::tool::ToolCall;

use crate::reading::Reading;

/// The kind of a call of this tool (by the caller's name), the `index`-th of its answer; `None` where the deprecated
/// form has no room for a further call.
pub(crate) fn kind(reading: &Reading, name: &str, index: u32) -> Option<ToolCallKind> {
    match (reading.legacy_functions, reading.is_custom(name)) {
        (true, _) if index > 0 => None,
        (true, _) => Some(ToolCallKind::LegacyFunction),
        (false, true) => Some(ToolCallKind::Custom),
        (false, false) => Some(ToolCallKind::Function),
    }
}

/// The text of a custom tool's input, out of the object in which it travelled.
pub(crate) fn custom_input(arguments: String) -> String {
    let input = serde_json::from_str::<Value>(&arguments).ok();
    let input = input.as_ref().and_then(|input| input.get("input")).and_then(Value::as_str);
    input.map(str::to_owned).unwrap_or(arguments)
}

/// Why an answer ended that simply ended.
pub(crate) fn natural_end(reading: &Reading, calls: u32) -> FinishReason {
    match (calls, reading.legacy_functions) {
        (0, _) => FinishReason::Stop,
        (_, true) => FinishReason::FunctionCall,
        (_, false) => FinishReason::ToolCalls,
    }
}

/// The id that the deprecated `function_call` of a message gets, by the place of the message.
pub(crate) fn legacy_id(message: usize) -> String {
    format!("call_{message}")
}

/// Names of the tools that were called, by id, and the last deprecated call: what results refer to.
#[derive(Debug, Default)]
pub(crate) struct Called {
    by_id: Vec<(String, String)>,
    last_function: Option<(String, String)>,
}

impl Called {
    /// Takes note of the calls of an assistant's message.
    pub(crate) fn note(&mut self, message: &Message, index: usize) {
        for call in message.tool_calls.iter().flatten() {
            match call {
                ToolCall::Function(call) => self.by_id.push((call.id.clone(), call.function.name.clone())),
                ToolCall::Custom(call) => self.by_id.push((call.id.clone(), call.custom.name.clone())),
                ToolCall::Other(_) => {}
            }
        }
        if let Some(call) = &message.function_call {
            self.last_function = Some((call.name.clone(), legacy_id(index)));
        }
    }

    /// The tool that gave this result.
    pub(crate) fn name_of(&self, id: &str) -> Option<&str> {
        self.by_id.iter().rfind(|(known, _)| known == id).map(|(_, name)| name.as_str())
    }

    /// The id of the deprecated call that a result of this function belongs to.
    pub(crate) fn legacy_id(&self, name: &str) -> Option<&str> {
        self.last_function.as_ref().filter(|(known, _)| known == name).map(|(_, id)| id.as_str())
    }
}
