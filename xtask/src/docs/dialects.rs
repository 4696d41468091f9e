//! What becomes of a request's fields in each dialect, from the tables in the dialects' sources; and which conversion
//! bugs the vectors of each dialect guard against.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use toml::Value;

use super::{cell, read, read_toml};

const SOURCES: &str = "crates/sluice-providers/src";
const VECTORS: &str = "crates/sluice-providers/vectors";
const TITLES: &str = "docs/conversions.toml";

/// The dialect that requests are written in already: its fields are passed, but for what a vendor's row says.
const OWN: &str = "openai";

/// The fields of one dialect, in the order of its table, and what becomes of each.
type Fields = Vec<(String, String)>;

pub(super) fn render_fields(root: &Path) -> Result<String, String> {
    let dialects = tables(root)?;
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in dialects.values().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut out = format!("| field | `{OWN}` |");
    for dialect in dialects.keys() {
        let _ = write!(out, " `{dialect}` |");
    }
    out.push_str("\n|---|---|");
    out.push_str(&"---|".repeat(dialects.len()));
    out.push('\n');
    for name in names {
        let _ = write!(out, "| `{name}` | passed |");
        for fields in dialects.values() {
            let handling =
                fields.iter().find(|(field, _)| field == name).map(|(_, handling)| handling.as_str());
            // What a dialect does not name is beyond the API, and is left out.
            let _ = write!(out, " {} |", handling.unwrap_or("reported"));
        }
        out.push('\n');
    }
    Ok(out)
}

/// The tables of all dialects that have one.
fn tables(root: &Path) -> Result<BTreeMap<String, Fields>, String> {
    let mut tables = BTreeMap::new();
    for dialect in folders(&root.join(SOURCES))? {
        let path = format!("{SOURCES}/{dialect}/mod.rs");
        let Ok(source) = read(root, &path) else { continue };
        if let Some((_, table)) = source.split_once("pub const FIELDS: Fields") {
            let fields: Fields = table
                .lines()
                .take_while(|line| !line.starts_with(']') && !line.starts_with('}'))
                .filter_map(field)
                .collect();
            if fields.is_empty() {
                return Err(format!("{path}: its table of fields cannot be read"));
            }
            tables.insert(dialect, fields);
        }
    }
    Ok(tables)
}

/// `("seed", Handling::Reported),` or the like.
fn field(line: &str) -> Option<(String, String)> {
    let (name, rest) = line.trim().strip_prefix("(\"")?.split_once("\",")?;
    let word = rest.trim().trim_end_matches(',').trim_end_matches(')');
    Some((name.to_owned(), word.rsplit(':').next()?.trim().to_lowercase()))
}

pub(super) fn render_conversions(root: &Path) -> Result<String, String> {
    let data = read_toml(root, TITLES)?;
    let titles: Vec<&str> = data
        .get("titles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let dialects = folders(&root.join(VECTORS))?;
    let mut out = "| | what goes wrong |".to_owned();
    for dialect in &dialects {
        let _ = write!(out, " `{dialect}` |");
    }
    out.push_str("\n|---|---|");
    out.push_str(&"---|".repeat(dialects.len()));
    out.push('\n');
    let mut guards = Vec::new();
    for dialect in &dialects {
        guards.push(guards_of(root, dialect)?);
    }
    for (index, title) in titles.iter().enumerate() {
        let number = index + 1;
        let _ = write!(out, "| {number} | {} |", cell(title));
        for guards in &guards {
            let _ = write!(out, " {} |", guards.get(&number).map(String::as_str).unwrap_or_default());
        }
        out.push('\n');
    }
    let unknown =
        guards.iter().flat_map(BTreeMap::keys).find(|number| **number == 0 || **number > titles.len());
    match unknown {
        Some(number) => Err(format!("{TITLES}: there is no conversion bug {number}")),
        None => Ok(out),
    }
}

/// The numbers in the names of a dialect's vectors, each with the kinds of vendors that are tried, or what the vendors
/// have in common that all are.
fn guards_of(root: &Path, dialect: &str) -> Result<BTreeMap<usize, String>, String> {
    let mut kinds: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for case in folders(&root.join(VECTORS).join(dialect))? {
        let number =
            case.strip_prefix('g').and_then(|rest| rest.get(..2)).and_then(|digits| digits.parse().ok());
        let Some(number) = number else { continue };
        let facts = read_toml(root, &format!("{VECTORS}/{dialect}/{case}/case.toml"))?;
        kinds.entry(number).or_default().insert(tried(&facts));
    }
    let own = format!("`{dialect}`");
    let shown = |kinds: BTreeSet<String>| match kinds.iter().all(|kind| *kind == own) {
        true => "yes".to_owned(),
        false => kinds.into_iter().collect::<Vec<_>>().join(", "),
    };
    Ok(kinds.into_iter().map(|(number, kinds)| (number, shown(kinds))).collect())
}

/// Where one vector is tried.
fn tried(facts: &toml::Table) -> String {
    let kind = facts.get("kind").and_then(Value::as_str).unwrap_or_default();
    let quirks = facts.get("quirks").and_then(Value::as_array).into_iter().flatten();
    let quirks: Vec<String> = quirks
        .filter_map(Value::as_str)
        .map(|quirk| match quirk {
            "any_request" => "all".to_owned(),
            "any_answer" => "all rewritten".to_owned(),
            quirk => format!("`{quirk}`"),
        })
        .collect();
    if quirks.is_empty() { format!("`{kind}`") } else { quirks.join(" with ") }
}

/// The names of the folders in a folder, in order.
fn folders(of: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(of).map_err(|error| format!("cannot read {}: {error}", of.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_tables() {
        let check = |line: &str, expect: Option<(&str, &str)>| {
            let expect = expect.map(|(name, word)| (name.to_owned(), word.to_owned()));
            assert_eq!(field(line), expect, "{line}");
        };
        check("    (\"seed\", Handling::Reported),", Some(("seed", "reported")));
        check("        (\"messages[].name\", Mapped),", Some(("messages[].name", "mapped")));
        check("    // Beyond the API.", None);
        check("pub const FIELDS: Fields = &[", None);
    }
}
