//! Every field that the documentation pages name which the API follows, streamed and not. The list of fields is the
//! data of docs/fields.toml: a field that none of these requests and answers has fails the test.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Body, Client, Ending, Head, post},
    upstream::Script,
};

use crate::rig::{KEY, Rig, assert_error, base_config, launch};

mod cases;
mod effects;

const PAGES: &str = include_str!("../../../../docs/fields.toml");

/// The fields of one side over all pages.
fn named(side: &str) -> BTreeSet<String> {
    let table: toml::Table = toml::from_str(PAGES).unwrap();
    let pages = table["page"].as_array().unwrap();
    let fields = pages.iter().flat_map(|page| page[side].as_array().unwrap().iter());
    fields.map(|field| field.as_str().unwrap().to_owned()).collect()
}

/// The fields that the table says one of these tests shows, or with `except` does not show.
fn listed(test: &str, key: &str) -> BTreeSet<String> {
    let table: toml::Table = toml::from_str(PAGES).unwrap();
    let proofs = table["proof"].as_array().unwrap();
    let proof = proofs.iter().find(|proof| proof["test"].as_str().unwrap().ends_with(&format!("::{test}")));
    let fields = proof.unwrap()[key].as_array().unwrap().iter();
    fields.map(|field| field.as_str().unwrap().to_owned()).collect()
}

/// Whether a value other than null stands at the path; `[]` is any item.
fn has(value: &Value, path: &str) -> bool {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let inner = &value[step.trim_end_matches("[]")];
    let below = |inner: &Value| if rest.is_empty() { !inner.is_null() } else { has(inner, rest) };
    match step.ends_with("[]") {
        true => inner.as_array().into_iter().flatten().any(below),
        false => below(inner),
    }
}

/// The path of the same fact in a chunk of a stream.
fn in_chunks(path: &str) -> String {
    path.replace("choices[].message", "choices[].delta")
}

/// The chunks of a stream.
fn chunks(body: &Body) -> Vec<Value> {
    let events = body.events();
    events.iter().filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn assert_none_missing(what: &str, fields: impl Iterator<Item = String>, found: impl Fn(&str) -> bool) {
    let missing: Vec<String> = fields.filter(|field| !found(field)).collect();
    assert!(missing.is_empty(), "{what}: {missing:#?}");
}

/// The request as it is asked for, streamed or not.
fn asked(case: &Value, model: &str, stream: bool) -> Value {
    let mut body = case.clone();
    body["model"] = json!(model);
    body["stream"] = json!(stream);
    body
}

async fn ask(client: &mut Client, body: &Value) -> (Head, Body) {
    client.exchange(post(KEY, "", body.to_string())).await
}

#[tokio::test]
async fn every_request_field_is_taken_and_passed_on() {
    let cases = cases::requests();
    let whole: Vec<Value> = cases.iter().map(|case| asked(case, "m", true)).collect();
    let there = |field: &str| whole.iter().any(|body| has(body, field));
    assert_none_missing("no request has", named("request").into_iter(), there);
    let rig = Rig::start().await;
    for case in &cases {
        for stream in [false, true] {
            let mut body = asked(case, "m", stream);
            let (head, answer) = rig.ask(body.to_string()).await;
            assert_eq!(head.status, 200, "{body}: {}", answer.text());
            if stream {
                // The one edit of ours: usage is always asked for.
                body["stream_options"]["include_usage"] = json!(true);
            }
            assert_eq!(rig.upstream.next_request().await.json(), body);
        }
    }
}

#[tokio::test]
async fn every_request_field_is_taken_by_the_sandbox() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    for case in cases::requests() {
        for stream in [false, true] {
            let body = asked(&case, "sandbox/echo", stream);
            let (head, answer) = ask(&mut client, &body).await;
            assert_eq!(head.status, 200, "{body}: {}", answer.text());
            if stream {
                assert_eq!(head.header("content-type"), Some("text/event-stream; charset=utf-8"));
                assert_eq!(
                    (answer.events().last().unwrap().as_str(), answer.ending),
                    ("[DONE]", Ending::Complete)
                );
            } else {
                assert_eq!(answer.json()["object"], "chat.completion");
            }
        }
    }
}

