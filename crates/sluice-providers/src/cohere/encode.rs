//! A request as the body of `/v2/chat`.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::request::{ChatRequest, ReasoningEffort, Stop};
use sluice_chat::response_format::ResponseFormat;
use sluice_chat::splice::Slices;
use smallvec::SmallVec;

use super::messages;
use crate::asked::schema::narrowed;
use crate::asked::tools::{Choice, Offer, OfferedTool, ToolFields};
use crate::asked::{Asked, Dropped};
use crate::dialect::{Call, Encoded};
use crate::reading::Reading;

/// Cohere's own fields, which go along as they are.
const OWN: &[&str] = &["safety_mode", "documents", "citation_options", "thinking"];

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, ApiError> {
    let asked = Asked::of(ChatRequest::parse(call.body)?, call.injected_output_limit)?;
    let stream = call.scan.stream;
    let mut body = Body { thinks: thinks(call), ..Body::default() };
    body.out.insert("model".to_owned(), call.upstream_model.name().into());
    body.out.insert("stream".to_owned(), stream.into());
    body.request(asked)?;
    Ok(Encoded {
        path: "/chat".into(),
        headers: SmallVec::new(),
        body: Slices::from_iter([Value::Object(body.out).to_string().into()]),
        dropped: body.dropped.into_vec(),
        // Usage comes unasked.
        hide_usage: stream && !call.scan.include_usage,
        reading: body.reading,
    })
}

/// Whether the model thinks before it answers; the names of those that do say so.
fn thinks(call: &Call<'_>) -> bool {
    call.facts.reasoning || call.upstream_model.name().contains("reasoning")
}

#[derive(Default)]
struct Body {
    out: Map<String, Value>,
    dropped: Dropped,
    reading: Reading,
    thinks: bool,
}

impl Body {
    /// Every field of the API, and what becomes of it: the table of [`super::FIELDS`] in code.
    fn request(&mut self, asked: Asked) -> Result<(), ApiError> {
        let Asked {
            messages,
            limit,
            temperature,
            top_p,
            stop,
            reasoning_effort,
            response_format,
            tools,
            extensions,
            mut unheard,
        } = asked;
        let (presence, frequency) = (unheard.presence_penalty.take(), unheard.frequency_penalty.take());
        let seed = unheard.seed.take();
        unheard.report(&mut self.dropped);
        self.extensions(extensions);
        self.set("max_tokens", limit);
        self.sampling(temperature, top_p, seed);
        self.penalties([("presence_penalty", presence), ("frequency_penalty", frequency)]);
        self.stop(stop.as_ref());
        self.effort(reasoning_effort.as_ref());
        let has_tools = self.tools(tools)?;
        self.format(response_format, has_tools);
        let messages = messages::written(messages, self.thinks, &mut self.dropped)?;
        self.set("messages", Some(messages));
        Ok(())
    }

    fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        self.out.extend(value.map(|value| (name.to_owned(), value.into())));
    }

    fn extensions(&mut self, mut rest: Map<String, Value>) {
        for name in OWN {
            let value = rest.shift_remove(*name);
            self.set(name, value);
        }
        let top_k = rest.shift_remove("top_k");
        self.set("k", top_k);
        self.dropped.rest("", &rest);
    }

    /// The scales end elsewhere: a temperature of 1 is the highest, and `p` lies between 0.01 and 0.99.
    fn sampling(&mut self, temperature: Option<f64>, top_p: Option<f64>, seed: Option<i64>) {
        self.dropped.add_if(temperature.is_some_and(|t| t > 1.0), "temperature");
        self.set("temperature", temperature.map(|t| t.min(1.0)));
        self.set("p", top_p.map(|p| p.clamp(0.01, 0.99)));
        // It has no sign.
        self.dropped.add_if(seed.is_some_and(|seed| seed < 0), "seed");
        self.set("seed", seed.and_then(|seed| u64::try_from(seed).ok()));
    }

    /// From 0 to 1.
    fn penalties(&mut self, penalties: [(&str, Option<f64>); 2]) {
        for (name, penalty) in penalties {
            let Some(penalty) = penalty else { continue };
            self.dropped.add_if(!(0.0..=1.0).contains(&penalty), name);
            self.set(name, Some(penalty.clamp(0.0, 1.0)));
        }
    }

    fn stop(&mut self, stop: Option<&Stop>) {
        let texts = stop.map(Stop::as_slice).unwrap_or_default();
        let texts: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        self.set("stop_sequences", Some(texts).filter(|texts| !texts.is_empty()));
    }

    /// Thinking is measured in tokens; without a measure it takes what it needs.
    fn effort(&mut self, effort: Option<&ReasoningEffort>) {
        let effort = effort.map(ReasoningEffort::as_str);
        let Some(effort) = effort.filter(|_| !self.out.contains_key("thinking")) else { return };
        if !self.thinks {
            return self.dropped.add("reasoning_effort");
        }
        let budget = match effort {
            "none" => return self.set("thinking", Some(json!({ "type": "disabled" }))),
            "minimal" => Some(512),
            "low" => Some(1024),
            "medium" => Some(4096),
            _ => None,
        };
        let mut thinking = json!({ "type": "enabled" });
        if let Some(tokens) = budget {
            thinking["token_budget"] = tokens.into();
        }
        self.set("thinking", Some(thinking));
    }

    /// Returns whether there are tools.
    fn tools(&mut self, fields: ToolFields) -> Result<bool, ApiError> {
        let mut offer = Offer::of(fields, &mut self.dropped)?;
        self.reading.custom_tools.clone_from(&offer.custom);
        self.reading.legacy_functions = offer.legacy;
        self.dropped.add_if(offer.one_at_a_time, "parallel_tool_calls");
        if offer.tools.is_empty() {
            return Ok(false);
        }
        let choice = match std::mem::take(&mut offer.choice) {
            Choice::Auto => None,
            Choice::None => Some("NONE"),
            Choice::Required => Some("REQUIRED"),
            // With one tool on offer, any is that one.
            Choice::One(name) => {
                offer.tools.retain(|tool| tool.name == name);
                Some("REQUIRED")
            }
        };
        let strict = offer.tools.iter().all(can_be_strict);
        for tool in &offer.tools {
            self.dropped.add_if(tool.strict && !strict, &format!("{}.function.strict", tool.path));
            self.dropped.rest(&format!("{}.", tool.path), &tool.rest);
        }
        let tools: Vec<Value> = offer.tools.into_iter().map(function).collect();
        self.set("tools", Some(tools));
        self.set("strict_tools", strict.then_some(true));
        self.set("tool_choice", choice);
        Ok(true)
    }

    /// An answer is in a form or by tools, not both.
    fn format(&mut self, format: Option<ResponseFormat>, has_tools: bool) {
        let written = match format {
            None | Some(ResponseFormat::Text(_)) => return,
            Some(_) if has_tools => return self.dropped.add("response_format"),
            Some(ResponseFormat::JsonObject(_)) => json!({ "type": "json_object" }),
            Some(ResponseFormat::JsonSchema(format)) => {
                let schema = format.json_schema;
                self.dropped.rest("response_format.json_schema.", &schema.rest);
                let mut written = json!({ "type": "json_object" });
                if let Some(schema) = schema.schema {
                    written["json_schema"] = narrowed(&schema).into();
                }
                written
            }
        };
        self.set("response_format", Some(written));
    }
}

/// Strictness holds for all tools or none, and wants an argument that must be there.
fn can_be_strict(tool: &OfferedTool) -> bool {
    let required = tool.schema.get("required").and_then(Value::as_array);
    tool.strict && required.is_some_and(|names| !names.is_empty())
}

fn function(tool: OfferedTool) -> Value {
    let mut function = json!({ "name": tool.name });
    if let Some(description) = tool.description {
        function["description"] = description.into();
    }
    function["parameters"] = tool.schema.into();
    json!({ "type": "function", "function": function })
}
