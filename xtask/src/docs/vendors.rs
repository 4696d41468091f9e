//! The table of providers, from the rows of the vendors and the words in which they differ.

use std::{collections::BTreeMap, path::Path};

use toml::{Table, Value};

use super::{cell, read, read_toml};

const ROWS: &str = "crates/sluice-providers/src/vendors.toml";
const WORDS: &str = "crates/sluice-providers/src/quirk.rs";

pub(super) fn render(root: &Path) -> Result<String, String> {
    let table = read_toml(root, ROWS)?;
    let mut out = String::from(
        "| kind | address | key variable | relay | requests | left out of requests | answers |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in table.get("vendor").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
    {
        let text = |key: &str| match row.get(key).and_then(Value::as_str) {
            Some(text) => format!("`{text}`"),
            None => String::new(),
        };
        let relay = row.get("relay").and_then(Value::as_str).unwrap_or_default();
        let cells = [
            text("kind"),
            text("base_url"),
            text("key_env"),
            relay.to_owned(),
            words(row, "request_quirks"),
            words(row, "refused_fields"),
            words(row, "response_quirks"),
        ];
        out.push_str(&format!("| {} |\n", cells.map(|text| cell(&text)).join(" | ")));
    }
    Ok(out)
}

fn words(row: &Table, key: &str) -> String {
    let words = row.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What each word means; a word of the table without a meaning is an error.
pub(super) fn render_quirks(root: &Path) -> Result<String, String> {
    let source = read(root, WORDS)?;
    let mut out = String::new();
    for (title, name, key) in
        [("Requests", "RequestQuirk", "request_quirks"), ("Answers", "ResponseQuirk", "response_quirks")]
    {
        let meanings = meanings(&source, name);
        for row in read_toml(root, ROWS)?.get("vendor").and_then(Value::as_array).into_iter().flatten() {
            for word in row.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
            {
                if !meanings.contains_key(word) {
                    return Err(format!("{WORDS}: the quirk `{word}` is not explained"));
                }
            }
        }
        out.push_str(&format!("### {title}\n\n| word | meaning |\n|---|---|\n"));
        for (word, meaning) in meanings {
            out.push_str(&format!("| `{word}` | {} |\n", cell(&meaning)));
        }
        out.push('\n');
    }
    Ok(out)
}

/// The variants of an enum with their comments, under the names that the table uses.
fn meanings(source: &str, name: &str) -> BTreeMap<String, String> {
    let body = source.split_once(&format!("pub enum {name} {{")).map_or("", |(_, rest)| rest);
    let body = body.split_once("\n}").map_or("", |(body, _)| body);
    let mut found = BTreeMap::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            comment.push(text);
        } else if let Some(variant) = line.strip_suffix(',') {
            found.insert(snake_case(variant), comment.join(" "));
            comment.clear();
        }
    }
    found
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_variants() {
        let source =
            "pub enum Quirk {\n    /// One,\n    /// and more.\n    NoEmptyTools,\n    /// Two.\n    B,\n}\n";
        let found: Vec<(String, String)> = meanings(source, "Quirk").into_iter().collect();
        let expect = [("b", "Two."), ("no_empty_tools", "One, and more.")];
        assert_eq!(found, expect.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
