//! Which tools are called, and with what.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::event::ToolCallKind;

use super::conversation::Conversation;
use super::schema;
use super::text::Text;

/// Calls in one answer at most.
const CALLS_MAX: usize = 32;

/// A tool that may be called.
#[derive(Clone, Debug)]
pub(super) struct Callable {
    kind: ToolCallKind,
    name: String,
    /// Parameters of a function, format of a custom tool.
    form: Value,
}

/// A call with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) kind: ToolCallKind,
    pub(super) name: String,
    pub(super) arguments: Text,
}

impl Callable {
    fn of_tool(tool: &Value) -> Option<Self> {
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function");
        if kind == "custom" {
            let custom = tool.get("custom")?;
            let name = custom.get("name")?.as_str()?.to_owned();
            let form = custom.get("format").cloned().unwrap_or_default();
            return Some(Self { kind: ToolCallKind::Custom, name, form });
        }
        let function = tool.get("function").filter(|_| kind == "function")?;
        Self::of_function(function, ToolCallKind::Function)
    }

    fn of_function(function: &Value, kind: ToolCallKind) -> Option<Self> {
        let name = function.get("name")?.as_str()?.to_owned();
        let form = function.get("parameters").cloned().unwrap_or_default();
        Some(Self { kind, name, form })
    }

    /// The call of this tool, the same for the same seed.
    pub(super) fn make(&self, seed: i64) -> Made {
        let arguments = match self.kind {
            ToolCallKind::Custom => self.input(seed as u64),
            ToolCallKind::Function | ToolCallKind::LegacyFunction => self.arguments(seed as u64).to_string(),
        };
        Made { kind: self.kind, name: self.name.clone(), arguments: Text::from(arguments) }
    }

    /// Arguments are an object, whether or not the schema says so.
    fn arguments(&self, seed: u64) -> Value {
        let Some(parameters) = self.form.as_object().filter(|parameters| !parameters.is_empty()) else {
            return json!({});
        };
        let mut parameters = parameters.clone();
        if !["type", "enum", "const"].iter().any(|key| parameters.contains_key(*key)) {
            parameters.insert("type".to_owned(), json!("object"));
        }
        schema::instance(&Value::Object(parameters), seed)
    }

    /// A text, which matches where the grammar is a regular expression.
    fn input(&self, seed: u64) -> String {
        let grammar = self.form.get("grammar").unwrap_or(&self.form);
        let text = |key: &str| grammar.get(key).and_then(Value::as_str);
        let matching = text("definition").filter(|_| text("syntax") == Some("regex"));
        matching
            .and_then(|pattern| schema::matching(pattern, seed))
            .unwrap_or_else(|| format!("sandbox input for {}", self.name))
    }
}

/// What `tool_choice` or `function_call` says.
struct Choice {
    /// There is a call whatever the messages say.
    forced: bool,
    /// Only these may be called.
    among: Option<Vec<String>>,
}

impl Choice {
    /// `None` where nothing may be called.
    fn read(choice: Option<&Value>) -> Option<Self> {
        let name_of = |value: &Value| {
            let nested = value.get("function").or_else(|| value.get("custom")).unwrap_or(value);
            nested.get("name").and_then(Value::as_str).map(str::to_owned)
        };
        match choice {
            None | Some(Value::Null) => Some(Self { forced: false, among: None }),
            Some(Value::String(word)) if word == "none" => None,
            Some(Value::String(word)) => Some(Self { forced: word == "required", among: None }),
            Some(object) if object.get("type").and_then(Value::as_str) == Some("allowed_tools") => {
                let inner = object.get("allowed_tools").unwrap_or(object);
                let forced = inner.get("mode").and_then(Value::as_str) == Some("required");
                let tools = inner.get("tools").and_then(Value::as_array);
                let among = tools.map(|tools| tools.iter().filter_map(name_of).collect());
                Some(Self { forced, among })
            }
            Some(object) => {
                let name = name_of(object);
                Some(Self { forced: name.is_some(), among: name.map(|name| vec![name]) })
            }
        }
    }
}

/// The tools that a request makes the sandbox call, in order.
pub(super) fn wanted(
    request: &Map<String, Value>,
    conversation: &Conversation,
) -> Result<Vec<Callable>, ApiError> {
    let list = |key: &str| request.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
    let (mut tools, param): (Vec<Callable>, _) = match (list("tools"), list("functions")) {
        (Some(tools), _) => (tools.iter().filter_map(Callable::of_tool).collect(), "tool_choice"),
        (None, Some(functions)) => {
            let legacy = |function| Callable::of_function(function, ToolCallKind::LegacyFunction);
            (functions.iter().filter_map(legacy).collect(), "function_call")
        }
        (None, None) => return Ok(Vec::new()),
    };
    let Some(choice) = Choice::read(request.get(param)) else { return Ok(Vec::new()) };
    if let Some(among) = &choice.among {
        let unknown = among.iter().find(|name| tools.iter().all(|tool| tool.name != **name));
        if let Some(name) = unknown {
            let message = format!("Tool choice '{name}' is none of the tools of this request.");
            return Err(ApiError::invalid("invalid_value", message).with_param(param));
        }
        tools.retain(|tool| among.contains(&tool.name));
    }
    let asked = conversation.called_for.as_deref().filter(|_| conversation.tool_results.is_none());
    let parallel = request.get("parallel_tool_calls") != Some(&Value::Bool(false)) && param == "tool_choice";
    let max = if parallel { CALLS_MAX } else { 1 };
    if !choice.forced && asked.is_none() {
        return Ok(Vec::new());
    }
    let of_name = |name: &&str| tools.iter().find(|tool| tool.name == *name).cloned();
    let names = asked.unwrap_or_default().split(',').map(first_word);
    let named: Vec<Callable> = names.filter_map(|name| of_name(&name)).take(max).collect();
    Ok(if named.is_empty() { tools.into_iter().take(1).collect() } else { named })
}

/// The name at the begin of a text.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    &text[..end.unwrap_or(text.len())]
}
