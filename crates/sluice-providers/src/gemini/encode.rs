//! Writing a request.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluice_chat::message::{Content, Message, Part};
use sluice_chat::request::{AudioOptions, ChatRequest};
use sluice_chat::response_format::ResponseFormat;
use sluice_chat::{ApiError, splice::Slices};

use super::contents::{Contents, Conversation};
use super::media::{MediaTerms, detail, global_resolution};
use super::model::{Generation, Model, path};
use super::thinking::{self, Thinking};
use super::{schema, tools};
use crate::dialect::{Call, Encoded};
use crate::reading::Reading;

/// Stop sequences, at most.
const STOP_MAX: usize = 5;

pub(super) fn is_vertex(call: &Call<'_>) -> bool {
    call.row.kind == "vertex"
}

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, ApiError> {
    let request = ChatRequest::parse(call.body)?;
    let model = Model::of(call.upstream_model.name());
    let mut writer = Writer {
        call,
        model: &model,
        vertex: is_vertex(call),
        dropped: Vec::new(),
        body: Map::new(),
        generation: Map::new(),
        reading: Reading::default(),
        instruction: None,
    };
    writer.request(&request)?;
    let Writer { dropped, mut body, generation, reading, vertex, .. } = writer;
    if !generation.is_empty() {
        body.insert("generationConfig".to_owned(), generation.into());
    }
    let json = Bytes::from(Value::Object(body).to_string());
    Ok(Encoded {
        path: path(call.upstream_model.name(), vertex, call.scan.stream).into(),
        headers: Default::default(),
        body: Slices::from_iter([json]),
        dropped,
        // Usage comes unasked, on every event.
        hide_usage: call.scan.stream && !call.scan.include_usage,
        reading,
    })
}

/// The URLs that should rather be sent along than be left to the provider.
pub(super) fn media_to_inline(call: &Call<'_>) -> Vec<String> {
    let Ok(request) = ChatRequest::parse(call.body) else { return Vec::new() };
    let model = Model::of(call.upstream_model.name());
    let terms = MediaTerms { model: &model, vertex: is_vertex(call), inlined: call.media };
    let mut urls: Vec<String> = Vec::new();
    for part in parts(&request.messages) {
        let url = match part {
            Part::ImageUrl(part) => part.image_url.url(),
            Part::VideoUrl(part) => part.video_url.url(),
            _ => continue,
        };
        if terms.wants_inlined(url) && !urls.iter().any(|known| known == url) {
            urls.push(url.to_owned());
        }
    }
    urls
}

fn parts(messages: &[Message]) -> impl Iterator<Item = &Part> {
    messages.iter().filter_map(|message| message.content.as_ref()).flat_map(|content| match content {
        Content::Text(_) => &[],
        Content::Parts(parts) => parts.as_slice(),
    })
}

struct Writer<'a> {
    call: &'a Call<'a>,
    model: &'a Model<'a>,
    vertex: bool,
    dropped: Vec<String>,
    body: Map<String, Value>,
    /// `generationConfig`
    generation: Map<String, Value>,
    reading: Reading,
    /// What the system has to say because a field cannot.
    instruction: Option<String>,
}

