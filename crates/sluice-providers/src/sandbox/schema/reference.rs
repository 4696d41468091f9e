//! References within one document.

use std::borrow::Cow;

use serde_json::Value;

/// Values that are looked at for an anchor.
const SEARCHED_MAX: usize = 20_000;

/// What a reference points to.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let own = root.get("$id").or_else(|| root.get("id")).and_then(Value::as_str);
    let local = own.and_then(|own| reference.strip_prefix(own.trim_end_matches('#'))).unwrap_or(reference);
    match local.strip_prefix('#') {
        Some("") => Some(root),
        Some(pointer) if pointer.starts_with('/') => root.pointer(&percent_decoded(pointer)),
        Some(anchor) => find(root, |schema| {
            let is = |key: &str, name: &str| schema.get(key).and_then(Value::as_str) == Some(name);
            is("$anchor", anchor) || is("$dynamicAnchor", anchor) || is("$id", local)
        }),
        None if local.is_empty() => Some(root),
        None => find(root, |schema| schema.get("$id").and_then(Value::as_str) == Some(local)),
    }
}

fn find(root: &Value, is_it: impl Fn(&Value) -> bool) -> Option<&Value> {
    let mut open = vec![root];
    for _ in 0..SEARCHED_MAX {
        let value = open.pop()?;
        if is_it(value) {
            return Some(value);
        }
        match value {
            Value::Object(map) => open.extend(map.values()),
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    None
}

fn percent_decoded(pointer: &str) -> Cow<'_, str> {
    if !pointer.contains('%') {
        return pointer.into();
    }
    let mut bytes = Vec::new();
    let mut rest = pointer.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}
