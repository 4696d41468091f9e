//! Tools, the choice among them, and the search that Google runs itself.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use sluice_chat::request::WebSearchOptions;
use sluice_chat::tool::{Function, FunctionCallChoice, FunctionTool, Tool, ToolChoice, ToolChoiceMode};

use super::model::{Generation, Model};
use super::schema;
use crate::reading::Reading;

/// What a request says about tools.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub(super) tools: &'a [Tool],
    pub(super) choice: Option<&'a ToolChoice>,
    pub(super) functions: &'a [Function],
    pub(super) function_call: Option<&'a FunctionCallChoice>,
    pub(super) web_search: Option<&'a WebSearchOptions>,
}

/// What is sent about them.
#[derive(Debug, Default)]
pub(super) struct Offer {
    pub(super) tools: Vec<Value>,
    pub(super) config: Option<Value>,
    /// At least one function is declared.
    pub(super) has_functions: bool,
    pub(super) reading: Reading,
}

/// A function's name as it is sent: Gemini's begin with a letter or an underscore.
pub(super) fn sent_name(name: &str) -> Cow<'_, str> {
    match name.bytes().next() {
        Some(b'0'..=b'9' | b'-') => format!("_{name}").into(),
        _ => name.into(),
    }
}

/// Google's own tools, by the `type` under which callers may offer them.
const BUILT_IN: &[(&str, &str)] = &[
    ("google_search", "googleSearch"),
    ("googleSearch", "googleSearch"),
    ("web_search", "googleSearch"),
    ("web_search_preview", "googleSearch"),
    ("code_execution", "codeExecution"),
    ("codeExecution", "codeExecution"),
    ("url_context", "urlContext"),
    ("urlContext", "urlContext"),
    ("google_maps", "googleMaps"),
    ("googleMaps", "googleMaps"),
];

pub(super) fn offer(wish: &Wish<'_>, model: &Model<'_>, vertex: bool, dropped: &mut Vec<String>) -> Offer {
    let mut desk =
        Desk { model, dropped, declarations: Vec::new(), built_in: Vec::new(), reading: Reading::default() };
    desk.all(wish);
    desk.reading.legacy_functions = wish.tools.is_empty() && !wish.functions.is_empty();
    let choice = match (wish.choice, wish.function_call) {
        (Some(choice), _) => chosen(choice),
        (None, Some(FunctionCallChoice::Mode(mode))) => of_mode(*mode),
        (None, Some(FunctionCallChoice::Named(named))) => Choice::Any(vec![named.name.clone()]),
        (None, None) => Choice::Unsaid,
    };
    let Desk { mut declarations, built_in, reading, dropped, .. } = desk;
    let unmet = match &choice {
        Choice::Unsaid => wish.choice.is_some(),
        Choice::Any(_) => declarations.is_empty(),
        _ => false,
    };
    if unmet {
        dropped.push("tool_choice".to_owned());
    }
    if let Choice::AutoAmong(names) = &choice {
        let sent: Vec<Cow<'_, str>> = names.iter().map(|name| sent_name(name)).collect();
        declarations.retain(|one| sent.iter().any(|name| one["name"] == **name));
    }
    let has_functions = !declarations.is_empty();
    let mixed = has_functions && !built_in.is_empty();
    let mut tools = Vec::new();
    if has_functions {
        tools.push(json!({ "functionDeclarations": declarations }));
    }
    tools.extend(built_in);
    let mut config = Map::new();
    if has_functions && let Some(calling) = choice.config() {
        config.insert("functionCallingConfig".to_owned(), calling);
    }
    if mixed && !vertex {
        config.insert("includeServerSideToolInvocations".to_owned(), true.into());
    }
    let config = (!config.is_empty()).then_some(Value::Object(config));
    Offer { tools, config, has_functions, reading }
}

struct Desk<'a> {
    model: &'a Model<'a>,
    dropped: &'a mut Vec<String>,
    declarations: Vec<Value>,
    built_in: Vec<Value>,
    reading: Reading,
}

