//! Addresses of pages and of the admin API.

/// A text as one segment of a path or one value of a query: whatever is not plainly a letter, a digit or `-_.~` is
/// percent-encoded.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A path with a query of those pairs whose values are not empty.
pub fn with_query<'a>(path: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut url = path.to_owned();
    let mut before = if path.contains('?') { '&' } else { '?' };
    for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        url.push(before);
        url.push_str(&encode(name));
        url.push('=');
        url.push_str(&encode(value));
        before = '&';
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded() {
        let check = |text: &str, expect: &str| assert_eq!(encode(text), expect);
        check("a-b_c.d~e", "a-b_c.d~e");
        check("a/b c", "a%2Fb%20c");
        check("\"><script>", "%22%3E%3Cscript%3E");
        check("概", "%E6%A6%82");
        check("..", "..");
    }

    #[test]
    fn queries_leave_out_what_is_empty() {
        let check = |path: &str, pairs: &[(&str, &str)], expect: &str| {
            assert_eq!(with_query(path, pairs.iter().copied()), expect);
        };
        check("/a", &[], "/a");
        check("/a", &[("x", ""), ("y", "1&2")], "/a?y=1%262");
        check("/a?z=1", &[("x", "1"), ("y", "2")], "/a?z=1&x=1&y=2");
    }
}
