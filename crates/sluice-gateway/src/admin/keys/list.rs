//! `GET /admin/v1/keys`: keys in the order of their names; revoked ones too. `project`, `owner`
//! and `q` choose among them.

use sluice_ledger::{AccountId, Key};

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
    spent::Spent,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let page = call.query.page()?;
    let project = call.query.text("project")?;
    let owner = call.query.text("owner")?;
    let searched = call.query.text("q")?.map(|text| text.to_lowercase());
    call.query.finish()?;
    let mut keys = call.catalog().await?.keys;
    keys.retain(|key| {
        call.principal.sees_key(key)
            && project.as_ref().is_none_or(|project| key.project == *project)
            && owner.as_ref().is_none_or(|owner| key.owner.as_ref() == Some(owner))
            && searched.as_ref().is_none_or(|text| is_found(key, text))
    });
    let (keys, next) = page.of(keys, |key| format!("{}\0{}", key.name, key.id));
    let spent = Spent::read(call, keys.iter().map(|key| (AccountId::key(&key.id), key.budget))).await?;
    let data = keys.iter().map(|key| shown(key, &spent, call.unix_s())).collect();
    Ok(Reply::list(data, next))
}

/// Whether the name has a text in it, in any case, or the key begins with it.
fn is_found(key: &Key, text: &str) -> bool {
    key.name.to_lowercase().contains(text) || key.prefix.to_lowercase().starts_with(text)
}
