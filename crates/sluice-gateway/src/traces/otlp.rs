//! Spans in the JSON form of OTLP (opentelemetry-proto, `ExportTraceServiceRequest`), with the attributes of the
//! semantic conventions for generative AI.

use sluice_providers::Provider;

use super::{Told, context::push_hex};
use crate::{
    metrics::{Ended, why_word},
    record::Ending,
    snapshot::Target,
};

/// `SPAN_KIND_SERVER` and `SPAN_KIND_CLIENT`.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// What a request to the collector says, for all of these.
pub(super) fn request(service_name: &str, told: &[Told]) -> String {
    let mut out = Vec::with_capacity(1024 + 2048 * told.len());
    out.extend_from_slice(b"{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    let mut resource = Attributes::new(&mut out);
    resource.text("service.name", service_name);
    resource.text("service.version", env!("CARGO_PKG_VERSION"));
    out.extend_from_slice(b"]},\"scopeSpans\":[{\"scope\":{\"name\":\"sluicegate\",\"version\":\"");
    out.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
    out.extend_from_slice(b"\"},\"spans\":[");
    for (number, one) in told.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        server_span(&mut out, one);
        for call in 0..one.calls.len() {
            out.push(b',');
            call_span(&mut out, one, call);
        }
    }
    out.extend_from_slice(b"]}]}]}");
    String::from_utf8(out).unwrap_or_default()
}

/// What all spans begin with.
struct Head<'a> {
    span: [u8; 8],
    parent: Option<[u8; 8]>,
    kind: u8,
    model: &'a str,
    start_us: u64,
    end_us: u64,
}

fn begin(out: &mut Vec<u8>, told: &Told, head: &Head<'_>) {
    out.extend_from_slice(b"{\"traceId\":\"");
    push_hex(out, &told.trace.context.trace_id);
    out.extend_from_slice(b"\",\"spanId\":\"");
    push_hex(out, &head.span);
    if let Some(parent) = head.parent {
        out.extend_from_slice(b"\",\"parentSpanId\":\"");
        push_hex(out, &parent);
    }
    out.extend_from_slice(b"\",\"flags\":1,\"name\":");
    let name = if head.model.is_empty() { "chat".to_owned() } else { format!("chat {}", head.model) };
    push_text(out, &name);
    if let Some(state) = told.trace.context.state.as_ref().and_then(|state| state.to_str().ok()) {
        out.extend_from_slice(b",\"traceState\":");
        push_text(out, state);
    }
    let times = format!(
        ",\"kind\":{},\"startTimeUnixNano\":\"{}000\",\"endTimeUnixNano\":\"{}000\",\"attributes\":[",
        head.kind, head.start_us, head.end_us
    );
    out.extend_from_slice(times.as_bytes());
}

/// `STATUS_CODE_ERROR` where it failed.
fn end(out: &mut Vec<u8>, failed: bool) {
    out.extend_from_slice(if failed { b"],\"status\":{\"code\":2}}" } else { b"],\"status\":{}}" });
}

fn server_span(out: &mut Vec<u8>, told: &Told) {
    let (trace, start_us) = (&told.trace, told.unix_ms.saturating_mul(1000));
    let end_us = start_us.saturating_add(told.total_us);
    let parent = trace.context.parent;
    begin(out, told, &Head { span: trace.span, parent, kind: SERVER, model: &told.model, start_us, end_us });
    let mut attributes = Attributes::new(out);
    attributes.text("gen_ai.operation.name", "chat");
    if let Some(target) = told.called.as_ref().and_then(|(model, index)| model.targets.get(*index)) {
        provider(&mut attributes, target.upstream.provider());
    }
    if !told.model.is_empty() {
        attributes.text("gen_ai.request.model", &told.model);
        attributes.flag("sluicegate.stream", told.stream);
    }
    asked(&mut attributes, told);
    answer(&mut attributes, told);
    attributes.text("http.request.method", "POST");
    attributes.text("http.route", told.route);
    attributes.number("http.response.status_code", u64::from(told.status));
    let failed = told.status >= 500 || told.ending == Ending::Broken;
    if failed || told.status >= 400 {
        let status = told.status.to_string();
        attributes.text("error.type", told.error_code.as_deref().unwrap_or(&status));
    }
    attributes.text("sluicegate.request_id", &told.request_id);
    attributes.text("sluicegate.ending", told.ending.as_str());
    if let Some(key) = &told.key {
        attributes.text("sluicegate.key_id", &key.id);
        attributes.text("sluicegate.project", &key.project);
    }
    attributes.number("sluicegate.attempts", told.calls.len() as u64);
    attributes.flag("sluicegate.hedged", told.hedged);
    attributes.flag("sluicegate.repaired", told.repaired);
    if let Some(queue_us) = told.queue_us {
        attributes.number("sluicegate.queue_us", queue_us);
    }
    end(out, failed);
}

fn asked(attributes: &mut Attributes<'_>, told: &Told) {
    let asked = &told.trace.asked;
    if let Some(max_tokens) = asked.max_tokens {
        attributes.number("gen_ai.request.max_tokens", max_tokens);
    }
    if asked.choices > 1 {
        attributes.number("gen_ai.request.choice.count", u64::from(asked.choices));
    }
    if let Some(seed) = asked.seed {
        attributes.signed("gen_ai.request.seed", seed);
    }
    for (name, value) in &asked.numbers {
        attributes.float(name, *value);
    }
}

