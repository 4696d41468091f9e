//! The table behind the configuration reference, held against the code that reads the file: the example has every
//! setting, and what the table says of one must be what the reader says when that one is damaged.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::*;

/// What docs/configuration.md is made from.
const REFERENCE: &str = include_str!("../reference.toml");

/// One setting of the reference.
struct Row {
    /// With `[]` for the items of arrays and `*` for free keys.
    path: String,
    facts: Table,
}

impl Row {
    fn text(&self, fact: &str) -> Option<&str> {
        self.facts.get(fact).and_then(Value::as_str)
    }

    fn is(&self, fact: &str) -> bool {
        self.facts.get(fact).and_then(Value::as_bool).unwrap_or(false)
    }

    fn range(&self) -> Option<(i64, i64)> {
        let range = self.facts.get("range")?.as_array().unwrap();
        Some((range[0].as_integer().unwrap(), range[1].as_integer().unwrap()))
    }

    fn words(&self) -> Vec<&str> {
        let words = self.facts.get("words").and_then(Value::as_array);
        words.into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
    }

    /// A value that the setting cannot have, and what the reader says to it.
    fn wrong(&self) -> (Value, &'static str) {
        let flag = Value::Boolean(true);
        match self.text("type").unwrap() {
            "string" | "secret" | "moment" => (flag, "expected a string"),
            "boolean" => (Value::Integer(1), "expected true or false"),
            "integer" => (flag, "expected a whole number"),
            "dollars" => (flag, "expected an amount of dollars"),
            "strings" | "secrets" | "tables" => (flag, "expected an array"),
            "table" => (flag, "expected a table"),
            other => panic!("{}: there is no type {other}", self.path),
        }
    }
}

fn sections() -> Vec<Table> {
    let reference: Table = toml::from_str(REFERENCE).unwrap();
    reference["section"].as_array().unwrap().iter().map(|one| one.as_table().unwrap().clone()).collect()
}

fn rows() -> Vec<Row> {
    let rows = |section: Table| {
        let name = section["name"].as_str().unwrap().to_owned();
        let keys = section["keys"].as_array().unwrap().clone();
        keys.into_iter().map(move |facts| {
            let facts = facts.as_table().unwrap().clone();
            Row { path: format!("{name}.{}", facts["key"].as_str().unwrap()), facts }
        })
    };
    sections().into_iter().flat_map(rows).collect()
}

/// A path of the file as the reference writes it.
fn general(path: &str) -> String {
    let path = path.replace("model_limits.gpt-4o-mini", "model_limits.*");
    let mut out = String::new();
    let mut digits = false;
    for c in path.chars() {
        digits = c == '[' || digits && c.is_ascii_digit();
        if !digits || c == '[' {
            out.push(c);
        }
    }
    out
}

/// The first place of the example where the setting stands: its path in the file, and its slot.
fn find<'a>(value: &'a mut Value, steps: &[&str], path: &str) -> Option<(String, &'a mut Table, String)> {
    let (step, rest) = steps.split_first()?;
    let table = value.as_table_mut()?;
    let key =
        if *step == "*" { table.keys().next()?.clone() } else { step.trim_end_matches("[]").to_owned() };
    let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
    if rest.is_empty() {
        return table.contains_key(&key).then_some((here, table, key));
    }
    match table.get_mut(&key)? {
        Value::Array(items) => items
            .iter_mut()
            .enumerate()
            .find_map(|(index, item)| find(item, rest, &format!("{here}[{index}]"))),
        inner => find(inner, rest, &here),
    }
}

/// The example with one setting changed or taken away, and the setting's path in the file.
fn damaged(row: &Row, with: Option<Value>) -> (String, String) {
    let mut file = Value::Table(toml::from_str(EXAMPLE).unwrap());
    let steps: Vec<&str> = row.path.split('.').collect();
    let (path, table, key) = find(&mut file, &steps, "")
        .unwrap_or_else(|| panic!("{}: docs/example.toml does not have it", row.path));
    match with {
        Some(value) => table.insert(key, value),
        None => table.remove(&key),
    };
    let text: Vec<String> =
        file.as_table().unwrap().iter().map(|(key, value)| format!("{key} = {}\n", written(value))).collect();
    (text.concat(), path)
}

/// A value as it would stand on one line of a file.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(key, value)| format!("{key:?} = {}", written(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(moment) => moment.to_string(),
    }
}

/// What is told of the setting itself, and of everything else.
fn told(source: &str, path: &str) -> (Vec<String>, Vec<String>) {
    let problems = read(source, &Overrides::default(), &example_env).err().unwrap_or_default();
    let (here, elsewhere): (Vec<Problem>, Vec<Problem>) =
        problems.into_iter().partition(|problem| problem.path == path);
    let texts = |list: Vec<Problem>| list.into_iter().map(|problem| problem.text).collect();
    (texts(here), texts(elsewhere))
}

