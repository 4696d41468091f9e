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
    time::Duration,
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    bounds,
    config::AccessLogFormat,
    metrics::why_word,
    record::{Ending, Record},
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
    batch: RefCell<Batch>,
}

/// Lines that were not handed over yet.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    lines: u64,
    stamp: Stamp,
}

/// Writes time stamps; the date and the time of day are worked out once a second.
#[derive(Debug, Default)]
struct Stamp {
    unix_seconds: u64,
    text: String,
}

impl Stamp {
    /// RFC 3339 in UTC with milliseconds.
    fn push(&mut self, out: &mut String, unix_ms: u64) {
        let seconds = unix_ms / 1000;
        if self.unix_seconds != seconds || self.text.is_empty() {
            let time = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
            let text = time.and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_default();
            self.text = text.trim_end_matches('Z').to_owned();
            self.unix_seconds = seconds;
        }
        out.push_str(&self.text);
        push_millis(out, unix_ms % 1000);
        out.push('Z');
    }
}

/// `.` and three digits.
fn push_millis(out: &mut String, millis: u64) {
    out.push('.');
    for digit in [millis / 100 % 10, millis / 10 % 10, millis % 10] {
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
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
            AccessLogFormat::Json => json_line(&mut batch, record),
            AccessLogFormat::Text => text_line(&mut batch, record),
        }
        batch.lines += 1;
        if batch.text.len() < bounds::LOG_BATCH_BYTES {
            return 0;
        }
        drop(batch);
        self.flush()
    }

    /// Hands the batch over. Returns how many lines were dropped.
    pub(crate) fn flush(&self) -> u64 {
        let mut batch = self.batch.borrow_mut();
        let count = std::mem::take(&mut batch.lines);
        if count == 0 {
            return 0;
        }
        match self.sink.batches.try_send(std::mem::take(&mut batch.text)) {
            Ok(()) => 0,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => count,
        }
    }
}

/// One JSON object. Absent facts are left out, and of the details of usage also zeros.
fn json_line(batch: &mut Batch, record: &Record) {
    let Batch { text, stamp, .. } = batch;
    if text.capacity() == 0 {
        // All of a batch at once: growing would copy it several times over.
        text.reserve(bounds::LOG_BATCH_BYTES + LINE_BYTES);
    }
    text.push_str("{\"time\":\"");
    stamp.push(text, record.unix_ms);
    let mut line = JsonLine { out: text };
    line.plain("\",\"request_id\":\"", record.ids.request_text());
    line.text("\",\"trace_id\":\"", record.ids.trace_text());
    line.plain("\",\"method\":\"", record.method.as_str());
    line.plain("\",\"route\":\"", record.route);
    line.plain("\",\"ending\":\"", record.ending.as_str());
    line.number("\",\"status\":", u64::from(record.status));
    if let Some(code) = &record.error_code {
        line.text(",\"error_code\":\"", code);
        line.out.push('"');
    }
    if let Some(key) = &record.key {
        line.text(",\"key_id\":\"", &key.id);
        line.text("\",\"project\":\"", &key.project);
        line.out.push('"');
    }
    if !record.model.is_empty() {
        line.text(",\"model\":\"", &record.model);
        line.plain("\",\"stream\":", if record.stream { "true" } else { "false" });
    }
    if let Some(target) = record.target() {
        line.text(",\"provider\":\"", target.upstream.provider().name());
        line.text("\",\"upstream_model\":\"", target.model.name());
        line.number("\",\"attempts\":", u64::from(record.attempts));
    }
    json_attempts(&mut line, record);
    if let Some(charge) = &record.charge {
        line.number(",\"prompt_tokens\":", charge.usage.prompt_tokens);
        line.number(",\"completion_tokens\":", charge.usage.completion_tokens);
        for (name, tokens) in [
            (",\"cached_tokens\":", charge.usage.prompt.cached_tokens),
            (",\"cache_write_tokens\":", charge.usage.prompt.cache_write_tokens),
            (",\"reasoning_tokens\":", charge.usage.completion.reasoning_tokens),
        ] {
            if tokens > 0 {
                line.number(name, tokens);
            }
        }
        line.plain(",\"usage_source\":\"", charge.source.as_str());
        line.out.push('"');
    }
    if let Some(first) = record.replay_of {
        line.plain(",\"replay_of\":\"", &first.text());
        line.out.push('"');
    }
    if let Some(queue) = record.queue {
        line.millis(",\"queue_ms\":", queue);
    }
    if let Some(first) = record.first_token {
        line.millis(",\"first_token_ms\":", first);
    }
    line.millis(",\"total_ms\":", record.total);
    line.out.push_str("}\n");
}

/// Whether there is more to tell of the calls than that one of them was answered.
fn tells_calls(record: &Record) -> bool {
    record.calls.len() > 1 || record.calls.iter().any(|call| call.outcome == "failed")
}

