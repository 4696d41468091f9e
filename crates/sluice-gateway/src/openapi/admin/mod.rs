//! The admin API in the document.
#![expect(clippy::needless_pass_by_value, reason = "schemas are built in place and read by `json!`")]

mod books;
mod console;
mod examples;
mod objects;
mod people;

use serde_json::{Map, Value, json};

use super::{
    errors::{Row, header, named, response},
    schema::{list, object, optional, schema, with},
};

/// Errors whose meaning is the admin API's own: status, name, what it means, an example.
const ROWS: &[Row] = &[
    (
        400,
        "AdminBadRequest",
        "Not JSON, a field or query parameter that is missing, unknown, invalid or out of range, or a key that stands \
         twice; `param` is its path.",
        [
            INVALID,
            Some("limits.rpm"),
            Some("integer_below_min_value"),
            Some("Invalid 'limits.rpm': must be an integer from 1 to 4294967295."),
        ],
    ),
    (
        401,
        "AdminUnauthorized",
        "No admin token and no session, or a wrong one.",
        [INVALID, None, Some("invalid_api_key"), Some("No valid admin token.")],
    ),
    (
        403,
        "ReadOnly",
        "The object is not the admin API's to change: `owned_by_file`, `owned_by_environment` or `built_in`; the role \
         does not allow it: `role_not_allowed`; or no page of the console asked for it: `csrf_failed`.",
        [
            INVALID,
            None,
            Some("owned_by_file"),
            Some("The key 'dev' is owned by the configuration file: change it there."),
        ],
    ),
    (
        404,
        "NoSuchObject",
        "There is no such object: `key_not_found`, `project_not_found`, `provider_not_found`, `model_not_found`, \
         `request_not_found`, `node_not_found`, `user_not_found`, `session_not_found`; or no such path: `unknown_url`.",
        [INVALID, None, Some("key_not_found"), Some("There is no key 'key_0'.")],
    ),
    (
        409,
        "AdminConflict",
        "It does not fit with what is there: `name_taken`, `email_taken`, `in_use`, `key_revoked`, `key_wider`, \
         `user_disabled`, or `stale` where another node was faster.",
        [
            INVALID,
            Some("name"),
            Some("name_taken"),
            Some("There is already a key named 'dev': choose another name."),
        ],
    ),
    (
        413,
        "AdminContentTooLarge",
        "The request body is larger than 1 MiB.",
        [
            INVALID,
            None,
            Some("request_too_large"),
            Some("The request body is larger than the limit of 1048576 bytes."),
        ],
    ),
    (
        503,
        "AccountingUnavailable",
        "The database does not answer. `Retry-After` says when to come back.",
        [
            Some("service_unavailable_error"),
            None,
            Some("accounting_unavailable"),
            Some("The gateway cannot account for this request just now; please try again."),
        ],
    ),
];

const INVALID: Option<&str> = Some("invalid_request_error");

pub(super) fn responses() -> Vec<(String, Value)> {
    ROWS.iter().map(|row| (row.1.to_owned(), response(row))).collect()
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let all = objects::schemas().into_iter().chain(books::schemas()).chain(console::schemas());
    all.chain(people::schemas()).collect()
}

/// Parameters of every list.
pub(super) fn parameters() -> Vec<(&'static str, Value)> {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 50 });
    vec![
        ("Limit", query("limit", limit, "Rows of a page.")),
        (
            "Cursor",
            query(
                "cursor",
                json!({ "type": "string", "minLength": 1 }),
                "The `next_cursor` of the page before.",
            ),
        ),
    ]
}

fn query(name: &str, schema: Value, description: &str) -> Value {
    json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": description })
}

fn text_query(name: &str, description: &str) -> Value {
    query(name, json!({ "type": "string", "minLength": 1 }), description)
}

/// The answers of an operation: a good one, and the errors of these statuses beside those that every call can have.
fn answers(status: u16, good: Value, errors: &[u16]) -> Value {
    let mut answers = Map::new();
    answers.insert(status.to_string(), good);
    let mut statuses: Vec<u16> = [400, 401, 403, 405, 431, 500, 503].iter().chain(errors).copied().collect();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let own = ROWS.iter().find(|row| row.0 == status).map(|row| row.1);
        if let Some(name) = own.or_else(|| named(status)) {
            answers.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        }
    }
    Value::Object(answers)
}

/// Errors of calls with a body.
const WITH_BODY: &[u16] = &[408, 409, 413, 415];

