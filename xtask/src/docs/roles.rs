//! The table of who may do what at the admin listener.

use std::{fmt::Write, path::Path};

use toml::Table;

use super::{cell, read_toml};

const DATA: &str = "docs/roles.toml";

pub(super) fn render(root: &Path) -> Result<String, String> {
    let data = read_toml(root, DATA)?;
    let who: Vec<&str> = data
        .get("who")
        .and_then(|who| who.as_array())
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str())
        .collect();
    let mut out = format!("| call | {} |\n|---|{}\n", who.join(" | "), "---|".repeat(who.len()));
    let calls = data.get("calls").and_then(|calls| calls.as_array()).into_iter().flatten();
    for call in calls.filter_map(|call| call.as_table()) {
        let text = |key: &str| -> &str { of(call, key) };
        let may = text("may");
        if may.chars().count() != who.len() {
            return Err(format!("{DATA}: `{}` does not say it for everybody", text("call")));
        }
        let about = if text("about").is_empty() { String::new() } else { format!(", {}", text("about")) };
        let cells: Vec<&str> = may.chars().map(word).collect();
        let _ = writeln!(
            out,
            "| {}{} | {} |",
            cell(&format!("`{}`", text("call"))),
            cell(&about),
            cells.join(" | ")
        );
    }
    Ok(out)
}

fn of<'a>(call: &'a Table, key: &str) -> &'a str {
    call.get(key).and_then(|value| value.as_str()).unwrap_or_default()
}

fn word(letter: char) -> &'static str {
    match letter {
        '+' => "yes",
        '-' => "403",
        '0' => "404",
        'x' => "400",
        _ => "?",
    }
}
