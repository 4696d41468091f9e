//! `GET /admin/v1/users`: in the order of their addresses.

use sluice_store::{Store, users::email_key};

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let page = call.query.page()?;
    call.query.finish()?;
    let users = call.store().users().await.map_err(|error| refuse::store(&error))?;
    let (users, next) = page.of(users, |user| email_key(&user.email));
    Ok(Reply::list(users.iter().map(shown).collect(), next))
}