fn good(description: &str, body: Value) -> Value {
    json!({
        "description": description,
        "headers": { "x-request-id": header("RequestId"), "x-trace-id": header("TraceId") },
        "content": { "application/json": { "schema": body } }
    })
}

fn nothing(description: &str) -> Value {
    json!({
        "description": description,
        "headers": { "x-request-id": header("RequestId"), "x-trace-id": header("TraceId") }
    })
}

fn body(name: &str) -> Value {
    let mut content = json!({ "schema": schema(name) });
    if let Some(example) = examples::of(name) {
        content["example"] = example;
    }
    json!({ "required": true, "content": { "application/json": content } })
}

/// A page of a list.
fn page(items: &str, order: &str) -> Value {
    object(
        &["data", "next_cursor"],
        json!({
            "data": list(schema(items), order),
            "next_cursor": optional("string", "`cursor` of the next page; null on the last."),
        }),
    )
}

/// One operation of the admin API.
fn operation(id: &str, summary: &str, more: Value) -> Value {
    with(
        json!({ "tags": ["admin"], "operationId": id, "summary": summary, "security": [{ "admin": [] }] }),
        more,
    )
}

fn lists(id: &str, summary: &str, items: &str, parameters: &[Value]) -> Value {
    let paged = ["Limit", "Cursor"].map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
    let parameters: Vec<Value> = paged.into_iter().chain(parameters.iter().cloned()).collect();
    let answers = answers(200, good("A page.", page(items, "The page.")), &[]);
    operation(id, summary, json!({ "parameters": parameters, "responses": answers }))
}

fn dry_run() -> Value {
    let flag = json!({ "type": "boolean", "default": false });
    query("dry_run", flag, "Nothing is changed; the answer is what would be.")
}

/// The words for one kind of object.
struct Kind {
    /// As in `Key`, the schema; its form is `KeyForm`, a change of it `KeyPatch`.
    name: &'static str,
    plural: &'static str,
    /// As in a sentence.
    word: &'static str,
    /// The variable part of the path.
    id: &'static str,
    /// What creating and deleting mean.
    created: &'static str,
    deleted: &'static str,
}

impl Kind {
    fn collection(&self, answer: &str, parameters: &[Value]) -> Value {
        let Self { name, plural, word, created, .. } = self;
        let mut responses = answers(201, good(created, schema(answer)), WITH_BODY);
        responses["200"] = good("With `dry_run`: what it would make.", schema("Preview"));
        let create = json!({
            "parameters": [dry_run()],
            "requestBody": body(&format!("{name}Form")),
            "responses": responses,
        });
        json!({
            "servers": server(),
            "get": lists(&format!("list{plural}"), &format!("The {}s, in the order of their names", word), name, parameters),
            "post": operation(&format!("create{name}"), &format!("Make a {word}"), create),
        })
    }

    fn one(&self) -> Value {
        let Self { name, word, id, deleted, .. } = self;
        let errors: Vec<u16> = WITH_BODY.iter().copied().chain([403, 404]).collect();
        let either = json!({ "anyOf": [schema(name), schema("Preview")] });
        let patch = json!({
            "description": "A JSON merge patch (RFC 7396): what is named changes, what is null is taken away, and \
                what is absent stays.",
            "parameters": [dry_run()],
            "requestBody": body(&format!("{name}Patch")),
            "responses": answers(200, good("As it is now; with `dry_run` what it would be.", either), &errors),
        });
        let get = json!({ "responses": answers(200, good("The object.", schema(name)), &[404]) });
        let delete = json!({ "responses": answers(204, nothing(deleted), &[403, 404, 409]) });
        json!({
            "servers": server(),
            "parameters": [in_path(id)],
            "get": operation(&format!("get{name}"), &format!("One {word}"), get),
            "patch": operation(&format!("change{name}"), &format!("Change a {word}"), patch),
            "delete": operation(&format!("delete{name}"), deleted, delete),
        })
    }
}

fn server() -> Value {
    json!([{ "url": "http://127.0.0.1:8081", "description": "The admin listener" }])
}

fn in_path(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
}

