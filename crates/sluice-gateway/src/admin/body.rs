//! The JSON of a request body: read strictly, and merged into what is there already.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::refuse::{self, Checked};

/// Reads a body. An object that names a key twice could be understood in two ways, so it is refused.
pub(super) fn parse(bytes: &[u8]) -> Checked<Value> {
    let twice = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict { path: String::new(), twice: &twice };
    let read = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    let error = match read {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match twice.into_inner() {
        Some(path) => {
            let text = format!("The key '{path}' stands there twice.");
            Err(refuse::bad("duplicate_parameter", Some(&path), &text))
        }
        None => {
            let text = format!("The request body is not valid JSON: {error}.");
            Err(refuse::bad("invalid_json", None, &text))
        }
    }
}

/// Merges `patch` into `into` as RFC 7396 says: objects by their keys, everything else as a whole. Where the RFC
/// takes a member away for `null`, the `null` stays: whoever reads the result takes it for absent, and still sees a
/// field that does not exist.
pub(super) fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    if let Value::Object(into) = into {
        for (key, value) in patch {
            merge(into.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Reads any JSON value, and notes the path of a key that stands twice.
struct Strict<'a> {
    path: String,
    twice: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        let seed = |index| Strict { path: format!("{}[{index}]", self.path), twice: self.twice };
        while let Some(value) = seq.next_element_seed(seed(list.len()))? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            if map.contains_key(&key) {
                self.twice.replace(Some(path));
                return Err(serde::de::Error::custom("a key stands twice"));
            }
            map.insert(key, entries.next_value_seed(Strict { path, twice: self.twice })?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_read_strictly() {
        let check = |text: &str, expect: Result<Value, (&str, Option<&str>)>| {
            let found = parse(text.as_bytes()).map_err(|refusal| {
                (refusal.error.code.unwrap_or_default().into_owned(), refusal.error.param)
            });
            let expect = expect.map_err(|(code, param)| (code.to_owned(), param.map(str::to_owned)));
            assert_eq!(found, expect, "{text}");
        };
        check(r#"{"a":[1,-2,0.5,"x",null,true,{}]}"#, Ok(json!({ "a": [1, -2, 0.5, "x", null, true, {}] })));
        check("", Err(("invalid_json", None)));
        check("{", Err(("invalid_json", None)));
        check("{} x", Err(("invalid_json", None)));
        check(&"[".repeat(10_000), Err(("invalid_json", None)));
        check(r#"{"a":1,"b":{"c":1,"\u0063":2}}"#, Err(("duplicate_parameter", Some("b.c"))));
        check(r#"{"a":[{"c":1,"c":2}]}"#, Err(("duplicate_parameter", Some("a[0].c"))));
    }

    #[test]
    fn patches_are_merged() {
        let check = |mut into: Value, patch: Value, expect: Value| {
            merge(&mut into, patch);
            assert_eq!(into, expect);
        };
        check(
            json!({ "a": 1, "b": { "c": 1, "d": 2 } }),
            json!({ "b": { "c": 3 } }),
            json!({ "a": 1, "b": { "c": 3, "d": 2 } }),
        );
        check(json!({ "a": [1, 2] }), json!({ "a": [3] }), json!({ "a": [3] }));
        check(json!({ "a": { "b": 1 } }), json!({ "a": null, "x": null }), json!({ "a": null, "x": null }));
        check(
            json!({ "a": null }),
            json!({ "a": { "b": { "c": null } } }),
            json!({ "a": { "b": { "c": null } } }),
        );
        check(json!({ "a": { "b": 1 } }), json!({ "a": 7 }), json!({ "a": 7 }));
        check(json!({ "a": 1 }), json!(7), json!(7));
    }
}
