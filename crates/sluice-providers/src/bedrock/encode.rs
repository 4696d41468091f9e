//! A request as the body of Converse.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::Message;
use sluice_chat::request::{ChatRequest, ReasoningEffort, Stop};
use sluice_chat::response_format::{JsonSchema, ResponseFormat};
use sluice_chat::splice::Slices;
use smallvec::SmallVec;

use super::cache::CachePoints;
use super::content::Blocks;
use super::messages::{Conversation, Reader};
use super::model::Family;
use super::{thinking, tools};
use crate::asked::Asked;
use crate::asked::schema::narrowed;
use crate::asked::tools::Offer;
use crate::dialect::{Call, Encoded};
use crate::provider::encoded_segment;
use crate::reading::Reading;

/// `inferenceConfig`.
#[derive(Debug, Default)]
pub(super) struct Inference {
    pub(super) max_tokens: Option<u64>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    stop: Vec<String>,
}

/// The body as it grows.
struct Body<'a> {
    family: Family,
    blocks: Blocks<'a>,
    inference: Inference,
    /// `additionalModelRequestFields`.
    more: Map<String, Value>,
    out: Map<String, Value>,
    reading: Reading,
}

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, ApiError> {
    let asked = Asked::of(ChatRequest::parse(call.body)?, call.injected_output_limit)?;
    let family = Family::of(call.upstream_model.name());
    let known = call.facts != crate::ModelFacts::default();
    let cache = CachePoints::new(call.facts.prompt_cache || (!known && family == Family::Unknown));
    let mut body = Body {
        family,
        blocks: Blocks::new(call.media, cache),
        inference: Inference::default(),
        more: Map::new(),
        out: Map::new(),
        reading: Reading::default(),
    };
    let stream = call.scan.stream;
    body.request(asked, call)?;
    let model = encoded_segment(call.upstream_model.name());
    let end = if stream { "converse-stream" } else { "converse" };
    let (json, dropped, reading) = body.finish();
    Ok(Encoded {
        path: format!("/model/{model}/{end}").into(),
        headers: SmallVec::new(),
        body: Slices::from_iter([json.to_string().into()]),
        dropped,
        // Usage comes unasked.
        hide_usage: stream && !call.scan.include_usage,
        reading,
    })
}

