//! Ids and names that Converse takes. Its alphabets are narrower than what callers may send; the same text always
//! becomes the same name, so that calls and results still find one another.

use crate::hash::stable_hash;

/// Characters of a `toolUseId` and of the name of a tool.
const CHARS_MAX: usize = 64;

/// A `toolUseId`: `[a-zA-Z0-9_.:-]{1,64}`.
pub(super) fn call_id(id: &str) -> String {
    fitting(id, "_.:-")
}

/// The name of a tool: `[a-zA-Z0-9_-]{1,64}`.
pub(super) fn tool_name(name: &str) -> String {
    fitting(name, "_-")
}

/// The text itself if it fits, else what fits of it with a hash of the whole.
fn fitting(text: &str, more: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    if !text.is_empty() && text.len() <= CHARS_MAX && text.chars().all(allowed) {
        return text.to_owned();
    }
    let hash = format!("{:016x}", stable_hash(&[text.as_bytes()]));
    let kept: String = text.chars().filter(|c| allowed(*c)).take(CHARS_MAX - hash.len() - 1).collect();
    format!("{kept}_{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_the_rest_stays_apart() {
        for id in ["call_1", "tooluse_aB-9.:x", &"a".repeat(64)] {
            assert_eq!(call_id(id), id);
        }
        let odd = ["", "a b", "a/b", "世界", &"a".repeat(65), &"a".repeat(66)];
        let mut seen = Vec::new();
        for id in odd {
            let fit = call_id(id);
            assert!(
                (1..=64).contains(&fit.len()) && fit.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                "{fit}"
            );
            assert_eq!(fit, call_id(id));
            assert!(!seen.contains(&fit), "{fit}");
            seen.push(fit);
        }
        assert_ne!(tool_name("a.b"), "a.b");
        assert_eq!(tool_name("get_weather-2"), "get_weather-2");
    }
}
