//! Usage, rows of requests, the audit log and nodes.

use serde_json::{Value, json};

use super::{answers, good, in_path, lists, operation, query, server, text_query};
use crate::openapi::schema::{list, object, optional, plain, schema};

/// A list of fields: name, JSON type (`?` for "or null"), what it is.
fn fields(rows: &[(&str, &str, &str)]) -> Value {
    let field = |(name, kind, text): &(&str, &str, &str)| {
        let schema = match kind.strip_suffix('?') {
            Some(kind) => optional(kind, text),
            None => plain(kind, text),
        };
        ((*name).to_owned(), schema)
    };
    let names: Vec<&str> = rows.iter().map(|(name, ..)| *name).collect();
    object(&names, Value::Object(rows.iter().map(field).collect()))
}

const REQUEST: &[(&str, &str, &str)] = &[
    ("request_id", "string", "Its `x-request-id`."),
    ("trace_id", "string?", "Its `x-trace-id`."),
    ("created_at", "string", "When it came."),
    ("key_id", "string", "Who asked."),
    ("project_id", "string", "The name of the key's project then."),
    ("model", "string", "As asked for."),
    ("provider", "string?", "Who answered; null where nobody did."),
    ("upstream_model", "string?", "What that provider calls the model."),
    ("status", "integer?", "What the caller got; null where it is not known."),
    ("error_code", "string?", "`code` of the error."),
    ("stream", "boolean", "Whether a stream was asked for."),
    ("prompt_tokens", "integer", "Tokens of the prompt."),
    ("completion_tokens", "integer", "Tokens of the answer."),
    ("cached_tokens", "integer", "Of the prompt, from the provider's cache."),
    ("cache_write_tokens", "integer", "Of the prompt, written into it."),
    ("reasoning_tokens", "integer", "Of the answer."),
    ("usage_source", "string?", "`provider`, `estimated` or `interrupted`."),
    ("reserved_nanousd", "integer", "What it could have cost at most."),
    ("charged_nanousd", "integer?", "What it cost; null where the model has no price."),
    ("price_version", "string?", "Where the price is from."),
    ("queue_ms", "number?", "From its arrival to the first call."),
    ("first_token_ms", "number?", "To the first content."),
    ("total_ms", "number?", "To the end."),
    ("repaired", "boolean", "Whether a broken stream was mended."),
    ("hedged", "boolean", "Whether a second target was called beside the first."),
    ("wasted_nanousd", "integer", "Spent on answers that nobody got."),
];

const ATTEMPT: &[(&str, &str, &str)] = &[
    ("provider", "string", "Who was called."),
    ("upstream_model", "string", "What that provider calls the model."),
    ("started_at", "string?", "When."),
    ("first_token_ms", "number?", "To the first content."),
    ("ended_ms", "number", "To the end."),
    ("status", "integer?", "What the provider answered."),
    ("outcome", "string", "`ok`, `failed` or `cancelled`."),
    ("reason", "string?", "The code of a failure."),
    (
        "why",
        "string?",
        "`first`, `equal`, `fallback`, `retry`, `after_wait`, `hedge` or `repair`; null in old rows.",
    ),
];

const SUMS: &[(&str, &str, &str)] = &[
    ("requests", "integer", "Requests, with those that failed."),
    ("errors", "integer", "Those that failed."),
    ("prompt_tokens", "integer", "Tokens of prompts."),
    ("completion_tokens", "integer", "Tokens of answers."),
    ("cached_tokens", "integer", "Of prompts, from caches of providers."),
    ("reasoning_tokens", "integer", "Of answers."),
    ("cost_nanousd", "integer", "What they cost."),
];

const PERCENTILES: &[(&str, &str, &str)] = &[
    ("p50", "number", "Milliseconds, right to an eighth."),
    ("p90", "number", "As that."),
    ("p95", "number", "As that."),
    ("p99", "number", "As that."),
    ("count", "integer", "How many were timed."),
];