#[test]
fn every_setting_is_in_the_reference_and_no_other() {
    let asked = read(EXAMPLE, &Overrides::default(), &example_env).unwrap().asked;
    let asked: BTreeSet<String> = asked.iter().map(|path| general(path)).collect();
    let mut listed: BTreeSet<String> = rows().into_iter().map(|row| row.path).collect();
    for section in sections() {
        let name = section["name"].as_str().unwrap();
        if !name.ends_with('*') {
            listed.insert(name.trim_end_matches("[]").to_owned());
        }
    }
    let difference: Vec<&String> = asked.symmetric_difference(&listed).collect();
    assert!(difference.is_empty(), "{difference:#?}");
}

#[test]
fn types_are_what_the_reader_takes() {
    for row in rows() {
        let (value, expect) = row.wrong();
        let (source, path) = damaged(&row, Some(value));
        let (here, _) = told(&source, &path);
        assert!(here.iter().any(|text| text.contains(expect)), "{path}: {here:?}, not {expect}");
    }
}

#[test]
fn ranges_are_what_the_reader_takes() {
    for row in rows() {
        let Some((least, most)) = row.range() else {
            assert_ne!(row.text("type"), Some("integer"), "{}: integers have a range", row.path);
            continue;
        };
        let refused = |number: i64| {
            let (source, path) = damaged(&row, Some(Value::Integer(number)));
            told(&source, &path)
                .0
                .iter()
                .any(|text| text.contains(&format!("must be from {least} to {most}")))
        };
        assert!(!refused(least) && !refused(most), "{}: its range is narrower", row.path);
        assert!(refused(least - 1) && refused(most + 1), "{}: its range is wider", row.path);
    }
}

#[test]
fn words_are_those_that_the_reader_takes() {
    for row in rows().iter().filter(|row| row.text("type") == Some("string")) {
        let (source, path) = damaged(row, Some(Value::String("no-such-word".to_owned())));
        let here = told(&source, &path).0.join("\n");
        let list: Vec<String> = row.words().iter().map(|word| format!("`{word}`")).collect();
        let expect = format!("must be {}, not `no-such-word`", list.join(" or "));
        assert_eq!(here.contains("must be `"), !row.words().is_empty(), "{path}: {here}");
        assert!(row.words().is_empty() || here.contains(&expect), "{path}: {here}");
    }
}

#[test]
fn required_settings_and_defaults_are_those_of_the_reader() {
    for row in rows() {
        let (source, path) = damaged(&row, None);
        let key = row.text("key").unwrap();
        let missing =
            told(&source, &path).1.iter().any(|text| text.starts_with(&format!("`{key}` is missing")));
        assert_eq!(missing, row.is("required"), "{path}");
        let in_force = read(&source, &Overrides::default(), &example_env).map(|settings| settings.effective);
        let in_force = in_force.unwrap_or_default();
        let default = in_force.iter().find(|one| one.path == path && one.is_default);
        // The kind's own address is no default of the setting.
        if key != "base_url" {
            let default = default.map(|one| one.value.trim_matches('"'));
            assert_eq!(default, row.text("default"), "{path}");
        }
    }
}

#[test]
fn what_does_not_act_yet_is_marked() {
    let warnings = read(EXAMPLE, &Overrides::default(), &example_env).unwrap().warnings;
    let warned: Vec<String> = warnings.iter().map(|warning| general(&warning.path)).collect();
    for row in &rows() {
        let later = warned.iter().any(|path| row.path == *path || row.path.starts_with(&format!("{path}.")));
        assert_eq!(later, row.is("later"), "{}", row.path);
    }
}

#[test]
fn what_takes_a_restart_is_marked() {
    let usual = ok("").server;
    for row in rows().iter().filter(|row| row.path.starts_with("server.") && !row.path.contains("tls")) {
        let key = row.text("key").unwrap();
        let value = match (key, row.text("type").unwrap(), row.words().last()) {
            ("listen" | "admin_listen", ..) => "'127.0.0.1:9'".to_owned(),
            (_, "boolean", _) => "true".to_owned(),
            (_, "integer", _) => "7".to_owned(),
            (_, _, Some(word)) => format!("{word:?}"),
            _ => "'elsewhere'".to_owned(),
        };
        let changed = ok(&format!("[server]\n{key} = {value}")).server;
        assert_eq!(usual.fixed_at_start(&changed).contains(&key), row.is("start"), "{key}");
    }
}
