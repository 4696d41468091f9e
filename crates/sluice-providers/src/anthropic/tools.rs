//! Tools, and the choice among them.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::request::WebSearchOptions;
use sluice_chat::tool::{
    Function, FunctionCallChoice, FunctionTool, NamedFunction, Tool, ToolChoice, ToolChoiceMode,
};

use super::blocks::cache_control;
use super::model::Model;
use super::{names, schema};
use crate::reading::Reading;

/// The tools of a request and how they are to be used.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    pub(super) model: &'a Model,
    pub(super) reading: &'a mut Reading,
    pub(super) dropped: &'a mut Vec<String>,
    pub(super) tools: Vec<Value>,
    pub(super) choice: Option<Choice>,
}

/// The choice among tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    None,
    Auto,
    Any,
    /// By the upstream's name.
    Tool(String),
}

impl Choice {
    pub(super) fn is_forced(&self) -> bool {
        matches!(self, Self::Any | Self::Tool(_))
    }

    /// `tool_choice`.
    pub(super) fn written(&self, one_at_a_time: bool) -> Value {
        let mut choice = match self {
            Self::None => return json!({ "type": "none" }),
            Self::Auto => json!({ "type": "auto" }),
            Self::Any => json!({ "type": "any" }),
            Self::Tool(name) => json!({ "type": "tool", "name": name }),
        };
        if one_at_a_time {
            choice["disable_parallel_tool_use"] = true.into();
        }
        choice
    }
}

