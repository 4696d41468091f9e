//! `GET /admin/v1/sessions`: where whoever asks is signed in, the session seen last first.

use serde_json::json;

use super::{id, own};
use crate::admin::{
    call::{Call, Reply},
    query::moment_of_ms,
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let current = call.principal.session.as_ref().map(|session| session.hash);
    let rows = own(call).await?;
    let shown = rows.iter().map(|row| {
        json!({
            "id": id(&row.hash),
            "label": row.label,
            "created_at": moment_of_ms(row.created_ms),
            "last_seen_at": moment_of_ms(row.seen_ms),
            "current": current == Some(row.hash),
        })
    });
    Ok(Reply::list(shown.collect(), None))
}