const NODE: &[(&str, &str, &str)] = &[
    ("id", "string", "Stays as long as its data directory."),
    ("alive", "boolean", "Whether it said so in the last ten seconds."),
    ("seen_at", "string?", "When it last said so."),
    ("epoch", "integer", "How many times it was started."),
    ("leased_nanousd", "integer", "What it holds of budgets."),
];

const PROVIDER_TEST: &[(&str, &str, &str)] = &[
    ("ok", "boolean", "Whether it answered as it should."),
    ("provider", "string", "Who was called."),
    ("model", "string", "What that provider calls the model."),
    ("credential", "integer", "Which of its credentials was shown, counted from 0."),
    ("status", "integer?", "What it answered; null where there was no answer."),
    ("latency_ms", "integer", "Until the whole answer was there, or the failure."),
];

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut request = fields(REQUEST);
    let flags = json!({ "type": "string", "enum": ["absurd", "excess", "unconfirmed"] });
    request["properties"]["flags"] = list(flags, "What was odd about the charge.");
    request["properties"]["attempts"] = list(schema("Attempt"), "The calls of targets, in their order.");
    if let Some(required) = request["required"].as_array_mut() {
        required.extend([json!("flags"), json!("attempts")]);
    }
    let mut usage = fields(SUMS);
    for (name, text) in [
        ("bucket", "Beginning of the hour or day."),
        ("model", "As asked for."),
        ("key", "Id of the key."),
        ("project", "Name of the project."),
        ("provider", "Who answered, or where nobody did, was called last; empty where nobody was."),
    ] {
        usage["properties"][name] = optional("string", &format!("{text} Only where it was asked for."));
    }
    for (name, text) in [
        ("first_token_ms", "To the first content, of streams that were answered"),
        ("total_ms", "To the end, of requests that were answered"),
    ] {
        usage["properties"][name] = json!({
            "anyOf": [fields(PERCENTILES), { "type": "null" }],
            "description": format!("{text}: half, nine tenths … of them took no longer. Only with `latency`."),
        });
    }
    let object_or_null = |text: &str| json!({ "description": text });
    let audit = object(
        &["id", "created_at", "actor", "action", "object", "object_id", "before", "after"],
        json!({
            "id": plain("integer", "Rises with every entry."),
            "created_at": plain("string", "When."),
            "actor": plain("string", "`admin_token`, or the id of a user."),
            "action": super::objects::one_of(&["create", "update", "delete", "revoke", "rotate", "write_off", "invite", "accept_invite", "sign_in", "password", "set_totp", "remove_totp"]),
            "object": super::objects::one_of(&["key", "project", "provider", "model", "node", "settings", "user"]),
            "object_id": plain("string", "Which one."),
            "before": object_or_null("As it was; null for what is new."),
            "after": object_or_null("As it is; null for what is gone."),
        }),
    );
    let mut test = fields(PROVIDER_TEST);
    let text = "The failure in the provider's own words, or in ours where it said nothing; null where it answered. \
        No credential stands in it.";
    let texts = json!({ "message": plain("string", "What is wrong."), "type": plain("string", "Its class."),
        "param": optional("string", "Where."), "code": optional("string", "Its code.") });
    let error = object(&["message", "type", "param", "code"], texts);
    test["properties"]["error"] = json!({ "anyOf": [error, { "type": "null" }], "description": text });
    if let Some(required) = test["required"].as_array_mut() {
        required.push("error".into());
    }
    vec![
        ("ProviderTest", test),
        ("RequestRow", request),
        ("Attempt", fields(ATTEMPT)),
        ("UsageRow", usage),
        ("AuditEntry", audit),
        ("Node", fields(NODE)),
    ]
}

