//! `GET /admin/v1/audit`: who changed what, newest first.

use serde_json::{Value, json};
use sluice_store::{
    Store,
    query::{AuditFilter, AuditRow},
};

use super::{
    call::{Call, Reply},
    query::{bad_cursor, cursor, moment_of_ms},
    refuse::{self, Checked},
};

pub(super) async fn run(call: &Call) -> Checked<Reply> {
    let (query, page) = (&call.query, call.query.page()?);
    let before =
        page.after.as_deref().map(|after| after.parse::<i64>().map_err(|_| bad_cursor())).transpose()?;
    let filter = AuditFilter {
        object: query.text("object")?,
        object_id: query.text("object_id")?,
        actor: query.text("actor")?,
        before,
        limit: page.limit.saturating_add(1),
    };
    query.finish()?;
    let rows = call.store().audit(&filter).await;
    let mut rows = rows.map_err(|error| refuse::store(&error))?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| cursor(&row.id.to_string()));
    Ok(Reply::list(rows.iter().map(shown).collect(), next))
}

fn shown(row: &AuditRow) -> Value {
    // What is not JSON any more is still told.
    let document = |text: &Option<String>| {
        text.as_ref().map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())))
    };
    json!({
        "id": row.id,
        "created_at": moment_of_ms(row.unix_ms),
        "actor": row.entry.actor,
        "action": row.entry.action,
        "object": row.entry.object,
        "object_id": row.entry.object_id,
        "before": document(&row.entry.before),
        "after": document(&row.entry.after),
    })
}
