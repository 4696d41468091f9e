//! Models: names that callers use, and who answers for them.

pub(super) mod create;
pub(super) mod delete;
mod form;
pub(super) mod get;
pub(super) mod list;
pub(super) mod patch;
mod price;

use serde_json::{Value, json};
use sluice_ledger::Origin;
use sluice_providers::sandbox;
use sluice_store::{Catalog, ModelRecord, ObjectKind};

use super::{
    names::origin_json,
    providers,
    refuse::{self, Checked},
};
use crate::{config::Config, snapshot::SANDBOX};

fn find<'a>(catalog: &'a Catalog, name: &str) -> Checked<&'a ModelRecord> {
    let found = catalog.models.iter().find(|model| model.name == name);
    found.ok_or_else(|| refuse::not_found(ObjectKind::Model, name))
}

/// A model that may be changed here.
fn find_own<'a>(catalog: &'a Catalog, name: &str) -> Checked<&'a ModelRecord> {
    let model = find(catalog, name)?;
    if model.origin == Origin::File {
        let text = format!("The model '{name}' is owned by the configuration file: change it there.");
        return Err(refuse::owned("owned_by_file", text));
    }
    Ok(model)
}

/// Whether every target names what is there.
fn has_targets(record: &ModelRecord, catalog: &Catalog, config: &Config) -> Checked<()> {
    for (index, target) in record.targets.iter().enumerate() {
        if !providers::exists(catalog, config, &target.provider) {
            let text = format!("there is no provider '{}'", target.provider);
            return Err(refuse::value(&format!("targets[{index}].provider"), &text));
        }
        let known = sandbox::models();
        if target.provider == SANDBOX && !known.contains(&target.model.as_str()) {
            let text = format!("the sandbox has no such model; there are: {}", known.join(", "));
            return Err(refuse::value(&format!("targets[{index}].model"), &text));
        }
    }
    Ok(())
}

/// A model as it is shown and as the audit log has it.
fn shown(record: &ModelRecord) -> Value {
    let mut object = form::of(record);
    object["origin"] = origin_json(record.origin);
    object
}

/// The same, with what of it does not act yet.
fn answered(record: &ModelRecord) -> Value {
    let mut object = shown(record);
    object["warnings"] = json!(warnings(record));
    object
}

/// What is kept, and does nothing in this release.
fn warnings(record: &ModelRecord) -> Vec<&'static str> {
    let options = &record.options;
    let weighted = record.targets.iter().any(|target| target.weight != 1);
    let told = record.targets.iter().any(|target| target.capabilities.capabilities.is_some());
    let hedged = options.hedge_enabled.is_some()
        || options.hedge_min_delay_ms.is_some()
        || options.hedge_budget_percent.is_some();
    let all = [
        (weighted, "'weight' does not act yet: targets are tried in their order"),
        (told, "'capabilities' of a target do not act yet: only the model's own are shown"),
        (hedged, "'hedge' does not act yet: there are no hedged requests"),
        (
            options.retry_after_wait_ms.is_some(),
            "'retry.retry_after_wait_ms' does not act yet: each target is tried once",
        ),
        (
            options.stream_repair.is_some(),
            "'stream_repair' does not act yet: a broken stream ends in an error event",
        ),
    ];
    all.into_iter().filter(|(so, _)| *so).map(|(_, text)| text).collect()
}
