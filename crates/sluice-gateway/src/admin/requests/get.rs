//! `GET /admin/v1/requests/{id}`: one of them, by its `x-request-id`.

use sluice_chat::ApiError;
use sluice_ledger::RequestId;
use sluice_store::Store;

use super::shown;
use crate::{
    admin::{
        call::{Call, Reply},
        refuse::{self, Checked},
    },
    refusal::Refusal,
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let row = match RequestId::from_text(id) {
        Some(id) => call.store().request(id).await.map_err(|error| refuse::store(&error))?,
        None => None,
    };
    let unknown = || {
        let text = "There is no row of this request: it may be too old, or come in a moment.";
        Refusal::new(404, ApiError::invalid("request_not_found", text))
    };
    let visible = call.visible().await?;
    let row = row.filter(|row| visible.shows(&row.project, &row.key));
    row.map(|row| Reply::ok(shown(&row))).ok_or_else(unknown)
}