fn answer(attributes: &mut Attributes<'_>, told: &Told) {
    if let Some(model) = &told.trace.response_model {
        attributes.text("gen_ai.response.model", model);
    }
    if !told.trace.finish_reasons.is_empty() {
        attributes.texts("gen_ai.response.finish_reasons", &told.trace.finish_reasons);
    }
    if let Some(first_token_us) = told.first_token_us {
        attributes.number("sluicegate.first_token_us", first_token_us);
    }
    let Some(charge) = &told.charge else { return };
    let usage = &charge.usage;
    attributes.number("gen_ai.usage.input_tokens", usage.prompt_tokens);
    attributes.number("gen_ai.usage.output_tokens", usage.completion_tokens);
    for (name, tokens) in [
        ("gen_ai.usage.cache_read.input_tokens", usage.prompt.cached_tokens),
        ("gen_ai.usage.cache_creation.input_tokens", usage.prompt.cache_write_tokens),
        ("sluicegate.usage.reasoning_tokens", usage.completion.reasoning_tokens),
    ] {
        if tokens > 0 {
            attributes.number(name, tokens);
        }
    }
    attributes.text("sluicegate.usage.source", charge.source.as_str());
    if let Some(cost) = charge.cost {
        attributes.number("sluicegate.charged_nanousd", cost.0);
    }
}

fn call_span(out: &mut Vec<u8>, told: &Told, number: usize) {
    let (Some(call), Some(called)) = (told.calls.get(number), told.targets.get(number)) else { return };
    // A call that was never made has no id of its own.
    let span = told.trace.calls.get(number).copied().unwrap_or([0, 0, 0, 0, 0, 0, 0, number as u8 + 1]);
    let start_us = call.started_ms.saturating_mul(1000);
    let end_us = start_us.saturating_add(call.ended_us);
    let parent = Some(told.trace.span);
    begin(out, told, &Head { span, parent, kind: CLIENT, model: &call.upstream_model, start_us, end_us });
    let mut attributes = Attributes::new(out);
    attributes.text("gen_ai.operation.name", "chat");
    let target: Option<&Target> =
        told.called.as_ref().and_then(|(model, _)| model.targets.get(called.target));
    if let Some(target) = target {
        let place = target.upstream.provider();
        provider(&mut attributes, place);
        if !place.is_sandbox() {
            attributes.text("server.address", &place.endpoint().host);
            attributes.number("server.port", u64::from(place.endpoint().port));
        }
    }
    attributes.text("gen_ai.request.model", &call.upstream_model);
    attributes.text("sluicegate.provider", &call.provider);
    attributes.number("sluicegate.attempt", number as u64 + 1);
    attributes.text("sluicegate.attempt.why", why_word(called.why));
    attributes.text("sluicegate.attempt.outcome", call.outcome);
    if let Some(status) = call.status {
        attributes.number("http.response.status_code", u64::from(status));
    }
    if let Some(first_token_us) = call.first_token_us {
        attributes.number("sluicegate.first_token_us", first_token_us);
    }
    let failed = call.outcome == "failed";
    if failed {
        attributes.text("error.type", called.ended.map_or("_OTHER", Ended::reason));
        if let Some(code) = &call.reason {
            attributes.text("sluicegate.attempt.reason", code);
        }
    }
    end(out, failed);
}

/// What the conventions call the maker of an API; where they have no name for it, our kind.
fn provider(attributes: &mut Attributes<'_>, provider: &Provider) {
    let kind = provider.row().kind.as_str();
    let name = match kind {
        "azure" => "azure.ai.openai",
        "gemini" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "bedrock" => "aws.bedrock",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        kind => kind,
    };
    attributes.text("gen_ai.provider.name", name);
    // What it was called before.
    attributes.text("gen_ai.system", name);
}

/// Writes attributes one behind the other.
struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
}

impl<'a> Attributes<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, any: false }
    }

    fn key(&mut self, name: &str, kind: &str) {
        if std::mem::replace(&mut self.any, true) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(format!("{{\"key\":\"{name}\",\"value\":{{\"{kind}\":").as_bytes());
    }

    fn value(&mut self, name: &str, kind: &str, value: &str) {
        self.key(name, kind);
        self.out.extend_from_slice(value.as_bytes());
        self.out.extend_from_slice(b"}}");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name, "stringValue");
        push_text(self.out, value);
        self.out.extend_from_slice(b"}}");
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.value(name, "boolValue", if value { "true" } else { "false" });
    }

    /// 64-bit integers are text in this form.
    fn number(&mut self, name: &str, value: u64) {
        self.value(name, "intValue", &format!("\"{}\"", i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn signed(&mut self, name: &str, value: i64) {
        self.value(name, "intValue", &format!("\"{value}\""));
    }

    fn float(&mut self, name: &str, value: f64) {
        self.value(name, "doubleValue", &format!("{value:?}"));
    }

    fn texts(&mut self, name: &str, values: &[String]) {
        self.key(name, "arrayValue");
        self.out.extend_from_slice(b"{\"values\":[");
        for (number, value) in values.iter().enumerate() {
            self.out.extend_from_slice(if number > 0 { b",{\"stringValue\":" } else { b"{\"stringValue\":" });
            push_text(self.out, value);
            self.out.push(b'}');
        }
        self.out.extend_from_slice(b"]}}}");
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    // Writing to a vector does not fail.
    let _ = serde_json::to_writer(out, text);
}
