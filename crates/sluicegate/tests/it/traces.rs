//! Spans: what a collector gets, what a provider is told, and that nothing of it is there where nobody asked for it.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Client, get, post},
    gate::Gate,
    process::Gateway,
    upstream::{Refusing, Request, Script, Upstream},
};

use crate::rig::{KEY, UPSTREAM_KEY, base_config, chat, chat_with_usage, launch, model, provider};

const TOKEN: &str = "Bearer collector-canary";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A gateway, two upstreams behind the model `m`, and a collector.
struct Traced {
    gateway: Gateway,
    first: Upstream,
    second: Upstream,
    collector: Upstream,
}

impl Traced {
    async fn start(extra: &str) -> Self {
        let collector = Upstream::start().await;
        let endpoint = format!("http://{}/otlp", collector.addr());
        collector.respond(|_| Script::new().write(answers::json_answer(200, "{}")));
        Self::with(&endpoint, extra, collector).await
    }

    async fn with(endpoint: &str, extra: &str, collector: Upstream) -> Self {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let config = base_config()
            + &format!(
                "[otel]\nendpoint = \"{endpoint}\"\nheaders = {{ Authorization = \"{TOKEN}\" }}\n{extra}\n"
            )
            + &provider("first", &first.base_url())
            + &provider("second", &second.base_url())
            + &model("m", &[("first", "first-m"), ("second", "second-m")], "");
        let gateway = launch().config(&config).serve().await;
        Self { gateway, first, second, collector }
    }

    async fn ask(&self, headers: &str, body: &str) -> String {
        let mut client = Client::connect(self.gateway.data).await;
        client.send(post(KEY, headers, body)).await;
        let head = client.read_head().await;
        let id = head.header("x-request-id").unwrap().to_owned();
        // How the answer ends is not what these tests are about.
        let _ = client.read_body(&head).await;
        self.gateway.access_line(&id).await;
        id
    }

    /// The spans of the next requests to the collector, until there are `count`.
    async fn spans(&self, count: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        while spans.len() < count {
            spans.extend(spans_of(&self.collector.next_request().await));
        }
        assert_eq!(spans.len(), count, "{spans:?}");
        spans
    }

    async fn metric(&self, name: &str) -> u64 {
        let mut client = Client::connect(self.gateway.admin).await;
        let (_, body) = client.exchange(get("/metrics", "")).await;
        let line = body.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }
}

/// A span, its attributes as an object.
#[derive(Debug)]
struct Span {
    fields: Value,
    attributes: Value,
}

impl Span {
    fn field(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap_or_default()
    }

    fn check(&self, expect: &[(&str, Value)]) {
        for (name, value) in expect {
            assert_eq!(&self.attributes[name], value, "{name} in {self:?}");
        }
    }

    fn lacks(&self, names: &[&str]) {
        for name in names {
            assert_eq!(self.attributes[name], Value::Null, "{name} in {self:?}");
        }
    }
}

