//! `GET /admin/v1/keys`: keys in the order of their names; revoked ones too.

use sluice_ledger::AccountId;

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
    spent::Spent,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let page = call.query.page()?;
    let project = call.query.text("project")?;
    call.query.finish()?;
    let mut keys = call.catalog().await?.keys;
    keys.retain(|key| {
        call.principal.sees_key(key) && project.as_ref().is_none_or(|project| key.project == *project)
    });
    let (keys, next) = page.of(keys, |key| format!("{}\0{}", key.name, key.id));
    let spent = Spent::read(call, keys.iter().map(|key| (AccountId::key(&key.id), key.budget))).await?;
    let data = keys.iter().map(|key| shown(key, &spent, call.unix_s())).collect();
    Ok(Reply::list(data, next))
}
