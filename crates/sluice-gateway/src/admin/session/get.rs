//! `GET /admin/v1/session`: who asks, and what their own pages have to show with changes.

use serde_json::{Value, json};
use sluice_store::Store;

use crate::admin::{
    call::{Call, Reply},
    principal::Scope,
    query::moment_of_ms,
    refuse::{self, Checked},
    users::projects_json,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let principal = &call.principal;
    let user = match &principal.user {
        None => Value::Null,
        Some(person) => {
            let user = call.store().user(&person.id).await.map_err(|error| refuse::store(&error))?;
            let user = user.ok_or_else(refuse::unauthorized)?;
            json!({
                "id": user.id,
                "email": user.email,
                "has_password": user.password.is_some(),
                "has_totp": user.totp.is_some(),
                "recovery_codes_left": user.recovery.len(),
            })
        }
    };
    let projects = match &principal.projects {
        Scope::All => None,
        Scope::Only(names) => Some(names.as_slice()),
    };
    let session = principal.session.as_ref();
    Ok(Reply::ok(json!({
        "actor": principal.actor,
        "role": principal.role.as_str(),
        "projects": projects_json(projects),
        "user": user,
        "csrf_token": session.map(|session| session.csrf.as_str()),
        "expires_at": session.and_then(|session| moment_of_ms(session.expires_ms)),
    })))
}
