//! Whether the book is whole: every link leads to a file and an anchor that are there, the summary has every page
//! once, and the two languages of the README show the same commands.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::read;

const SUMMARY: &str = "docs/SUMMARY.md";
const README: &str = "README.md";
const README_ZH: &str = "README.zh-CN.md";

pub(super) fn complaints(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut pages = Vec::new();
    list(&root.join("docs"), "docs", &mut pages).map_err(|error| format!("cannot read docs/: {error}"))?;
    let others = [README, README_ZH, "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    for path in pages.iter().map(String::as_str).chain(others) {
        let text = read(root, path)?;
        for (file, anchor) in links(&text) {
            let target = resolve(path, &file);
            found.extend(broken(root, &target, &anchor).map(|why| format!("{path}: {why}")));
            // The book holds docs/ alone: a link out of it is dead in there.
            if path.starts_with("docs/") && !file.is_empty() && !target.starts_with("docs/") {
                found.push(format!("{path}: links to {target}, which is outside of the book"));
            }
        }
    }
    let summary = read(root, SUMMARY)?;
    let listed: Vec<String> = links(&summary).into_iter().map(|(file, _)| resolve(SUMMARY, &file)).collect();
    let unique: BTreeSet<&String> = listed.iter().collect();
    if unique.len() != listed.len() {
        found.push(format!("{SUMMARY}: has a page twice"));
    }
    for page in pages.iter().filter(|page| *page != SUMMARY && !unique.contains(page)) {
        found.push(format!("{SUMMARY}: lacks {page}"));
    }
    let (english, chinese) = (read(root, README)?, read(root, README_ZH)?);
    if blocks(&english) != blocks(&chinese) {
        found.push(format!("{README} and {README_ZH}: their code differs beyond comments and prompts"));
    }
    for (one, other, text) in [(README, README_ZH, &english), (README_ZH, README, &chinese)] {
        if !text.contains(&format!("]({other})")) {
            found.push(format!("{one}: does not link to {other}"));
        }
    }
    Ok(found)
}

fn list(folder: &Path, name: &str, pages: &mut Vec<String>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{name}/{file}");
        if path.is_dir() {
            list(&path, &name, pages)?;
        } else if file.ends_with(".md") {
            pages.push(name);
        }
    }
    Ok(())
}

/// Files and anchors that a document links to; either may be empty.
fn links(text: &str) -> Vec<(String, String)> {
    let prose = without_code(text);
    let mut found = Vec::new();
    for part in prose.split("](").skip(1) {
        let target = part.split([')', ' ']).next().unwrap_or_default();
        if target.contains(':') {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        found.push((file.to_owned(), anchor.to_owned()));
    }
    found
}

fn without_code(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// A path from the root, for a link in the document `from`.
fn resolve(from: &str, to: &str) -> String {
    if to.is_empty() {
        return from.to_owned();
    }
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for step in to.split('/') {
        match step {
            "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

fn broken(root: &Path, target: &str, anchor: &str) -> Option<String> {
    if !root.join(target).exists() {
        return Some(format!("links to {target}, which is not there"));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(root.join(target)).unwrap_or_default();
    let there = anchors(&text).iter().any(|one| one == anchor);
    (!there).then(|| format!("links to {target}#{anchor}, which has no such heading"))
}

/// The anchors that headings get.
fn anchors(text: &str) -> Vec<String> {
    without_code(text).lines().filter(|line| line.starts_with('#')).map(slug).collect()
}

fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

/// The code of a document without comments and without the words in quotation marks, which may be translated.
fn blocks(text: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
            if inside {
                found.push(vec![line.to_owned()]);
            }
        } else if let (true, Some(block)) = (inside, found.last_mut()) {
            let code = line.split(" #").next().unwrap_or_default().trim_end();
            if !code.starts_with('#') {
                block.push(code.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors() {
        let text = "[a](b.md#c) [d](https://x/y.md) [e](#f)\n```\n[g](h.md)\n```\n## The `F` of, g\n";
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(links(text), [pair("b.md", "c"), pair("", "f")]);
        assert_eq!(anchors(text), ["the-f-of-g"]);
        assert_eq!(slug("### POST /v1/chat/completions"), "post-v1chatcompletions");
        assert_eq!(slug("## 快速开始"), "快速开始");
        assert_eq!(resolve("docs/a/b.md", "../c.md"), "docs/c.md");
        assert_eq!(resolve("README.md", "docs/c.md"), "docs/c.md");
    }

    #[test]
    fn code_is_compared_without_comments() {
        let check = |a: &str, b: &str, same: bool| assert_eq!(blocks(a) == blocks(b), same, "{a} {b}");
        check("```sh\nrun it  # one\n# two\n```\n", "text\n```sh\nrun it # 一\n```\n", true);
        check("```sh\nrun it\n```\n", "```sh\nrun that\n```\n", false);
        check("```sh\nrun it\n```\n", "", false);
    }
}
