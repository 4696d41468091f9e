//! Settings: all that act, where each comes from, and those that can be made here.

pub(super) mod get;
pub(super) mod patch;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    config::{Config, Setting, Source},
    console_settings::{MADE, Made},
};

/// Every setting: those of the configuration file in its order, then those that only the admin API knows.
fn shown(config: &Config, stored: &BTreeMap<String, String>) -> Vec<Value> {
    let made = |name: &str| MADE.iter().find(|made| made.name == name);
    let mut list: Vec<Value> =
        config.settings.iter().map(|setting| of_file(setting, made(&setting.name), stored)).collect();
    let own = MADE.iter().filter(|made| config.settings.iter().all(|setting| setting.name != made.name));
    list.extend(own.map(|made| of_console(made, stored)));
    list
}

fn stored_value(name: &str, stored: &BTreeMap<String, String>) -> Option<Value> {
    serde_json::from_str(stored.get(name)?).ok()
}

fn of_file(setting: &Setting, made: Option<&Made>, stored: &BTreeMap<String, String>) -> Value {
    let owned = setting.source != Source::Default;
    let own = made.filter(|_| !owned).and_then(|made| stored_value(made.name, stored));
    let source = if own.is_some() { "console" } else { setting.source.as_str() };
    json!({
        "name": setting.name,
        "section": setting.section,
        "description": setting.text,
        "type": setting.kind,
        "value": own.as_ref().unwrap_or(&setting.value),
        "default": setting.default,
        "is_set": owned || own.is_some(),
        "is_secret": setting.is_secret,
        "source": source,
        "read_only": made.is_none() || owned,
        "needs_restart": setting.needs_restart,
        "words": setting.words,
        "range": setting.range.map(|(low, high)| [low, high]),
    })
}

fn of_console(made: &Made, stored: &BTreeMap<String, String>) -> Value {
    let own = stored_value(made.name, stored);
    json!({
        "name": made.name,
        "section": "console",
        "description": made.text,
        "type": made.kind,
        "value": own.clone().unwrap_or_else(|| made.default.into()),
        "default": made.default,
        "is_set": own.is_some(),
        "is_secret": false,
        "source": if own.is_some() { "console" } else { "default" },
        "read_only": false,
        "needs_restart": false,
        "words": made.words,
        "range": null,
    })
}
