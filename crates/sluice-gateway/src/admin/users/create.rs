//! `POST /admin/v1/users`: somebody may sign in from now on, by the password that is sent, or by a link that is shown
//! this once.

use sluice_store::users::{User, UserChange};

use super::{Form, hashed, invitation, may_touch, shown, write};
use crate::admin::{
    call::{Call, Reply},
    change::Entry,
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let Form { email, role, projects, disabled, password } = Form::read(&call.json()?)?;
    let mut user = User {
        id: call.new_id("user_")?,
        email,
        role,
        projects,
        password: None,
        invite: None,
        totp: None,
        recovery: Vec::new(),
        oidc: None,
        epoch: 0,
        disabled,
        created_ms: call.unix_ms,
        seen_ms: None,
    };
    may_touch(&call.principal, &[&user])?;
    user.password = hashed(call, password).await?;
    let mut link = None;
    if user.password.is_none() {
        let (invite, path) = invitation(call)?;
        (user.invite, link) = (Some(invite), Some(path));
    }
    let mut object = shown(&user);
    let entry =
        Entry { action: "create", object: "user", id: &user.id, before: None, after: Some(object.clone()) };
    write(call, &UserChange::Insert(Box::new(user.clone())), &entry).await?;
    object["invite_path"] = link.into();
    Ok(Reply::created(object))
}
