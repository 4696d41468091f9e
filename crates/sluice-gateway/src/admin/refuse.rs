//! What the admin API refuses with: the one mapping of its failures to HTTP.

use sluice_chat::ApiError;
use sluice_ledger::Wider;
use sluice_store::{ObjectKind, StoreError};

use crate::{access::password::Unhashed, refusal::Refusal, snapshot::SnapshotError};

/// A value, or the answer that says what is wrong with what was sent.
pub(super) type Checked<T> = Result<T, Refusal>;

/// 400. `param` is the path of what is wrong.
pub(super) fn bad(code: &'static str, param: Option<&str>, text: &str) -> Refusal {
    with_param(Refusal::new(400, ApiError::invalid(code, text)), param)
}

/// 400 about one value: `text` goes on from its name, such as `must not be empty`.
pub(super) fn value(param: &str, text: &str) -> Refusal {
    bad("invalid_value", Some(param), &format!("Invalid '{param}': {text}."))
}

/// 401: whoever asks has not shown the admin token, and is not signed in.
pub(super) fn unauthorized() -> Refusal {
    let text = "No valid admin token, and no session: send what is in 'admin.token' of the data directory as \
                'Authorization: Bearer ...', or sign in.";
    Refusal::new(401, ApiError::invalid("invalid_api_key", text))
}

/// 404 of an object.
pub(super) fn not_found(kind: ObjectKind, name: &str) -> Refusal {
    let code = match kind {
        ObjectKind::Key => "key_not_found",
        ObjectKind::Project => "project_not_found",
        ObjectKind::Provider => "provider_not_found",
        ObjectKind::Model => "model_not_found",
        ObjectKind::Node => "node_not_found",
        ObjectKind::User => "user_not_found",
    };
    Refusal::new(404, ApiError::invalid(code, format!("There is no {kind} '{name}'.")))
}

/// 403: somebody else than the admin API owns the object.
pub(super) fn owned(code: &'static str, text: String) -> Refusal {
    Refusal::new(403, ApiError::invalid(code, text))
}

/// 403: the role does not allow it.
pub(super) fn role(param: Option<&str>, text: &str) -> Refusal {
    with_param(Refusal::new(403, ApiError::invalid("role_not_allowed", text)), param)
}

/// 403: a change that no page of ours asked for, or without the token of the session.
pub(crate) fn forged() -> Refusal {
    let text = "This change was not asked for by a page of this console: send the session's token as 'x-csrf-token', \
                from the same origin.";
    Refusal::new(403, ApiError::invalid("csrf_failed", text))
}

/// No password was hashed.
pub(super) fn unhashed(why: Unhashed) -> Refusal {
    match why {
        Unhashed::Busy => Refusal::overloaded(),
        Unhashed::Failed => Refusal::internal(),
    }
}

/// 409.
pub(super) fn conflict(code: &'static str, param: Option<&str>, text: String) -> Refusal {
    with_param(Refusal::new(409, ApiError::invalid(code, text)), param)
}

fn with_param(mut refusal: Refusal, param: Option<&str>) -> Refusal {
    refusal.error.param = param.map(str::to_owned);
    refusal
}

/// A key that would allow more than its project.
pub(super) fn wider(wider: &Wider) -> Refusal {
    value(&wider.field, &wider.text)
}

/// What the data plane could not work with.
pub(super) fn unusable(error: &SnapshotError) -> Refusal {
    let param = match error {
        SnapshotError::UnknownProvider { .. } | SnapshotError::Unspeakable { .. } => Some("targets"),
        _ => None,
    };
    bad("invalid_value", param, &format!("The gateway cannot work with this: {error}."))
}

/// What the database says.
pub(crate) fn store(error: &StoreError) -> Refusal {
    let text = sentence(&error.to_string());
    match error {
        StoreError::NotFound { kind, name } => not_found(*kind, name),
        StoreError::DuplicateName { .. } => conflict("name_taken", Some("name"), text),
        StoreError::DuplicateSecret { .. } => conflict("secret_taken", None, text),
        StoreError::Stale { .. } => conflict("stale", None, text),
        StoreError::InUse { .. } => conflict("in_use", None, text),
        StoreError::OwnedByFile { .. } | StoreError::OwnedElsewhere { .. } => owned("owned_by_file", text),
        StoreError::Missing { kind, .. } => {
            let param = match kind {
                ObjectKind::Project => Some("project"),
                ObjectKind::Provider => Some("targets"),
                _ => None,
            };
            bad("invalid_value", param, &text)
        }
        StoreError::Nul { .. } | StoreError::Renamed { .. } => bad("invalid_value", None, &text),
        StoreError::TooLarge { field, .. } => bad("invalid_value", Some(field), &text),
        StoreError::Away(_) | StoreError::Busy | StoreError::Superseded { .. } => {
            tracing::warn!(%error, "a call of the admin API could not be answered");
            Refusal::accounting_unavailable()
        }
        _ => {
            tracing::error!(%error, "a call of the admin API failed");
            Refusal::internal()
        }
    }
}

/// A text of the log as a sentence of the API.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str()).replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_says_becomes_an_answer() {
        let check = |error: StoreError, status: u16, code: &str, param: Option<&str>| {
            let refusal = store(&error);
            let found = (refusal.status, refusal.error.code.as_deref(), refusal.error.param.as_deref());
            assert_eq!(found, (status, Some(code), param), "{error}");
            assert_eq!(refusal.retry_after_ms.is_some(), status == 503, "{error}");
        };
        let (kind, name) = (ObjectKind::Key, || "n".to_owned());
        check(StoreError::NotFound { kind, name: name() }, 404, "key_not_found", None);
        check(StoreError::DuplicateName { kind, name: name() }, 409, "name_taken", Some("name"));
        check(StoreError::DuplicateSecret { name: name(), other: name() }, 409, "secret_taken", None);
        check(StoreError::Stale { kind, name: name() }, 409, "stale", None);
        check(StoreError::InUse { kind, name: name(), by: name() }, 409, "in_use", None);
        check(StoreError::OwnedByFile { kind, name: name() }, 403, "owned_by_file", None);
        let kind = ObjectKind::Project;
        check(StoreError::Missing { kind, name: name() }, 400, "invalid_value", Some("project"));
        let kind = ObjectKind::Provider;
        check(StoreError::Missing { kind, name: name() }, 400, "invalid_value", Some("targets"));
        check(StoreError::TooLarge { kind, name: name(), field: "rpm" }, 400, "invalid_value", Some("rpm"));
        check(StoreError::Away(name()), 503, "accounting_unavailable", None);
        check(StoreError::Busy, 503, "accounting_unavailable", None);
        check(StoreError::Engine(name()), 500, "internal_error", None);
    }

    #[test]
    fn sentences() {
        assert_eq!(sentence("the key `a` is in use"), "The key 'a' is in use.");
        assert_eq!(sentence(""), ".");
    }
}
