//! `cargo xtask docs`: writes what is generated into the documents, or with `--check` compares only; then looks
//! whether the book is whole: every link and anchor, every page in the summary, every code of an error,
//! every row of the table of fields.
//!
//! A generated part stands between `<!-- generated: NAME -->` and `<!-- end of generated -->`; what is around it is
//! written by hand.

use std::{collections::BTreeMap, fs, path::Path};

use crate::Outcome;

mod api;
mod book;
mod bounds;
mod dialects;
mod errors;
mod fields;
mod roles;
mod settings;
mod vendors;

const END: &str = "<!-- end of generated -->";

/// Makes one generated part from the repository.
type Make = fn(&Path) -> Result<String, String>;

/// A document, the name of its part, and what makes it.
const PARTS: &[(&str, &str, Make)] = &[
    ("docs/configuration.md", "settings", settings::render),
    ("docs/api.md", "api", api::render),
    ("docs/providers.md", "vendors", vendors::render),
    ("docs/providers.md", "quirks", vendors::render_quirks),
    ("docs/conversions.md", "dialect_fields", dialects::render_fields),
    ("docs/conversions.md", "conversions", dialects::render_conversions),
    ("docs/operations.md", "bounds", bounds::render),
    ("docs/fields.md", "fields", fields::render),
    ("docs/console.md", "roles", roles::render),
];

pub(crate) fn run(args: &[String]) -> Outcome {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        [other, ..] => return Err(format!("unknown option `{other}`")),
    };
    let root = crate::root();
    let mut complaints = Vec::new();
    for (path, text) in generate(&root)? {
        let there = read(&root, path)?;
        if there == text {
            continue;
        }
        if check {
            complaints.push(format!("{path} is not what the code says: run `cargo xtask docs`"));
        } else {
            fs::write(root.join(path), text).map_err(|error| format!("cannot write {path}: {error}"))?;
        }
    }
    complaints.extend(fields::complaints(&root)?);
    complaints.extend(errors::complaints(&root)?);
    complaints.extend(book::complaints(&root)?);
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// Every document that has a generated part, as it should be.
fn generate(root: &Path) -> Result<BTreeMap<&'static str, String>, String> {
    let mut documents: BTreeMap<&'static str, String> = BTreeMap::new();
    for (path, name, make) in PARTS {
        let text = match documents.remove(path) {
            Some(text) => text,
            None => read(root, path)?,
        };
        let text = fill(&text, name, &make(root)?).ok_or_else(|| format!("{path} has no part `{name}`"))?;
        documents.insert(path, text);
    }
    Ok(documents)
}

/// The document with one part replaced.
fn fill(document: &str, name: &str, part: &str) -> Option<String> {
    let begin = format!("<!-- generated: {name} -->");
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n\n{}\n\n{END}{after}", part.trim()))
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    fs::read_to_string(root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))
}

fn read_toml(root: &Path, path: &str) -> Result<toml::Table, String> {
    read(root, path)?.parse().map_err(|error| format!("{path}: {error}"))
}

/// A text that may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_filled() {
        let check = |document: &str, expect: Option<&str>| {
            assert_eq!(fill(document, "x", "new\n").as_deref(), expect, "{document}");
        };
        check("", None);
        check("<!-- generated: x -->\nold", None);
        check("<!-- generated: y -->\nold\n<!-- end of generated -->", None);
        check(
            "a\n<!-- generated: x -->\nold\n<!-- end of generated -->\nb\n",
            Some("a\n<!-- generated: x -->\n\nnew\n\n<!-- end of generated -->\nb\n"),
        );
    }

    #[test]
    fn the_documents_are_up_to_date_and_whole() {
        run(&["--check".to_owned()]).unwrap();
    }
}
