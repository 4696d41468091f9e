//! What fields do, as far as the sandbox honours them: the same for whole answers and for streams.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_testkit::client::Client;

use super::{ask, asked, chunks, listed};
use crate::rig::{base_config, launch};

/// An answer put together, whichever way it came.
#[derive(Debug, Default)]
struct Seen {
    content: String,
    reasoning: String,
    /// Name and arguments.
    calls: Vec<(String, String)>,
    /// The older form of a call.
    function_call: (String, String),
    audio: String,
    transcript: String,
    annotations: Vec<Value>,
    tokens: Vec<Value>,
    finish: String,
    choices: BTreeSet<u64>,
    answers: Vec<Value>,
}

impl Seen {
    fn of(answers: Vec<Value>) -> Self {
        let mut seen = Self::default();
        for choice in answers.iter().flat_map(|answer| answer["choices"].as_array().unwrap()) {
            seen.choices.insert(choice["index"].as_u64().unwrap());
            if choice["index"] == 0 {
                seen.add(choice);
            }
        }
        seen.answers = answers;
        seen
    }

    fn add(&mut self, choice: &Value) {
        let said = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.content += &text(&said["content"]);
        self.reasoning += &text(&said["reasoning_content"]);
        self.audio += &text(&said["audio"]["data"]);
        self.transcript += &text(&said["audio"]["transcript"]);
        self.finish += &text(&choice["finish_reason"]);
        self.function_call.0 += &text(&said["function_call"]["name"]);
        self.function_call.1 += &text(&said["function_call"]["arguments"]);
        for (at, call) in said["tool_calls"].as_array().into_iter().flatten().enumerate() {
            let index = call["index"].as_u64().map_or(at, |index| usize::try_from(index).unwrap());
            self.calls.resize(self.calls.len().max(index + 1), Default::default());
            self.calls[index].0 += &text(&call["function"]["name"]);
            self.calls[index].1 += &text(&call["function"]["arguments"]);
        }
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        self.annotations.extend(list(&said["annotations"]));
        self.tokens.extend(list(&choice["logprobs"]["content"]));
    }

    /// A count of the usage.
    fn usage(&self, place: &str) -> u64 {
        let usage =
            self.answers.iter().map(|answer| &answer["usage"]).find(|usage| usage.is_object()).unwrap();
        usage.pointer(place).and_then(Value::as_u64).unwrap_or_else(|| panic!("{place}: {usage}"))
    }

    fn call_names(&self) -> Vec<&str> {
        self.calls.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn titles(&self) -> Vec<&str> {
        self.annotations.iter().map(|one| one["url_citation"]["title"].as_str().unwrap()).collect()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.content).unwrap_or_else(|_| panic!("{}", self.content))
    }
}

/// The fields that a request shows, the request, and what the answer is like.
type Effect = (&'static [&'static str], Value, fn(&Seen) -> bool);

fn look_and_find() -> Value {
    json!([{ "type": "function", "function": { "name": "look" } },
           { "type": "function", "function": { "name": "find" } }])
}

fn said(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

fn part(part: &Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "one two" }, part] }] })
}

fn on_text() -> Vec<Effect> {
    let words = || said("one two three four five six");
    vec![
        (&["messages[].content"], json!({ "messages": words() }), |seen| {
            seen.content == "one two three four five six" && seen.finish == "stop" && seen.choices.len() == 1
        }),
        (&["stop"], json!({ "messages": words(), "stop": ["four"] }), |seen| {
            seen.content == "one two three " && seen.finish == "stop"
        }),
        (&["max_tokens"], json!({ "messages": words(), "max_tokens": 2 }), |seen| {
            seen.finish == "length" && seen.usage("/completion_tokens") == 2
        }),
        (&["max_completion_tokens"], json!({ "messages": words(), "max_completion_tokens": 2 }), |seen| {
            seen.content == "one two" && seen.finish == "length"
        }),
        (&["n"], json!({ "messages": words(), "n": 3 }), |seen| seen.choices == BTreeSet::from([0, 1, 2])),
        (&["reasoning_effort"], json!({ "messages": words() }), |seen| seen.reasoning.is_empty()),
        (&["reasoning_effort"], json!({ "messages": words(), "reasoning_effort": "low" }), |seen| {
            !seen.reasoning.is_empty() && seen.usage("/completion_tokens_details/reasoning_tokens") == 16
        }),
        (&["reasoning_effort"], json!({ "messages": words(), "reasoning_effort": "high" }), |seen| {
            seen.usage("/completion_tokens_details/reasoning_tokens") == 64
        }),
        (
            &["logprobs", "top_logprobs"],
            json!({ "messages": words(), "logprobs": true, "top_logprobs": 2 }),
            |seen| {
                let token = |token: &Value| token["token"].as_str().unwrap().to_owned();
                let alternatives = |token: &Value| token["top_logprobs"].as_array().unwrap().len();
                seen.tokens.iter().map(token).collect::<String>() == seen.content
                    && seen.tokens.iter().all(|one| alternatives(one) == 2)
            },
        ),
    ]
}

