//! JSON written straight into bytes.

/// A JSON string with its quotes.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    // Writing a string into memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// What stands between the quotes of a JSON string.
pub(super) fn inside_of_string(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    string(text, out);
    out.pop();
    out.copy_within(start + 1.., start);
    out.pop();
}
