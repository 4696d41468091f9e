//! The canonical middle of every translation: what a model did, one step at a time, whatever dialect said it.

use serde_json::Value;

use crate::{ApiError, Usage};

/// One step of an answer. `choice` is the index of the choice it belongs to.
///
/// A decoder gives the same events however the bytes that it is fed are cut, and the same ones (but for the cut of
/// texts) for a streamed and a whole answer. `Usage` comes at most once, after the last `Finished`.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatEvent {
    /// The head of the answer: once, first.
    Started {
        id: String,
        created: u64,
        model: String,
        system_fingerprint: Option<String>,
        service_tier: Option<String>,
    },
    /// More of `content`.
    Text { choice: u32, text: String },
    /// More of `reasoning_content`.
    Reasoning { choice: u32, text: String },
    /// More of `refusal`.
    Refusal { choice: u32, text: String },
    /// A tool call begins. `index` is dense from 0 and counts the tool calls of its choice.
    /// `extra_content` is what a provider wants to have back with the call, such as
    /// `{"google":{"thought_signature":"…"}}`.
    ToolCallStarted {
        choice: u32,
        index: u32,
        id: String,
        kind: ToolCallKind,
        name: String,
        extra_content: Option<Value>,
    },
    /// More of the arguments (of a custom tool: the input) of call `index`.
    ToolCallArguments { choice: u32, index: u32, fragment: String },
    /// A block of thinking that goes back unchanged in the next turn, whole and signed, in Anthropic's form. Its text
    /// came as `Reasoning`. An entry of `thinking_blocks`.
    ThinkingBlock { choice: u32, block: Value },
    /// One entry of `annotations`, as it was sent.
    Annotation { choice: u32, annotation: Value },
    /// An update of `audio`: any of `id`, `data`, `transcript`, `expires_at`, as it was sent.
    Audio { choice: u32, audio: Value },
    /// Token log probabilities, as sent (`{"content": […]|null, "refusal": […]|null}`).
    Logprobs { choice: u32, logprobs: Value },
    /// The choice is complete.
    Finished { choice: u32, reason: FinishReason },
    /// What it used.
    Usage(Usage),
    /// The upstream declared a failure in place of the rest.
    Failed(ApiError),
}

/// What kind of tool a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolCallKind {
    Function,
    Custom,
    /// The deprecated `function_call`: one per choice, no id, no index.
    LegacyFunction,
}

/// The five finish reasons of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
    FunctionCall,
}

impl FinishReason {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::FunctionCall => "function_call",
        }
    }

    /// Reads an official finish reason.
    pub fn from_wire(text: &str) -> Option<Self> {
        Some(match text {
            "stop" => Self::Stop,
            "length" => Self::Length,
            "tool_calls" => Self::ToolCalls,
            "content_filter" => Self::ContentFilter,
            "function_call" => Self::FunctionCall,
            _ => return None,
        })
    }
}
