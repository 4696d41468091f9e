//! What Anthropic sends, as far as it is read. Everything may be missing or null.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// One event of a stream, whatever its type. What is rare is boxed: most events are a few bytes of text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) r#type: Word<'a>,
    pub(super) index: Option<u32>,
    pub(super) delta: Option<Delta>,
    pub(super) content_block: Option<Box<Map<String, Value>>>,
    pub(super) message: Option<Box<Message>>,
    pub(super) usage: Option<Box<Map<String, Value>>>,
    pub(super) error: Option<Box<Value>>,
}

/// A word that is looked at and not kept; null is the empty one.
#[derive(Debug, Default)]
pub(super) struct Word<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfWord).map(Self)
    }
}

struct OfWord;

impl<'de> Visitor<'de> for OfWord {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
}

/// What an event adds to a block, or to the message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) partial_json: Option<String>,
    pub(super) citation: Option<Box<Value>>,
    pub(super) stop_reason: Option<String>,
    pub(super) stop_details: Option<Box<StopDetails>>,
}

/// Why an answer was refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StopDetails {
    pub(super) explanation: Option<String>,
}

/// A message: whole, or the head of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) r#type: Option<String>,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) content: Option<Vec<Map<String, Value>>>,
    pub(super) stop_reason: Option<String>,
    pub(super) stop_details: Option<StopDetails>,
    pub(super) usage: Option<Map<String, Value>>,
}
