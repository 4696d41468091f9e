//! `DELETE /admin/v1/sessions/{id}`: one of one's own sessions is over.

use sluice_chat::ApiError;
use sluice_store::Store;

use super::own;
use crate::{
    admin::{
        call::{Call, Reply},
        refuse::{self, Checked},
    },
    refusal::Refusal,
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let rows = own(call).await?;
    let found = rows.iter().find(|row| super::id(&row.hash) == id).ok_or_else(|| {
        let text = "There is no such session of yours: it may be over.";
        Refusal::new(404, ApiError::invalid("session_not_found", text))
    })?;
    call.store().end_session(&found.hash).await.map_err(|error| refuse::store(&error))?;
    Ok(Reply::nothing())
}
