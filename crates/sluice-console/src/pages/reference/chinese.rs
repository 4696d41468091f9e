//! The texts of the document in Chinese.

use std::sync::LazyLock;

use crate::texts::Chinese;

static TEXTS: LazyLock<Chinese> = LazyLock::new(|| Chinese::read(include_str!("chinese.txt")));

/// A text in Chinese.
pub(super) fn of(english: &str) -> Option<&'static str> {
    TEXTS.of(english)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// All texts of a value and of what it refers to.
    fn texts(document: &Value, value: &Value, seen: &mut BTreeSet<String>, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| texts(document, item, seen, found)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value.as_str()) {
                        // What examples say is not told to the reader.
                        ("value" | "example" | "examples", _) if !value.is_object() || key != "examples" => {}
                        ("description" | "summary", Some(text)) => {
                            found.insert(text.to_owned());
                        }
                        ("$ref", Some(target)) if seen.insert(target.to_owned()) => {
                            texts(document, document.pointer(&target[1..]).unwrap(), seen, found);
                        }
                        _ => texts(document, value, seen, found),
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn the_data_plane_is_told_in_chinese() {
        let document: Value = serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap();
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            if !path.starts_with("/admin/") {
                texts(&document, item, &mut seen, &mut found);
            }
        }
        texts(&document, &document["tags"], &mut seen, &mut found);
        let missing: Vec<&String> = found.iter().filter(|text| of(text).is_none()).collect();
        assert!(missing.is_empty(), "without Chinese: {missing:#?}");
    }

    #[test]
    fn translations_keep_what_is_code() {
        assert!(TEXTS.pairs().count() > 150);
        for (english, chinese) in TEXTS.pairs() {
            let code = |text: &str| -> BTreeSet<String> {
                text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
            };
            assert_eq!(code(english), code(chinese), "{english}");
            assert!(
                chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
                    || !code(chinese).is_empty()
                    || english.len() < 20,
                "{chinese}"
            );
        }
    }
}
