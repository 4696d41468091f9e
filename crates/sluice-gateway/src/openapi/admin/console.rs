//! What pages about a gateway are made of: settings and how it stands.

use serde_json::{Value, json};

use super::{answers, good, operation, server};
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
    vec![("Setting", setting), ("Settings", settings)]
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
