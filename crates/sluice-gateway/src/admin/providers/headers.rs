//! Headers towards a provider: those that are always the same, and those of the caller's that are passed on.

use crate::{
    admin::{fields::Item, refuse::Checked},
    rules::{NEVER_FORWARDED, OWN_HEADERS, is_header_name, is_header_text},
};

/// Most headers of one provider, and longest value, in bytes.
const HEADERS_MAX: usize = 50;
const VALUE_BYTES: usize = 4_000;

/// Names and values for every request.
pub(super) fn fixed(item: &Item<'_>) -> Checked<Vec<(String, String)>> {
    let mut list: Vec<(String, String)> = Vec::new();
    for (name, item) in item.entries(HEADERS_MAX)? {
        let lower = header_name(name, &item)?;
        let value = item.text()?;
        if OWN_HEADERS.contains(&lower.as_str()) {
            return Err(item.fail("the gateway writes this header itself"));
        }
        if !is_header_text(value) || value.trim() != value || value.len() > VALUE_BYTES {
            return Err(
                item.fail("must be printable ASCII, without white space at its ends, and not too long")
            );
        }
        if list.iter().any(|(other, _)| *other == lower) {
            return Err(item.fail("this header is there twice"));
        }
        list.push((lower, value.to_owned()));
    }
    Ok(list)
}

/// Names of the caller's headers. `fixed` are those that the provider gets anyway.
pub(super) fn forwarded(item: &Item<'_>, fixed: &[(String, String)]) -> Checked<Vec<String>> {
    let mut list: Vec<String> = Vec::new();
    for item in item.items(HEADERS_MAX)? {
        let lower = header_name(item.text()?, &item)?;
        if OWN_HEADERS.contains(&lower.as_str()) || NEVER_FORWARDED.contains(&lower.as_str()) {
            return Err(item.fail("this header is never passed on"));
        }
        if list.contains(&lower) {
            return Err(item.fail("this header is there twice"));
        }
        if fixed.iter().any(|(other, _)| *other == lower) {
            return Err(item.fail("this is one of the provider's own 'headers' already"));
        }
        list.push(lower);
    }
    Ok(list)
}

fn header_name(name: &str, item: &Item<'_>) -> Checked<String> {
    match is_header_name(name) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(item.fail("this is not the name of a header")),
    }
}