/// Reads what the collector got.
fn spans_of(request: &Request) -> Vec<Span> {
    let text =
        format!("{}{}", String::from_utf8_lossy(&request.head), String::from_utf8_lossy(&request.body));
    for secret in [KEY, UPSTREAM_KEY, "prompt-canary", "answer-canary"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(request.header("authorization").as_deref(), Some(TOKEN));
    assert_eq!(request.header("content-type").as_deref(), Some("application/json"));
    let body = request.json();
    let resource = attributes(&body["resourceSpans"][0]["resource"]["attributes"]);
    assert_eq!(resource["service.name"], "sluicegate");
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    let span = |fields: Value| {
        let time = |name: &str| -> u64 { fields[name].as_str().unwrap().parse().unwrap() };
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{fields}");
        Span { attributes: attributes(&fields["attributes"]), fields }
    };
    spans.into_iter().map(span).collect()
}

fn attributes(list: &Value) -> Value {
    let value = |value: &Value| match value.as_object().unwrap().iter().next().unwrap() {
        (kind, Value::String(text)) if kind == "intValue" => json!(text.parse::<i64>().unwrap()),
        (kind, array) if kind == "arrayValue" => {
            array["values"].as_array().unwrap().iter().map(|one| one["stringValue"].clone()).collect()
        }
        (_, value) => value.clone(),
    };
    let pairs = list.as_array().unwrap().iter();
    pairs.map(|pair| (pair["key"].as_str().unwrap().to_owned(), value(&pair["value"]))).collect()
}

fn traceparent(request: &Request) -> Vec<String> {
    let parent = request.header("traceparent").expect("the provider is told of the trace");
    parent.split('-').map(str::to_owned).collect()
}

#[tokio::test]
async fn a_request_and_its_call() {
    let traced = Traced::start("").await;
    traced.first.script(Script::new().write(answers::whole("answer-canary")));
    let headers = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=1\r\n");
    let mut body: Value = serde_json::from_str(&chat("m", false)).unwrap();
    (body["temperature"], body["max_tokens"]) = (json!(0.5), json!(77));
    let id = traced.ask(&headers, &body.to_string()).await;
    let told = traced.first.next_request().await;
    let request = traced.collector.next_request().await;
    assert_eq!(request.request_line(), "POST /otlp/v1/traces HTTP/1.1");
    let spans = spans_of(&request);
    let [server, call] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((server.field("name"), call.field("name")), ("chat m", "chat first-m"));
    assert_eq!((&server.fields["kind"], &call.fields["kind"]), (&json!(2), &json!(3)));
    assert_eq!((server.field("traceId"), call.field("traceId")), (TRACE, TRACE));
    assert_eq!((server.field("parentSpanId"), server.field("traceState")), (PARENT, "a=1"));
    assert_eq!(call.field("parentSpanId"), server.field("spanId"));
    assert_eq!(traceparent(&told), ["00", TRACE, call.field("spanId"), "01"]);
    assert_eq!(told.header("tracestate").as_deref(), Some("a=1"));
    assert_eq!((&server.fields["status"], &call.fields["status"]), (&json!({}), &json!({})));
    server.check(&[
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("openai-compatible")),
        ("gen_ai.request.model", json!("m")),
        ("gen_ai.request.temperature", json!(0.5)),
        ("gen_ai.request.max_tokens", json!(77)),
        ("gen_ai.response.finish_reasons", json!(["stop"])),
        ("gen_ai.usage.input_tokens", json!(9)),
        ("gen_ai.usage.output_tokens", json!(3)),
        ("http.route", json!("/v1/chat/completions")),
        ("http.response.status_code", json!(200)),
        ("sluicegate.request_id", json!(id)),
        ("sluicegate.ending", json!("complete")),
        ("sluicegate.attempts", json!(1)),
    ]);
    assert!(server.attributes["gen_ai.response.model"].is_string(), "{server:?}");
    server.lacks(&["error.type", "server.address"]);
    call.check(&[
        ("gen_ai.request.model", json!("first-m")),
        ("server.address", json!("127.0.0.1")),
        ("server.port", json!(traced.first.addr().port())),
        ("sluicegate.provider", json!("first")),
        ("sluicegate.attempt.why", json!("first")),
        ("sluicegate.attempt.outcome", json!("ok")),
        ("http.response.status_code", json!(200)),
    ]);
    call.lacks(&["error.type", "gen_ai.usage.input_tokens"]);
}

#[tokio::test]
async fn a_failover_is_two_calls() {
    let traced = Traced::start("").await;
    traced.first.script(Script::new().write(answers::json_answer(404, "{}")));
    traced.ask("", &chat_with_usage("m")).await;
    let parents =
        [traceparent(&traced.first.next_request().await), traceparent(&traced.second.next_request().await)];
    let spans = traced.spans(3).await;
    for (number, parent) in parents.iter().enumerate() {
        assert_eq!(parent[1], spans[0].field("traceId"));
        assert_eq!(parent[2], spans[number + 1].field("spanId"));
    }
    assert_ne!(parents[0][2], parents[1][2]);
    spans[0].check(&[
        ("sluicegate.attempts", json!(2)),
        ("sluicegate.stream", json!(true)),
        ("gen_ai.response.finish_reasons", json!(["stop"])),
    ]);
    assert_eq!(spans[0].fields.get("parentSpanId"), None, "the trace begins here");
    assert!(spans[0].attributes["sluicegate.first_token_us"].is_number());
    spans[1].check(&[
        ("error.type", json!("model_missing")),
        ("http.response.status_code", json!(404)),
        ("sluicegate.attempt.outcome", json!("failed")),
    ]);
    assert_eq!(spans[1].fields["status"], json!({ "code": 2 }));
    spans[2].check(&[
        ("sluicegate.attempt.why", json!("fallback")),
        ("sluicegate.provider", json!("second")),
        ("sluicegate.attempt.outcome", json!("ok")),
    ]);
}

