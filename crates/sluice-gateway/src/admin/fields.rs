//! Reading what a caller sent as JSON: every field by its path, and for each mistake a text that says what would be
//! right.

use std::{cell::RefCell, ops::RangeInclusive};

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::refuse::{self, Checked};
use crate::refusal::Refusal;

/// One JSON object, of which it is kept which fields were asked for: the others are mistakes.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    /// The object that a whole body is.
    pub(super) fn root(value: &'a Value) -> Checked<Self> {
        match value {
            Value::Object(map) => Ok(Self::new(String::new(), map)),
            _ => Err(refuse::bad("invalid_type", None, "The request body must be a JSON object.")),
        }
    }

    fn new(path: String, map: &'a Map<String, Value>) -> Self {
        Self { path, map, asked: RefCell::default() }
    }

    /// Where a field of this object is.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A field; `null` means that it is absent.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        self.asked.borrow_mut().push(key);
        let value = self.map.get(key).filter(|value| !value.is_null())?;
        Some(Item { path: self.path_of(key), value })
    }

    /// A field that must be there.
    pub(super) fn need(&self, key: &'static str) -> Checked<Item<'a>> {
        self.get(key).ok_or_else(|| {
            let path = self.path_of(key);
            let text = format!("Missing required parameter: '{path}'.");
            refuse::bad("missing_required_parameter", Some(&path), &text)
        })
    }

    /// A number, if it is there.
    pub(super) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Checked<Option<u64>> {
        self.get(key).map(|item| item.integer(range)).transpose()
    }

    /// A number, if it is there, of a range that fits in 32 bits.
    pub(super) fn small(&self, key: &'static str, range: RangeInclusive<u32>) -> Checked<Option<u32>> {
        let (low, high) = range.into_inner();
        let number = self.integer(key, u64::from(low)..=u64::from(high))?;
        Ok(number.map(|number| u32::try_from(number).unwrap_or(high)))
    }

    /// `true` or `false`, if it is there.
    pub(super) fn flag(&self, key: &'static str) -> Checked<Option<bool>> {
        self.get(key).map(|item| item.flag()).transpose()
    }

    /// An object, if it is there.
    pub(super) fn fields(&self, key: &'static str) -> Checked<Option<Fields<'a>>> {
        self.get(key).map(|item| item.fields()).transpose()
    }

    /// One of a few words, if it is there.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Checked<Option<T>> {
        self.get(key).map(|item| item.word(words)).transpose()
    }

    /// Fields that nobody asked for are mistakes.
    pub(super) fn finish(self) -> Checked<()> {
        let asked = self.asked.borrow();
        match self.map.keys().find(|key| !asked.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let path = self.path_of(key);
                let mut known = asked.clone();
                known.sort_unstable();
                let text = format!("Unknown parameter: '{path}'. There are: {}.", known.join(", "));
                Err(refuse::bad("unknown_parameter", Some(&path), &text))
            }
        }
    }
}

