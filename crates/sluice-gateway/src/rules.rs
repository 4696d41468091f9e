//! What an object may be called and which headers a provider may have: the same in the configuration file and in the
//! admin API.

/// Longest name of an object, and of a note about one, in characters.
pub const NAME_CHARS: usize = 200;

/// Headers that the gateway writes itself.
pub const OWN_HEADERS: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept",
    "accept-encoding",
    "authorization",
    "api-key",
];

/// Headers of a caller that no provider may see.
pub const NEVER_FORWARDED: &[&str] = &[
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "x-amz-date",
    "x-amz-security-token",
    "x-sandbox-fault",
    "idempotency-key",
    "x-trace-id",
    "user-agent",
];

/// What is wrong with the name of an object, if anything is.
pub fn name_problem(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        Some("must not be empty".to_owned())
    } else if name.trim() != name || name.chars().any(char::is_control) {
        Some("must not have control characters, nor white space at its ends".to_owned())
    } else if name.chars().count() > NAME_CHARS {
        Some(format!("must be at most {NAME_CHARS} characters long"))
    } else {
        None
    }
}

/// Whether a text may be the value of a response header.
pub fn is_header_text(text: &str) -> bool {
    text.bytes().all(|b| (0x20..=0x7e).contains(&b))
}

/// Whether a text may be the name of a header.
pub fn is_header_name(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.len() <= NAME_CHARS && text.bytes().all(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, fine: bool| assert_eq!(name_problem(name).is_none(), fine, "{name:?}");
        check("a", true);
        check("名前 with spaces", true);
        check(&"é".repeat(200), true);
        check(&"é".repeat(201), false);
        check("", false);
        check(" ", false);
        check("a ", false);
        check("a\nb", false);
    }

    #[test]
    fn headers() {
        let check = |text: &str, name: bool, value: bool| {
            assert_eq!((is_header_name(text), is_header_text(text)), (name, value), "{text:?}");
        };
        check("x-org", true, true);
        check("a b", false, true);
        check("", false, true);
        check("ä", false, false);
        check("a\n", false, false);
    }
}
