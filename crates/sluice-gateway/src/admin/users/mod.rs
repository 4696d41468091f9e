//! Users: who signs in to the console.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod invite;
pub(super) mod list;
pub(super) mod patch;

use serde_json::{Value, json};
use sluice_store::{
    ObjectKind, Store, StoreError,
    users::{Role, User, UserChange},
};

use super::{
    call::Call,
    change::Entry,
    fields::{Fields, Item},
    names::{ENTRIES_MAX, name},
    query::moment_of_ms,
    refuse::{self, Checked},
};
use crate::{
    access::{link::invite_hash, password},
    admin::principal::Principal,
};

/// Longest address, in bytes; RFC 5321 allows no more.
const EMAIL_BYTES: usize = 254;
/// For how long the link of an invitation is good.
const INVITE_MS: u64 = 7 * 86_400_000;
/// What stands for all projects.
const ALL_PROJECTS: &str = "*";

const ROLES: &[(&str, Role)] = &[
    ("owner", Role::Owner),
    ("admin", Role::Admin),
    ("billing", Role::Billing),
    ("viewer", Role::Viewer),
    ("member", Role::Member),
];

/// What may be said about a user when it is made or changed, but for the password.
#[derive(Debug)]
struct Form {
    email: String,
    role: Role,
    projects: Option<Vec<String>>,
    disabled: bool,
    password: Option<String>,
}

impl Form {
    fn read(body: &Value) -> Checked<Self> {
        let fields = Fields::root(body)?;
        let role = fields.need("role")?.word(ROLES)?;
        let form = Self {
            email: email(&fields.need("email")?)?.to_owned(),
            role,
            projects: projects(&fields, role)?,
            disabled: fields.flag("disabled")?.unwrap_or(false),
            password: fields.get("password").map(|item| new_password(&item)).transpose()?,
        };
        fields.finish()?;
        Ok(form)
    }

    /// What a user is now, in the form of a request.
    fn of(user: &User) -> Value {
        json!({
            "email": user.email,
            "role": user.role.as_str(),
            "projects": projects_json(user.projects.as_deref()),
            "disabled": user.disabled,
        })
    }
}

fn email<'a>(item: &Item<'a>) -> Checked<&'a str> {
    let text = item.text()?;
    if is_email(text) { Ok(text) } else { Err(item.fail("must be an e-mail address")) }
}

/// Whether a text may be an e-mail address: only who gets mail there knows.
pub(crate) fn is_email(text: &str) -> bool {
    let (local, host) = text.rsplit_once('@').unwrap_or_default();
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !local.is_empty() && !host.is_empty() && text.len() <= EMAIL_BYTES && !text.contains(odd)
}

