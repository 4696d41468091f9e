//! What is different between an object before and after: field by field, as the admin API names them.

use serde_json::{Map, Value};

/// A field that is not what it was. `None`: it was not there, or is not any more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// Such as `limits.rpm` or `targets[openai/gpt-5].weight`.
    pub(super) path: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// Fields of an object that say nothing when it comes or goes: they stand beside it, or are always the same.
const SAID_ELSEWHERE: [&str; 3] = ["id", "created_at", "origin"];

/// All differences, in the order of the fields. What is null or empty counts as not there, and where an object comes or
/// goes so does what is off.
pub(super) fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", before.unwrap_or(&Value::Null), after.unwrap_or(&Value::Null), &mut found);
    if before.is_none() || after.is_none() {
        let off = Some(Value::Bool(false));
        found.retain(|change| {
            let is_off = change.before == off || change.after == off;
            !is_off && !SAID_ELSEWHERE.contains(&change.path.as_str())
        });
    }
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    if before == after || is_nothing(before) && is_nothing(after) {
        return;
    }
    let none = Map::new();
    match (fields(before, &none), fields(after, &none)) {
        (Some(old), Some(new)) => {
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            for name in new.keys().chain(gone) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, of(old, name), of(new, name), found);
            }
        }
        _ => match (items(before), items(after)) {
            (Some(old), Some(new)) if old.iter().chain(new).any(Value::is_object) => {
                compare_items(path, old, new, found);
            }
            _ => found.push(Change {
                path: path.to_owned(),
                before: Some(before.clone()).filter(|value| !is_nothing(value)),
                after: Some(after.clone()).filter(|value| !is_nothing(value)),
            }),
        },
    }
}

/// Items of lists belong together by what they are called, not by their places.
fn compare_items(path: &str, old: &[Value], new: &[Value], found: &mut Vec<Change>) {
    let names = |items: &[Value]| -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let name = called(item).filter(|name| !names.contains(name));
            names.push(name.unwrap_or_else(|| at.to_string()));
        }
        names
    };
    let (old_names, new_names) = (names(old), names(new));
    let item = |names: &[String], items: &[Value], name: &String| {
        names.iter().position(|other| other == name).and_then(|at| items.get(at).cloned())
    };
    let gone = old_names.iter().filter(|name| !new_names.contains(name));
    for name in new_names.iter().chain(gone) {
        let (before, after) = (item(&old_names, old, name), item(&new_names, new, name));
        let path = format!("{path}[{name}]");
        match (before, after) {
            (Some(before), Some(after)) => compare(&path, &before, &after, found),
            // What came or went is told as a whole.
            (before, after) => found.push(Change { path, before, after }),
        }
    }
    let stay = |names: &[String], others: &[String]| -> Vec<String> {
        names.iter().filter(|name| others.contains(name)).cloned().collect()
    };
    let (were, are) = (stay(&old_names, &new_names), stay(&new_names, &old_names));
    if were != are {
        let list = |names: Vec<String>| Some(Value::from(names));
        found.push(Change { path: path.to_owned(), before: list(were), after: list(are) });
    }
}

/// What an item of a list is called among the others.
fn called(item: &Value) -> Option<String> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    match (text("provider"), text("model")) {
        (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
        _ => text("name").or_else(|| text("id")).map(str::to_owned),
    }
}

/// The fields of an object; those of nothing are none.
fn fields<'a>(value: &'a Value, none: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        Value::Null => Some(none),
        _ => None,
    }
}

fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) => Some(items),
        Value::Null => Some(&[]),
        _ => None,
    }
}

fn of<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_field_by_field() {
        let check = |before: Value, after: Value, expect: &[(&str, Value, Value)]| {
            let some = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
            let found: Vec<_> = changes(some(&before).as_ref(), some(&after).as_ref()).into_iter().collect();
            let expect: Vec<Change> = expect
                .iter()
                .map(|(path, before, after)| Change {
                    path: (*path).to_owned(),
                    before: some(before),
                    after: some(after),
                })
                .collect();
            assert_eq!(found, expect, "{before} {after}");
        };
        let null = || Value::Null;
        check(json!({ "a": 1 }), json!({ "a": 1 }), &[]);
        check(json!({ "a": 1 }), json!({ "a": 2 }), &[("a", json!(1), json!(2))]);
        check(
            json!({ "limits": { "rpm": null, "tpm": 5 }, "x": 1 }),
            json!({ "limits": { "rpm": 60, "tpm": null }, "x": 1 }),
            &[("limits.rpm", null(), json!(60)), ("limits.tpm", json!(5), null())],
        );
        check(
            json!({ "budget": null }),
            json!({ "budget": { "usd": 1, "x": null } }),
            &[("budget.usd", null(), json!(1))],
        );
        check(json!({ "budget": null, "m": [] }), json!({ "budget": { "x": null } }), &[]);
        check(
            json!({ "models": ["a", "b"] }),
            json!({ "models": ["a"] }),
            &[("models", json!(["a", "b"]), json!(["a"]))],
        );
        check(json!({ "a": 1 }), json!({ "a": { "b": 2 } }), &[("a", json!(1), json!({ "b": 2 }))]);
        check(
            json!("text that is no JSON"),
            json!({ "a": 1 }),
            &[("", json!("text that is no JSON"), json!({ "a": 1 }))],
        );
    }

    #[test]
    fn items_are_known_by_what_they_are_called() {
        let target =
            |provider: &str, weight: u32| json!({ "provider": provider, "model": "m", "weight": weight });
        let check = |before: Value, after: Value, expect: &[&str]| {
            let (before, after) = (json!({ "targets": before }), json!({ "targets": after }));
            let found: Vec<String> = changes(Some(&before), Some(&after))
                .into_iter()
                .map(|change| {
                    let text = |value: Option<Value>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
                    format!("{} {} {}", change.path, text(change.before), text(change.after))
                })
                .collect();
            assert_eq!(found, expect);
        };
        check(
            json!([target("a", 1)]),
            json!([target("b", 1), target("a", 3)]),
            &["targets[b/m] - {\"provider\":\"b\",\"model\":\"m\",\"weight\":1}", "targets[a/m].weight 1 3"],
        );
        check(
            json!([target("a", 1), target("b", 1)]),
            json!([target("b", 1), target("a", 1)]),
            &["targets [\"a/m\",\"b/m\"] [\"b/m\",\"a/m\"]"],
        );
        check(
            json!([target("a", 1), target("a", 2)]),
            json!([target("a", 1), target("a", 9)]),
            &["targets[1].weight 2 9"],
        );
        check(
            json!([target("a", 1)]),
            json!([]),
            &["targets[a/m] {\"provider\":\"a\",\"model\":\"m\",\"weight\":1} -"],
        );
    }

    #[test]
    fn what_comes_and_goes_is_told_without_what_stands_beside_it() {
        let key = json!({ "id": "key_1", "name": "k", "origin": "admin", "revoked": false, "limits": {} });
        let paths = |before, after| -> Vec<String> {
            changes(before, after).into_iter().map(|change| change.path).collect()
        };
        assert_eq!(paths(None, Some(&key)), ["name"]);
        assert_eq!(paths(Some(&key), None), ["name"]);
        assert_eq!(paths(None, None), [""; 0]);
    }
}