impl Writer<'_> {
    /// Every field is named, so that a new one does not compile before it is thought of.
    fn request(&mut self, request: &ChatRequest) -> Result<(), ApiError> {
        let ChatRequest {
            // In the path.
            model: _,
            messages,
            // In `numbers`.
            temperature: _,
            top_p: _,
            n: _,
            stop: _,
            max_tokens: _,
            max_completion_tokens: _,
            presence_penalty: _,
            frequency_penalty: _,
            logprobs: _,
            top_logprobs: _,
            seed: _,
            // In the path.
            stream: _,
            // Nothing is obfuscated, and usage comes always.
            stream_options: _,
            // In `unsaid`.
            logit_bias: _,
            user: _,
            safety_identifier: _,
            prompt_cache_key: _,
            metadata: _,
            store: _,
            prediction: _,
            verbosity: _,
            parallel_tool_calls: _,
            service_tier,
            modalities,
            audio,
            reasoning_effort,
            web_search_options,
            response_format,
            tools,
            tool_choice,
            functions,
            function_call,
            rest,
        } = request;
        self.numbers(request);
        self.unsaid(request);
        self.service_tier(service_tier.as_deref());
        self.modalities(modalities.as_deref(), audio.as_ref());
        if let Some(effort) = reasoning_effort {
            let thinking = thinking::of_effort(effort.as_str(), self.model);
            self.thinking("reasoning_effort", thinking);
        }
        self.extensions(rest);
        let wish = tools::Wish {
            tools: tools.as_deref().unwrap_or_default(),
            choice: tool_choice.as_ref(),
            functions: functions.as_deref().unwrap_or_default(),
            function_call: function_call.as_ref(),
            web_search: web_search_options.as_ref(),
        };
        let has_functions = self.tools(&wish);
        self.response_format(response_format.as_ref(), has_functions);
        self.messages(messages)
    }

    fn numbers(&mut self, request: &ChatRequest) {
        self.sampling("temperature", "temperature", request.temperature.map(Value::from));
        self.sampling("top_p", "topP", request.top_p.map(Value::from));
        self.number("candidateCount", request.n.filter(|n| *n > 1).map(Value::from));
        let limit = request.output_limit().or(self.call.injected_output_limit);
        self.number("maxOutputTokens", limit.map(Value::from));
        self.number("seed", request.seed.map(|seed| folded(seed).into()));
        if let Some(stop) = &request.stop {
            let all = stop.as_slice();
            self.generation.insert("stopSequences".to_owned(), all[..all.len().min(STOP_MAX)].into());
        }
        self.penalty("presence_penalty", "presencePenalty", request.presence_penalty);
        self.penalty("frequency_penalty", "frequencyPenalty", request.frequency_penalty);
        if request.logprobs == Some(true) {
            self.generation.insert("responseLogprobs".to_owned(), true.into());
            self.number("logprobs", request.top_logprobs.map(Value::from));
        }
    }

    /// What Gemini has no words for.
    fn unsaid(&mut self, request: &ChatRequest) {
        let some = |pairs: &Option<Map<String, Value>>| pairs.as_ref().is_some_and(|pairs| !pairs.is_empty());
        self.report("logit_bias", some(&request.logit_bias));
        self.report("user", request.user.is_some());
        self.report("safety_identifier", request.safety_identifier.is_some());
        self.report("prompt_cache_key", request.prompt_cache_key.is_some());
        self.report("metadata", some(&request.metadata));
        self.report("store", request.store == Some(true));
        self.report("prediction", request.prediction.is_some());
        self.report("verbosity", request.verbosity.as_deref().is_some_and(|level| level != "medium"));
        self.report("parallel_tool_calls", request.parallel_tool_calls == Some(false));
    }

    fn report(&mut self, name: &str, unmet: bool) {
        if unmet {
            self.dropped.push(name.to_owned());
        }
    }

    fn number(&mut self, name: &str, value: Option<Value>) {
        self.generation.extend(value.map(|value| (name.to_owned(), value)));
    }

    fn sampling(&mut self, field: &str, name: &str, value: Option<Value>) {
        if self.model.ignores_sampling() {
            self.report(field, value.is_some());
        } else {
            self.number(name, value);
        }
    }

    /// Zero is what an absent penalty is, so it can be left out where penalties are refused.
    fn penalty(&mut self, field: &str, name: &str, value: Option<f64>) {
        if self.model.takes_penalties() {
            self.number(name, value.map(Value::from));
        } else {
            self.report(field, value.is_some_and(|value| value != 0.0));
        }
    }

    fn service_tier(&mut self, tier: Option<&str>) {
        let said = match tier {
            None | Some("auto" | "") => return,
            Some("default" | "standard") => "standard",
            Some("priority" | "fast") => "priority",
            Some("flex") => "flex",
            Some(_) => return self.report("service_tier", true),
        };
        self.body.insert("serviceTier".to_owned(), said.into());
    }

    fn modalities(&mut self, modalities: Option<&[String]>, audio: Option<&AudioOptions>) {
        let all = modalities.unwrap_or_default();
        if all.iter().any(|modality| modality != "text") {
            let said: Vec<_> = all.iter().map(|modality| modality.to_ascii_uppercase()).collect();
            self.generation.insert("responseModalities".to_owned(), said.into());
        }
        let Some(AudioOptions { voice, format, rest: _ }) = audio else { return };
        if !all.iter().any(|modality| modality == "audio") {
            return;
        }
        // What comes is PCM.
        self.report("audio.format", format.as_deref().is_some_and(|format| format != "pcm16"));
        match voice.as_ref().and_then(Value::as_str) {
            Some(name) if !OPENAI_VOICES.contains(&name) => {
                let voice = json!({ "prebuiltVoiceConfig": { "voiceName": name } });
                self.generation.insert("speechConfig".to_owned(), json!({ "voiceConfig": voice }));
            }
            known => self.report("audio.voice", known.is_some() || voice.is_some()),
        }
    }

    fn thinking(&mut self, field: &str, thinking: Thinking) {
        self.report(field, thinking.unmet);
        self.number("thinkingConfig", thinking.config);
    }

    /// Fields beyond the API.
    fn extensions(&mut self, rest: &Map<String, Value>) {
        for (name, value) in rest.iter().filter(|(_, value)| !value.is_null()) {
            match (name.as_str(), value) {
                ("top_k", Value::Number(_)) => self.sampling("top_k", "topK", Some(value.clone())),
                ("thinking", Value::Object(wish)) if !self.generation.contains_key("thinkingConfig") => {
                    self.thinking("thinking", thinking::of_extension(wish, self.model));
                }
                ("safety_settings", Value::Array(_)) => drop(self.extension("safety_settings", value)),
                ("google", Value::Object(google)) => self.google("google", google),
                ("extra_body", Value::Object(extra)) => {
                    for (key, value) in extra {
                        match value {
                            Value::Object(google) if key == "google" => {
                                self.google("extra_body.google", google)
                            }
                            _ => self.report(&format!("extra_body.{key}"), true),
                        }
                    }
                }
                // What client libraries are told about the call, not what is asked.
                ("extra_headers" | "extra_query" | "timeout", _) => {}
                _ => self.report(name, true),
            }
        }
    }

    /// The extensions of Google's own route for Chat Completions, in its words.
    fn google(&mut self, at: &str, google: &Map<String, Value>) {
        for (key, value) in google.iter().filter(|(_, value)| !value.is_null()) {
            if !self.extension(key, value) {
                self.report(&format!("{at}.{key}"), true);
            }
        }
    }

    /// Whether there is such a field.
    fn extension(&mut self, key: &str, value: &Value) -> bool {
        let (to, name) = match key {
            "thinking_config" | "thinkingConfig" => (&mut self.generation, "thinkingConfig"),
            "cached_content" | "cachedContent" => (&mut self.body, "cachedContent"),
            "safety_settings" | "safetySettings" => (&mut self.body, "safetySettings"),
            "image_config" | "imageConfig" => (&mut self.generation, "imageConfig"),
            "labels" if self.vertex => (&mut self.body, "labels"),
            _ => return false,
        };
        to.insert(name.to_owned(), value.clone());
        true
    }

    fn tools(&mut self, wish: &tools::Wish<'_>) -> bool {
        let offer = tools::offer(wish, self.model, self.vertex, &mut self.dropped);
        if !offer.tools.is_empty() {
            self.body.insert("tools".to_owned(), offer.tools.into());
        }
        if let Some(config) = offer.config {
            self.body.insert("toolConfig".to_owned(), config);
        }
        self.reading = offer.reading;
        offer.has_functions
    }

    /// Beside functions, models before 3 refuse to be told the form of the answer: then the system tells it.
    fn response_format(&mut self, format: Option<&ResponseFormat>, has_functions: bool) {
        let schema = match format {
            None | Some(ResponseFormat::Text(_)) => return,
            Some(ResponseFormat::JsonObject(_)) => None,
            Some(ResponseFormat::JsonSchema(format)) => format.json_schema.schema.as_ref(),
        };
        if has_functions && self.model.generation < Generation::Three {
            let text =
                "Unless you call a function, answer with JSON alone, without any other text around it.";
            let of =
                schema.map(|schema| format!(" It must be valid for this JSON Schema: {}", json!(schema)));
            self.instruction = Some(format!("{text}{}", of.unwrap_or_default()));
            return self.report("response_format", true);
        }
        self.generation.insert("responseMimeType".to_owned(), "application/json".into());
        let Some(schema) = schema else { return };
        let (name, schema) = match self.model.takes_json_schema() {
            true => ("responseJsonSchema", schema::native(schema)),
            false => ("responseSchema", schema::subset(schema)),
        };
        self.generation.insert(name.to_owned(), schema);
    }

    fn messages(&mut self, messages: &[Message]) -> Result<(), ApiError> {
        let media = MediaTerms { model: self.model, vertex: self.vertex, inlined: self.call.media };
        let conversation = Conversation::new(media, self.call.memory, &mut self.dropped);
        let Contents { mut system, contents } = conversation.read(messages)?;
        system.extend(self.instruction.take().map(|text| json!({ "text": text })));
        self.body.insert("contents".to_owned(), contents.into());
        if !system.is_empty() {
            self.body.insert("systemInstruction".to_owned(), json!({ "parts": system }));
        }
        if self.model.generation < Generation::Three {
            let details = parts(messages).filter_map(|part| match part {
                Part::ImageUrl(part) => Some(detail(&part.image_url)),
                _ => None,
            });
            self.number("mediaResolution", global_resolution(details).map(Value::from));
        }
        Ok(())
    }
}

/// OpenAI's voices, which Google does not have.
const OPENAI_VOICES: &[&str] = &[
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin",
    "cedar",
];

/// A seed has 32 bits.
fn folded(seed: i64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both halves of the number are kept in what is left of it"
    )]
    i32::try_from(seed).unwrap_or((seed ^ (seed >> 32)) as i32)
}