/// One value that is there.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Item<'a> {
    /// 400 about this value: `text` goes on from its name, such as `must not be empty`.
    pub(super) fn fail(&self, text: &str) -> Refusal {
        refuse::value(&self.path, text)
    }

    fn wrong_type(&self, wanted: &str) -> Refusal {
        let text = format!("Invalid type for '{}': must be {wanted}.", self.path);
        refuse::bad("invalid_type", Some(&self.path), &text)
    }

    pub(super) fn text(&self) -> Checked<&'a str> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    pub(super) fn flag(&self) -> Checked<bool> {
        self.value.as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    pub(super) fn integer(&self, range: RangeInclusive<u64>) -> Checked<u64> {
        let (low, high) = (range.start(), range.end());
        let out = |code| {
            let text = format!("Invalid '{}': must be an integer from {low} to {high}.", self.path);
            refuse::bad(code, Some(&self.path), &text)
        };
        let Value::Number(number) = self.value else { return Err(self.wrong_type("an integer")) };
        match number.as_u64() {
            Some(number) if number < *low => Err(out("integer_below_min_value")),
            Some(number) if number > *high => Err(out("integer_above_max_value")),
            Some(number) => Ok(number),
            None if number.as_i64().is_some() => Err(out("integer_below_min_value")),
            // A number of more digits than 64 bits hold is read as a float without a fraction.
            None if number.as_f64().is_some_and(|n| n >= u64::MAX as f64) => {
                Err(out("integer_above_max_value"))
            }
            None => Err(self.wrong_type("an integer")),
        }
    }

    pub(super) fn fields(&self) -> Checked<Fields<'a>> {
        let map = self.value.as_object().ok_or_else(|| self.wrong_type("an object"))?;
        Ok(Fields::new(self.path.clone(), map))
    }

    /// The entries of an object whose keys are the caller's own; those that are `null` are left out.
    pub(super) fn entries(&self, most: usize) -> Checked<Vec<(&'a str, Item<'a>)>> {
        let map = self.value.as_object().ok_or_else(|| self.wrong_type("an object"))?;
        if map.len() > most {
            return Err(self.fail(&format!("must have at most {most} entries")));
        }
        let there = map.iter().filter(|(_, value)| !value.is_null());
        Ok(there
            .map(|(key, value)| (key.as_str(), Item { path: format!("{}.{key}", self.path), value }))
            .collect())
    }

    /// The items of a list.
    pub(super) fn items(&self, most: usize) -> Checked<Vec<Item<'a>>> {
        let list = self.value.as_array().ok_or_else(|| self.wrong_type("an array"))?;
        if list.len() > most {
            return Err(self.fail(&format!("must have at most {most} items")));
        }
        let item = |(index, value)| Item { path: format!("{}[{index}]", self.path), value };
        Ok(list.iter().enumerate().map(item).collect())
    }

    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Checked<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let list: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            self.fail(&format!("must be one of {}", list.join(", ")))
        })
    }

    /// Unix seconds of an RFC 3339 moment.
    pub(super) fn moment(&self) -> Checked<i64> {
        match OffsetDateTime::parse(self.text()?, &Rfc3339) {
            Ok(moment) => Ok(moment.unix_timestamp()),
            Err(_) => Err(self.fail("must be a moment with its offset such as '2027-01-01T00:00:00Z'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a read says: its result, or the code and the param of the refusal.
    #[expect(clippy::needless_pass_by_value, reason = "bodies are built in place")]
    fn check<T: PartialEq + std::fmt::Debug>(
        body: Value,
        read: impl Fn(&Fields<'_>) -> Checked<T>,
        expect: Result<T, (&str, &str)>,
    ) {
        let found = Fields::root(&body).and_then(|fields| read(&fields));
        let found = found.map_err(|refusal| {
            let error = refusal.error;
            (error.code.unwrap_or_default().into_owned(), error.param.unwrap_or_default())
        });
        let expect = expect.map_err(|(code, param)| (code.to_owned(), param.to_owned()));
        assert_eq!(found, expect, "{body}");
    }

    #[test]
    fn values_are_read_or_refused_by_their_path() {
        let rpm = |fields: &Fields<'_>| fields.integer("rpm", 1..=10);
        check(json!({ "rpm": 10 }), rpm, Ok(Some(10)));
        check(json!({ "rpm": null }), rpm, Ok(None));
        check(json!({}), rpm, Ok(None));
        check(json!({ "rpm": 11 }), rpm, Err(("integer_above_max_value", "rpm")));
        check(json!({ "rpm": 0 }), rpm, Err(("integer_below_min_value", "rpm")));
        check(json!({ "rpm": -1 }), rpm, Err(("integer_below_min_value", "rpm")));
        check(json!({ "rpm": 1.5 }), rpm, Err(("invalid_type", "rpm")));
        check(json!({ "rpm": 1e300 }), rpm, Err(("integer_above_max_value", "rpm")));
        check(json!({ "rpm": "1" }), rpm, Err(("invalid_type", "rpm")));
        check(json!([]), rpm, Err(("invalid_type", "")));
        let name = |fields: &Fields<'_>| fields.need("name")?.text().map(str::to_owned);
        check(json!({ "name": "n" }), name, Ok("n".to_owned()));
        check(json!({ "name": null }), name, Err(("missing_required_parameter", "name")));
        check(json!({ "name": 1 }), name, Err(("invalid_type", "name")));
        let end = |fields: &Fields<'_>| fields.get("end").map(|item| item.moment()).transpose();
        check(json!({ "end": "1970-01-01T00:01:00+00:00" }), end, Ok(Some(60)));
        check(json!({ "end": "1970-01-01" }), end, Err(("invalid_value", "end")));
        let word = |fields: &Fields<'_>| fields.word("w", &[("a", 1), ("b", 2)]);
        check(json!({ "w": "b" }), word, Ok(Some(2)));
        check(json!({ "w": "c" }), word, Err(("invalid_value", "w")));
    }

    #[test]
    fn nested_values_have_their_path() {
        let deep = |fields: &Fields<'_>| {
            let mut seen = Vec::new();
            for item in fields.need("list")?.items(2)? {
                let inner = item.fields()?;
                seen.push(inner.need("x")?.integer(0..=9)?);
                inner.finish()?;
            }
            Ok(seen)
        };
        check(json!({ "list": [{ "x": 1 }, { "x": 2 }] }), deep, Ok(vec![1, 2]));
        check(json!({ "list": [{ "x": 1 }, {}] }), deep, Err(("missing_required_parameter", "list[1].x")));
        check(json!({ "list": [{ "x": 1, "y": null }] }), deep, Err(("unknown_parameter", "list[0].y")));
        check(json!({ "list": [1] }), deep, Err(("invalid_type", "list[0]")));
        check(json!({ "list": [{}, {}, {}] }), deep, Err(("invalid_value", "list")));
        check(json!({ "list": {} }), deep, Err(("invalid_type", "list")));
        let entries = |fields: &Fields<'_>| {
            let entries = fields.need("map")?.entries(2)?;
            entries
                .into_iter()
                .map(|(key, item)| Ok((key.to_owned(), item.flag()?)))
                .collect::<Checked<Vec<_>>>()
        };
        check(json!({ "map": { "a.b": true, "c": null } }), entries, Ok(vec![("a.b".to_owned(), true)]));
        check(json!({ "map": { "a": 1 } }), entries, Err(("invalid_type", "map.a")));
        check(json!({ "map": { "a": 1, "b": 1, "c": 1 } }), entries, Err(("invalid_value", "map")));
    }
}
