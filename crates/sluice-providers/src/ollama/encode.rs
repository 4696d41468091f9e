//! A request as the body of `/api/chat`.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::Message;
use sluice_chat::request::{ChatRequest, ReasoningEffort, Stop};
use sluice_chat::response_format::ResponseFormat;
use sluice_chat::splice::Slices;
use smallvec::SmallVec;

use super::messages;
use crate::asked::tools::{Choice, Offer, ToolFields};
use crate::asked::{Asked, Dropped};
use crate::dialect::{Call, Encoded};
use crate::reading::Reading;

/// Fields of Ollama's `options` that may stand at the top of a request, as they do for other servers.
const OPTIONS: &[&str] =
    &["top_k", "min_p", "typical_p", "repeat_last_n", "repeat_penalty", "num_ctx", "num_keep"];

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, ApiError> {
    let asked = Asked::of(ChatRequest::parse(call.body)?, call.injected_output_limit)?;
    let stream = call.scan.stream;
    let mut body = Body::default();
    body.out.insert("model".to_owned(), call.upstream_model.name().into());
    body.request(asked, call)?;
    // Without the word it streams.
    body.out.insert("stream".to_owned(), stream.into());
    if !body.options.is_empty() {
        body.out.insert("options".to_owned(), body.options.into());
    }
    Ok(Encoded {
        path: "/api/chat".into(),
        headers: SmallVec::new(),
        body: Slices::from_iter([Value::Object(body.out).to_string().into()]),
        dropped: body.dropped.into_vec(),
        // Usage comes unasked.
        hide_usage: stream && !call.scan.include_usage,
        reading: body.reading,
    })
}

#[derive(Default)]
struct Body {
    out: Map<String, Value>,
    options: Map<String, Value>,
    dropped: Dropped,
    reading: Reading,
}

impl Body {
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
        let (presence, frequency) = (unheard.presence_penalty.take(), unheard.frequency_penalty.take());
        let (logprobs, top_logprobs) = (unheard.logprobs.take(), unheard.top_logprobs.take());
        let seed = unheard.seed.take();
        unheard.report(&mut self.dropped);
        self.extensions(extensions);
        self.sampling([
            ("num_predict", limit.map(Value::from)),
            ("temperature", temperature.map(Value::from)),
            ("top_p", top_p.map(Value::from)),
            ("presence_penalty", presence.map(Value::from)),
            ("frequency_penalty", frequency.map(Value::from)),
            ("seed", seed.map(Value::from)),
            ("stop", stop.as_ref().map(Stop::as_slice).map(Value::from)),
        ]);
        self.logprobs(logprobs, top_logprobs);
        self.think(reasoning_effort.as_ref(), call.upstream_model.name());
        self.format(response_format);
        self.tools(tools)?;
        self.messages(messages, call)
    }

    fn messages(&mut self, messages: Vec<Message>, call: &Call<'_>) -> Result<(), ApiError> {
        let messages = messages::written(messages, call.media, &mut self.dropped)?;
        self.out.insert("messages".to_owned(), messages.into());
        Ok(())
    }

    fn sampling(&mut self, options: [(&str, Option<Value>); 7]) {
        for (name, value) in options {
            self.option(name, value);
        }
    }

    fn option(&mut self, name: &str, value: Option<Value>) {
        self.options.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// What others call otherwise, and Ollama's own fields. What the API says comes after, and wins.
    fn extensions(&mut self, mut rest: Map<String, Value>) {
        if let Some(Value::Object(options)) = rest.shift_remove("options") {
            self.options = options;
        }
        for name in OPTIONS {
            let value = rest.shift_remove(*name);
            self.option(name, value);
        }
        let penalty = rest.shift_remove("repetition_penalty");
        self.option("repeat_penalty", penalty);
        for name in ["keep_alive", "think"] {
            self.out.extend(rest.shift_remove(name).map(|value| (name.to_owned(), value)));
        }
        self.dropped.rest("", &rest);
    }

    fn logprobs(&mut self, wanted: Option<bool>, top: Option<u32>) {
        if wanted == Some(true) {
            self.out.insert("logprobs".to_owned(), true.into());
            self.out.extend(top.map(|top| ("top_logprobs".to_owned(), top.into())));
        }
    }

    /// Whether to think. Levels are known to gpt-oss alone, which knows nothing else.
    fn think(&mut self, effort: Option<&ReasoningEffort>, model: &str) {
        let effort = effort.map(ReasoningEffort::as_str);
        let Some(effort) = effort.filter(|_| !self.out.contains_key("think")) else { return };
        let has_levels = model.contains("gpt-oss");
        let think: Value = match effort {
            "none" if !has_levels => false.into(),
            _ if !has_levels => true.into(),
            "none" | "minimal" | "low" => "low".into(),
            "medium" => "medium".into(),
            _ => "high".into(),
        };
        self.dropped.add_if(has_levels && think != effort, "reasoning_effort");
        self.out.insert("think".to_owned(), think);
    }

    fn format(&mut self, format: Option<ResponseFormat>) {
        let format = match format {
            None | Some(ResponseFormat::Text(_)) => return,
            Some(ResponseFormat::JsonObject(_)) => "json".into(),
            Some(ResponseFormat::JsonSchema(format)) => {
                let schema = format.json_schema;
                self.dropped.rest("response_format.json_schema.", &schema.rest);
                schema.schema.map_or_else(|| "json".into(), Value::Object)
            }
        };
        self.out.insert("format".to_owned(), format);
    }

    /// There is no choice among tools: what is not to be called is not offered, and nothing can be forced.
    fn tools(&mut self, fields: ToolFields) -> Result<(), ApiError> {
        let mut offer = Offer::of(fields, &mut self.dropped)?;
        self.reading.custom_tools.clone_from(&offer.custom);
        self.reading.legacy_functions = offer.legacy;
        self.dropped.add_if(offer.one_at_a_time, "parallel_tool_calls");
        match std::mem::take(&mut offer.choice) {
            Choice::Auto => {}
            Choice::None => offer.tools.clear(),
            Choice::Required => self.dropped.add("tool_choice"),
            Choice::One(name) => {
                self.dropped.add("tool_choice");
                offer.tools.retain(|tool| tool.name == name);
            }
        }
        let mut tools = Vec::new();
        for tool in offer.tools {
            self.dropped.add_if(tool.strict, &format!("{}.function.strict", tool.path));
            self.dropped.rest(&format!("{}.", tool.path), &tool.rest);
            let mut function = json!({ "name": tool.name });
            if let Some(description) = tool.description {
                function["description"] = description.into();
            }
            function["parameters"] = tool.schema.into();
            tools.push(json!({ "type": "function", "function": function }));
        }
        if !tools.is_empty() {
            self.out.insert("tools".to_owned(), tools.into());
        }
        Ok(())
    }
}
