//! Answers of Ollama: a line of JSON for each piece, or one object.

use serde_json::{Value, json};
use sluice_chat::event::{FinishReason, ToolCallKind};
use sluice_chat::{ChatEvent, Failure, Usage};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::asked::calls;
use crate::dialect::{Decoder, DecoderTerms};
use crate::ndjson::LineReader;
use crate::openai::failure as common;
use crate::reading::Reading;

/// Bound on a whole body, in bytes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What is kept of a body that is no stream, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// One answer. A whole one is the last line of one.
struct Answer {
    reading: Reading,
    upstream_model: String,
    call_id: String,
    unix_s: u64,
    started: bool,
    calls: u32,
    done: bool,
    usage_absurd: bool,
}

impl Answer {
    fn new(terms: &DecoderTerms<'_>) -> Self {
        Self {
            reading: terms.reading.clone(),
            upstream_model: terms.upstream_model.to_owned(),
            call_id: terms.call_id.to_owned(),
            unix_s: terms.unix_s,
            started: false,
            calls: 0,
            done: false,
            usage_absurd: false,
        }
    }

    fn line(&mut self, line: &Value, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if let Some(error) = line.get("error").filter(|error| common::truthy(error)) {
            return Err(common::of_error_event(error));
        }
        let done = line.get("done").and_then(Value::as_bool).unwrap_or_default();
        let message = line.get("message").filter(|message| message.is_object());
        if message.is_none() && !done {
            return Ok(());
        }
        self.start(line, out);
        if let Some(message) = message {
            self.message(message, line.get("logprobs"), out);
        }
        if done {
            self.end(line, out);
        }
        Ok(())
    }

    fn message(&mut self, message: &Value, logprobs: Option<&Value>, out: &mut Vec<ChatEvent>) {
        let text = |name: &str| message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(text) = text("thinking") {
            out.push(ChatEvent::Reasoning { choice: 0, text: text.to_owned() });
        }
        if let Some(text) = text("content") {
            out.push(ChatEvent::Text { choice: 0, text: text.to_owned() });
        }
        if let Some(tokens) = logprobs.and_then(Value::as_array).filter(|tokens| !tokens.is_empty()) {
            let content: Vec<Value> = tokens.iter().map(logprob).collect();
            let logprobs = json!({ "content": content, "refusal": null });
            out.push(ChatEvent::Logprobs { choice: 0, logprobs });
        }
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.call(call, out);
        }
    }

    fn start(&mut self, line: &Value, out: &mut Vec<ChatEvent>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let text = |name: &str| line.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let time = text("created_at").and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let created = time.and_then(|time| u64::try_from(time.unix_timestamp()).ok());
        out.push(ChatEvent::Started {
            id: format!("chatcmpl-{}", self.call_id),
            created: created.unwrap_or(self.unix_s),
            model: text("model").unwrap_or(&self.upstream_model).to_owned(),
            system_fingerprint: None,
            service_tier: None,
        });
    }

    /// A call comes whole, of older servers without an id.
    fn call(&mut self, call: &Value, out: &mut Vec<ChatEvent>) {
        let Some(function) = call.get("function") else { return };
        let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = self.reading.callers_name(name).to_owned();
        let index = self.calls;
        let Some(kind) = calls::kind(&self.reading, &name, index) else { return };
        let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.map_or_else(|| format!("call_{}_{index}", self.call_id), str::to_owned);
        out.push(ChatEvent::ToolCallStarted { choice: 0, index, id, kind, name, extra_content: None });
        let arguments = match function.get("arguments") {
            None | Some(Value::Null) => "{}".to_owned(),
            Some(Value::String(text)) if text.is_empty() => "{}".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(arguments) => arguments.to_string(),
        };
        let fragment = if kind == ToolCallKind::Custom { calls::custom_input(arguments) } else { arguments };
        out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment });
        self.calls += 1;
    }

    fn end(&mut self, line: &Value, out: &mut Vec<ChatEvent>) {
        self.done = true;
        let reason = match line.get("done_reason").and_then(Value::as_str) {
            Some("length") => FinishReason::Length,
            // It says `stop` after calls too.
            _ => calls::natural_end(&self.reading, self.calls),
        };
        out.push(ChatEvent::Finished { choice: 0, reason });
        match usage(line) {
            Ok(usage) => out.extend(usage.map(ChatEvent::Usage)),
            Err(NoCount) => self.usage_absurd = true,
        }
    }
}

