//! Every setting that is not a list of objects, with what is in force: what the admin API shows.

use std::sync::OnceLock;

use serde_json::{Value, json};
use sluice_gateway::config::{Setting, Source};
use toml::{Table, Value as Toml};

use super::{
    Settings,
    reader::{Effective, NOT_SHOWN},
};

/// What every setting is for; the reference in the documentation is made from it too.
const REFERENCE: &str = include_str!("reference.toml");

/// Settings that the command line may say.
pub(super) const COMMAND_LINE: [&str; 3] = ["server.listen", "server.admin_listen", "server.data_dir"];

fn reference() -> &'static [Table] {
    static SECTIONS: OnceLock<Vec<Table>> = OnceLock::new();
    SECTIONS.get_or_init(|| {
        // It is part of the program: a test reads it.
        let table: Table = REFERENCE.parse().unwrap_or_default();
        tables(&table, "section")
    })
}

fn tables(table: &Table, key: &str) -> Vec<Table> {
    let list = table.get(key).and_then(Toml::as_array);
    list.into_iter().flatten().filter_map(|item| item.as_table().cloned()).collect()
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Toml::as_str).unwrap_or_default()
}

/// In the order of the reference.
pub(super) fn listed(settings: &Settings) -> Vec<Setting> {
    let mut list = Vec::new();
    for section in reference() {
        let name = text(section, "name");
        // Objects are shown where they can be changed.
        if !name.contains(['[', '*']) {
            list.extend(tables(section, "keys").iter().map(|key| setting(settings, section, key)));
        }
    }
    list
}

fn setting(settings: &Settings, section: &Table, key: &Table) -> Setting {
    let name = format!("{}.{}", text(section, "name"), text(key, "key"));
    let found = settings.effective.iter().find(|one| one.path == name);
    let kind = text(key, "type").to_owned();
    let is_secret = kind == "secret";
    let (value, source) = match settings.spoken.iter().find(|(spoken, _)| *spoken == name) {
        Some((_, value)) => (json!(value), Source::CommandLine),
        None => (found.map_or(Value::Null, value), found.map_or(Source::Default, source)),
    };
    let default = key.get("default").and_then(Toml::as_str).map_or(Value::Null, plain);
    let integer = |value: &Toml| value.as_integer();
    let range = key.get("range").and_then(Toml::as_array);
    let range: Option<Vec<i64>> = range.and_then(|range| range.iter().map(integer).collect());
    let words = key.get("words").and_then(Toml::as_array);
    Setting {
        section: text(section, "title").to_owned(),
        text: text(key, "text").to_owned(),
        value: if is_secret { Value::Null } else { value },
        default,
        is_secret,
        source,
        needs_restart: key.get("start").and_then(Toml::as_bool).unwrap_or(false)
            || text(key, "key") == "durability",
        words: words.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect(),
        range: match range.as_deref() {
            Some([low, high]) => Some((*low, *high)),
            _ => None,
        },
        name,
        kind,
    }
}

fn source(one: &Effective) -> Source {
    match one {
        _ if one.is_default => Source::Default,
        _ if one.value.contains("${") => Source::Environment,
        _ => Source::File,
    }
}

fn value(one: &Effective) -> Value {
    if one.value.contains(NOT_SHOWN) { Value::Null } else { plain(&one.value) }
}

/// A number or a truth as such, a text without its quotes.
fn plain(shown: &str) -> Value {
    serde_json::from_str(shown).unwrap_or_else(|_| json!(shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Overrides, read};

    #[test]
    fn settings_are_told_with_where_they_come_from() {
        let file = "[server]\nmax_body_bytes = 7\naccess_log = \"${LOG}\"\n[database]\nurl = \"postgres://u:p@h/d\"\n";
        let env = |name: &str| (name == "LOG").then(|| "text".to_owned());
        let overrides = Overrides { listen: Some("127.0.0.1:9".parse().unwrap()), ..Overrides::default() };
        let list = listed(&read(file, &overrides, &env).unwrap());
        let check = |name: &str, expect: (Value, Source, bool)| {
            let found = list.iter().find(|one| one.name == name).unwrap();
            assert_eq!((found.value.clone(), found.source, found.needs_restart), expect, "{name}");
        };
        check("server.listen", (json!("127.0.0.1:9"), Source::CommandLine, true));
        check("server.max_body_bytes", (json!(7), Source::File, false));
        check("server.access_log", (json!("${LOG}"), Source::Environment, true));
        check("server.workers", (Value::Null, Source::Default, true));
        check("sandbox.enabled", (json!(true), Source::Default, false));
        check("retention.request_rows_days", (json!(90), Source::Default, false));
        check("database.url", (Value::Null, Source::File, false));
        assert!(list.iter().all(|one| !one.text.is_empty() && !one.kind.is_empty()));
        assert!(!format!("{list:?}").contains("u:p"));
    }
}
