//! `GET /admin/v1/providers`: in the order of their names, with those that nobody made: of the environment, and the
//! sandbox.

use serde_json::Value;

use super::all;
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let page = call.query.page()?;
    call.query.finish()?;
    let catalog = call.catalog().await?;
    let all = all(&catalog, &call.shared.config.load());
    let (data, next) = page.of(all, |object| object["name"].as_str().unwrap_or_default().to_owned());
    Ok(Reply::list(data as Vec<Value>, next))
}
