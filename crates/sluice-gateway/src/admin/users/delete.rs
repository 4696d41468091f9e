//! `DELETE /admin/v1/users/{id}`: the account is gone, and with it its sessions. Keys that it owned stay.

use sluice_store::users::UserChange;

use super::{find, may_touch, shown, write};
use crate::admin::{
    call::{Call, Reply},
    change::Entry,
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let before = find(call, id).await?;
    may_touch(&call.principal, &[&before])?;
    let entry = Entry { action: "delete", object: "user", id, before: Some(shown(&before)), after: None };
    write(call, &UserChange::Delete(id.to_owned()), &entry).await?;
    Ok(Reply::nothing())
}
