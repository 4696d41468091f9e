//! `GET /admin/v1/nodes`: in the order of their ids.

use sluice_store::Store;

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let page = call.query.page()?;
    call.query.finish()?;
    let nodes = call.store().nodes().await.map_err(|error| refuse::store(&error))?;
    let (nodes, next) = page.of(nodes, |row| row.node.clone());
    Ok(Reply::list(nodes.iter().map(|row| shown(row, call.unix_ms)).collect(), next))
}
