//! The OpenAPI 3.1 document of what this gateway serves. It is checked in as `docs/openapi.json`.

use serde_json::{Value, json};

mod admin;
mod errors;
mod paths;
mod request;
mod response;
mod schema;

/// The whole document: the data plane, and the admin API and `/metrics` of the admin listener.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sluicegate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "OpenAI's Chat Completions in front of any provider.",
            "description": "Every response carries `x-request-id` and `x-trace-id`. Every error has the one body \
                `{\"error\":{\"message\",\"type\",\"param\",\"code\"}}`. Fields that are not named here are passed \
                on to upstreams that speak this format, and come back from them, unchanged.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "http://127.0.0.1:8080", "description": "The data plane where nothing is configured" }],
        "security": [{ "key": [] }],
        "tags": [
            { "name": "chat", "description": "Chat completions" },
            { "name": "models", "description": "What a key may use" },
            { "name": "admin", "description": "Keys, projects, providers, models, and what was spent" },
            { "name": "operation", "description": "For those who run the gateway" }
        ],
        "paths": paths::paths(),
        "components": {
            "securitySchemes": security_schemes(),
            "parameters": paths::parameters(),
            "headers": paths::headers(),
            "responses": errors::responses(),
            "schemas": schemas()
        }
    })
}

fn security_schemes() -> Value {
    json!({
        "key": {
            "type": "http", "scheme": "bearer", "bearerFormat": "sk-…",
            "description": "A key of this gateway: `Authorization: Bearer sk-…`."
        },
        "admin": {
            "type": "http", "scheme": "bearer",
            "description": "The token in `admin.token` of the data directory."
        }
    })
}

fn schemas() -> Value {
    let all = request::schemas().into_iter().chain(response::schemas());
    let all = all.chain(errors::schemas()).chain(admin::schemas());
    Value::Object(all.map(|(name, schema)| (name.to_owned(), schema)).collect())
}

#[cfg(test)]
mod tests;
