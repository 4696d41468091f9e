//! Writing a request.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::Message;
use sluice_chat::request::{ChatRequest, ReasoningEffort, WebSearchOptions};
use sluice_chat::response_format::{JsonSchema, JsonSchemaFormat, ResponseFormat};
use sluice_chat::splice::Slices;
use sluice_chat::tool::{Function, FunctionCallChoice, Tool, ToolChoice};

use super::blocks::{Blocks, text};
use super::media::MediaBlocks;
use super::messages::{Item, Messages};
use super::model::{Model, Thinking};
use super::route::{Route, VERSION};
use super::thinking::Plan;
use super::tools::{Choice, Tools, placeholder};
use super::{schema, turns};
use crate::dialect::{Call, DialectHeaders, Encoded};
use crate::reading::Reading;

/// The default of an output limit, in tokens, where the model could do more: answers in one piece that take longer
/// than ten minutes are cut off.
const OUTPUT_LIMIT_DEFAULT: u64 = 32_000;

/// The beta in which files are known by ids.
const FILES_BETA: &str = "files-api-2025-04-14";

/// The upstream's name of the tool that structured answers come through where the model has no other way.
const ANSWER_TOOL: &str = "json_answer";

const JSON_INSTRUCTION: &str =
    "Answer with one JSON object and nothing else: no prose around it and no code fence.";

pub(super) fn encode(call: &Call<'_>, route: Route) -> Result<Encoded, ApiError> {
    let request = ChatRequest::parse(call.body)?;
    let model = Model::of(call.upstream_model.name());
    let mut draft = Draft {
        call,
        route,
        model,
        body: Map::new(),
        system: Vec::new(),
        dropped: Vec::new(),
        reading: Reading::default(),
        beta: None,
    };
    draft.write(request)?;
    let path = route.path(call.upstream_model.name(), call.scan.stream);
    let mut headers = DialectHeaders::new();
    if route == Route::Direct {
        headers.push(("anthropic-version", Cow::Borrowed(VERSION)));
        headers.extend(draft.beta.map(|beta| ("anthropic-beta", Cow::Borrowed(beta))));
    }
    let body = Bytes::from(Value::Object(draft.body).to_string());
    Ok(Encoded {
        path,
        headers,
        body: std::iter::once(body).collect::<Slices>(),
        dropped: draft.dropped,
        hide_usage: call.scan.stream && !call.scan.include_usage,
        reading: draft.reading,
    })
}

/// A request that is being written.
pub(super) struct Draft<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) route: Route,
    pub(super) model: Model,
    pub(super) body: Map<String, Value>,
    pub(super) system: Vec<Value>,
    pub(super) dropped: Vec<String>,
    reading: Reading,
    beta: Option<&'static str>,
}

/// What the conversation has to know, and what it is.
pub(super) struct Conversation {
    pub(super) items: Vec<Item>,
    has_calls: bool,
}

/// What is offered and demanded beside the conversation.
pub(super) struct Offer {
    pub(super) tools: Vec<Value>,
    pub(super) choice: Option<Choice>,
    pub(super) one_at_a_time: bool,
    pub(super) format: Option<Value>,
}

