//! Edits inside the messages, for vendors that refuse what the API allows. A message that needs none keeps its bytes.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sluice_chat::scan::Span;

use crate::quirk::RequestQuirk;
use crate::vendor::VendorRow;

/// What is looked at before a message is taken apart.
#[derive(Deserialize)]
struct Glance<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

/// The spans of `body` to replace, in order.
pub(super) fn edits(row: &VendorRow, body: &[u8], messages: Span) -> Vec<(Span, Bytes)> {
    let quirks = Quirks {
        developer: row.wants(RequestQuirk::DeveloperIsSystem),
        name: row.wants(RequestQuirk::NoMessageName),
        nulls: row.wants(RequestQuirk::NoNullKeys),
        parts: row.wants(RequestQuirk::TextPartsAsString),
    };
    if !(quirks.developer || quirks.name || quirks.nulls || quirks.parts) {
        return Vec::new();
    }
    let raw = messages.of(body);
    let list: Vec<&RawValue> = serde_json::from_slice(raw).unwrap_or_default();
    let place = |value: &RawValue| {
        let start = messages.start + (value.get().as_ptr() as usize - raw.as_ptr() as usize) as u32;
        Span { start, end: start + value.get().len() as u32 }
    };
    list.into_iter().filter_map(|message| Some((place(message), quirks.rewritten(message.get())?))).collect()
}

struct Quirks {
    developer: bool,
    name: bool,
    nulls: bool,
    parts: bool,
}

impl Quirks {
    /// The message as the vendor wants it, `None` when it is already so.
    fn rewritten(&self, message: &str) -> Option<Bytes> {
        if let Ok(glance) = serde_json::from_str::<Glance<'_>>(message) {
            let list = glance.content.is_some_and(|content| content.get().starts_with('['));
            let needed = (self.developer && glance.role.is_some_and(|role| is_text(role, "developer")))
                || (self.name && glance.name.is_some())
                || (self.nulls && message.contains("null"))
                || (self.parts && list);
            if !needed {
                return None;
            }
        }
        let before: Map<String, Value> = serde_json::from_str(message).ok()?;
        let mut after = before.clone();
        self.rewrite(&mut after);
        (after != before).then(|| Bytes::from(Value::Object(after).to_string()))
    }

    fn rewrite(&self, message: &mut Map<String, Value>) {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.developer && role == "developer" {
            message.insert("role".to_owned(), "system".into());
        }
        if self.name && role != "tool" && role != "function" {
            message.shift_remove("name");
        }
        if self.nulls {
            message.retain(|key, value| !value.is_null() || key == "content");
        }
        if self.parts
            && let Some(text) = message.get("content").and_then(joined_text)
        {
            message.insert("content".to_owned(), text.into());
        }
    }
}

/// Whether a value is this string, however it is escaped.
fn is_text(value: &RawValue, text: &str) -> bool {
    let written = value.get();
    written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(text)
        || (written.contains('\\') && serde_json::from_str::<String>(written).is_ok_and(|read| read == text))
}

/// The text of a content that is a list of nothing but text parts; parts are joined by a line end.
fn joined_text(content: &Value) -> Option<String> {
    let parts = content.as_array().filter(|parts| !parts.is_empty())?;
    let text = |part: &Value| {
        let is_text = part.get("type").and_then(Value::as_str) == Some("text");
        part.get("text").and_then(Value::as_str).filter(|_| is_text).map(str::to_owned)
    };
    Some(parts.iter().map(text).collect::<Option<Vec<_>>>()?.join("\n"))
}