impl Body<'_> {
    /// Every field of the API, and what becomes of it: the table of [`super::FIELDS`] in code.
    fn request(&mut self, asked: Asked, call: &Call<'_>) -> Result<(), ApiError> {
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
        let (metadata, service_tier) = (unheard.metadata.take(), unheard.service_tier.take());
        unheard.report(&mut self.blocks.dropped);
        self.inference.max_tokens = limit;
        self.sampling(temperature, top_p, stop.as_ref());
        self.metadata(metadata);
        self.service_tier(service_tier.as_deref());
        self.extensions(extensions);
        self.effort(reasoning_effort.as_ref());
        let offer = Offer::of(tools, &mut self.blocks.dropped)?;
        self.conversation(messages, response_format, offer, call)
    }

    fn effort(&mut self, effort: Option<&ReasoningEffort>) {
        if let Some(effort) = effort {
            let Self { family, inference, more, blocks, .. } = self;
            thinking::effort(effort.as_str(), *family, inference, more, &mut blocks.dropped);
        }
    }

    fn sampling(&mut self, temperature: Option<f64>, top_p: Option<f64>, stop: Option<&Stop>) {
        // The scale ends at 1 here.
        self.blocks.dropped.add_if(temperature.is_some_and(|t| t > 1.0), "temperature");
        self.inference.temperature = temperature.map(|t| t.min(1.0));
        self.inference.top_p = top_p;
        let stop = stop.map(Stop::as_slice).unwrap_or_default();
        self.inference.stop = stop.iter().filter(|text| !text.is_empty()).cloned().collect();
    }

    /// For the log of invocations; its alphabet is narrower than the API's.
    fn metadata(&mut self, metadata: Option<Map<String, Value>>) {
        let Some(metadata) = metadata.filter(|pairs| !pairs.is_empty()) else { return };
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c);
        let fits = |text: &str, min: usize| (min..=256).contains(&text.len()) && text.chars().all(allowed);
        if metadata.iter().all(|(key, value)| fits(key, 1) && value.as_str().is_some_and(|v| fits(v, 0))) {
            self.out.insert("requestMetadata".to_owned(), Value::Object(metadata));
        } else {
            self.blocks.dropped.add("metadata");
        }
    }

    fn service_tier(&mut self, tier: Option<&str>) {
        let tier = match tier {
            None | Some("auto" | "default" | "") => return,
            Some("priority" | "fast") => "priority",
            Some("flex") => "flex",
            Some(_) => return self.blocks.dropped.add("service_tier"),
        };
        self.out.insert("serviceTier".to_owned(), json!({ "type": tier }));
    }

    /// Fields beyond the API. Nothing of the caller's gets into `additionalModelRequestFields` by a name of his own: it
    /// could undo the limit on the output.
    fn extensions(&mut self, mut rest: Map<String, Value>) {
        if let Some(guardrail) = rest.shift_remove("guardrailConfig") {
            self.out.insert("guardrailConfig".to_owned(), guardrail);
        }
        if let Some(top_k) = rest.shift_remove("top_k") {
            match self.family {
                Family::Nova | Family::Nova2 => {
                    self.more.insert("inferenceConfig".to_owned(), json!({ "topK": top_k }));
                }
                Family::Claude | Family::Mistral | Family::Other | Family::Unknown => {
                    self.more.insert("top_k".to_owned(), top_k);
                }
                _ => self.blocks.dropped.add("top_k"),
            }
        }
        if matches!(self.family, Family::Claude | Family::Unknown)
            && let Some(thinking) = rest.shift_remove("thinking")
        {
            self.more.insert("thinking".to_owned(), thinking);
        }
        self.blocks.dropped.rest("", &rest);
    }

    fn conversation(
        &mut self,
        messages: Vec<Message>,
        format: Option<ResponseFormat>,
        offer: Offer,
        call: &Call<'_>,
    ) -> Result<(), ApiError> {
        let reader = Reader { family: self.family, memory: call.memory };
        let mut conversation = Conversation::of(messages, reader, &mut self.blocks)?;
        self.reading.custom_tools.clone_from(&offer.custom);
        self.reading.legacy_functions = offer.legacy;
        let mut system = std::mem::take(&mut conversation.system);
        let mut by_tool = None;
        match format {
            None | Some(ResponseFormat::Text(_)) => {}
            Some(ResponseFormat::JsonObject(_)) => system.push(json!({ "text": JSON_ONLY })),
            Some(ResponseFormat::JsonSchema(format)) => {
                let mut format = format.json_schema;
                self.blocks.dropped.rest("response_format.json_schema.", &std::mem::take(&mut format.rest));
                if self.family.takes_schema(&call.facts) {
                    self.out.insert("outputConfig".to_owned(), text_format(&format));
                } else if call.facts.tools {
                    by_tool = Some(format);
                } else {
                    self.blocks.dropped.add("response_format");
                    system.push(json!({ "text": described(&format) }));
                }
            }
        }
        let terms = tools::Terms {
            family: self.family,
            strict: call.facts.json_schema && self.family.takes_schema(&call.facts),
            has_history: conversation.has_tool_blocks,
        };
        let Self { blocks, more, .. } = self;
        let said = tools::config(offer, terms, by_tool.as_ref(), blocks, more);
        self.reading.answer_tool = said.answer_tool;
        self.out.insert("messages".to_owned(), conversation.into_turns().into());
        if !system.is_empty() {
            self.out.insert("system".to_owned(), system.into());
        }
        self.out.extend(said.config.map(|config| ("toolConfig".to_owned(), config)));
        Ok(())
    }

    fn finish(mut self) -> (Value, Vec<String>, Reading) {
        let Inference { max_tokens, temperature, top_p, stop } = self.inference;
        let mut inference = Map::new();
        inference.extend(max_tokens.map(|limit| ("maxTokens".to_owned(), limit.into())));
        inference.extend(temperature.map(|t| ("temperature".to_owned(), t.into())));
        inference.extend(top_p.map(|p| ("topP".to_owned(), p.into())));
        if !stop.is_empty() {
            inference.insert("stopSequences".to_owned(), stop.into());
        }
        for (name, fields) in [("inferenceConfig", inference), ("additionalModelRequestFields", self.more)] {
            if !fields.is_empty() {
                self.out.insert(name.to_owned(), fields.into());
            }
        }
        (Value::Object(self.out), self.blocks.dropped.into_vec(), self.reading)
    }
}

const JSON_ONLY: &str = "Answer with one JSON object and nothing else.";

/// The schema travels as a text.
fn text_format(format: &JsonSchema) -> Value {
    let schema = Value::Object(narrowed(&format.schema.clone().unwrap_or_default())).to_string();
    let mut schema = json!({ "name": format.name, "schema": schema });
    if let Some(description) = format.description.as_deref().filter(|text| !text.is_empty()) {
        schema["description"] = description.into();
    }
    json!({ "textFormat": { "type": "json_schema", "structure": { "jsonSchema": schema } } })
}

/// For models that have neither way: they are told.
fn described(format: &JsonSchema) -> String {
    let schema = Value::Object(format.schema.clone().unwrap_or_default());
    format!("{JSON_ONLY} It must match this JSON Schema:\n{schema}")
}
