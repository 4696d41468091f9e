//! `POST /admin/v1/nodes/{id}/write-off`: what a node that will not come back holds of budgets goes back to them.

use serde_json::json;
use sluice_store::{ObjectKind, Store};

use crate::admin::{
    call::{Call, Reply},
    change::Entry,
    nodes::shown,
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call, id: &str) -> Checked<Reply> {
    call.query.finish()?;
    let nodes = call.store().nodes().await.map_err(|error| refuse::store(&error))?;
    let node =
        nodes.iter().find(|row| row.node == id).ok_or_else(|| refuse::not_found(ObjectKind::Node, id))?;
    let before = shown(node, call.unix_ms);
    let mut after = before.clone();
    after["leased_nanousd"] = json!(0);
    let entry =
        Entry { action: "write_off", object: "node", id, before: Some(before), after: Some(after.clone()) };
    let done = call.store().write_off(id, &entry.by(call.actor()), call.unix_ms).await;
    done.map_err(|error| refuse::store(&error))?;
    Ok(Reply::ok(after))
}