/// Puts a value where the path first leads in the body, and returns that place in words; `None`: nowhere.
fn put(body: &mut Value, path: &str, value: &Value, at: &str) -> Option<String> {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let key = step.trim_end_matches("[]");
    let here = if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    let inner = body.get_mut(key)?;
    if rest.is_empty() {
        *inner = value.clone();
        return Some(here);
    }
    if !step.ends_with("[]") {
        return put(inner, rest, value, &here);
    }
    let items = inner.as_array_mut()?;
    items.iter_mut().enumerate().find_map(|(index, item)| put(item, rest, value, &format!("{here}[{index}]")))
}

#[tokio::test]
async fn every_request_field_that_is_checked_names_itself_when_it_is_wrong() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    // What a provider may say something to, and not the gateway.
    let mut free = BTreeSet::new();
    for field in named("request") {
        let wrong = cases::wrong(&field);
        for stream in [false, true] {
            let place = |case: &Value| {
                let mut body = asked(case, "m", stream);
                put(&mut body, &field, &wrong, "").map(|place| (place, body))
            };
            let (place, body) = cases::requests().iter().find_map(place).unwrap_or_else(|| panic!("{field}"));
            let (head, answer) = ask(&mut client, &body).await;
            let error = if head.status == 400 { answer.json()["error"].clone() } else { Value::Null };
            let named = error["param"].as_str().is_some_and(|param| param.starts_with(&place));
            if head.status == 200 {
                rig.upstream.next_request().await;
                free.insert(field.clone());
            } else {
                let kind = &error["type"];
                assert!(
                    kind == "invalid_request_error" && named,
                    "{field} = {wrong}: {} {error}",
                    head.status
                );
            }
        }
    }
    assert_eq!(free, listed("every_request_field_that_is_checked_names_itself_when_it_is_wrong", "except"));
}

