//! Lines of JSON values (`application/x-ndjson`): a bounded, incremental reader.

use memchr::memchr;

/// A line is larger than the reader's bound. The reader takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineTooLarge;

/// Reads lines from bytes that are cut anywhere. Keeps at most one line.
#[derive(Debug)]
pub(crate) struct LineReader {
    max_line_bytes: usize,
    /// The beginning of a line whose end has not come.
    kept: Vec<u8>,
    failed: bool,
}

impl LineReader {
    /// A reader that refuses lines of more than `max_line_bytes`.
    pub(crate) fn new(max_line_bytes: usize) -> Self {
        Self { max_line_bytes, kept: Vec::new(), failed: false }
    }

    /// Takes the next bytes and hands every line that is complete with them to `on`, without its end and without white
    /// space around it. Blank lines are not handed on.
    ///
    /// # Errors
    /// [`LineTooLarge`], now and at every later call; the lines before it were delivered.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], on: &mut dyn FnMut(&[u8])) -> Result<(), LineTooLarge> {
        while !self.failed
            && let Some(end) = memchr(b'\n', bytes)
        {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            if self.kept.len() + line.len() > self.max_line_bytes {
                self.failed = true;
            } else if self.kept.is_empty() {
                deliver(line, on);
            } else {
                self.kept.extend_from_slice(line);
                deliver(&self.kept, on);
                self.kept.clear();
            }
        }
        self.failed |= self.kept.len() + bytes.len() > self.max_line_bytes;
        if self.failed {
            self.kept = Vec::new();
            return Err(LineTooLarge);
        }
        self.kept.extend_from_slice(bytes);
        Ok(())
    }

    /// The stream is over: what stands there without an end of its line.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let mut line = std::mem::take(&mut self.kept);
        line.truncate(line.trim_ascii_end().len());
        line
    }
}

fn deliver(line: &[u8], on: &mut dyn FnMut(&[u8])) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        on(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str], rest: Result<&str, LineTooLarge>) {
        for size in 1..=text.len().max(1) {
            let mut reader = LineReader::new(8);
            let mut lines = Vec::new();
            let fed = text.as_bytes().chunks(size).try_for_each(|piece| {
                reader.feed(piece, &mut |line| lines.push(String::from_utf8(line.to_vec()).unwrap()))
            });
            assert_eq!(lines, expect, "{text:?} in pieces of {size}");
            let rest = rest.map(|rest| rest.as_bytes().to_vec());
            assert_eq!(fed.map(|()| reader.end()), rest, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn lines_and_what_is_left() {
        check("", &[], Ok(""));
        check("{}\n[1]\r\n\n  \n3", &["{}", "[1]"], Ok("3"));
        check("世界\n", &["世界"], Ok(""));
        check("12345678\n9\n", &["12345678", "9"], Ok(""));
    }

    #[test]
    fn a_line_has_a_bound() {
        check("a\n123456789\nb\n", &["a"], Err(LineTooLarge));
        check("a\n123456789", &["a"], Err(LineTooLarge));
        let mut reader = LineReader::new(1);
        assert_eq!(reader.feed(b"ab", &mut |_| {}), Err(LineTooLarge));
        assert_eq!(reader.feed(b"\nc\n", &mut |_| panic!("a line after a failure")), Err(LineTooLarge));
    }
}