fn on_features() -> Vec<Effect> {
    let words = || said("one two three four five six");
    vec![
        (
            &["response_format", "response_format.type"],
            json!({ "messages": words(), "response_format": { "type": "json_object" } }),
            |seen| seen.json().is_object(),
        ),
        (&["service_tier"], json!({ "messages": words(), "service_tier": "flex" }), |seen| {
            seen.answers.iter().any(|answer| answer["service_tier"] == "flex")
        }),
        (&["metadata"], json!({ "messages": words(), "metadata": { "a": "b" } }), |seen| {
            seen.answers.iter().any(|answer| answer["metadata"] == json!({ "a": "b" }))
        }),
        (
            &["prediction", "prediction.type", "prediction.content"],
            json!({ "messages": words(), "prediction": { "type": "content", "content": "one two nine" } }),
            |seen| {
                seen.usage("/completion_tokens_details/accepted_prediction_tokens") == 2
                    && seen.usage("/completion_tokens_details/rejected_prediction_tokens") == 1
            },
        ),
        (
            &["modalities", "audio", "audio.voice", "audio.format"],
            json!({ "messages": words(), "modalities": ["text", "audio"],
                "audio": { "voice": "alloy", "format": "pcm16" } }),
            |seen| {
                !seen.audio.is_empty()
                    && seen.transcript == "one two three four five six"
                    && seen.usage("/completion_tokens_details/audio_tokens") == 6
            },
        ),
        (
            &["web_search_options", "web_search_options.search_context_size"],
            json!({ "messages": words(), "web_search_options": { "search_context_size": "high" } }),
            |seen| seen.annotations.len() == 3,
        ),
        (
            &[
                "web_search_options.user_location",
                "web_search_options.user_location.type",
                "web_search_options.user_location.approximate",
                "web_search_options.user_location.approximate.city",
            ],
            json!({ "messages": words(), "web_search_options": { "search_context_size": "low",
                "user_location": { "type": "approximate", "approximate": { "city": "London" } } } }),
            |seen| seen.titles().len() == 1 && seen.titles()[0].contains("London"),
        ),
    ]
}

fn on_tools() -> Vec<Effect> {
    vec![
        (
            &["tools", "tools[].type", "tools[].function", "tools[].function.name"],
            json!({ "messages": said("call: find"), "tools": look_and_find() }),
            |seen| seen.call_names() == ["find"] && seen.finish == "tool_calls",
        ),
        (
            &["tool_choice"],
            json!({ "messages": said("call: find"), "tools": look_and_find(), "tool_choice": "none" }),
            |seen| seen.calls.is_empty(),
        ),
        (
            &["tool_choice", "tool_choice.type", "tool_choice.function", "tool_choice.function.name"],
            json!({ "messages": said("Hello"), "tools": look_and_find(),
                "tool_choice": { "type": "function", "function": { "name": "find" } } }),
            |seen| seen.call_names() == ["find"],
        ),
        (
            &["parallel_tool_calls"],
            json!({ "messages": said("call: look, find"), "tools": look_and_find(),
                "parallel_tool_calls": true }),
            |seen| seen.call_names() == ["look", "find"],
        ),
        (
            &["parallel_tool_calls"],
            json!({ "messages": said("call: look, find"), "tools": look_and_find(),
                "parallel_tool_calls": false }),
            |seen| seen.call_names() == ["look"],
        ),
        (
            &["functions", "functions[].name", "function_call"],
            json!({ "messages": said("Hello"), "functions": [{ "name": "look" }],
                "function_call": { "name": "look" } }),
            |seen| seen.function_call.0 == "look" && seen.finish == "function_call",
        ),
        (
            &["messages[].role", "messages[].tool_call_id", "messages[].tool_calls"],
            json!({ "tools": look_and_find(), "messages": [
                { "role": "user", "content": "Weather?" },
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{}" } } ] },
                { "role": "tool", "tool_call_id": "call_1", "content": "Rain." } ] }),
            |seen| seen.content == "look: Rain." && seen.calls.is_empty(),
        ),
    ]
}

