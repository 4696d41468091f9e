//! The tools that a request offers and the choice among them, in one form, whichever of the API's ways the caller used:
//! `tools` or the deprecated `functions`, functions or custom tools, nested or flat objects of choice.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::tool::{Function, FunctionCallChoice, Tool, ToolChoice, ToolChoiceMode};

use super::{Dropped, unsaid};

/// The fields of a request that speak of tools.
#[derive(Debug, Default)]
pub(crate) struct ToolFields {
    pub(crate) tools: Option<Vec<Tool>>,
    pub(crate) tool_choice: Option<ToolChoice>,
    pub(crate) parallel_tool_calls: Option<bool>,
    pub(crate) functions: Option<Vec<Function>>,
    pub(crate) function_call: Option<FunctionCallChoice>,
}

/// One tool on offer, as a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OfferedTool {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// A JSON Schema of type `object`.
    pub(crate) schema: Map<String, Value>,
    pub(crate) strict: bool,
    /// Where it stands in the request, such as `tools[1]`.
    pub(crate) path: String,
    /// What stood beside the function that the API does not name (`cache_control`).
    pub(crate) rest: Map<String, Value>,
}

/// What the model shall do with the tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    #[default]
    Auto,
    None,
    Required,
    /// Call this one.
    One(String),
}

/// What a request offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Offer {
    pub(crate) tools: Vec<OfferedTool>,
    pub(crate) choice: Choice,
    /// The caller said `parallel_tool_calls: false`, and there are tools.
    pub(crate) one_at_a_time: bool,
    /// Names of custom tools: their one argument is the text `input`.
    pub(crate) custom: Vec<String>,
    /// The caller speaks of `functions`, and wants a `function_call`.
    pub(crate) legacy: bool,
}

impl Offer {
    /// Reads the fields; tools of kinds that only their vendor knows are reported.
    ///
    /// # Errors
    /// When the choice forces a tool that is not on offer.
    pub(crate) fn of(fields: ToolFields, dropped: &mut Dropped) -> Result<Self, ApiError> {
        let ToolFields { tools, tool_choice, parallel_tool_calls, functions, function_call } = fields;
        let mut offer = Self::default();
        match (tools.filter(|tools| !tools.is_empty()), functions) {
            (Some(tools), _) => {
                for (index, tool) in tools.into_iter().enumerate() {
                    offer.add(tool, format!("tools[{index}]"), dropped);
                }
            }
            (None, Some(functions)) => {
                offer.legacy = true;
                for (index, function) in functions.into_iter().enumerate() {
                    let path = format!("functions[{index}]");
                    offer.tools.push(offered(function, Map::new(), path, dropped));
                }
            }
            (None, None) => return Ok(offer),
        }
        offer.choice = if offer.legacy {
            of_function_call(function_call)
        } else {
            offer.of_tool_choice(tool_choice, dropped)
        };
        offer.one_at_a_time = parallel_tool_calls == Some(false) && !offer.tools.is_empty();
        match &offer.choice {
            Choice::One(name) if !offer.has(name) => {
                let param = if offer.legacy { "function_call" } else { "tool_choice" };
                Err(unsaid(param, format!("The choice forces '{name}', which is not among the tools.")))
            }
            _ => Ok(offer),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name == name)
    }

    fn add(&mut self, tool: Tool, path: String, dropped: &mut Dropped) {
        match tool {
            Tool::Function(tool) => self.tools.push(offered(tool.function, tool.rest, path, dropped)),
            Tool::Other(fields) => match custom(&fields, &path) {
                Some(tool) => {
                    self.custom.push(tool.name.clone());
                    self.tools.push(tool);
                }
                None => dropped.add(path),
            },
        }
    }

    fn of_tool_choice(&mut self, choice: Option<ToolChoice>, dropped: &mut Dropped) -> Choice {
        let object = match choice {
            None => return Choice::Auto,
            Some(ToolChoice::Mode(mode)) => return of_mode(mode),
            Some(ToolChoice::Object(object)) => object,
        };
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        // The flat form is that of another API, which clients mix up with this one.
        let body = object.get(kind).and_then(Value::as_object).unwrap_or(&object);
        match kind {
            "function" | "custom" => match body.get("name").and_then(Value::as_str) {
                Some(name) => Choice::One(name.to_owned()),
                None => Choice::Auto,
            },
            "allowed_tools" => {
                let tools =
                    body.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let names: Vec<&str> = tools.iter().filter_map(tool_name).collect();
                self.tools.retain(|tool| names.contains(&tool.name.as_str()));
                let required = body.get("mode").and_then(Value::as_str) == Some("required");
                if required { Choice::Required } else { Choice::Auto }
            }
            _ => {
                dropped.add("tool_choice");
                Choice::Auto
            }
        }
    }
}