impl Tools<'_> {
    pub(super) fn add(&mut self, tool: Tool, index: usize) -> Result<(), ApiError> {
        let place = format!("tools[{index}]");
        match tool {
            Tool::Function(FunctionTool { function, rest }) => {
                let marker = cache_control(&rest);
                self.unknown(&rest, &place);
                self.function(function, marker, &format!("{place}.function"));
            }
            Tool::Other(tool) => match tool.get("type").and_then(Value::as_str) {
                Some("custom") => self.custom(&tool, &place)?,
                // One of Anthropic's own, which have a date.
                Some(kind) if is_dated(kind) => self.tools.push(Value::Object(tool)),
                _ => {
                    let text = "This model does not know this type of tool.";
                    return Err(
                        ApiError::invalid("unsupported_value", text).with_param(format!("{place}.type"))
                    );
                }
            },
        }
        Ok(())
    }

    /// A function, of `tools` or of the deprecated `functions`.
    pub(super) fn function(&mut self, function: Function, marker: Option<Value>, place: &str) {
        let Function { name, description, parameters, strict, rest } = function;
        let marker = marker.or_else(|| cache_control(&rest));
        self.unknown(&rest, place);
        let mut tool = json!({ "name": names::tool(&name, self.reading) });
        if let Some(text) = description.filter(|text| !text.trim().is_empty()) {
            tool["description"] = text.into();
        }
        tool["input_schema"] = schema::of_tool(parameters.as_ref());
        if strict == Some(true) {
            if self.model.schemas && parameters.as_ref().is_some_and(schema::is_strict) {
                tool["strict"] = true.into();
            } else {
                self.dropped.push(format!("{place}.strict"));
            }
        }
        if let Some(marker) = marker {
            tool["cache_control"] = marker;
        }
        self.tools.push(tool);
    }

    /// A custom tool takes one text; its grammar can only be told.
    fn custom(&mut self, tool: &Map<String, Value>, place: &str) -> Result<(), ApiError> {
        let custom = tool.get("custom").and_then(Value::as_object).unwrap_or(tool);
        let text = |key: &str| custom.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(name) = text("name") else {
            let error = ApiError::invalid("missing_required_parameter", "A custom tool needs a name.");
            return Err(error.with_param(format!("{place}.custom.name")));
        };
        let mut description = text("description").unwrap_or_default().to_owned();
        if let Some(format) =
            custom.get("format").filter(|format| format["type"] != "text" && !format.is_null())
        {
            let grammar = format.get("grammar").unwrap_or(format);
            let said = grammar.get("definition").and_then(Value::as_str).unwrap_or_default();
            description.push_str(&format!("\n\nThe input has to be of this grammar:\n{said}"));
            self.dropped.push(format!("{place}.custom.format"));
        }
        let mut written = json!({ "name": names::tool(name, self.reading) });
        if !description.trim().is_empty() {
            written["description"] = description.trim().into();
        }
        written["input_schema"] = json!({
            "type": "object", "properties": { "input": { "type": "string" } }, "required": ["input"],
            "additionalProperties": false,
        });
        self.reading.custom_tools.push(name.to_owned());
        self.tools.push(written);
        Ok(())
    }

    fn unknown(&mut self, rest: &Map<String, Value>, place: &str) {
        let known = ["cache_control", "prompt_cache_breakpoint"];
        let unknown = rest.iter().filter(|(name, value)| !value.is_null() && !known.contains(&name.as_str()));
        self.dropped.extend(unknown.map(|(name, _)| format!("{place}.{name}")));
    }

    /// Anthropic's own search on the web.
    pub(super) fn web_search(&mut self, options: WebSearchOptions) {
        let WebSearchOptions { search_context_size, user_location, rest } = options;
        let uses = match search_context_size.as_deref() {
            Some("low") => 2,
            Some("high") => 10,
            _ => 5,
        };
        let mut tool = json!({ "type": "web_search_20250305", "name": "web_search", "max_uses": uses });
        if let Some(location) = user_location {
            let approximate = location.get("approximate").and_then(Value::as_object).unwrap_or(&location);
            let mut at = json!({ "type": "approximate" });
            for key in ["city", "region", "country", "timezone"] {
                if let Some(text) = approximate.get(key).filter(|text| text.is_string()) {
                    at[key] = text.clone();
                }
            }
            tool["user_location"] = at;
        }
        self.unknown(&rest, "web_search_options");
        self.tools.push(tool);
    }

    pub(super) fn choose(&mut self, choice: ToolChoice) -> Result<(), ApiError> {
        self.choice = Some(match choice {
            ToolChoice::Mode(mode) => of_mode(mode),
            ToolChoice::Object(object) => self.chosen(&object)?,
        });
        Ok(())
    }

    pub(super) fn choose_function(&mut self, choice: FunctionCallChoice) {
        self.choice = Some(match choice {
            FunctionCallChoice::Mode(mode) => of_mode(mode),
            FunctionCallChoice::Named(NamedFunction { name, rest: _ }) => {
                Choice::Tool(names::tool(&name, self.reading))
            }
        });
    }

    fn chosen(&mut self, object: &Map<String, Value>) -> Result<Choice, ApiError> {
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let inner = object.get(kind).and_then(Value::as_object).unwrap_or(object);
        let name = inner.get("name").and_then(Value::as_str);
        match (kind, name) {
            ("function" | "custom" | "tool", Some(name)) => Ok(Choice::Tool(names::tool(name, self.reading))),
            ("allowed_tools", _) => {
                self.allow(inner);
                let required = inner.get("mode").and_then(Value::as_str) == Some("required");
                Ok(if required { Choice::Any } else { Choice::Auto })
            }
            _ => {
                let text = "This model does not know this choice of a tool.";
                Err(ApiError::invalid("unsupported_value", text).with_param("tool_choice"))
            }
        }
    }

    /// Leaves only the tools that may be called.
    fn allow(&mut self, allowed: &Map<String, Value>) {
        let listed = allowed.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let name = |tool: &Value| {
            let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function");
            let inner = tool.get(kind).unwrap_or(tool);
            inner.get("name").and_then(Value::as_str).map(str::to_owned)
        };
        let names: Vec<String> = listed.iter().filter_map(name).collect();
        let reading = &*self.reading;
        self.tools.retain(|tool| {
            let sent = tool.get("name").and_then(Value::as_str).unwrap_or_default();
            names.iter().any(|name| name == reading.callers_name(sent))
        });
    }
}

fn of_mode(mode: ToolChoiceMode) -> Choice {
    match mode {
        ToolChoiceMode::None => Choice::None,
        ToolChoiceMode::Auto => Choice::Auto,
        ToolChoiceMode::Required => Choice::Any,
    }
}

/// `web_search_20250305` and the like.
fn is_dated(kind: &str) -> bool {
    kind.rsplit_once('_').is_some_and(|(name, date)| {
        !name.is_empty() && date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A tool for conversations that hold calls and offer none: without it they are refused. It may not be called.
pub(super) fn placeholder() -> Value {
    json!({
        "name": "unavailable", "description": "No tool is available.",
        "input_schema": { "type": "object", "properties": {} },
    })
}