/// The projects in which a role holds. Who owns everything is held to none, and members are held to their keys.
fn projects(fields: &Fields<'_>, role: Role) -> Checked<Option<Vec<String>>> {
    let item = match (fields.get("projects"), role) {
        (Some(item), _) => item,
        (None, Role::Owner) => return Ok(None),
        (None, Role::Member) => return Ok(Some(Vec::new())),
        (None, _) => fields.need("projects")?,
    };
    let items = item.items(ENTRIES_MAX)?;
    if let [only] = items.as_slice()
        && only.text()? == ALL_PROJECTS
    {
        return Ok(None);
    }
    if role == Role::Owner {
        return Err(item.fail("of an owner must be [\"*\"]"));
    }
    let mut names = Vec::with_capacity(items.len());
    for item in &items {
        let name = name(item)?.to_owned();
        if name == ALL_PROJECTS {
            return Err(item.fail("stands for all projects, and then for itself alone"));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(Some(names))
}

pub(super) fn projects_json(projects: Option<&[String]>) -> Value {
    projects.map_or_else(|| json!([ALL_PROJECTS]), |names| json!(names))
}

fn new_password(item: &Item<'_>) -> Checked<String> {
    let text = item.text()?;
    match password::problem(text) {
        None => Ok(text.to_owned()),
        Some(problem) => Err(item.fail(problem)),
    }
}

/// Only owners make owners, and change them.
fn may_touch(principal: &Principal, users: &[&User]) -> Checked<()> {
    if principal.role == Role::Owner || users.iter().all(|user| user.role != Role::Owner) {
        return Ok(());
    }
    Err(refuse::role(Some("role"), "Only an owner may make an owner, or change one."))
}

async fn hashed(call: &Call, password: Option<String>) -> Checked<Option<String>> {
    let Some(password) = password else { return Ok(None) };
    let hashing = &call.shared.access.hashing;
    hashing.hash(&call.shared.books.runtime, password).await.map(Some).map_err(refuse::unhashed)
}

/// A new invitation: what is kept of it, and what is shown this once.
fn invitation(call: &Call) -> Checked<(([u8; 32], u64), String)> {
    let token = crate::access::hex(&call.random()?);
    Ok(((invite_hash(&token), call.unix_ms.saturating_add(INVITE_MS)), format!("/sign-in/link/{token}")))
}

async fn find(call: &Call, id: &str) -> Checked<User> {
    let found = call.store().user(id).await.map_err(|error| refuse::store(&error))?;
    found.ok_or_else(|| refuse::not_found(ObjectKind::User, id))
}

async fn write(call: &Call, change: &UserChange, entry: &Entry<'_>) -> Checked<()> {
    let done = call.store().change_user(change, &entry.by(call.actor()), call.unix_ms).await;
    done.map_err(|error| match error {
        StoreError::DuplicateName { name, .. } => {
            refuse::conflict("email_taken", Some("email"), format!("There is already a user '{name}'."))
        }
        error => refuse::store(&error),
    })
}

/// A user as it is shown and as the audit log has it.
fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "role": user.role.as_str(),
        "projects": projects_json(user.projects.as_deref()),
        "disabled": user.disabled,
        "has_password": user.password.is_some(),
        "has_totp": user.totp.is_some(),
        "invite_expires_at": user.invite.and_then(|(_, until)| moment_of_ms(until)),
        "created_at": moment_of_ms(user.created_ms),
        "last_seen_at": user.seen_ms.and_then(moment_of_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read() {
        let check = |body: Value, expect: Result<Value, (&str, &str)>| {
            let found = Form::read(&body)
                .map(|form| json!([form.email, form.role.as_str(), form.projects, form.disabled]));
            let found = found.map_err(|refusal| {
                (refusal.error.code.unwrap_or_default().into_owned(), refusal.error.param.unwrap_or_default())
            });
            assert_eq!(found, expect.map_err(|(code, param)| (code.to_owned(), param.to_owned())), "{body}");
        };
        let with = |role: &str, more: Value| {
            let mut body = json!({ "email": "a@example.com", "role": role });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        check(with("owner", json!({})), Ok(json!(["a@example.com", "owner", null, false])));
        check(
            with("owner", json!({ "projects": ["*"] })),
            Ok(json!(["a@example.com", "owner", null, false])),
        );
        check(with("owner", json!({ "projects": ["p"] })), Err(("invalid_value", "projects")));
        check(with("member", json!({})), Ok(json!(["a@example.com", "member", [], false])));
        check(with("admin", json!({})), Err(("missing_required_parameter", "projects")));
        check(
            with("admin", json!({ "projects": ["p", "q", "p"], "disabled": true })),
            Ok(json!(["a@example.com", "admin", ["p", "q"], true])),
        );
        check(
            with("viewer", json!({ "projects": ["*"] })),
            Ok(json!(["a@example.com", "viewer", null, false])),
        );
        check(with("viewer", json!({ "projects": ["p", "*"] })), Err(("invalid_value", "projects[1]")));
        check(with("viewer", json!({ "projects": "*" })), Err(("invalid_type", "projects")));
        check(with("root", json!({})), Err(("invalid_value", "role")));
        check(with("owner", json!({ "password": "short" })), Err(("invalid_value", "password")));
        check(with("owner", json!({ "totp": null })), Err(("unknown_parameter", "totp")));
        for email in ["", "a", "a@", "@b", "a b@c", "a@b\n", &format!("{}@b", "x".repeat(253))] {
            check(json!({ "email": email, "role": "owner" }), Err(("invalid_value", "email")));
        }
    }
}
