//! Reading answers of upstreams with a light hand, and writing them in OpenAI's order.

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::{Map, Value};

/// The fields of an object, taken out one by one; what stays is the rest.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// No fields where `value` is not an object.
    pub(crate) fn of(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self(Map::new()),
        }
    }

    pub(crate) fn rest(self) -> Map<String, Value> {
        self.0
    }

    /// Takes a field out, keeping the order of the others.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    /// A text; a number becomes one.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A text that is not empty: typed clients break on an empty word.
    pub(crate) fn word(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// A text, or the texts of a list of parts, one behind the other.
    pub(crate) fn content(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            Value::Array(parts) => {
                Some(parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect())
            }
            _ => None,
        }
    }

    /// As [`Fields::content`]; null and absent are told apart.
    #[expect(clippy::option_option, reason = "null and absent are two things on the wire")]
    pub(crate) fn content_or_null(&mut self, name: &str) -> Option<Option<String>> {
        self.0.contains_key(name).then(|| self.content(name))
    }

    pub(crate) fn object(&mut self, name: &str) -> Option<Value> {
        self.take(name).filter(Value::is_object)
    }

    pub(crate) fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.take(name)? {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The objects in a list.
    pub(crate) fn objects(&mut self, name: &str) -> Vec<Self> {
        let items = self.list(name).unwrap_or_default();
        items.into_iter().filter(Value::is_object).map(Self::of).collect()
    }

    /// Unix time: whole seconds of a number, or of a number in a text.
    pub(crate) fn seconds(&mut self, name: &str) -> u64 {
        let Some(value) = self.take(name) else { return 0 };
        let float = || value.as_f64().or_else(|| value.as_str()?.parse().ok());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
        value.as_u64().or_else(|| Some(float()? as u64)).unwrap_or_default()
    }

    /// `index`, or the position where it is missing.
    pub(crate) fn index(&mut self, position: usize) -> u32 {
        let index = self.take("index").and_then(|index| index.as_u64());
        index
            .and_then(|index| u32::try_from(index).ok())
            .or_else(|| u32::try_from(position).ok())
            .unwrap_or_default()
    }
}

/// Gives a whole tool call the types of the API: a `type`, and arguments as a text.
pub(crate) fn settle_call(call: &mut Value) {
    settle_arguments(call);
    let Value::Object(fields) = call else { return };
    if fields.contains_key("function") && !fields.get("type").is_some_and(Value::is_string) {
        fields.insert("type".to_owned(), "function".into());
    }
}

/// Arguments that came as an object become the text that the API wants.
pub(crate) fn settle_arguments(call: &mut Value) {
    let Some(arguments) = call.get_mut("function").and_then(|function| function.get_mut("arguments")) else {
        return;
    };
    if arguments.is_object() {
        *arguments = arguments.to_string().into();
    }
}

pub(crate) fn entry_if_some<M: SerializeMap>(
    map: &mut M,
    name: &str,
    value: Option<&impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

pub(crate) fn entries<M: SerializeMap>(map: &mut M, rest: &Map<String, Value>) -> Result<(), M::Error> {
    rest.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
}