impl Draft<'_> {
    /// Takes the request apart, every field of it.
    fn write(&mut self, request: ChatRequest) -> Result<(), ApiError> {
        let limit = request.output_limit();
        let ChatRequest {
            model: _,
            messages,
            temperature,
            top_p,
            n,
            stream: _,
            stream_options: _,
            stop,
            max_tokens: _,
            max_completion_tokens: _,
            presence_penalty,
            frequency_penalty,
            logit_bias,
            logprobs,
            top_logprobs,
            seed,
            user,
            safety_identifier,
            prompt_cache_key: _,
            metadata,
            store,
            service_tier,
            modalities,
            audio,
            prediction,
            reasoning_effort,
            verbosity,
            web_search_options,
            response_format,
            tools,
            tool_choice,
            parallel_tool_calls,
            functions,
            function_call,
            mut rest,
        } = request;
        refuse(n, modalities.as_deref())?;
        self.unheard([
            ("presence_penalty", presence_penalty.is_some_and(|penalty| penalty != 0.0)),
            ("frequency_penalty", frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
            ("logit_bias", logit_bias.is_some_and(|bias| !bias.is_empty())),
            ("logprobs", logprobs == Some(true)),
            ("top_logprobs", top_logprobs.is_some_and(|count| count > 0)),
            ("seed", seed.is_some()),
            ("metadata", metadata.is_some_and(|pairs| !pairs.is_empty())),
            ("store", store == Some(true)),
            ("audio", audio.is_some()),
            ("prediction", prediction.is_some()),
            ("verbosity", verbosity.is_some_and(|level| level != "medium")),
        ]);
        let mut plan = self.plan(reasoning_effort.as_ref(), rest.shift_remove("thinking").as_ref());
        let asked = Asked { tools, tool_choice, functions, function_call, web_search_options };
        let mut offer = self.offer(asked, parallel_tool_calls == Some(false))?;
        let mut conversation = self.conversation(messages)?;
        self.answer_form(response_format, &mut offer, &plan);
        self.settle(&mut plan, &mut offer, &mut conversation);
        let limit = self.output_limit(limit, &mut plan);
        self.head(limit, conversation, std::mem::take(&mut offer.tools));
        self.sampling(temperature, top_p, rest.shift_remove("top_k"), &plan);
        self.stop(stop);
        self.user(safety_identifier.or(user));
        self.tier(service_tier);
        self.tail(plan, offer);
        self.others(rest);
        self.markers();
        Ok(())
    }

    fn unheard(&mut self, fields: [(&str, bool); 11]) {
        self.dropped.extend(fields.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()));
    }

    fn plan(&mut self, effort: Option<&ReasoningEffort>, thinking: Option<&Value>) -> Plan {
        let plan = match (thinking.and_then(Value::as_object), effort) {
            (Some(thinking), _) => Plan::of_object(thinking, &self.model),
            (None, Some(effort)) => Plan::of_effort(effort.as_str(), &self.model),
            (None, None) => return Plan::default(),
        };
        Plan { field: if thinking.is_some() { "thinking" } else { "reasoning_effort" }, ..plan }
    }

    fn offer(&mut self, asked: Asked, one_at_a_time: bool) -> Result<Offer, ApiError> {
        let Asked { tools, tool_choice, functions, function_call, web_search_options } = asked;
        self.reading.legacy_functions = functions.is_some() && tools.is_none();
        let mut offered = Tools {
            model: &self.model,
            reading: &mut self.reading,
            dropped: &mut self.dropped,
            tools: Vec::new(),
            choice: None,
        };
        for (index, tool) in tools.into_iter().flatten().enumerate() {
            offered.add(tool, index)?;
        }
        for (index, function) in functions.into_iter().flatten().enumerate() {
            offered.function(function, None, &format!("functions[{index}]"));
        }
        match (tool_choice, function_call) {
            (Some(choice), _) => offered.choose(choice)?,
            (None, Some(choice)) => offered.choose_function(choice),
            (None, None) => {}
        }
        match web_search_options {
            Some(_) if self.route == Route::Bedrock => offered.dropped.push("web_search_options".to_owned()),
            Some(options) => offered.web_search(options),
            None => {}
        }
        let (tools, choice) = (offered.tools, offered.choice);
        // A deprecated answer has room for one call.
        let one_at_a_time = one_at_a_time || self.reading.legacy_functions;
        Ok(Offer { tools, choice, one_at_a_time, format: None })
    }

    fn conversation(&mut self, messages: Vec<Message>) -> Result<Conversation, ApiError> {
        let media = MediaBlocks { route: self.route, fetched: self.call.media };
        let blocks = Blocks { media, dropped: Vec::new(), uses_files: false };
        let mut reader = Messages::new(blocks, self.call.memory, &mut self.reading);
        for (index, message) in messages.into_iter().enumerate() {
            reader.read(message, index)?;
        }
        let Messages { blocks, items, has_calls, .. } = reader;
        self.dropped.extend(blocks.dropped);
        self.beta = blocks.uses_files.then_some(FILES_BETA);
        let mut items = items;
        self.system = turns::leading_system(&mut items);
        Ok(Conversation { items, has_calls })
    }

    /// The form of the answer: by the model's own means, or as the arguments of a tool.
    fn answer_form(&mut self, form: Option<ResponseFormat>, offer: &mut Offer, plan: &Plan) {
        let JsonSchema { name: _, description, schema, strict: _, rest: _ } = match form {
            None | Some(ResponseFormat::Text(_)) => return,
            Some(ResponseFormat::JsonObject(_)) => {
                self.system.extend(text(JSON_INSTRUCTION));
                return;
            }
            Some(ResponseFormat::JsonSchema(JsonSchemaFormat { json_schema, rest: _ })) => json_schema,
        };
        let Some(mut schema) = schema else {
            self.system.extend(text(JSON_INSTRUCTION));
            return;
        };
        if let Some(text) = description.filter(|text| !text.is_empty()) {
            schema.entry("description").or_insert_with(|| text.into());
        }
        let native = self.model.schemas || self.call.facts.json_schema;
        if native && !schema::is_recursive(&schema) {
            let schema = schema::structured(&schema);
            offer.format = Some(json!({ "type": "json_schema", "schema": schema }));
            return;
        }
        // Whoever thinks, or has other tools to call, may not be forced to this one.
        let free = plan.is_on() || !offer.tools.is_empty();
        offer.tools.push(json!({
            "name": ANSWER_TOOL, "description": "Gives the final answer.",
            "input_schema": schema::of_tool(Some(&schema)),
        }));
        self.reading.answer_tool = Some(ANSWER_TOOL.to_owned());
        if !free {
            offer.choice = Some(Choice::Tool(ANSWER_TOOL.to_owned()));
        } else if plan.is_on() {
            self.system.extend(text("Give the final answer by calling the tool json_answer."));
        } else if matches!(offer.choice, None | Some(Choice::Auto)) {
            offer.choice = Some(Choice::Any);
        }
    }

    /// Brings together what the model does not take together.
    fn settle(&mut self, plan: &mut Plan, offer: &mut Offer, conversation: &mut Conversation) {
        if offer.choice.as_ref().is_some_and(Choice::is_forced) {
            if !self.model.forced_tools {
                offer.choice = Some(Choice::Auto);
                self.dropped.push("tool_choice".to_owned());
            } else if plan.is_on() && self.model.thinking != Thinking::Always {
                plan.give_up(&self.model);
            }
        }
        if plan.budget.is_some() && turns::in_unthinking_loop(&conversation.items) {
            plan.give_up(&self.model);
        }
        if !plan.is_on() && self.model.thinking != Thinking::Always {
            turns::strip_thinking(&mut conversation.items);
        }
        if offer.tools.is_empty() {
            offer.choice = None;
            if conversation.has_calls {
                offer.tools.push(placeholder());
                offer.choice = Some(Choice::None);
            }
            offer.one_at_a_time = false;
        }
    }

    /// The limit of the answer, which has to be there: the caller's, else ours, else that of the model within bounds.
    fn output_limit(&mut self, of_caller: Option<u64>, plan: &mut Plan) -> u64 {
        let most = self.call.facts.max_output_tokens.unwrap_or(self.model.max_output_tokens);
        let limit = of_caller.or(self.call.injected_output_limit).unwrap_or(most.min(OUTPUT_LIMIT_DEFAULT));
        // A limit that we set is one that somebody pays for: thinking has to fit into it too.
        let holds = of_caller.is_some() || self.call.injected_output_limit.is_some();
        let limit = plan.fit(limit.min(most), holds, most);
        if plan.dropped {
            self.dropped.push(plan.field.to_owned());
        }
        limit
    }
}

/// What a request says of tools.
struct Asked {
    tools: Option<Vec<Tool>>,
    tool_choice: Option<ToolChoice>,
    functions: Option<Vec<Function>>,
    function_call: Option<FunctionCallChoice>,
    web_search_options: Option<WebSearchOptions>,
}

/// What there are no words for.
fn refuse(n: Option<u32>, modalities: Option<&[String]>) -> Result<(), ApiError> {
    if n.is_some_and(|n| n > 1) {
        return Err(unsupported("This model gives one choice at a time.", "n"));
    }
    if modalities.into_iter().flatten().any(|word| word != "text") {
        return Err(unsupported("This model answers with text only.", "modalities"));
    }
    Ok(())
}

fn unsupported(text: &str, param: &str) -> ApiError {
    ApiError::invalid("unsupported_value", text).with_param(param)
}
