//! The top level of a request.

use smallvec::SmallVec;

use super::check::{Checker, Seen};
use super::{Entry, Features, Field, RequestScan, Span};
use crate::json::cursor::{Cursor, Refused};
use crate::rules::REQUEST;

/// Reads a whole body.
pub(super) fn request(body: &[u8]) -> Result<RequestScan, Refused> {
    let mut checker = Checker::new(body)?;
    if checker.cursor.peek()? != b'{' {
        return Err(Refused);
    }
    checker.cursor.open()?;
    let mut found = nothing_found();
    let mut met = 0_u64;
    let mut present = 0_u64;
    while let Some(key) = checker.cursor.member(found.entries.is_empty())? {
        let start = checker.cursor.at();
        let index = checker.find(&REQUEST, key);
        let entry = found.entries.len();
        found.entries.push(Entry { key: span(key.start - 1, key.end + 1), value: Span::default() });
        let Some(index) = index else {
            checker.cursor.skip()?;
            found.entries[entry].value = span(start, checker.cursor.at());
            continue;
        };
        let field = &REQUEST.fields[index];
        if field.once && met & 1 << index != 0 {
            return Err(Refused);
        }
        let seen = checker.field(&field.rule)?;
        let value = span(start, checker.cursor.at());
        found.entries[entry].value = value;
        met |= 1 << index;
        if matches!(seen, Seen::Null) {
            present &= !(1 << index);
        } else {
            present |= 1 << index;
        }
        note(&mut found, &mut checker, Noted { name: field.name, seen, value, entry });
    }
    found.end = span(0, checker.cursor.at() - 1).end;
    checker.cursor.end()?;
    if REQUEST.required & !present != 0 {
        return Err(Refused);
    }
    found.features = checker.features;
    found.text_bytes = checker.prose_bytes;
    found.media_parts = checker.media_parts;
    Ok(found)
}

/// Offsets fit: the size of the body was checked.
#[expect(clippy::cast_possible_truncation, reason = "bodies above 4 GiB are refused before")]
fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

fn nothing_found() -> RequestScan {
    RequestScan {
        model: String::new(),
        model_value: Span::default(),
        messages: Span::default(),
        message_count: 0,
        stream: false,
        stream_options: None,
        include_usage: false,
        n: 1,
        max_tokens: None,
        max_completion_tokens: None,
        prompt_cache_key: None,
        features: Features::default(),
        text_bytes: 0,
        schema_bytes: 0,
        media_parts: 0,
        entries: SmallVec::new(),
        end: 0,
    }
}

/// One known field as it was read.
#[derive(Clone, Copy)]
struct Noted {
    name: &'static str,
    seen: Seen,
    value: Span,
    entry: usize,
}

/// Keeps what the gateway acts on. A later value of a repeated key takes the place of an earlier one, but what was
/// asked for once stays asked for.
fn note(found: &mut RequestScan, checker: &mut Checker<'_>, noted: Noted) {
    let Noted { name, seen, value, entry } = noted;
    let cursor = &checker.cursor;
    let features = &mut checker.features;
    let there = !matches!(seen, Seen::Null);
    match (name, seen) {
        ("model", Seen::Text(text)) => {
            found.model = cursor.unescape(text).into_owned();
            found.model_value = value;
        }
        ("messages", Seen::List(count)) => {
            found.messages = value;
            found.message_count = u32::try_from(count).unwrap_or(u32::MAX);
        }
        ("stream", Seen::Bool(stream)) => found.stream = stream,
        ("stream_options", Seen::Object(_)) => {
            found.stream_options = Some(value);
            found.include_usage = includes_usage(cursor.back_at(value.range().start)).unwrap_or_default();
        }
        ("n", Seen::Unsigned(n)) => found.n = u32::try_from(n).unwrap_or(u32::MAX),
        ("max_tokens", Seen::Unsigned(value)) => found.max_tokens = Some(Field { value, entry }),
        ("max_completion_tokens", Seen::Unsigned(value)) => {
            found.max_completion_tokens = Some(Field { value, entry });
        }
        ("prompt_cache_key", _) => found.prompt_cache_key = there.then_some(value),
        ("tools", Seen::List(count)) => {
            features.tools |= count > 0;
            features.empty_tools |= count == 0;
            found.schema_bytes += u64::from(value.end - value.start);
        }
        ("functions", Seen::List(_)) => {
            features.tools = true;
            features.legacy_functions = true;
            found.schema_bytes += u64::from(value.end - value.start);
        }
        ("tool_choice", Seen::Text(word)) => features.tool_choice_forced |= cursor.is(word, "required"),
        ("tool_choice", Seen::Object(_)) => features.tool_choice_forced = true,
        ("function_call", Seen::Text(_)) => features.legacy_functions = true,
        ("function_call", Seen::Object(_)) => {
            features.legacy_functions = true;
            features.tool_choice_forced = true;
        }
        ("logprobs", Seen::Bool(logprobs)) => features.logprobs |= logprobs,
        ("modalities", Seen::List(_)) => {
            let list = cursor.back_at(value.range().start);
            features.audio_output |= holds(list, "audio").unwrap_or_default();
            features.image_output |= holds(list, "image").unwrap_or_default();
        }
        ("response_format", Seen::Object(format)) => {
            let is = |word| format.kind.is_some_and(|kind| cursor.is(kind, word));
            features.json_object |= is("json_object");
            features.json_schema |= is("json_schema");
            found.schema_bytes += u64::from(value.end - value.start);
        }
        ("prediction", _) => features.prediction |= there,
        ("web_search_options", _) => features.web_search |= there,
        ("reasoning_effort", _) => features.reasoning_effort |= there,
        _ => {}
    }
}

/// Whether `include_usage` is true in the object at which the cursor stands.
fn includes_usage(mut cursor: Cursor<'_>) -> Result<bool, Refused> {
    let mut wanted = false;
    let mut first = true;
    cursor.open()?;
    while let Some(key) = cursor.member(first)? {
        first = false;
        if cursor.is(key, "include_usage") {
            wanted = cursor.peek()? == b't';
        }
        cursor.skip()?;
    }
    Ok(wanted)
}

/// Whether the array of strings at which the cursor stands has `word` in it.
fn holds(mut cursor: Cursor<'_>, word: &str) -> Result<bool, Refused> {
    let mut first = true;
    let mut found = false;
    cursor.open()?;
    while cursor.element(first)? {
        first = false;
        let text = cursor.text()?;
        found |= cursor.is(text, word);
    }
    Ok(found)
}
