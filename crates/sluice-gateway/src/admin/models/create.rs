//! `POST /admin/v1/models`.

use sluice_store::CatalogChange;

use super::{form, has_targets, shown};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let model = form::read(&call.json()?)?;
    let catalog = call.catalog().await?;
    has_targets(&model, &catalog, &call.shared.config.load())?;
    let after = Some(shown(&model));
    let entry = Entry { action: "create", object: "model", id: &model.name, before: None, after };
    change::make(call, catalog, CatalogChange::InsertModel(model.clone()), &entry).await?;
    Ok(Reply::created(shown(&model)))
}
