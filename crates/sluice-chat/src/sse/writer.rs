//! Writing events.

use memchr::memchr2;

use crate::ApiError;

/// The event that ends a complete stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Appends one event with `data` to `out`. Line ends inside `data` become several `data` lines.
pub fn write_event(out: &mut Vec<u8>, data: &[u8]) {
    out.reserve(data.len() + 8);
    let mut rest = data;
    loop {
        out.extend_from_slice(b"data: ");
        let Some(end) = memchr2(b'\n', b'\r', rest) else { break };
        out.extend_from_slice(&rest[..end]);
        out.push(b'\n');
        let crlf = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(crlf)..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\n\n");
}

/// The event that declares a failure: `data: {"error":{…}}`.
pub fn error_event(error: &ApiError) -> Vec<u8> {
    let mut out = Vec::new();
    write_event(&mut out, &error.to_json());
    out
}
