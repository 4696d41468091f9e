//! A change of the catalog, from what somebody wants to what requests see: tried in memory first, then written with
//! its entry of the audit log, then in force, and only then acknowledged.

use serde_json::Value;
use sluice_ledger::Key;
use sluice_store::{Catalog, CatalogChange, ObjectKind, Store, StoreError, query::AuditEntry};

use super::{
    call::Call,
    refuse::{self, Checked},
};
use crate::snapshot::Snapshot;

/// What the audit log says about a change.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) action: &'static str,
    pub(super) object: &'static str,
    pub(super) id: &'a str,
    /// In the form of the API, without secrets.
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

impl Entry<'_> {
    pub(super) fn by(&self, actor: &str) -> AuditEntry {
        let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        AuditEntry {
            actor: actor.to_owned(),
            action: self.action.to_owned(),
            object: self.object.to_owned(),
            object_id: self.id.to_owned(),
            before: text(&self.before),
            after: text(&self.after),
        }
    }
}

/// Makes a change of `catalog`, which the caller has read under [`Shared::catalog`](crate::worker::Shared). When this
/// returns, the next request sees it.
///
/// # Errors
/// What cannot be; nothing has changed then.
pub(super) async fn make(
    call: &Call,
    mut catalog: Catalog,
    change: CatalogChange,
    entry: &Entry<'_>,
) -> Checked<()> {
    if call.preview.is_some() {
        is_new(&catalog, &change)?;
    }
    apply(&mut catalog, &change);
    let tried = call.shared.snapshot_of(catalog.clone()).map_err(|error| refuse::unusable(&error))?;
    if let Some(preview) = &call.preview {
        preview.note(entry.before.as_ref(), entry.after.as_ref(), &warnings(&tried, &change));
        return Ok(());
    }
    drop(tried);
    let entry = entry.by(call.actor());
    call.store().change(&change, &entry, call.unix_ms).await.map_err(|error| refuse::store(&error))?;
    // It is written now. Where the database cannot be read any more what was tried is as good; changes of others that
    // came in between are then seen a moment later.
    let written = match call.store().load_catalog().await {
        Ok(written) => written,
        Err(error) => {
            tracing::warn!(%error, "the catalog could not be read back after a change");
            catalog
        }
    };
    if let Err(error) = call.shared.publish(written) {
        tracing::error!(%error, "the catalog in the database cannot be used; the one before stays");
        return Err(refuse::unusable(&error));
    }
    Ok(())
}

/// Whether nobody has the name yet: what the database would say.
fn is_new(catalog: &Catalog, change: &CatalogChange) -> Checked<()> {
    let (kind, name, taken) = match change {
        CatalogChange::InsertKey(key) => {
            (ObjectKind::Key, &key.name, catalog.keys.iter().any(|other| other.name == key.name))
        }
        CatalogChange::UpdateKey { after, .. } => {
            let other = |other: &Key| other.name == after.name && other.id != after.id;
            (ObjectKind::Key, &after.name, catalog.keys.iter().any(other))
        }
        CatalogChange::InsertProject(project) => (
            ObjectKind::Project,
            &project.name,
            catalog.projects.iter().any(|other| other.name == project.name),
        ),
        CatalogChange::InsertProvider(provider) => {
            let taken = catalog.providers.iter().any(|other| other.name == provider.name);
            (ObjectKind::Provider, &provider.name, taken)
        }
        CatalogChange::InsertModel(model) => {
            (ObjectKind::Model, &model.name, catalog.models.iter().any(|other| other.name == model.name))
        }
        _ => return Ok(()),
    };
    let error = StoreError::DuplicateName { kind, name: name.clone() };
    if taken { Err(refuse::store(&error)) } else { Ok(()) }
}

/// What should be thought of before a change is made.
fn warnings(tried: &Snapshot, change: &CatalogChange) -> Vec<String> {
    let name = match change {
        CatalogChange::InsertModel(model) => &model.name,
        CatalogChange::UpdateModel { after, .. } => &after.name,
        _ => return Vec::new(),
    };
    let Some(model) = tried.model(name) else { return Vec::new() };
    let mut warnings = Vec::new();
    for target in model.targets.iter().filter(|target| !target.upstream.provider().is_sandbox()) {
        let at = format!("'{}' at '{}'", target.model.name(), target.upstream.provider().name());
        if target.priced.is_none() && !model.options.unpriced_free {
            warnings.push(format!("Nobody knows what {at} costs: keys with a budget cannot use it."));
        }
        if !target.known {
            warnings.push(format!("Nobody says what {at} can do: it is taken to do everything."));
        }
    }
    // A target has several credentials.
    warnings.dedup();
    warnings
}

/// What the catalog is after a change.
fn apply(catalog: &mut Catalog, change: &CatalogChange) {
    match change {
        CatalogChange::InsertKey(key) => catalog.keys.push(key.clone()),
        CatalogChange::UpdateKey { after, .. } => {
            catalog.keys.iter_mut().filter(|key| key.id == after.id).for_each(|key| key.clone_from(after));
        }
        CatalogChange::InsertProject(project) => catalog.projects.push(project.clone()),
        CatalogChange::UpdateProject { after, .. } => {
            let same = catalog.projects.iter_mut().filter(|project| project.name == after.name);
            same.for_each(|project| project.clone_from(after));
        }
        CatalogChange::DeleteProject(name) => catalog.projects.retain(|project| project.name != *name),
        CatalogChange::InsertProvider(provider) => catalog.providers.push(provider.clone()),
        CatalogChange::UpdateProvider { after, .. } => {
            let same = catalog.providers.iter_mut().filter(|provider| provider.name == after.name);
            same.for_each(|provider| provider.clone_from(after));
        }
        CatalogChange::DeleteProvider(name) => catalog.providers.retain(|provider| provider.name != *name),
        CatalogChange::InsertModel(model) => catalog.models.push(model.clone()),
        CatalogChange::UpdateModel { after, .. } => {
            catalog
                .models
                .iter_mut()
                .filter(|model| model.name == after.name)
                .for_each(|model| model.clone_from(after));
        }
        CatalogChange::DeleteModel(name) => catalog.models.retain(|model| model.name != *name),
        CatalogChange::Settings(settings) => {
            for (name, value) in settings {
                match value {
                    Some(value) => drop(catalog.settings.insert(name.clone(), value.clone())),
                    None => drop(catalog.settings.remove(name)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_ledger::{Limits, Origin, Project};

    use super::*;

    #[test]
    fn changes_are_applied() {
        let project = |rpm| Project {
            name: "p".to_owned(),
            limits: Limits { rpm: Some(rpm), ..Limits::default() },
            budget: None,
            origin: Origin::Admin,
        };
        let mut catalog = Catalog::default();
        let mut check = |change: CatalogChange, expect: &[Option<u32>]| {
            apply(&mut catalog, &change);
            assert_eq!(
                catalog.projects.iter().map(|p| p.limits.rpm).collect::<Vec<_>>(),
                expect,
                "{change:?}"
            );
        };
        check(CatalogChange::InsertProject(project(1)), &[Some(1)]);
        check(CatalogChange::UpdateProject { before: project(1), after: project(2) }, &[Some(2)]);
        check(CatalogChange::DeleteProject("q".to_owned()), &[Some(2)]);
        check(CatalogChange::DeleteProject("p".to_owned()), &[]);
    }
}