impl Desk<'_> {
    fn all(&mut self, wish: &Wish<'_>) {
        let mut searches = Vec::new();
        for (index, tool) in wish.tools.iter().enumerate() {
            let at = format!("tools[{index}]");
            match tool {
                Tool::Function(FunctionTool { function, rest }) => {
                    self.report(&at, rest);
                    self.function(&format!("{at}.function"), function);
                }
                Tool::Other(fields) => self.other(at, fields, &mut searches),
            }
        }
        for (index, function) in wish.functions.iter().enumerate() {
            self.function(&format!("functions[{index}]"), function);
        }
        if let Some(WebSearchOptions { search_context_size, user_location, rest: _ }) = wish.web_search {
            searches.push(("web_search_options".to_owned(), "googleSearch"));
            let refinements = [
                ("search_context_size", search_context_size.is_some()),
                ("user_location", user_location.is_some()),
            ];
            let told = refinements.into_iter().filter(|(_, said)| *said);
            self.dropped.extend(told.map(|(name, _)| format!("web_search_options.{name}")));
        }
        let cannot_mix = self.model.generation < Generation::Three && !self.declarations.is_empty();
        for (at, name) in searches {
            let tool = json!({ name: {} });
            if cannot_mix {
                self.dropped.push(at);
            } else if !self.built_in.contains(&tool) {
                self.built_in.push(tool);
            }
        }
    }

    fn report(&mut self, at: &str, rest: &Map<String, Value>) {
        let set = rest.iter().filter(|(_, value)| !value.is_null());
        self.dropped.extend(set.map(|(name, _)| format!("{at}.{name}")));
    }

    fn function(&mut self, at: &str, function: &Function) {
        let Function { name, description, parameters, strict, rest } = function;
        self.report(at, rest);
        if *strict == Some(true) {
            self.dropped.push(format!("{at}.strict"));
        }
        let mut out = self.declared(name, description.as_deref());
        let some = parameters.as_ref().filter(|parameters| takes_arguments(parameters));
        if let Some(parameters) = some {
            if self.model.takes_json_schema() {
                out["parametersJsonSchema"] = schema::native(parameters);
            } else {
                out["parameters"] = schema::subset(parameters);
            }
        }
        self.declarations.push(out);
    }

    fn declared(&mut self, name: &str, description: Option<&str>) -> Value {
        let sent = sent_name(name);
        if sent != name {
            self.reading.renamed_tools.push((sent.to_string(), name.to_owned()));
        }
        let mut out = json!({ "name": sent });
        if let Some(description) = description.filter(|text| !text.is_empty()) {
            out["description"] = description.into();
        }
        out
    }

    /// A custom tool is a function of one text; Google's own are known by their type.
    fn other(&mut self, at: String, fields: &Map<String, Value>, searches: &mut Vec<(String, &'static str)>) {
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some((_, name)) = BUILT_IN.iter().find(|(known, _)| *known == kind) {
            searches.push((at, name));
            return;
        }
        let custom = fields.get("custom").and_then(Value::as_object).filter(|_| kind == "custom");
        let Some(custom) = custom else { return self.dropped.push(at) };
        let text = |key: &str| custom.get(key).and_then(Value::as_str);
        let Some(name) = text("name") else { return self.dropped.push(at) };
        if custom.get("format").is_some_and(|format| format.get("type") == Some(&"grammar".into())) {
            self.dropped.push(format!("{at}.custom.format"));
        }
        let mut out = self.declared(name, text("description"));
        let input = json!({ "type": "object", "properties": { "input": { "type": "string" } }, "required": ["input"] });
        match input.as_object() {
            Some(input) if !self.model.takes_json_schema() => out["parameters"] = schema::subset(input),
            _ => out["parametersJsonSchema"] = input,
        }
        self.reading.custom_tools.push(name.to_owned());
        self.declarations.push(out);
    }
}

/// An object without properties is refused: nothing is said of parameters then.
fn takes_arguments(parameters: &Map<String, Value>) -> bool {
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    match parameters.get("properties") {
        Some(properties) if !empty(properties) => true,
        _ => ["$ref", "anyOf", "oneOf", "allOf"].iter().any(|word| parameters.contains_key(*word)),
    }
}

enum Choice {
    Unsaid,
    None,
    Auto,
    /// Any of these functions, or none: the others are not declared, because AUTO takes no names.
    AutoAmong(Vec<String>),
    /// At least one call, of these functions if there are some.
    Any(Vec<String>),
}

impl Choice {
    fn config(&self) -> Option<Value> {
        Some(match self {
            Self::Unsaid => return None,
            Self::None => json!({ "mode": "NONE" }),
            Self::Auto | Self::AutoAmong(_) => json!({ "mode": "AUTO" }),
            Self::Any(names) if names.is_empty() => json!({ "mode": "ANY" }),
            Self::Any(names) => {
                let sent: Vec<_> = names.iter().map(|name| sent_name(name)).collect();
                json!({ "mode": "ANY", "allowedFunctionNames": sent })
            }
        })
    }
}

fn of_mode(mode: ToolChoiceMode) -> Choice {
    match mode {
        ToolChoiceMode::None => Choice::None,
        ToolChoiceMode::Auto => Choice::Auto,
        ToolChoiceMode::Required => Choice::Any(Vec::new()),
    }
}

/// Objects come nested (`{"type": "function", "function": {"name"}}`) or flat.
fn chosen(choice: &ToolChoice) -> Choice {
    let object = match choice {
        ToolChoice::Mode(mode) => return of_mode(*mode),
        ToolChoice::Object(object) => object,
    };
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let inner = object.get(kind).and_then(Value::as_object).unwrap_or(object);
    if kind == "allowed_tools" {
        let listed = inner.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let names: Vec<String> = listed.iter().filter_map(|tool| name_in(tool.as_object()?)).collect();
        return match inner.get("mode").and_then(Value::as_str) {
            Some("required") => Choice::Any(names),
            _ => Choice::AutoAmong(names),
        };
    }
    match name_in(object) {
        Some(name) => Choice::Any(vec![name]),
        None => Choice::Unsaid,
    }
}

fn name_in(tool: &Map<String, Value>) -> Option<String> {
    let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function");
    let inner = tool.get(kind).and_then(Value::as_object).unwrap_or(tool);
    Some(inner.get("name")?.as_str()?.to_owned())
}
