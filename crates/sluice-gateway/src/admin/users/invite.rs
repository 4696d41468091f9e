//! `POST /admin/v1/users/{id}/invite`: a link by which the user sets a password, shown this once; an earlier one is not
//! good any more.

use sluice_store::users::{User, UserChange};

use super::{find, invitation, may_touch, shown, write};
use crate::admin::{
    call::{Call, Reply},
    change::Entry,
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    if !call.body.is_empty() {
        crate::admin::fields::Fields::root(&call.json()?)?.finish()?;
    }
    let before = find(call, id).await?;
    may_touch(&call.principal, &[&before])?;
    if before.disabled {
        let text = "The user is disabled: nobody can sign in by a link.".to_owned();
        return Err(refuse::conflict("user_disabled", None, text));
    }
    let (invite, path) = invitation(call)?;
    let after = User { invite: Some(invite), ..before.clone() };
    let mut object = shown(&after);
    let entry = Entry {
        action: "invite",
        object: "user",
        id,
        before: Some(shown(&before)),
        after: Some(object.clone()),
    };
    let change = UserChange::Update { before: Box::new(before), after: Box::new(after) };
    write(call, &change, &entry).await?;
    object["invite_path"] = path.into();
    Ok(Reply::ok(object))
}