#[tokio::test]
async fn a_broken_stream_is_an_error() {
    let traced = Traced::start("").await;
    let begun = answers::chunk(answers::events(&["answer-canary"], false)[..2].concat().as_bytes());
    traced.first.script(Script::new().write(answers::STREAM_HEAD).write(begun).fin());
    traced.ask("", &chat_with_usage("m")).await;
    let spans = traced.spans(2).await;
    spans[0].check(&[
        ("error.type", json!("upstream_truncated")),
        ("sluicegate.ending", json!("broken")),
        ("http.response.status_code", json!(200)),
    ]);
    spans[0].lacks(&["gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons"]);
    assert_eq!(spans[0].fields["status"], json!({ "code": 2 }));
    spans[1].check(&[("error.type", json!("truncated")), ("sluicegate.attempt.outcome", json!("failed"))]);
}

#[tokio::test]
async fn refused_requests_have_spans_and_unsampled_ones_have_none() {
    let traced = Traced::start("sample_percent = 0").await;
    traced.ask("", &chat("m", false)).await;
    assert_eq!(traceparent(&traced.first.next_request().await)[3], "00", "the provider is told, too");
    traced.ask(&format!("traceparent: 00-{TRACE}-{PARENT}-00\r\n"), &chat("m", false)).await;
    traced.ask(&format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n"), &chat("nope", false)).await;
    let spans = traced.spans(1).await;
    assert_eq!(spans[0].field("name"), "chat nope");
    spans[0].check(&[("error.type", json!("model_not_found")), ("http.response.status_code", json!(404))]);
    assert_eq!(spans[0].fields["status"], json!({}), "the caller's mistake is no error of the server");
}

#[tokio::test]
async fn a_batch_is_sent_once_more() {
    let traced = Traced::start("").await;
    traced.collector.script(Script::new().write(answers::json_answer(503, "{}")));
    let rejected = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}"#;
    traced.collector.script(Script::new().write(answers::json_answer(200, rejected)));
    traced.ask("", &chat("m", false)).await;
    let (once, again) = (traced.collector.next_request().await, traced.collector.next_request().await);
    assert_eq!(once.body, again.body);
    // The next batch comes after the counts of the one before.
    traced.ask("", &chat("m", false)).await;
    traced.spans(2).await;
    assert_eq!(traced.metric("sluicegate_trace_spans_dropped_total").await, 1);
    assert!(traced.metric("sluicegate_trace_spans_sent_total").await >= 1);
}

#[tokio::test]
async fn what_waits_is_sent_before_the_process_ends() {
    let mut traced = Traced::start("").await;
    for _ in 0..5 {
        traced.ask("", &chat("m", false)).await;
    }
    traced.gateway.terminate();
    assert!(traced.gateway.ended().await.success());
    traced.spans(10).await;
}

#[tokio::test]
async fn nobody_waits_for_a_collector_that_is_away_or_silent() {
    let away = Refusing::new();
    let endpoint = away.base_url();
    let mut traced = Traced::with(&endpoint, "", Upstream::start().await).await;
    traced.ask("", &chat("m", false)).await;
    traced.gateway.terminate();
    assert!(traced.gateway.ended().await.success());

    let mut traced = Traced::start("").await;
    let never = Gate::new();
    traced.collector.respond(move |_| Script::new().wait(&never));
    traced.ask("", &chat("m", false)).await;
    traced.collector.next_request().await;
    traced.ask("", &chat("m", false)).await;
    traced.gateway.terminate();
    assert!(traced.gateway.ended().await.success(), "it goes when it is told to");
}

#[tokio::test]
async fn off_there_is_nothing_of_it() {
    let rig = crate::rig::Rig::start().await;
    let headers = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=1\r\n");
    let (head, _) = rig.exchange(post(KEY, &headers, chat("m", false))).await;
    assert_eq!(head.status, 200);
    let told = rig.upstream.next_request().await;
    assert_eq!((told.header("traceparent"), told.header("tracestate")), (None, None));
}