pub(super) fn usage() -> Value {
    let bucket = json!({ "type": "string", "enum": ["hour", "day"] });
    let parameters = [
        text_query("from", "A day, or an RFC 3339 moment; thirty days before `to` without it."),
        text_query(
            "to",
            "A day, or an RFC 3339 moment, before which it ends; the end of this hour without it.",
        ),
        text_query("group_by", "Some of `model`, `key`, `project`, `provider`, separated by commas."),
        query("bucket", bucket, "The width of a bucket of time; hours for at most 93 days."),
        text_query("key", "Only of the key with this id."),
        text_query("project", "Only of this project."),
        text_query("model", "Only of this model."),
        text_query("provider", "Only of this provider."),
        query(
            "latency",
            json!({ "type": "string", "enum": ["true", "false", "only"] }),
            "Whether rows tell how long answers took, beside the sums or alone: by `model` and `provider`, by `project` and `key`, or by `project` and \
             `model`, as groups and as filters, and by hours for at most 14 days.",
        ),
    ];
    let body = object(
        &["data", "next_cursor", "from", "to"],
        json!({
            "data": list(schema("UsageRow"), "In the order of bucket and groups."),
            "next_cursor": { "type": "null", "description": "All rows are there." },
            "from": plain("string", "The beginning that was meant."),
            "to": plain("string", "The end that was meant."),
        }),
    );
    let more = json!({
        "description": "Usage is kept by the hour: `from` and `to` are widened to whole hours.",
        "parameters": parameters,
        "responses": answers(200, good("The sums.", body), &[]),
    });
    operation("getUsage", "Sums of requests, tokens and money", more)
}

pub(super) fn requests() -> Value {
    let whole = |text: &'static str, name: &'static str| {
        query(name, json!({ "type": "integer", "minimum": 0 }), text)
    };
    let mut parameters = filters();
    parameters.extend([
        text_query("from", "A day, or an RFC 3339 moment: only those that came then or later."),
        text_query("to", "A day, or an RFC 3339 moment: only those that came earlier."),
        whole("Only those that took so long or longer.", "min_total_ms"),
        whole("Only those that cost so much or more.", "min_cost_nanousd"),
        text_query("trace_id", "Only those with this `x-trace-id`."),
        text_query(
            "q",
            "What the `x-request-id` or the `x-trace-id` begins with, at least four characters. Of many the newest five \
             hundred are looked at.",
        ),
    ]);
    lists("listRequests", "Requests, newest first", "RequestRow", &parameters)
}

pub(super) fn tail() -> Value {
    let text = "Server-sent events: `request` with a row as in the list and its id, as it comes into the books; `lagged` \
        with `{\"missed\": number|null}` where the reader was too slow; comments while nothing happens. It ends when the \
        gateway leaves, and after five minutes: then ask again. What other nodes post comes about a second later, of \
        requests that took no longer than five minutes.";
    let events = json!({
        "description": "The events.",
        "content": { "text/event-stream": { "schema": { "type": "string" } } },
    });
    let more =
        json!({ "description": text, "parameters": filters(), "responses": answers(200, events, &[429]) });
    json!({ "servers": server(), "get": operation("tailRequests", "Requests as they end", more) })
}

/// What both the list and the stream of requests can be narrowed to.
fn filters() -> Vec<Value> {
    let status = json!({ "type": "string", "pattern": "^([1-5][0-9][0-9]|[2-5]xx|error)$" });
    vec![
        text_query("key", "Only of the key with this id."),
        text_query("project", "Only of this project."),
        text_query("model", "Only those that asked for this model."),
        text_query(
            "provider",
            "Only those that this provider answered, or that nobody did and it was called last for.",
        ),
        query(
            "status",
            status,
            "Only those that were answered with this status, one of `2xx` to `5xx`, or an `error`: as the answer, \
             or inside a stream that had begun.",
        ),
    ]
}

pub(super) fn audit() -> Value {
    let parameters = [
        text_query("object", "Only changes of this kind of object."),
        text_query("object_id", "Only changes of the object with this id or name."),
        text_query("actor", "Only what this one did: `admin_token`, or the id of a user."),
    ];
    let list = lists("listAudit", "Who changed what, newest first", "AuditEntry", &parameters);
    json!({ "servers": server(), "get": list })
}

pub(super) fn request() -> Value {
    let more = json!({ "responses": answers(200, good("The request.", schema("RequestRow")), &[404]) });
    json!({
        "servers": server(),
        "parameters": [in_path("id")],
        "get": operation("getRequest", "One request, by its `x-request-id`", more),
    })
}
