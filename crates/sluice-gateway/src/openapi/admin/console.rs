//! What pages about a gateway are made of: settings and how it stands.

use serde_json::{Value, json};

use super::{answers, good, in_path, operation, server};
use crate::openapi::schema::{list, object, optional, plain, schema};

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let any = |text: &str| json!({ "description": text });
    let setting = object(
        &["name", "section", "type", "value", "source", "read_only", "needs_restart", "is_set", "is_secret"],
        json!({
            "name": plain("string", "Its table and its key."),
            "section": plain("string", "Its table as the configuration file has it, or `console`."),
            "description": plain("string", "What it is for, in Markdown."),
            "type": plain("string", "`string`, `integer`, `boolean`, `object`, `table`, `secret`."),
            "value": any("What is in force; null where nothing is, and for secrets."),
            "default": any("What is in force where nobody sets it."),
            "is_set": plain("boolean", "Whether somebody set it."),
            "is_secret": plain("boolean", "Whether its value is never shown."),
            "source": super::objects::one_of(&["default", "file", "environment", "command_line", "console"]),
            "read_only": plain("boolean", "Whether it cannot be set here."),
            "needs_restart": plain("boolean", "Whether a change of the file takes a restart."),
            "words": list(json!({ "type": "string" }), "All that it may be, where there are few."),
            "range": json!({ "type": ["array", "null"], "items": { "type": "integer" },
                "description": "The smallest and the largest value." }),
        }),
    );
    let settings = object(
        &["data", "next_cursor"],
        json!({
            "data": list(schema("Setting"), "In the order of the reference."),
            "next_cursor": { "type": "null", "description": "All of them are there." },
        }),
    );
    vec![
        ("Setting", setting),
        ("Settings", settings),
        ("Status", status_schema()),
        ("Attention", attention()),
        ("Preview", preview()),
    ]
}

/// What is answered in place of a change with `dry_run`.
fn preview() -> Value {
    let any = |text: &str| json!({ "description": text });
    object(
        &["dry_run", "before", "after", "warnings"],
        json!({
            "dry_run": { "const": true },
            "before": any("The object as it is; null for what would be new."),
            "after": any("The object as it would be."),
            "warnings": list(json!({ "type": "string" }), "What should be thought of."),
        }),
    )
}

pub(super) fn vendors() -> Value {
    let field = object(
        &["name", "is_secret"],
        json!({
            "name": plain("string", "As in the form of a provider."),
            "is_secret": plain("boolean", "Whether it goes one way."),
        }),
    );
    let vendor = object(
        &["kind", "label", "base_url", "needs_base_url", "key_env", "fields", "lists_models"],
        json!({
            "kind": plain("string", "As in the form of a provider."),
            "label": plain("string", "What people call it."),
            "base_url": optional("string", "Where it is, where nobody says."),
            "needs_base_url": plain("boolean", "Whether somebody has to say."),
            "key_env": optional("string", "The variable in which its own tools look for the key."),
            "fields": list(field, "What says who we are there, and what belongs to that."),
            "lists_models": plain("boolean", "Whether it can be asked for its models."),
        }),
    );
    let more = json!({ "responses": answers(200, good("The kinds.", whole_list(vendor)), &[]) });
    json!({ "servers": server(), "get": operation("listVendors", "Kinds of providers", more) })
}

pub(super) fn provider_models() -> Value {
    let model = object(
        &["id", "label"],
        json!({
            "id": plain("string", "What the provider calls the model."),
            "label": optional("string", "What it calls it for people."),
        }),
    );
    let more = json!({
        "description": "One real call, with the first credential. 502 where the provider gives no list; `not_supported` \
            where there is none to ask for.",
        "responses": answers(200, good("The models, by their ids.", whole_list(model)), &[404, 502]),
    });
    json!({
        "servers": server(),
        "parameters": [in_path("name")],
        "get": operation("listProviderModels", "The models that a provider says it has", more),
    })
}

fn whole_list(items: Value) -> Value {
    object(
        &["data", "next_cursor"],
        json!({
            "data": list(items, "All of them."),
            "next_cursor": { "type": "null", "description": "All of them are there." },
        }),
    )
}

