//! Models: names that callers use, and who answers for them.

pub(super) mod create;
pub(super) mod delete;
mod form;
pub(super) mod get;
pub(super) mod list;
pub(super) mod patch;
mod price;

use serde_json::Value;
use sluice_ledger::Origin;
use sluice_providers::sandbox;
use sluice_store::{Catalog, ModelRecord, ObjectKind};

use super::{
    call::Call,
    names::origin_json,
    providers,
    refuse::{self, Checked},
};
use crate::{config::Config, snapshot::SANDBOX};

/// What everybody sees of a model who may see models at all.
const PUBLIC: [&str; 6] =
    ["name", "price", "context_length", "max_output_tokens", "capabilities", "unpriced"];

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

/// A model as its reader may see it. Who answers for it is shown to those who see all projects.
fn shown_to(call: &Call, record: &ModelRecord) -> Value {
    let mut object = shown(record);
    if let (false, Value::Object(fields)) = (call.principal.is_everywhere(), &mut object) {
        fields.retain(|name, _| PUBLIC.contains(&name.as_str()));
    }
    object
}

/// A model as it is shown and as the audit log has it.
fn shown(record: &ModelRecord) -> Value {
    let mut object = form::of(record);
    object["origin"] = origin_json(record.origin);
    object
}
