//! The incremental, bounded reader.

use std::fmt;

use memchr::memchr2;

use super::data::field_value;

/// One event. Events without data are not delivered, whatever else they carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `event` field, as bytes: nobody promised that it is UTF-8.
    pub event: Option<&'a [u8]>,
    /// The `data` lines, joined with LF.
    pub data: &'a [u8],
}

/// A line, or the data of an event, is larger than the reader's bound. The reader takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge;

impl fmt::Display for EventTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event of the stream is larger than the bound")
    }
}

impl std::error::Error for EventTooLarge {}

/// Reads events from bytes that are cut anywhere. Keeps at most two times `max_event_bytes`.
#[derive(Debug)]
pub struct SseReader {
    max_event_bytes: usize,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The data lines of the event being read.
    data: Vec<u8>,
    has_data: bool,
    event: Option<Vec<u8>>,
    after_cr: bool,
    at_start: bool,
    failed: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl SseReader {
    /// A reader that refuses lines, and data of one event, of more than `max_event_bytes`.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            event: None,
            after_cr: false,
            at_start: true,
            failed: false,
        }
    }

    /// Takes the next bytes of the stream and hands every event that is complete with them to `on`.
    ///
    /// # Errors
    /// [`EventTooLarge`], now and at every later call; the events before the large one were delivered.
    pub fn feed(&mut self, bytes: &[u8], on: &mut dyn FnMut(SseEvent<'_>)) -> Result<(), EventTooLarge> {
        if self.failed {
            return Err(EventTooLarge);
        }
        let fed = self.feed_lines(bytes, on);
        self.failed = fed.is_err();
        fed
    }

    /// The stream is over. A half event is dropped; returns whether there was one.
    pub fn end(&mut self) -> bool {
        let half_line = !self.line.is_empty() && !self.line.starts_with(b":");
        let half = self.has_data || self.event.is_some() || half_line;
        self.line = Vec::new();
        self.data = Vec::new();
        self.has_data = false;
        self.event = None;
        half
    }

    fn feed_lines(&mut self, bytes: &[u8], on: &mut dyn FnMut(SseEvent<'_>)) -> Result<(), EventTooLarge> {
        let mut rest = bytes;
        // The one data line of most events stays where it is until the event is complete.
        let mut borrowed: Option<&[u8]> = None;
        loop {
            if self.after_cr && !rest.is_empty() {
                self.after_cr = false;
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            let Some(end) = memchr2(b'\n', b'\r', rest) else { break };
            let tail = &rest[..end];
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if self.line.is_empty() {
                self.take_line(tail, &mut borrowed, on)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                self.hold(&mut borrowed);
                line.extend_from_slice(tail);
                let mut own = None;
                self.take_line(&line, &mut own, on)?;
                self.hold(&mut own);
                line.clear();
                self.line = line;
            }
        }
        self.hold(&mut borrowed);
        if self.line.len() + rest.len() > self.max_event_bytes {
            return Err(EventTooLarge);
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Takes one whole line. `borrowed` is the data of the event so far when it is a single line of these bytes.
    fn take_line<'b>(
        &mut self,
        line: &'b [u8],
        borrowed: &mut Option<&'b [u8]>,
        on: &mut dyn FnMut(SseEvent<'_>),
    ) -> Result<(), EventTooLarge> {
        if line.len() > self.max_event_bytes {
            return Err(EventTooLarge);
        }
        let at_start = std::mem::replace(&mut self.at_start, false);
        let line = if at_start { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        if line.is_empty() {
            self.dispatch(borrowed.take(), on);
        } else if let Some(value) = field_value(line, b"data") {
            if borrowed.is_none() && !self.has_data {
                *borrowed = Some(value);
                return Ok(());
            }
            self.hold(borrowed);
            if self.data.len() + 1 + value.len() > self.max_event_bytes {
                return Err(EventTooLarge);
            }
            self.data.push(b'\n');
            self.data.extend_from_slice(value);
        } else if let Some(value) = field_value(line, b"event") {
            self.event = Some(value.to_vec());
        }
        Ok(())
    }

    /// The event is complete: out with it, unless it has no data.
    fn dispatch(&mut self, borrowed: Option<&[u8]>, on: &mut dyn FnMut(SseEvent<'_>)) {
        let data = borrowed.unwrap_or(&self.data);
        if !data.is_empty() {
            on(SseEvent { event: self.event.as_deref(), data });
        }
        self.data.clear();
        self.has_data = false;
        self.event = None;
    }

    /// Copies borrowed data, for bytes that go away or for a second line that comes.
    fn hold(&mut self, borrowed: &mut Option<&[u8]>) {
        if let Some(value) = borrowed.take() {
            self.data.extend_from_slice(value);
            self.has_data = true;
        }
    }
}
