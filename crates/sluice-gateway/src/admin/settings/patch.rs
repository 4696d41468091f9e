//! `PATCH /admin/v1/settings`: `{"sandbox.enabled": false}`; `null` makes it as if nobody had set it. All of it or
//! nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sluice_store::CatalogChange;

use super::{shown, stored_value};
use crate::{
    admin::{
        call::{Call, Reply},
        change::{self, Entry},
        refuse::{self, Checked},
    },
    config::Config,
    console_settings::{MADE, SANDBOX_ENABLED, check},
    refusal::Refusal,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let patch = call.json()?;
    let Value::Object(patch) = patch else {
        return Err(refuse::bad("invalid_type", None, "The request body must be a JSON object."));
    };
    let config = call.shared.config.load_full();
    for (name, value) in &patch {
        may_be_made(&config, name, value)?;
    }
    let catalog = call.catalog().await?;
    let mut stored = catalog.settings.clone();
    let (mut changed, mut before, mut after) = (BTreeMap::new(), Map::new(), Map::new());
    for (name, value) in patch {
        let was = stored_value(&name, &stored).unwrap_or(Value::Null);
        if was == value {
            continue;
        }
        let text = (!value.is_null()).then(|| value.to_string());
        match &text {
            Some(text) => drop(stored.insert(name.clone(), text.clone())),
            None => drop(stored.remove(&name)),
        }
        changed.insert(name.clone(), text);
        before.insert(name.clone(), was);
        after.insert(name, value);
    }
    if !changed.is_empty() {
        let (before, after) = (Some(Value::Object(before)), Some(Value::Object(after)));
        let entry = Entry { action: "update", object: "settings", id: "console", before, after };
        let made = change::make(call, catalog, CatalogChange::Settings(changed), &entry).await;
        made.map_err(named)?;
    }
    Ok(Reply::list(shown(&config, &stored), None))
}

/// Only the sandbox is something that others may need.
fn named(mut refusal: Refusal) -> Refusal {
    if refusal.error.param.as_deref() == Some("targets") {
        refusal.error.param = Some(SANDBOX_ENABLED.to_owned());
    }
    refusal
}

fn may_be_made(config: &Config, name: &str, value: &Value) -> Checked<()> {
    let there = config.settings.iter().any(|setting| setting.name == name);
    let makeable = MADE.iter().any(|made| made.name == name);
    if !there && !makeable {
        return Err(refuse::bad("unknown_parameter", Some(name), &format!("There is no setting '{name}'.")));
    }
    if !makeable || config.owns(name) {
        let text = match makeable {
            true => format!("The setting '{name}' is owned by the configuration file: change it there."),
            false => format!("The setting '{name}' can be made in the configuration file alone."),
        };
        let mut refusal = refuse::owned("owned_by_file", text);
        refusal.error.param = Some(name.to_owned());
        return Err(refusal);
    }
    if value.is_null() {
        return Ok(());
    }
    check(name, value).map_err(|(place, text)| refuse::value(&format!("{name}{place}"), &text))
}
