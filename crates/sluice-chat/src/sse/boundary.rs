//! Where events end, for a relay that passes their bytes on unchanged.

use memchr::memchr2;

/// Finds the ends of events in a stream of bytes that is cut anywhere. Nothing is copied or kept but the state of
/// the line being read.
#[derive(Clone, Copy, Debug)]
pub struct EventBoundary {
    /// Nothing of the current line was seen yet, so a line end now is a blank line.
    line_is_empty: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl Default for EventBoundary {
    fn default() -> Self {
        Self::new()
    }
}

impl EventBoundary {
    /// At the beginning of a stream.
    pub fn new() -> Self {
        Self { line_is_empty: true, after_cr: false }
    }

    /// Reads `bytes` from offset `from` and returns the offset just past the blank line that ends the event being
    /// read, or `None` when it does not end in `bytes`. Call again with the returned offset for the next event, and
    /// with the next piece of the stream and 0 after `None`.
    ///
    /// A CRLF cut in its middle ends the event at the CR; the LF is then the first byte of what follows, and not
    /// another line end.
    pub fn next_end(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        if self.after_cr && at < bytes.len() {
            self.after_cr = false;
            if bytes[at] == b'\n' {
                at += 1;
            }
        }
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'\n', b'\r', rest)) {
            let blank = found == 0 && self.line_is_empty;
            let end_of_line = at + found;
            at = end_of_line + 1;
            if bytes[end_of_line] == b'\r' {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.line_is_empty = true;
            if blank {
                return Some(at);
            }
        }
        if at < bytes.len() {
            self.line_is_empty = false;
        }
        None
    }
}