fn on_parts() -> Vec<Effect> {
    vec![
        (
            &["messages[].content[].image_url", "messages[].content[].image_url.detail"],
            part(&json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png",
                "detail": "low" } })),
            |seen| seen.usage("/prompt_tokens_details/image_tokens") == 85 && seen.content == "one two",
        ),
        (
            &["messages[].content[].input_audio", "messages[].content[].input_audio.data"],
            part(&json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } })),
            |seen| seen.usage("/prompt_tokens_details/audio_tokens") == 1,
        ),
        (
            &["messages[].content[].file", "messages[].content[].file.file_id"],
            part(&json!({ "type": "file", "file": { "file_id": "file-1" } })),
            |seen| seen.usage("/prompt_tokens") == 252,
        ),
        (
            &["messages[].content[].file.file_data"],
            part(&json!({ "type": "file", "file": { "filename": "a.pdf", "file_data": "AAAA" } })),
            |seen| seen.usage("/prompt_tokens") == 3,
        ),
        (
            &["messages[].content[].video_url", "messages[].content[].type", "messages[].content[].text"],
            part(&json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4" } })),
            |seen| seen.usage("/prompt_tokens") == 1002,
        ),
    ]
}

/// A schema that says much, and whether a value keeps to it.
fn schema() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["city", "days", "unit"], "properties": {
        "city": { "type": "string", "minLength": 3 },
        "days": { "type": "array", "minItems": 2, "maxItems": 2, "items": { "$ref": "#/$defs/day" } },
        "unit": { "enum": ["C", "F"] } },
        "$defs": { "day": { "type": "integer", "minimum": 1, "maximum": 7 } } })
}

fn keeps_to_it(value: &Value) -> bool {
    let days = value["days"].as_array();
    value.as_object().is_some_and(|object| object.len() == 3)
        && value["city"].as_str().is_some_and(|city| city.chars().count() >= 3)
        && days.is_some_and(|days| {
            days.len() == 2 && days.iter().all(|d| (1..=7).contains(&d.as_i64().unwrap()))
        })
        && (value["unit"] == "C" || value["unit"] == "F")
}

fn parsed(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|_| panic!("{arguments}"))
}

fn on_schemas() -> Vec<Effect> {
    let tool = json!([{ "type": "function", "function": { "name": "look", "description": "Looks.",
        "strict": true, "parameters": schema() } }]);
    vec![
        (
            &["response_format.json_schema"],
            json!({ "messages": said("Hello"), "response_format": { "type": "json_schema",
                "json_schema": { "name": "weather", "strict": true, "schema": schema() } } }),
            |seen| keeps_to_it(&seen.json()),
        ),
        (
            &["tools[].function.parameters"],
            json!({ "messages": said("Hello"), "tools": tool, "tool_choice": "required" }),
            |seen| keeps_to_it(&parsed(&seen.calls[0].1)),
        ),
        (
            &["functions[].parameters"],
            json!({ "messages": said("call: look"), "functions": [{ "name": "look", "parameters": schema() }] }),
            |seen| keeps_to_it(&parsed(&seen.function_call.1)),
        ),
    ]
}

#[tokio::test]
async fn what_the_sandbox_honours_shows_in_its_answers() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let mut fields = BTreeSet::new();
    for (shown, request, expect) in [on_text(), on_features(), on_tools(), on_parts(), on_schemas()].concat()
    {
        fields.extend(shown.iter().map(|field| (*field).to_owned()));
        for stream in [false, true] {
            let mut body = asked(&request, "sandbox/echo", stream);
            body["stream_options"] = json!({ "include_usage": true });
            let (head, answer) = ask(&mut client, &body).await;
            assert_eq!(head.status, 200, "{body}: {}", answer.text());
            let seen = Seen::of(if stream { chunks(&answer) } else { vec![answer.json()] });
            assert!(expect(&seen), "{body}: {seen:#?}");
        }
    }
    assert_eq!(fields, listed("what_the_sandbox_honours_shows_in_its_answers", "shows"));
}

#[tokio::test]
async fn the_same_seed_says_the_same() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let mut said = Vec::new();
    for (seed, stream) in [(1, false), (1, true), (2, false), (2, true)] {
        let request = json!({ "messages": [{ "role": "user", "content": "Hello" }], "seed": seed });
        let (_, answer) = ask(&mut client, &asked(&request, "sandbox/text", stream)).await;
        let seen = Seen::of(if stream { chunks(&answer) } else { vec![answer.json()] });
        said.push(seen.content);
    }
    assert_eq!((&said[0], &said[2]), (&said[1], &said[3]));
    assert_ne!(said[0], said[2]);
}
