//! The table of fields: what each documentation page names, and the test that shows it.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use toml::{Table, Value};

use super::{cell, read_toml};

const DATA: &str = "docs/fields.toml";
/// Kinds of rows, and the headings over them.
const SIDES: &[(&str, &str)] = &[
    ("header", "Headers of the request"),
    ("request", "Fields of the request"),
    ("response", "Fields of the answer"),
    ("error", "Fields of errors"),
    ("rule", "What else the pages say"),
];

/// One thing that pages name.
#[derive(Debug, Default)]
struct Row<'a> {
    pages: Vec<i64>,
    /// Where a test is, and whether it shows whole and streamed answers.
    proofs: Vec<(&'a str, bool, bool)>,
}

pub(super) fn render(root: &Path) -> Result<String, String> {
    let data = read_toml(root, DATA)?;
    let mut out = String::from("| page | what it is |\n|---|---|\n");
    for page in tables(&data, "page") {
        let _ = writeln!(out, "| page {} | {} |", number(page), cell(text(page, "about")));
    }
    let letters = letters(&data);
    out.push_str("\n## Tests\n\n| | test | in |\n|---|---|---|\n");
    for (test, letter) in &letters {
        let (path, name) = test.split_once("::").unwrap_or((test, ""));
        let _ = writeln!(out, "| {letter} | `{name}` | `{path}` |");
    }
    for (side, heading) in SIDES {
        let _ = writeln!(out, "\n## {heading}\n\n| what | pages | tests |\n|---|---|---|");
        for (name, row) in rows(&data, side) {
            let pages: Vec<String> = row.pages.iter().map(ToString::to_string).collect();
            let letter = |(test, ..): &(&str, bool, bool)| {
                letters.iter().find(|(known, _)| known == test).map_or('?', |(_, letter)| *letter).to_string()
            };
            let tests: Vec<String> = row.proofs.iter().map(letter).collect();
            let name = if *side == "rule" { name.to_owned() } else { format!("`{name}`") };
            let _ = writeln!(out, "| {} | {} | {} |", cell(&name), pages.join(" "), tests.join(" "));
        }
    }
    Ok(out)
}

/// Every test with a letter of its own, in the order of the data.
fn letters(data: &Table) -> Vec<(&str, char)> {
    let mut tests: Vec<&str> = Vec::new();
    for proof in tables(data, "proof") {
        let test = text(proof, "test");
        if !tests.contains(&test) {
            tests.push(test);
        }
    }
    tests.into_iter().zip(('A'..='Z').chain('a'..='z')).collect()
}

/// What is wrong with the data.
pub(super) fn complaints(root: &Path) -> Result<Vec<String>, String> {
    let data = read_toml(root, DATA)?;
    let mut found = lacking(&data);
    for proof in tables(&data, "proof") {
        let test = text(proof, "test");
        let (path, name) = test.split_once("::").unwrap_or((test, ""));
        let source = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        if name.is_empty() || !is_test(&source, name) {
            found.push(format!("{DATA}: there is no test {test}"));
        }
    }
    Ok(found)
}

/// Whether the source has a test of that name.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let declares = |line: &str| {
        line.strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ")
            .is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    };
    let attribute = |line: &&str| line.starts_with("#[test") || line.starts_with("#[tokio::test");
    lines.iter().enumerate().any(|(at, line)| {
        declares(line) && lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).any(attribute)
    })
}

/// Rows that are not shown, and proofs of nothing.
fn lacking(data: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (side, _) in SIDES {
        for (name, row) in rows(data, side) {
            for (kind, shown) in [
                ("whole", row.proofs.iter().any(|(_, whole, _)| *whole)),
                ("streamed", row.proofs.iter().any(|(_, _, streamed)| *streamed)),
            ] {
                if !shown {
                    found.push(format!("{DATA}: no test shows {side} `{name}` for {kind} answers"));
                }
            }
        }
    }
    for proof in tables(data, "proof") {
        let (side, test) = (text(proof, "side"), text(proof, "test"));
        if !SIDES.iter().any(|(known, _)| *known == side) {
            found.push(format!("{DATA}: {test}: there is no side `{side}`"));
        }
        let known: Vec<&str> = tables(data, "page").flat_map(|page| words(page, side)).collect();
        for field in words(proof, "shows").filter(|field| *field != "*" && !known.contains(field)) {
            found.push(format!("{DATA}: {test}: no page names {side} `{field}`"));
        }
    }
    found
}

/// All rows of one side, in the order of their names.
fn rows<'a>(data: &'a Table, side: &str) -> BTreeMap<&'a str, Row<'a>> {
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for page in tables(data, "page") {
        for name in words(page, side) {
            rows.entry(name).or_default().pages.push(number(page));
        }
    }
    for proof in tables(data, "proof").filter(|proof| text(proof, "side") == side) {
        let answers = text(proof, "answers");
        let (whole, streamed) = (answers != "streamed", answers != "whole");
        let (shows, except): (Vec<&str>, Vec<&str>) =
            (words(proof, "shows").collect(), words(proof, "except").collect());
        for (name, row) in &mut rows {
            if (shows.contains(name) || shows.contains(&"*")) && !except.contains(name) {
                row.proofs.push((text(proof, "test"), whole, streamed));
            }
        }
    }
    rows
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn words<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a str> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(page: &Table) -> i64 {
    page.get("number").and_then(Value::as_integer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_tests_are_named() {
        let page = "[[page]]\nnumber = 1\nrequest = ['a', 'b']\n";
        let check = |proofs: &str, expect: &[&str]| {
            let found = lacking(&format!("{page}{proofs}").parse().unwrap());
            assert_eq!(found.len(), expect.len(), "{proofs}: {found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(found.contains(expect), "{found}, not {expect}");
            }
        };
        let proof = |shows: &str, more: &str| {
            format!("[[proof]]\nside = 'request'\ntest = 't'\nshows = [{shows}]\nanswers = {more}\n")
        };
        check(&proof("'*'", "'both'"), &[]);
        check(&proof("'a'", "'both'"), &["`b` for whole", "`b` for streamed"]);
        check(&proof("'*'", "'both'\nexcept = ['b']"), &["`b` for whole", "`b` for streamed"]);
        check(&proof("'*'", "'whole'"), &["`a` for streamed", "`b` for streamed"]);
        check(&(proof("'*'", "'whole'") + &proof("'*'", "'streamed'")), &[]);
        check(&proof("'*', 'c'", "'both'"), &["no page names request `c`"]);
    }

    #[test]
    fn tests_are_found() {
        let source = "#[tokio::test]\nasync fn one() {}\n#[test]\n#[ignore]\nfn two() {}\nfn three() {}\n";
        for (name, expect) in [("one", true), ("two", true), ("three", false), ("on", false), ("four", false)]
        {
            assert_eq!(is_test(source, name), expect, "{name}");
        }
    }
}