const KEYS: Kind = Kind {
    name: "Key",
    plural: "Keys",
    word: "key",
    id: "id",
    created: "The key, and this once its secret.",
    deleted: "Revoke the key: it stays listed",
};
const PROJECTS: Kind = Kind {
    name: "Project",
    plural: "Projects",
    word: "project",
    id: "name",
    created: "The project.",
    deleted: "Delete the project, when no key is in it",
};
const PROVIDERS: Kind = Kind {
    name: "Provider",
    plural: "Providers",
    word: "provider",
    id: "name",
    created: "The provider.",
    deleted: "Delete the provider, when no model has a target there",
};
const MODELS: Kind = Kind {
    name: "AdminModel",
    plural: "AdminModels",
    word: "model",
    id: "name",
    created: "The model.",
    deleted: "Delete the model",
};

pub(super) fn paths() -> Vec<(&'static str, Value)> {
    let mut all = vec![
        (
            "/admin/v1/keys",
            KEYS.collection(
                "NewKey",
                &[
                    text_query("project", "Only those of this project."),
                    text_query("owner", "Only those that this user owns, by its id."),
                    text_query("q", "Only those whose name has this in it, or that begin so."),
                ],
            ),
        ),
        ("/admin/v1/keys/{id}", KEYS.one()),
        ("/admin/v1/keys/{id}/rotate", rotate()),
        ("/admin/v1/projects", PROJECTS.collection("Project", &[])),
        ("/admin/v1/projects/{name}", PROJECTS.one()),
        ("/admin/v1/providers", PROVIDERS.collection("Provider", &[])),
        ("/admin/v1/providers/{name}", PROVIDERS.one()),
        ("/admin/v1/providers/{name}/test", test_provider()),
        ("/admin/v1/providers/{name}/models", console::provider_models()),
        ("/admin/v1/vendors", console::vendors()),
        ("/admin/v1/models", MODELS.collection("AdminModel", &[])),
        ("/admin/v1/models/{name}", MODELS.one()),
        ("/admin/v1/usage", json!({ "servers": server(), "get": books::usage() })),
        ("/admin/v1/requests", json!({ "servers": server(), "get": books::requests() })),
        ("/admin/v1/requests/tail", books::tail()),
        ("/admin/v1/requests/{id}", books::request()),
        ("/admin/v1/audit", books::audit()),
        (
            "/admin/v1/nodes",
            json!({ "servers": server(), "get": lists("listNodes", "Who shares the database", "Node", &[]) }),
        ),
        ("/admin/v1/nodes/{id}/write-off", write_off()),
        ("/admin/v1/settings", console::settings()),
        ("/admin/v1/status", console::status()),
    ];
    all.extend(people::paths());
    all
}

fn rotate() -> Value {
    let seconds = json!({
        "type": ["integer", "null"], "minimum": 0, "maximum": 2_592_000,
        "description": "For so long the secret before stays valid; 0 without it."
    });
    let form =
        with(object(&[], json!({ "overlap_seconds": seconds })), json!({ "additionalProperties": false }));
    let more = json!({
        "requestBody": { "required": false, "content": { "application/json": { "schema": form } } },
        "responses": answers(
            200, good("The key, and this once its new secret.", schema("NewKey")), &[403, 404, 408, 409, 413, 415],
        ),
    });
    json!({
        "servers": server(),
        "parameters": [in_path("id")],
        "post": operation("rotateKey", "Give a key a new secret", more),
    })
}

fn test_provider() -> Value {
    let form = object(
        &[],
        json!({
            "model": { "type": ["string", "null"], "description": "What the provider calls the model; that of any \
                target there without it." },
            "credential": { "type": ["integer", "null"], "minimum": 0, "maximum": 100,
                "description": "Which of its credentials, counted from 0; the first without it." },
        }),
    );
    let form = with(form, json!({ "additionalProperties": false }));
    let more = json!({
        "description": "One real call, as small as can be, with the configuration that is in force. What it costs is \
            in no budget.",
        "requestBody": { "required": false, "content": { "application/json": { "schema": form } } },
        "responses": answers(
            200, good("What came of it; also where the call failed.", schema("ProviderTest")),
            &[404, 408, 413, 415],
        ),
    });
    json!({
        "servers": server(),
        "parameters": [in_path("name")],
        "post": operation("testProvider", "Try a provider", more),
    })
}

fn write_off() -> Value {
    let more = json!({
        "description": "What a node that will not come back holds of budgets goes back to them. Requests that it has \
            not posted are then missing from the budgets until its journal is posted after all. A node that is alive \
            is not written off: 409.",
        "responses": answers(200, good("The node.", schema("Node")), &[404, 408, 409, 413, 415]),
    });
    json!({
        "servers": server(),
        "parameters": [in_path("id")],
        "post": operation("writeOffNode", "Write off a node", more),
    })
}