/// A count that cannot be.
struct NoCount;

/// The count of the prompt is left out where the server had the prompt in its cache: then nobody knows it.
fn usage(line: &Value) -> Result<Option<Usage>, NoCount> {
    let count = |name: &str| match line.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(NoCount),
    };
    let (prompt, completion) = (count("prompt_eval_count")?, count("eval_count")?);
    Ok(prompt.zip(completion).map(|(prompt_tokens, completion_tokens)| Usage {
        prompt_tokens,
        completion_tokens,
        ..Usage::default()
    }))
}

/// A token with its probability in the API's form.
fn logprob(token: &Value) -> Value {
    let entry = |token: &Value| json!({ "token": token.get("token"), "logprob": token.get("logprob"), "bytes": token.get("bytes") });
    let mut whole = entry(token);
    let top = token.get("top_logprobs").and_then(Value::as_array);
    whole["top_logprobs"] = top.into_iter().flatten().map(entry).collect();
    whole
}

/// Reads a stream.
pub(super) struct StreamDecoder {
    reader: LineReader,
    answer: Answer,
    /// A page or a text came in place of lines of JSON.
    document: Option<Vec<u8>>,
    began: bool,
    failed: bool,
}

impl StreamDecoder {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        let reader = LineReader::new(terms.max_event_bytes);
        Self { reader, answer: Answer::new(terms), document: None, began: false, failed: false }
    }

    fn lines(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let mut result = Ok(());
        let Self { reader, answer, .. } = self;
        let read = reader.feed(bytes, &mut |line| {
            if result.is_ok() && !answer.done {
                result = read_line(line, answer, out);
            }
        });
        result?;
        if read.is_err() && !answer.done { Err(common::event_too_large()) } else { Ok(()) }
    }
}

fn read_line(line: &[u8], answer: &mut Answer, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
    let line: Value = serde_json::from_slice(line).map_err(|_| common::bad_event())?;
    answer.line(&line, out)
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.failed || self.answer.done {
            return Ok(());
        }
        if !self.began
            && let Some(first) = bytes.trim_ascii_start().first()
        {
            self.began = true;
            self.document = (*first != b'{').then(Vec::new);
        }
        if let Some(kept) = &mut self.document {
            let room = DOCUMENT_BYTES_MAX - kept.len();
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return Ok(());
        }
        let result = self.lines(bytes, out);
        self.failed = result.is_err();
        result
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.answer.done {
            return Ok(());
        }
        if self.failed {
            return Err(common::truncated());
        }
        if let Some(kept) = &self.document {
            return Err(common::of_no_stream(kept));
        }
        let rest = self.reader.end();
        if rest.is_empty() && !self.answer.started {
            return Err(common::empty_answer());
        }
        // The last line may lack its end; half a line is none.
        if let Ok(line) = serde_json::from_slice::<Value>(&rest) {
            self.answer.line(&line, out)?;
        }
        if self.answer.done { Ok(()) } else { Err(common::truncated()) }
    }

    fn done(&self) -> bool {
        self.answer.done
    }

    fn usage_absurd(&self) -> bool {
        self.answer.usage_absurd
    }
}

/// Reads a whole body.
pub(super) struct WholeDecoder {
    body: Vec<u8>,
    answer: Answer,
}

impl WholeDecoder {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        Self { body: Vec::new(), answer: Answer::new(terms) }
    }
}

impl Decoder for WholeDecoder {
    fn feed(&mut self, bytes: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.body.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(common::bad_response("the upstream's answer is larger than the bound"));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let body = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        self.answer.line(&body, out)?;
        match (self.answer.done, self.answer.started) {
            (true, _) => Ok(()),
            (false, true) => Err(common::truncated()),
            (false, false) => Err(common::of_no_completion(&self.body)),
        }
    }

    fn usage_absurd(&self) -> bool {
        self.answer.usage_absurd
    }
}
