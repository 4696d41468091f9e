//! `PATCH /admin/v1/users/{id}`: what is named changes. `null` takes a password away, and with `"totp": null` somebody
//! who has lost their second factor comes in without it. Whoever is signed in as the user has to sign in again.

use serde_json::Value;
use sluice_store::users::{User, UserChange};

use super::{Form, find, hashed, may_touch, shown, write};
use crate::admin::{
    body::merge,
    call::{Call, Reply},
    change::Entry,
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let mut patch = call.json()?;
    let before = find(call, id).await?;
    let forgets = patch.get("password").is_some_and(Value::is_null);
    let totp = patch.as_object_mut().and_then(|fields| fields.remove("totp"));
    if totp.as_ref().is_some_and(|value| !value.is_null()) {
        return Err(refuse::value("totp", "can only be taken away, with null: people set it up themselves"));
    }
    let mut form = Form::of(&before);
    merge(&mut form, patch);
    let Form { email, role, projects, disabled, password } = Form::read(&form)?;
    let mut after = User { email, role, projects, disabled, ..before.clone() };
    may_touch(&call.principal, &[&before, &after])?;
    let password_changed = forgets || password.is_some();
    match hashed(call, password).await? {
        Some(hash) => (after.password, after.invite) = (Some(hash), None),
        None if forgets => after.password = None,
        None => {}
    }
    if totp.is_some() {
        (after.totp, after.recovery) = (None, Vec::new());
    }
    if after != before {
        // What somebody may do, or has to show, is other than when they signed in.
        if (User { email: before.email.clone(), ..after.clone() }) != before {
            after.epoch = before.epoch.saturating_add(1);
        }
        let mut noted = shown(&after);
        if password_changed {
            noted["password_changed"] = true.into();
        }
        let entry =
            Entry { action: "update", object: "user", id, before: Some(shown(&before)), after: Some(noted) };
        let change = UserChange::Update { before: Box::new(before), after: Box::new(after.clone()) };
        write(call, &change, &entry).await?;
    }
    Ok(Reply::ok(shown(&after)))
}