/// What was tried, where it was more than one call that went well.
fn json_attempts(line: &mut JsonLine<'_>, record: &Record) {
    for (name, holds) in [(",\"hedged\":", record.hedged), (",\"repaired\":", record.repaired)] {
        if holds {
            line.plain(name, "true");
        }
    }
    if record.wasted.0 > 0 {
        line.number(",\"wasted_nanousd\":", record.wasted.0);
    }
    if !tells_calls(record) {
        return;
    }
    let mut before = ",\"calls\":[{\"provider\":\"";
    for (call, called) in record.calls.iter().zip(&record.targets) {
        line.text(before, &call.provider);
        line.text("\",\"upstream_model\":\"", &call.upstream_model);
        line.plain("\",\"why\":\"", why_word(called.why));
        line.number("\",\"started_ms\":", call.started_ms.saturating_sub(record.unix_ms));
        if let Some(first) = call.first_token_us {
            line.number(",\"first_token_ms\":", first / 1000);
        }
        line.number(",\"ended_ms\":", call.ended_us / 1000);
        if let Some(status) = call.status {
            line.number(",\"status\":", u64::from(status));
        }
        line.plain(",\"outcome\":\"", call.outcome);
        if let Some(reason) = &call.reason {
            line.text("\",\"reason\":\"", reason);
        }
        line.out.push_str("\"}");
        before = ",{\"provider\":\"";
    }
    line.out.push(']');
}

/// What a line takes at most, but for odd names.
const LINE_BYTES: usize = 1024;

/// Appends to a line. Each name is given with the punctuation around it.
struct JsonLine<'a> {
    out: &'a mut String,
}

impl JsonLine<'_> {
    /// A value that needs no escapes: one of our own words, digits, letters.
    fn plain(&mut self, name: &'static str, value: &str) {
        self.out.push_str(name);
        self.out.push_str(value);
    }

    /// A value that somebody else chose.
    fn text(&mut self, name: &'static str, value: &str) {
        self.out.push_str(name);
        // Every byte is looked at: without a way out half way several go at a time.
        let odd = |b: u8| b == b'"' || b == b'\\' || !(0x20..0x7f).contains(&b);
        if value.bytes().fold(false, |any, b| any | odd(b)) {
            self.escaped(value);
        } else {
            self.out.push_str(value);
        }
    }

    fn escaped(&mut self, value: &str) {
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
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.out.push_str(name);
        push_number(self.out, value);
    }

    /// Milliseconds with three decimals.
    fn millis(&mut self, name: &'static str, value: Duration) {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.number(name, micros / 1000);
        push_millis(self.out, micros % 1000);
    }
}

fn push_number(out: &mut String, value: u64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// One line for people: time, status, what, who, how long.
fn text_line(batch: &mut Batch, record: &Record) {
    let Batch { text: out, stamp, .. } = batch;
    stamp.push(out, record.unix_ms);
    let _ = write!(out, " {} {} {}", record.status, record.method, record.route);
    if !record.model.is_empty() {
        let _ = write!(out, " model={}", printable(&record.model));
    }
    if let Some(target) = record.target() {
        let _ = write!(out, " provider={}", target.upstream.provider().name());
    }
    text_attempts(out, record);
    if let Some(key) = &record.key {
        let _ = write!(out, " key={}", key.id);
    }
    if let Some(charge) = &record.charge {
        let _ = write!(out, " tokens={}+{}", charge.usage.prompt_tokens, charge.usage.completion_tokens);
    }
    if let Some(code) = &record.error_code {
        let _ = write!(out, " error={}", printable(code));
    }
    if let Some(first) = record.replay_of {
        let _ = write!(out, " replay_of={}", first.text());
    }
    if record.ending != Ending::Complete {
        let _ = write!(out, " ending={}", record.ending.as_str());
    }
    let ids = &record.ids;
    let _ = writeln!(
        out,
        " ms={} id={} trace={}",
        record.total.as_millis(),
        ids.request_text(),
        ids.trace_text()
    );
}

/// As [`json_attempts`]: each call as `provider/model:outcome:milliseconds`, in the place of `failed` its reason.
fn text_attempts(out: &mut String, record: &Record) {
    if tells_calls(record) {
        let mut before = " calls=";
        for call in &record.calls {
            let how = call.reason.as_deref().unwrap_or(call.outcome);
            let (provider, model) = (printable(&call.provider), printable(&call.upstream_model));
            let _ = write!(out, "{before}{provider}/{model}:{}:{}", printable(how), call.ended_us / 1000);
            before = ",";
        }
    }
    for (word, holds) in [(" hedged", record.hedged), (" repaired", record.repaired)] {
        if holds {
            out.push_str(word);
        }
    }
    if record.wasted.0 > 0 {
        let _ = write!(out, " wasted_nanousd={}", record.wasted.0);
    }
    if let Some(queue) = record.queue.filter(|queue| queue.as_millis() > 0) {
        let _ = write!(out, " queue_ms={}", queue.as_millis());
    }
}

/// A caller's text without what would break the line.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c.is_whitespace() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps() {
        let mut stamp = Stamp::default();
        let mut check = |unix_ms, expect: &str| {
            let mut out = String::new();
            stamp.push(&mut out, unix_ms);
            assert_eq!(out, expect);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_700_000_000_042, "2023-11-14T22:13:20.042Z");
        check(1_700_000_000_999, "2023-11-14T22:13:20.999Z");
        check(1_700_000_001_000, "2023-11-14T22:13:21.000Z");
    }

    #[test]
    fn values_cannot_break_a_line() {
        let check = |value: &str, expect: &str| {
            let mut out = String::new();
            JsonLine { out: &mut out }.text("{\"n\":\"", value);
            out.push_str("\"}");
            assert_eq!(out, format!("{{\"n\":\"{expect}\"}}"));
            let read: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert_eq!(read["n"], value);
        };
        check("plain", "plain");
        check("a\"b\\c\nd", "a\\\"b\\\\c\\u000ad");
        check("模型", "模型");
        check("\u{7f}\u{85}", "\\u007f\\u0085");
        assert_eq!(printable("a b\nc"), "a_b_c");
    }
}
