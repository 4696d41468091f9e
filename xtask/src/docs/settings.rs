//! The configuration reference, from the table that stands beside the reader of the settings.

use std::{fmt::Write, path::Path};

use toml::{Table, Value};

use super::{bounds, cell, read_toml};

const TABLE: &str = "crates/sluicegate/src/settings/reference.toml";

pub(super) fn render(root: &Path) -> Result<String, String> {
    let reference = read_toml(root, TABLE)?;
    let bounds = bounds::constants(root)?;
    let mut out = String::new();
    for section in tables(&reference, "section") {
        if section.contains_key("hidden") {
            continue;
        }
        let title = text(section, "title");
        let heading = if title.starts_with('[') { format!("`{title}`") } else { title.to_owned() };
        // Writing to a string does not fail.
        let _ = writeln!(out, "### {heading}\n");
        if !text(section, "text").is_empty() {
            let _ = writeln!(out, "{}\n", text(section, "text"));
        }
        out.push_str("| key | type | default | range | meaning |\n|---|---|---|---|---|\n");
        for row in tables(section, "keys") {
            let default = default(row, &bounds)?;
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} | {} |",
                text(row, "key"),
                kind(row),
                cell(&default),
                cell(&range(row)),
                cell(&meaning(row))
            );
        }
        out.push('\n');
    }
    Ok(out)
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is(table: &Table, key: &str) -> bool {
    table.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn kind(row: &Table) -> &str {
    match text(row, "type") {
        "secret" => "string, not shown",
        "strings" => "list of strings",
        "secrets" => "list of strings, not shown",
        "tables" => "list of tables",
        other => other,
    }
}

fn default(row: &Table, bounds: &[bounds::Bound]) -> Result<String, String> {
    if is(row, "required") {
        return Ok("required".to_owned());
    }
    let name = text(row, "bound");
    if !name.is_empty() {
        let bound = bounds.iter().find(|bound| bound.name == name);
        let bound = bound.ok_or_else(|| format!("{TABLE}: the gateway has no bound {name}"))?;
        return Ok(bound.value.to_string());
    }
    Ok(match text(row, "default") {
        "" => String::new(),
        default => format!("`{default}`"),
    })
}

fn range(row: &Table) -> String {
    let ends: Vec<i64> = row
        .get("range")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_integer)
        .collect();
    if let [least, most] = ends.as_slice() {
        return format!("{least} to {most}");
    }
    let words = row.get("words").and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn meaning(row: &Table) -> String {
    let mut meaning = text(row, "text").to_owned();
    let only = text(row, "only");
    if !only.is_empty() {
        let _ = write!(meaning, " Only of the kind `{only}`.");
    }
    for (fact, mark) in [("start", " *Start.*"), ("later", " *Later.*")] {
        if is(row, fact) {
            meaning.push_str(mark);
        }
    }
    meaning
}
