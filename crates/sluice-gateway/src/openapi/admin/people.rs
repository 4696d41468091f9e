//! Users of the console, and their sessions.

use serde_json::{Map, Value, json};

use super::{
    WITH_BODY, answers, good, in_path, lists, nothing, object, operation, page, schema, server, with,
};
use crate::openapi::schema::{list, optional, plain};

const ROLES: [&str; 5] = ["owner", "admin", "billing", "viewer", "member"];

fn closed(required: &[&str], properties: Value) -> Value {
    with(object(required, properties), json!({ "additionalProperties": false }))
}

fn role(description: &str) -> Value {
    json!({ "type": "string", "enum": ROLES, "description": description })
}

fn email() -> Value {
    json!({
        "type": "string", "minLength": 3, "maxLength": 254, "pattern": "^[!-~]+@[!-~]+$",
        "description": "E-mail address, which nobody else has in whatever letters.",
    })
}

/// What is sent to make a user, and to change one.
fn form() -> Map<String, Value> {
    let fields = json!({
        "email": email(),
        "role": role("What they may do; see [the console](console.md#roles)."),
        "projects": {
            "type": ["array", "null"], "maxItems": 1000,
            "items": { "type": "string", "minLength": 1, "maxLength": 200 },
            "description": "Names of the projects in which the role holds, or `[\"*\"]` for all. Needed for `admin`, \
                `billing` and `viewer`; an owner has all.",
        },
        "disabled": { "type": ["boolean", "null"], "description": "Nobody signs in with it." },
        "password": {
            "type": ["string", "null"], "minLength": 12, "maxLength": 200,
            "description": "Never shown. Without one a new user sets it by the link in `invite_path`; null takes it away.",
        },
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn user() -> Map<String, Value> {
    let time = |text: &str| optional("string", text);
    let fields = json!({
        "id": plain("string", "Stays the same."),
        "email": plain("string", "E-mail address."),
        "role": role("What they may do."),
        "projects": list(plain("string", "A name, or `*`."), "Where."),
        "disabled": plain("boolean", "Nobody signs in with it."),
        "has_password": plain("boolean", "Whether they can sign in by a password."),
        "has_totp": plain("boolean", "Whether a code is asked for too."),
        "invite_expires_at": time("Until when the link of an invitation is good."),
        "created_at": time("When it was made."),
        "last_seen_at": time("When they last signed in."),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// An object in which all of these stand.
fn whole(fields: Map<String, Value>) -> Value {
    let names: Vec<String> = fields.keys().cloned().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    object(&names, Value::Object(fields))
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut invited = user();
    let link = optional(
        "string",
        "Path of a link, shown this once, by which they set a password; null where one was sent.",
    );
    invited.insert("invite_path".to_owned(), link);
    let mut patch = form();
    patch
        .insert("totp".to_owned(), json!({ "type": "null", "description": "Takes the second factor away." }));
    let person = object(
        &["id", "email", "has_password", "has_totp", "recovery_codes_left"],
        json!({
            "id": plain("string", "The user's."),
            "email": plain("string", "E-mail address."),
            "has_password": plain("boolean", "Whether they can sign in by a password."),
            "has_totp": plain("boolean", "Whether a code is asked for too."),
            "recovery_codes_left": plain("integer", "Recovery codes that were not used."),
        }),
    );
    let session = object(
        &["actor", "role", "projects", "user", "csrf_token", "expires_at"],
        json!({
            "actor": plain("string", "Who it is in the audit log: `admin_token`, or the id of a user."),
            "role": role("What they may do."),
            "projects": list(plain("string", "A name, or `*`."), "Where."),
            "user": with(person, json!({ "type": ["object", "null"], "description": "Null for the admin token." })),
            "csrf_token": optional("string", "What changes send as `x-csrf-token` beside the session's cookie."),
            "expires_at": optional("string", "When the session is over without another request."),
        }),
    );
    let place = object(
        &["id", "label", "created_at", "last_seen_at", "current"],
        json!({
            "id": plain("string", "To end it by."),
            "label": plain("string", "What the browser calls itself."),
            "created_at": optional("string", "When it began."),
            "last_seen_at": optional("string", "When it was last used, to the minute."),
            "current": plain("boolean", "Whether it is the one that asks."),
        }),
    );
    vec![
        ("User", whole(user())),
        ("UserForm", closed(&["email", "role"], Value::Object(form()))),
        ("UserPatch", closed(&[], Value::Object(patch))),
        ("InvitedUser", whole(invited)),
        ("Session", session),
        ("SessionPlace", place),
    ]
}

/// Every path of users and sessions.
pub(super) fn paths() -> Vec<(&'static str, Value)> {
    users().into_iter().chain(sessions()).collect()
}

fn users() -> Vec<(&'static str, Value)> {
    let sent = |name: &str| json!({ "required": true, "content": { "application/json": { "schema": schema(name) } } });
    let errors: Vec<u16> = WITH_BODY.iter().copied().chain([403, 404]).collect();
    let create = json!({
        "requestBody": sent("UserForm"),
        "responses": answers(201, good("The user.", schema("InvitedUser")), &errors),
    });
    let patch = json!({
        "description": "A JSON merge patch (RFC 7396). Whoever is signed in as the user signs in again where anything \
            but the address has changed.",
        "requestBody": sent("UserPatch"),
        "responses": answers(200, good("As it is now.", schema("User")), &errors),
    });
    let delete = json!({ "responses": answers(204, nothing("The account is gone."), &[403, 404, 409]) });
    let get = json!({ "responses": answers(200, good("The user.", schema("User")), &[403, 404]) });
    let invite = json!({
        "responses": answers(200, good("The user, and the link.", schema("InvitedUser")), &errors),
    });
    vec![
        (
            "/admin/v1/users",
            json!({
                "servers": server(),
                "get": lists("listUsers", "The users, in the order of their addresses", "User", &[]),
                "post": operation("createUser", "Make a user", create),
            }),
        ),
        (
            "/admin/v1/users/{id}",
            json!({
                "servers": server(),
                "parameters": [in_path("id")],
                "get": operation("getUser", "One user", get),
                "patch": operation("changeUser", "Change a user", patch),
                "delete": operation("deleteUser", "Delete a user, and end their sessions", delete),
            }),
        ),
        (
            "/admin/v1/users/{id}/invite",
            json!({
                "servers": server(),
                "parameters": [in_path("id")],
                "post": operation("inviteUser", "Make a link by which a user sets a password", invite),
            }),
        ),
    ]
}

fn sessions() -> Vec<(&'static str, Value)> {
    let list = object(
        &["data", "next_cursor"],
        match page("SessionPlace", "The one used last first.") {
            Value::Object(mut page) => page.remove("properties").unwrap_or_default(),
            other => other,
        },
    );
    let session = json!({ "responses": answers(200, good("Who asks.", schema("Session")), &[403]) });
    let all = json!({ "responses": answers(200, good("Sessions.", list), &[403]) });
    let end = json!({ "responses": answers(204, nothing("It is over."), &[403, 404]) });
    vec![
        (
            "/admin/v1/session",
            json!({ "servers": server(), "get": operation("getSession", "Who asks", session) }),
        ),
        (
            "/admin/v1/sessions",
            json!({ "servers": server(), "get": operation("listSessions", "Where one is signed in", all) }),
        ),
        (
            "/admin/v1/sessions/{id}",
            json!({
                "servers": server(),
                "parameters": [in_path("id")],
                "delete": operation("endSession", "End one of one's own sessions", end),
            }),
        ),
    ]
}