#[tokio::test]
async fn ranges_are_those_of_the_pages() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    for (field, good, bad) in cases::ranges() {
        for stream in [false, true] {
            for (values, status) in [(&good, 200), (&bad, 400)] {
                for value in values {
                    let mut body = asked(&cases::requests()[0], "m", stream);
                    body[field] = value.clone();
                    let (head, answer) = ask(&mut client, &body).await;
                    assert_eq!(head.status, status, "{field} {value}: {}", answer.text());
                    if status == 400 {
                        assert_eq!(answer.json()["error"]["param"], field, "{value}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn max_completion_tokens_goes_before_max_tokens() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    for stream in [false, true] {
        let mut body = asked(&json!({}), "sandbox/echo", stream);
        body["messages"] = json!([{ "role": "user", "content": "one two three four five six" }]);
        body["max_tokens"] = json!(5);
        body["max_completion_tokens"] = json!(2);
        body["stream_options"] = json!({ "include_usage": true });
        let (_, answer) = ask(&mut client, &body).await;
        let answers = if stream { chunks(&answer) } else { vec![answer.json()] };
        let usage = answers.iter().find(|one| one["usage"].is_object()).unwrap();
        assert_eq!(usage["usage"]["completion_tokens"], 2, "{stream}");
        assert!(answers.iter().any(|one| one["choices"][0]["finish_reason"] == "length"), "{stream}");
    }
}

#[tokio::test]
async fn every_response_field_is_passed_on() {
    let rig = Rig::start().await;
    let wholes = cases::answers();
    assert_none_missing("no answer has", named("response").into_iter(), |field| {
        wholes.iter().any(|answer| has(answer, field))
    });
    for answer in &wholes {
        rig.upstream.script(Script::new().write(answers::json_answer(200, &answer.to_string())));
        let (head, body) = rig.ask(asked(&cases::requests()[0], "m", false).to_string()).await;
        assert_eq!((head.status, body.json()), (200, answer.clone()));
    }
    let streams: Vec<Vec<Value>> = wholes.iter().map(cases::chunks_of).collect();
    assert_none_missing("no chunk has", named("response").into_iter(), |field| {
        streams.iter().flatten().any(|chunk| has(chunk, &in_chunks(field)))
    });
    for stream in streams {
        let mut events: Vec<String> = stream.iter().map(|chunk| answers::event(&chunk.to_string())).collect();
        events.push(answers::event("[DONE]"));
        rig.upstream.script(Script::new().write(answers::chunked_stream(&events)));
        let mut body = asked(&cases::requests()[0], "m", true);
        body["stream_options"] = json!({ "include_usage": true });
        let (head, body) = rig.ask(body.to_string()).await;
        assert_eq!((head.status, chunks(&body)), (200, stream));
        assert_eq!(body.ending, Ending::Complete);
    }
}

#[tokio::test]
async fn the_sandbox_gives_every_response_field() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let mut fields = named("response");
    for other in listed("the_sandbox_gives_every_response_field", "except") {
        assert!(fields.remove(&other), "{other}: is no field of a page");
    }
    for stream in [false, true] {
        let mut seen = Vec::new();
        for case in cases::sandbox_requests(stream) {
            let mut body = asked(&case, "sandbox/text", stream);
            body["stream_options"] = json!({ "include_usage": true });
            let (head, answer) = ask(&mut client, &body).await;
            assert_eq!(head.status, 200, "{body}: {}", answer.text());
            seen.extend(if stream { chunks(&answer) } else { vec![answer.json()] });
        }
        let object = if stream { "chat.completion.chunk" } else { "chat.completion" };
        assert!(seen.iter().all(|answer| answer["object"] == object));
        assert_none_missing(&format!("no answer has ({object})"), fields.iter().cloned(), |field| {
            let field = if stream { in_chunks(field) } else { field.to_owned() };
            seen.iter().any(|answer| has(answer, &field))
        });
        let reasons: BTreeSet<&str> = seen
            .iter()
            .flat_map(|answer| answer["choices"].as_array().unwrap())
            .filter_map(|choice| choice["finish_reason"].as_str())
            .collect();
        for reason in ["stop", "length", "tool_calls", "content_filter"] {
            assert!(reasons.contains(reason), "{reason}: {reasons:?}");
        }
    }
}

#[tokio::test]
async fn errors_have_their_four_fields() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let expect: BTreeSet<String> = ["message", "type", "param", "code"]
        .map(|key| format!("error.{key}"))
        .into_iter()
        .chain(["error".to_owned()])
        .collect();
    assert_eq!(named("error"), expect);
    for stream in [false, true] {
        let good = asked(&cases::requests()[0], "sandbox/echo", stream);
        let mut bad = good.clone();
        bad["n"] = json!(0);
        let got = ask(&mut client, &bad).await;
        assert_error("400", &got, 400, "invalid_request_error", "integer_below_min_value");
        assert_eq!(got.1.json()["error"]["param"], "n");
        let headers = "x-sandbox-fault: status=429\r\n";
        let got = client.exchange(post(KEY, headers, good.to_string())).await;
        assert_error("429", &got, 429, "rate_limit_error", "rate_limit_exceeded");
    }
}

#[tokio::test]
async fn headers_of_the_pages_count() {
    let gateway = launch().config(&base_config()).serve().await;
    let expect = ["Authorization", "Content-Type", "X-Trace-ID"].map(str::to_owned);
    assert_eq!(named("header"), expect.into_iter().collect());
    for stream in [false, true] {
        let body = asked(&cases::requests()[0], "sandbox/echo", stream).to_string();
        let mut client = Client::connect(gateway.data).await;
        let (head, _) = client.exchange(post(KEY, "X-Trace-ID: trace-of-mine\r\n", &body)).await;
        assert_eq!((head.status, head.header("x-trace-id")), (200, Some("trace-of-mine")));
        let mut client = Client::connect(gateway.data).await;
        let got = client.exchange(post("sk-nobody-has-this-key", "", &body)).await;
        assert_error("key", &got, 401, "invalid_request_error", "invalid_api_key");
        let mut client = Client::connect(gateway.data).await;
        let request = String::from_utf8(post(KEY, "", &body)).unwrap();
        let request = request.replace("application/json", "text/plain");
        let got = client.exchange(request).await;
        assert_error("type", &got, 415, "invalid_request_error", "unsupported_media_type");
    }
}
