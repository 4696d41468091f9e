//! `POST /admin/v1/projects`.

use sluice_store::CatalogChange;

use super::{read, recorded, shown_alone};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    keys::all_fit,
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let project = read(&call.json()?)?;
    let catalog = call.catalog().await?;
    // Keys may be in the default project before it is made.
    all_fit(&project, &catalog)?;
    let after = Some(recorded(&project));
    let entry = Entry { action: "create", object: "project", id: &project.name, before: None, after };
    change::make(call, catalog, CatalogChange::InsertProject(project.clone()), &entry).await?;
    Ok(Reply::created(shown_alone(call, &project).await?))
}
