//! The access log: one line a request on standard output, never a prompt or a secret.
//!
//! Workers format their lines into batches; a thread of its own writes them, so that a slow reader of standard output
//! never holds up a request. Batches that do not fit its queue are dropped and counted.

use std::{
    cell::RefCell,
    fmt::Write as _,
    io::Write as _,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    bounds,
    config::AccessLogFormat,
    exchange::{Ending, Record},
};

/// Where workers hand their batches to.
#[derive(Clone, Debug)]
pub(crate) struct LogSink {
    batches: SyncSender<String>,
}

impl LogSink {
    /// Starts the thread that writes to standard output. It ends when the last sink is gone.
    pub(crate) fn start() -> std::io::Result<(Self, JoinHandle<()>)> {
        let (batches, queue) = sync_channel(bounds::LOG_BATCHES);
        let thread =
            std::thread::Builder::new().name("access-log".to_owned()).spawn(move || write_all(&queue))?;
        Ok((Self { batches }, thread))
    }
}

fn write_all(queue: &Receiver<String>) {
    let mut out = std::io::stdout();
    while let Ok(batch) = queue.recv() {
        // Nobody reads: the lines are lost, the service goes on.
        let _ = out.write_all(batch.as_bytes()).and_then(|()| out.flush());
    }
}

/// The log of one worker.
#[derive(Debug)]
pub(crate) struct Log {
    format: AccessLogFormat,
    sink: LogSink,
    batch: RefCell<(String, u64)>,
}

impl Log {
    pub(crate) fn new(format: AccessLogFormat, sink: LogSink) -> Self {
        Self { format, sink, batch: RefCell::default() }
    }

    /// Adds the line of one request. Returns how many lines were dropped.
    pub(crate) fn add(&self, record: &Record) -> u64 {
        let mut batch = self.batch.borrow_mut();
        match self.format {
            AccessLogFormat::Off => return 0,
            AccessLogFormat::Json => json_line(&mut batch.0, record),
            AccessLogFormat::Text => text_line(&mut batch.0, record),
        }
        batch.1 += 1;
        if batch.0.len() < bounds::LOG_BATCH_BYTES {
            return 0;
        }
        drop(batch);
        self.flush()
    }

    /// Hands the batch over. Returns how many lines were dropped.
    pub(crate) fn flush(&self) -> u64 {
        let (lines, count) = std::mem::take(&mut *self.batch.borrow_mut());
        if count == 0 {
            return 0;
        }
        match self.sink.batches.try_send(lines) {
            Ok(()) => 0,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => count,
        }
    }
}

fn stamp(unix_ms: u64) -> String {
    let nanos = i128::from(unix_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|t| t.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// One JSON object. Absent facts are left out.
fn json_line(out: &mut String, record: &Record) {
    let mut line = JsonLine { out, first: true };
    line.out.push('{');
    line.text("time", &stamp(record.unix_ms));
    line.text("request_id", record.ids.request_text());
    line.text("trace_id", record.ids.trace_text());
    line.text("method", record.method.as_str());
    line.text("route", record.route);
    line.number("status", u64::from(record.status));
    line.text("ending", record.ending.as_str());
    if let Some(code) = &record.error_code {
        line.text("error_code", code);
    }
    if let Some(key) = &record.key {
        line.text("key_id", &key.id);
        line.text("project", &key.project);
    }
    if !record.model.is_empty() {
        line.text("model", &record.model);
        line.boolean("stream", record.stream);
    }
    if let Some(target) = record.target() {
        line.text("provider", target.upstream.provider().name());
        line.text("upstream_model", &target.model);
    }
    if record.attempts > 0 {
        line.number("attempts", u64::from(record.attempts));
    }
    if let Some(charge) = &record.charge {
        line.number("prompt_tokens", charge.usage.prompt_tokens);
        line.number("completion_tokens", charge.usage.completion_tokens);
        line.number("cached_tokens", charge.usage.prompt.cached_tokens);
        line.number("reasoning_tokens", charge.usage.completion.reasoning_tokens);
        line.text("usage_source", charge.source.as_str());
    }
    if let Some(first) = record.first_token {
        line.micros("first_token_ms", first.as_micros());
    }
    line.micros("total_ms", record.total.as_micros());
    line.out.push_str("}\n");
}

struct JsonLine<'a> {
    out: &'a mut String,
    first: bool,
}

impl JsonLine<'_> {
    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.push('"');
        for c in value.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                c if c.is_control() => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// Milliseconds with three decimals.
    fn micros(&mut self, name: &str, value: u128) {
        self.name(name);
        let _ = write!(self.out, "{}.{:03}", value / 1000, value % 1000);
    }
}

/// One line for people: time, status, what, who, how long.
fn text_line(out: &mut String, record: &Record) {
    let _ = write!(out, "{} {} {} {}", stamp(record.unix_ms), record.status, record.method, record.route);
    if !record.model.is_empty() {
        let _ = write!(out, " model={}", printable(&record.model));
    }
    if let Some(target) = record.target() {
        let _ = write!(out, " provider={}", target.upstream.provider().name());
    }
    if let Some(key) = &record.key {
        let _ = write!(out, " key={}", key.id);
    }
    if let Some(charge) = &record.charge {
        let _ = write!(out, " tokens={}+{}", charge.usage.prompt_tokens, charge.usage.completion_tokens);
    }
    if let Some(code) = &record.error_code {
        let _ = write!(out, " error={}", printable(code));
    }
    if record.ending != Ending::Complete {
        let _ = write!(out, " ending={}", record.ending.as_str());
    }
    let _ = writeln!(out, " ms={} id={}", record.total.as_millis(), record.ids.request_text());
}

/// A caller's text without what would break the line.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c.is_whitespace() { '_' } else { c }).collect()
}
