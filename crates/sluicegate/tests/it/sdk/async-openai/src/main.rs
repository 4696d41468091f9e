//! Uses async-openai against the gateway of `OPENAI_BASE_URL`, and prints what it saw as one JSON object.

use std::{collections::BTreeMap, error::Error};

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::chat::{
        ChatCompletionMessageToolCall, ChatCompletionMessageToolCalls,
        ChatCompletionRequestAssistantMessageArgs, ChatCompletionRequestMessage,
        ChatCompletionRequestToolMessage, ChatCompletionRequestUserMessage, ChatCompletionTool,
        ChatCompletionTools, CreateChatCompletionRequest, CreateChatCompletionRequestArgs, FinishReason,
        FunctionCall, FunctionObjectArgs, ResponseFormat, ResponseFormatJsonSchema,
    },
};
use futures::StreamExt;
use serde_json::{Map, Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const MODEL: &str = "gpt-4o-mini";

/// One program's client and what it found out.
struct Program {
    client: Client<OpenAIConfig>,
    got: Map<String, Value>,
}

/// What a turn gave, whole or put together from a stream.
#[derive(Default)]
struct Turn {
    text: String,
    calls: Vec<ChatCompletionMessageToolCall>,
    finish: Option<FinishReason>,
    usage_chunks: u32,
}

fn user(text: &str) -> ChatCompletionRequestMessage {
    ChatCompletionRequestUserMessage::from(text).into()
}

fn request(
    messages: Vec<ChatCompletionRequestMessage>,
    with_tools: bool,
) -> Outcome<CreateChatCompletionRequest> {
    let mut request = CreateChatCompletionRequestArgs::default();
    request.model(MODEL).messages(messages);
    if with_tools {
        let parameters = json!({
            "type": "object", "additionalProperties": false, "required": ["city", "days"],
            "properties": { "city": { "type": "string" }, "days": { "type": "integer", "minimum": 1 } }
        });
        let function = FunctionObjectArgs::default()
            .name("weather")
            .description("The weather")
            .parameters(parameters)
            .build()?;
        request.tools(vec![ChatCompletionTools::Function(ChatCompletionTool { function })]);
    }
    Ok(request.build()?)
}

impl Program {
    async fn whole(&self, request: CreateChatCompletionRequest) -> Result<Turn, OpenAIError> {
        let answer = self.client.chat().create(request).await?;
        let Some(choice) = answer.choices.into_iter().next() else { return Ok(Turn::default()) };
        let calls = choice.message.tool_calls.unwrap_or_default().into_iter().filter_map(|call| match call {
            ChatCompletionMessageToolCalls::Function(call) => Some(call),
            ChatCompletionMessageToolCalls::Custom(_) => None,
        });
        let text = choice.message.content.unwrap_or_default();
        Ok(Turn { text, calls: calls.collect(), finish: choice.finish_reason, usage_chunks: 0 })
    }

    async fn streamed(&self, request: CreateChatCompletionRequest) -> Result<Turn, OpenAIError> {
        let mut stream = self.client.chat().create_stream(request).await?;
        let mut turn = Turn::default();
        let mut calls: BTreeMap<u32, ChatCompletionMessageToolCall> = BTreeMap::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            turn.usage_chunks += u32::from(chunk.usage.is_some());
            for choice in chunk.choices {
                turn.text.push_str(choice.delta.content.as_deref().unwrap_or_default());
                turn.finish = choice.finish_reason.or(turn.finish);
                for delta in choice.delta.tool_calls.unwrap_or_default() {
                    let call = calls.entry(delta.index).or_insert_with(|| ChatCompletionMessageToolCall {
                        id: String::new(),
                        function: FunctionCall { name: String::new(), arguments: String::new() },
                    });
                    call.id.push_str(delta.id.as_deref().unwrap_or_default());
                    let Some(function) = delta.function else { continue };
                    call.function.name.push_str(function.name.as_deref().unwrap_or_default());
                    call.function.arguments.push_str(function.arguments.as_deref().unwrap_or_default());
                }
            }
        }
        turn.calls = calls.into_values().collect();
        Ok(turn)
    }

    async fn ask(&self, request: CreateChatCompletionRequest, stream: bool) -> Result<Turn, OpenAIError> {
        if stream { self.streamed(request).await } else { self.whole(request).await }
    }

    async fn plain(&mut self) -> Outcome {
        for stream in [false, true] {
            let turn = self.ask(request(vec![user("one two three")], false)?, stream).await?;
            let finish = turn.finish == Some(FinishReason::Stop);
            self.got.insert(format!("plain_{stream}"), json!([turn.text, finish, turn.usage_chunks]));
        }
        let mut with_usage = request(vec![user("one two three")], false)?;
        with_usage.stream_options = Some(serde_json::from_value(json!({ "include_usage": true }))?);
        let turn = self.streamed(with_usage).await?;
        self.got.insert("usage".to_owned(), json!([turn.text, turn.usage_chunks]));
        let models = self.client.models().list().await?;
        let listed = models.data.iter().any(|model| model.id == MODEL);
        self.got.insert("models".to_owned(), json!(listed));
        self.got.insert("model".to_owned(), json!(self.client.models().retrieve(MODEL).await?.id));
        Ok(())
    }

    async fn errors(&mut self, base: &OpenAIConfig) -> Outcome {
        for stream in [false, true] {
            let wrong =
                Self { client: Client::with_config(base.clone().with_api_key("sk-wrong")), got: Map::new() };
            let error = wrong.ask(request(vec![user("hi")], false)?, stream).await.err();
            self.got.insert(format!("wrong_key_{stream}"), code(error));
            let mut hot = request(vec![user("hi")], false)?;
            hot.temperature = Some(3.0);
            let error = self.ask(hot, stream).await.err();
            self.got.insert(format!("out_of_range_{stream}"), code(error));
        }
        let faulty = base.clone().with_header("x-sandbox-fault", "cut_after=2")?;
        let faulty = Self { client: Client::with_config(faulty), got: Map::new() };
        let error = faulty.streamed(request(vec![user("one two three")], false)?).await.err();
        self.got.insert("cut".to_owned(), json!(error.is_some()));
        Ok(())
    }

    async fn tools(&mut self, stream: bool) -> Outcome {
        let mut messages = vec![user("call: weather")];
        let first = self.ask(request(messages.clone(), true)?, stream).await?;
        let called = first.finish == Some(FinishReason::ToolCalls);
        let names: Vec<&str> = first.calls.iter().map(|call| call.function.name.as_str()).collect();
        let names = json!(names);
        let mut days = Vec::new();
        let calls: Vec<_> =
            first.calls.iter().cloned().map(ChatCompletionMessageToolCalls::Function).collect();
        messages.push(ChatCompletionRequestAssistantMessageArgs::default().tool_calls(calls).build()?.into());
        for call in first.calls {
            let arguments: Value = serde_json::from_str(&call.function.arguments)?;
            days.push(
                arguments["days"].as_i64().is_some_and(|days| days >= 1) && arguments["city"].is_string(),
            );
            let result = ChatCompletionRequestToolMessage { content: "sunny".into(), tool_call_id: call.id };
            messages.push(result.into());
        }
        let second = self.ask(request(messages.clone(), true)?, stream).await?;
        messages.push(
            ChatCompletionRequestAssistantMessageArgs::default().content(&*second.text).build()?.into(),
        );
        messages.push(user("thank you"));
        let third = self.ask(request(messages, true)?, stream).await?;
        let second = json!([second.text.is_empty(), second.calls.len()]);
        self.got.insert(format!("tools_{stream}"), json!([called, names, days, second, third.text]));
        Ok(())
    }

    async fn structured(&mut self) -> Outcome {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": { "name": { "enum": ["a", "b"] } }
        });
        let mut shaped = request(vec![user("a shape")], false)?;
        shaped.response_format = Some(ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                name: "shape".to_owned(),
                description: None,
                schema: schema.into(),
                strict: Some(true),
            },
        });
        let turn = self.whole(shaped).await?;
        let given: Value = serde_json::from_str(&turn.text)?;
        self.got.insert("structured".to_owned(), json!(given["name"] == "a" || given["name"] == "b"));
        Ok(())
    }
}

/// The code of an error that the gateway answered; the text of any other.
fn code(error: Option<OpenAIError>) -> Value {
    match error {
        Some(OpenAIError::ApiError(answer)) => json!(answer.api_error.code),
        Some(other) => json!(other.to_string()),
        None => json!("no error"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let config = OpenAIConfig::new()
        .with_api_base(std::env::var("OPENAI_BASE_URL")?)
        .with_api_key(std::env::var("OPENAI_API_KEY")?);
    let mut program = Program { client: Client::with_config(config.clone()), got: Map::new() };
    program.plain().await?;
    program.errors(&config).await?;
    if std::env::var("PART")? == "features" {
        program.tools(false).await?;
        program.tools(true).await?;
        program.structured().await?;
    }
    println!("{}", Value::Object(program.got));
    Ok(())
}
