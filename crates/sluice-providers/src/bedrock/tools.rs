//! `toolConfig`: the tools on offer and the choice among them.

use serde_json::{Map, Value, json};
use sluice_chat::response_format::JsonSchema;

use super::content::Blocks;
use super::model::Family;
use super::names::tool_name;
use crate::asked::schema::narrowed;
use crate::asked::tools::{Choice, Offer, OfferedTool, object_schema};

/// The tool whose input is the structured answer, for models that have no other way to one.
const ANSWER_TOOL: &str = "structured_answer";

/// What a model can do with tools.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) family: Family,
    /// Constrained decoding: `strict` means something.
    pub(super) strict: bool,
    /// The conversation has calls or results: then some tool must be on offer.
    pub(super) has_history: bool,
}

impl Terms {
    /// Nova knows three keys at the top of a schema, and refuses others. Definitions stay: parts point at them.
    fn taken(self, schema: &Map<String, Value>) -> Map<String, Value> {
        const KNOWN: [&str; 5] = ["type", "properties", "required", "$defs", "definitions"];
        let mut schema = schema.clone();
        if matches!(self.family, Family::Nova | Family::Nova2) {
            schema.retain(|key, _| KNOWN.contains(&key.as_str()));
        }
        schema
    }
}

/// What the request says of tools.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) config: Option<Value>,
    /// The tool whose input is the answer.
    pub(super) answer_tool: Option<String>,
}

/// Writes `toolConfig`. `answer` is the schema of an answer that only a tool can give; `more` takes what only one
/// maker knows.
pub(super) fn config(
    mut offer: Offer,
    terms: Terms,
    answer: Option<&JsonSchema>,
    blocks: &mut Blocks<'_>,
    more: &mut Map<String, Value>,
) -> Said {
    let mut choice = std::mem::take(&mut offer.choice);
    if choice == Choice::None {
        // There is no word for it: without tools there is nothing to call.
        if terms.has_history && !offer.tools.is_empty() {
            blocks.dropped.add("tool_choice");
        } else {
            offer.tools.clear();
        }
        choice = Choice::Auto;
    }
    if let Choice::One(name) = &choice
        && terms.family.takes_any()
        && !terms.family.takes_one()
    {
        // With one tool on offer, any is that one.
        offer.tools.retain(|tool| tool.name == *name);
        choice = Choice::Required;
    }
    let mut tools: Vec<Value> = offer.tools.iter().flat_map(|tool| written(tool, terms, blocks)).collect();
    let mut answer_tool = None;
    if let Some(format) = answer {
        let name = free_name(&offer);
        tools.push(answering(&name, format, terms));
        answer_tool = Some(name);
        if choice == Choice::Auto {
            choice = Choice::Required;
        }
    }
    if tools.is_empty() && terms.has_history {
        tools.push(placeholder());
    }
    if tools.is_empty() {
        return Said::default();
    }
    one_at_a_time(&offer, &choice, terms, blocks, more);
    let mut config = json!({ "tools": tools });
    if let Some(choice) = chosen(&choice, terms, blocks) {
        config["toolChoice"] = choice;
    }
    Said { config: Some(config), answer_tool }
}

/// A tool, and the mark for the cache behind it.
fn written(tool: &OfferedTool, terms: Terms, blocks: &mut Blocks<'_>) -> Vec<Value> {
    let strict = tool.strict && terms.strict;
    blocks.dropped.add_if(tool.strict && !strict, &format!("{}.function.strict", tool.path));
    let schema = if strict { narrowed(&tool.schema) } else { terms.taken(&tool.schema) };
    let mut spec = json!({ "name": tool_name(&tool.name), "inputSchema": { "json": schema } });
    if let Some(description) = &tool.description {
        spec["description"] = description.as_str().into();
    }
    if strict {
        spec["strict"] = true.into();
    }
    let mut rest = tool.rest.clone();
    let point = blocks.cache.take(&mut rest, &tool.path, &mut blocks.dropped);
    blocks.dropped.rest(&format!("{}.", tool.path), &rest);
    std::iter::once(json!({ "toolSpec": spec })).chain(point).collect()
}

fn answering(name: &str, format: &JsonSchema, terms: Terms) -> Value {
    let schema = terms.taken(&object_schema(format.schema.clone()));
    let about = format
        .description
        .as_deref()
        .unwrap_or("Gives the answer to the user in the form that was asked for.");
    json!({ "toolSpec": { "name": name, "description": about, "inputSchema": { "json": schema } } })
}

/// History with calls is refused without tools. Its own tools are not offered again: nobody would answer them.
fn placeholder() -> Value {
    json!({ "toolSpec": {
        "name": "no_tool",
        "description": "Stands for tools of earlier turns that are gone. Never call it.",
        "inputSchema": { "json": { "type": "object", "properties": {} } },
    }})
}

fn free_name(offer: &Offer) -> String {
    let mut name = ANSWER_TOOL.to_owned();
    while offer.has(&name) {
        name.push('_');
    }
    name
}

/// `toolChoice`; a demand that the model does not know becomes none, and is reported. The demand for an answer by tool
/// was ours.
fn chosen(choice: &Choice, terms: Terms, blocks: &mut Blocks<'_>) -> Option<Value> {
    match choice {
        Choice::Auto | Choice::None => None,
        Choice::Required if terms.family.takes_any() => Some(json!({ "any": {} })),
        Choice::One(name) if terms.family.takes_one() => Some(json!({ "tool": { "name": tool_name(name) } })),
        Choice::Required | Choice::One(_) => {
            blocks.dropped.add("tool_choice");
            None
        }
    }
}

/// Only Claude can be told to make one call at a time, and only beside a choice of its own form.
fn one_at_a_time(
    offer: &Offer,
    choice: &Choice,
    terms: Terms,
    blocks: &mut Blocks<'_>,
    more: &mut Map<String, Value>,
) {
    if !offer.one_at_a_time {
        return;
    }
    if terms.family != Family::Claude {
        blocks.dropped.add("parallel_tool_calls");
        return;
    }
    let mut claudes = match choice {
        Choice::Auto | Choice::None => json!({ "type": "auto" }),
        Choice::Required => json!({ "type": "any" }),
        Choice::One(name) => json!({ "type": "tool", "name": tool_name(name) }),
    };
    claudes["disable_parallel_tool_use"] = true.into();
    more.insert("tool_choice".to_owned(), claudes);
}