/// The name in an entry of `allowed_tools`, nested or flat.
fn tool_name(tool: &Value) -> Option<&str> {
    let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function");
    tool.get(kind).unwrap_or(tool).get("name")?.as_str()
}

fn of_mode(mode: ToolChoiceMode) -> Choice {
    match mode {
        ToolChoiceMode::None => Choice::None,
        ToolChoiceMode::Auto => Choice::Auto,
        ToolChoiceMode::Required => Choice::Required,
    }
}

fn of_function_call(choice: Option<FunctionCallChoice>) -> Choice {
    match choice {
        None => Choice::Auto,
        Some(FunctionCallChoice::Mode(mode)) => of_mode(mode),
        Some(FunctionCallChoice::Named(named)) => Choice::One(named.name),
    }
}

fn offered(
    function: Function,
    mut beside: Map<String, Value>,
    path: String,
    dropped: &mut Dropped,
) -> OfferedTool {
    let Function { name, description, parameters, strict, mut rest } = function;
    if let Some(cache) = rest.shift_remove("cache_control") {
        beside.entry("cache_control").or_insert(cache);
    }
    let prefix = if path.starts_with("tools") { format!("{path}.function.") } else { format!("{path}.") };
    dropped.rest(&prefix, &rest);
    OfferedTool {
        name,
        description: description.filter(|text| !text.trim().is_empty()),
        schema: object_schema(parameters),
        strict: strict.unwrap_or_default(),
        path,
        rest: beside,
    }
}

/// Absent parameters mean that there are none; upstreams want the schema of an object all the same.
pub(crate) fn object_schema(parameters: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut schema = parameters.unwrap_or_default();
    schema.shift_remove("$schema");
    if !schema.contains_key("type") {
        schema.insert("type".to_owned(), "object".into());
    }
    if schema.get("type").and_then(Value::as_str) == Some("object") && !schema.contains_key("properties") {
        schema.insert("properties".to_owned(), json!({}));
    }
    schema
}

/// A custom tool as a function that takes one text. What the text has to look like can only be described.
fn custom(fields: &Map<String, Value>, path: &str) -> Option<OfferedTool> {
    if fields.get("type").and_then(Value::as_str) != Some("custom") {
        return None;
    }
    let custom = fields.get("custom").and_then(Value::as_object).unwrap_or(fields);
    let name = custom.get("name").and_then(Value::as_str)?.to_owned();
    let mut description = custom.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let grammar = custom.get("format").and_then(|format| format.get("grammar").or(Some(format)));
    let definition = grammar.and_then(|grammar| grammar.get("definition")).and_then(Value::as_str);
    if let Some(definition) = definition {
        let syntax = grammar.and_then(|grammar| grammar.get("syntax")).and_then(Value::as_str);
        let syntax = syntax.unwrap_or("grammar");
        description.push_str(&format!("\nThe input must match this {syntax}:\n{definition}"));
    }
    let schema = json!({
        "type": "object", "properties": { "input": { "type": "string" } }, "required": ["input"],
    });
    Some(OfferedTool {
        name,
        description: Some(description.trim().to_owned()).filter(|text| !text.is_empty()),
        schema: schema.as_object().cloned().unwrap_or_default(),
        strict: false,
        path: path.to_owned(),
        rest: Map::new(),
    })
}

/// Reads the arguments of a call in the history as the object that they have to be, and says whether that is all of
/// them. They are what a model wrote: of several objects glued together the first one is taken, and of a text that is
/// broken off, or no object, nothing. It is no reason to refuse a conversation, which would then be stuck for good.
pub(crate) fn arguments(text: &str) -> (Map<String, Value>, bool) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match (values.next(), values.next()) {
        (Some(Ok(Value::Object(object))), more) => (object, more.is_none()),
        (Some(Ok(Value::Null)), None) | (None, _) => (Map::new(), true),
        _ => (Map::new(), false),
    }
}

#[cfg(test)]
#[path = "tools_tests.rs"]
mod tests;