fn attention() -> Value {
    let kinds = [
        "breaker_open",
        "provider_failing",
        "budget",
        "key_expiring",
        "model_unpriced",
        "journal_lag",
        "database_away",
        "redis_away",
        "node_closed",
        "node_silent",
        "file_refused",
    ];
    let mut facts = object(
        &[],
        json!({
            "name": plain("string", "Of the key or project."),
            "percent": plain("integer", "What is spent of the budget."),
            "target": plain("string", "As `provider/upstream model`."),
            "provider": plain("string", "Who fails."),
            "failures": plain("integer", "Calls that failed."),
            "calls": plain("integer", "Calls in all."),
            "seconds": plain("integer", "How far the books are behind."),
            "days": plain("integer", "Within how many days the key ends."),
            "expires_at": plain("string", "When it ends."),
            "model": plain("string", "The model without a price."),
            "reason": plain("string", "Why."),
        }),
    );
    facts["description"] = "What the message tells of, as far as its kind has it.".into();
    object(
        &["kind", "severity", "object", "object_id", "message", "facts", "since"],
        json!({
            "kind": super::objects::one_of(&kinds),
            "severity": super::objects::one_of(&["critical", "warning", "info"]),
            "object": super::objects::one_of(&["target", "provider", "key", "project", "model", "node"]),
            "object_id": plain("string", "Which one; a target is `provider/upstream model`."),
            "message": plain("string", "What there is, in a sentence."),
            "facts": facts,
            "since": optional("string", "Since when, where that is known."),
        }),
    )
}

fn status_schema() -> Value {
    let target = object(
        &["provider", "upstream_model", "credential", "models", "state", "in_flight", "calls", "failures"],
        json!({
            "provider": plain("string", "Who is called."),
            "upstream_model": plain("string", "What that provider calls the model."),
            "credential": plain("integer", "Which of its credentials, counted from 0."),
            "models": list(json!({ "type": "string" }), "The models that have it."),
            "state": super::objects::one_of(&["closed", "open", "half_open"]),
            "since": optional("string", "Since when its breaker is not closed."),
            "until": optional("string", "Until when it is not called."),
            "cooling_until": optional("string", "Until when it rests because it said that it is called too often."),
            "reason": optional("string", "What its last failure was."),
            "failed_at": optional("string", "When that was."),
            "first_token_p95_ms": optional("number", "How long the first content of streams takes."),
            "in_flight": plain("integer", "Calls under way."),
            "limit": optional("integer", "How many there may be at a time, where it has refused some."),
            "calls": plain("integer", "Calls that ended within ten minutes."),
            "failures": plain("integer", "Those of them that speak against the target."),
            "error_share": optional("number", "Their share; null where there were no calls."),
        }),
    );
    let any = |text: &str| json!({ "type": "object", "description": text });
    object(
        &[
            "node",
            "nodes",
            "journal",
            "leases",
            "database",
            "redis",
            "overload",
            "targets",
            "providers",
            "attention",
        ],
        json!({
            "node": any("This process: `id`, `version`, `started_at`, `uptime_seconds`, `phase` (`serving`, `leaving`, \
                `closed`), `workers`, `listen`, `admin_listen`, `tls`."),
            "nodes": list(schema("Node"), "Who shares the database."),
            "journal": any("`bytes`, `unread_records`, `unread_bytes`, `unposted_requests`, \
                `oldest_unposted_seconds`, `reservations_open`."),
            "leases": any("`held_nanousd`: what this node holds of all budgets."),
            "database": any("`engine`, `schema_version`, `is_away`, `last_contact_at`, `failures`."),
            "redis": any("`configured`, `reachable`, `nodes`, `failures`."),
            "overload": any("`running`, `queued`, `limit`, `shed` of all workers."),
            "targets": list(target, "As this node sees them."),
            "providers": list(any("`name`, and `calls`, `failures` and `error_share` of ten minutes."), "By name."),
            "attention": list(schema("Attention"), "What wants an operator's eyes, the worst first."),
        }),
    )
}

pub(super) fn status() -> Value {
    let more = json!({ "responses": answers(200, good("How things stand.", schema("Status")), &[]) });
    json!({ "servers": server(), "get": operation("getStatus", "How the node that is asked stands", more) })
}

pub(super) fn settings() -> Value {
    let currency = object(
        &["code", "usd_rate"],
        json!({
            "code": { "type": "string", "pattern": "^[A-Z]{3}$", "description": "The currency." },
            "usd_rate": { "type": "number", "exclusiveMinimum": 0, "description": "How much of it a dollar is." },
        }),
    );
    let form = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "retention.request_rows_days": optional("integer", "Days that rows of requests are kept."),
            "sandbox.enabled": optional("boolean", "Whether the built-in provider is there."),
            "console.display_currency": {
                "anyOf": [currency, { "type": "null" }],
                "description": "The currency in which the console shows money.",
            },
            "console.default_language": {
                "type": ["string", "null"], "enum": ["en", "zh", null],
                "description": "The console's language for browsers that ask for none of its own.",
            },
        },
    });
    let change = json!({
        "description": "What is named changes, on all nodes; null makes it as if nobody had set it. What the \
            configuration file names is changed there.",
        "requestBody": { "required": true, "content": { "application/json": { "schema": form } } },
        "responses": answers(200, good("All settings.", schema("Settings")), &[403, 408, 413, 415]),
    });
    let read = json!({ "responses": answers(200, good("All settings.", schema("Settings")), &[]) });
    json!({
        "servers": server(),
        "get": operation("listSettings", "Every setting, and where it comes from", read),
        "patch": operation("changeSettings", "Change settings", change),
    })
}
