//! Whether the page of errors tells of every code that the gateway gives.

use std::{collections::BTreeSet, path::Path};

use super::read;

/// Where codes are made.
const SOURCES: &[&str] = &[
    "crates/sluice-gateway/src/refusal.rs",
    "crates/sluice-gateway/src/admit.rs",
    "crates/sluice-gateway/src/media/mod.rs",
    "crates/sluice-gateway/src/translate.rs",
    "crates/sluice-chat/src/request/check/refusal.rs",
];
const PAGES: &[&str] = &["docs/errors.md", "docs/streams.md"];

pub(super) fn complaints(root: &Path) -> Result<Vec<String>, String> {
    let mut told = String::new();
    for page in PAGES {
        told.push_str(&read(root, page)?);
    }
    let mut found = Vec::new();
    for source in SOURCES {
        for code in codes(&read(root, source)?) {
            if !told.contains(&format!("`{code}`")) {
                found.push(format!("{}: does not tell of `{code}` ({source})", PAGES[0]));
            }
        }
    }
    Ok(found)
}

/// The words in quotation marks that look like codes: small letters with underscores between.
fn codes(source: &str) -> BTreeSet<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    words
        .filter(|word| word.contains('_') && !word.starts_with('_') && !word.ends_with('_'))
        .filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found() {
        let source = "f(\"one_code\", \"A text.\"); // \"no\"\n/// \"not_this\"\ng(\"word\", \"two_more\")\n\
                      #[cfg(test)]\nmod tests { \"not_in_tests\" }";
        assert_eq!(codes(source).into_iter().collect::<Vec<_>>(), ["one_code", "two_more"]);
    }
}
