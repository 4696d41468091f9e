//! Tool calls as vendors send them, repaired: dense indexes from 0, one id and one name, arguments that are text.

use serde_json::{Map, Value, json};

use crate::hash::stable_hash;

/// The tool calls of one choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ToolCalls {
    calls: Vec<Call>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Call {
    /// The index that the vendor gave it.
    given_index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    /// Arguments that came before the name.
    waiting: String,
    started: bool,
}

impl ToolCalls {
    /// There was a call.
    pub(super) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The fragments of one chunk, repaired. `answer` names the whole answer: ids are made from it where there are
    /// none.
    pub(super) fn repair(&mut self, fragments: Vec<Value>, answer: &str) -> Vec<Value> {
        let mut touched = Vec::new();
        let objects = fragments.into_iter().filter_map(|fragment| match fragment {
            Value::Object(fragment) => Some(fragment),
            _ => None,
        });
        objects.filter_map(|fragment| self.fragment(fragment, answer, &mut touched)).collect()
    }

    /// Calls whose name never came, for the last chunk.
    pub(super) fn unnamed(&mut self, answer: &str) -> Vec<Value> {
        let mut left = Vec::new();
        for (at, call) in self.calls.iter_mut().enumerate().filter(|(_, call)| !call.started) {
            left.push(call.start(at, answer, Map::new(), "function"));
        }
        left
    }

    fn fragment(
        &mut self,
        mut fragment: Map<String, Value>,
        answer: &str,
        touched: &mut Vec<usize>,
    ) -> Option<Value> {
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let given_index = fragment.shift_remove("index").as_ref().and_then(Value::as_u64);
        let id = text(fragment.shift_remove("id"));
        let kind = text(fragment.shift_remove("type")).unwrap_or_default();
        let kind = if kind == "custom" || fragment.contains_key("custom") { "custom" } else { "function" };
        let mut body = match fragment.shift_remove(kind) {
            Some(Value::Object(body)) => body,
            _ => Map::new(),
        };
        let name = text(body.shift_remove("name"));
        let arguments = match body.shift_remove(argument_key(kind)) {
            Some(Value::String(text)) => text,
            None | Some(Value::Null) => String::new(),
            Some(value) => value.to_string(),
        };
        let at = self.place(given_index, id.as_deref(), name.as_deref(), touched);
        touched.push(at);
        let call = &mut self.calls[at];
        call.given_index = call.given_index.or(given_index);
        call.id = call.id.take().or(id);
        call.name = call.name.take().or(name);
        fragment.retain(|_, value| !value.is_null());
        if call.started {
            if arguments.is_empty() && fragment.is_empty() {
                return None;
            }
            fragment.insert("index".to_owned(), json!(at));
            fragment.insert(kind.to_owned(), json!({ argument_key(kind): arguments }));
            return Some(Value::Object(fragment));
        }
        call.waiting.push_str(&arguments);
        call.name.is_some().then(|| call.start(at, answer, fragment, kind))
    }

    /// Which call a fragment belongs to; a new one is made where it is the first of its call. A fragment with a name
    /// is never a second one for the same call in the same chunk.
    fn place(
        &mut self,
        given_index: Option<u64>,
        id: Option<&str>,
        name: Option<&str>,
        touched: &[usize],
    ) -> usize {
        let by_id = || self.calls.iter().rposition(|call| id.is_some() && call.id.as_deref() == id);
        let known = match given_index {
            Some(_) => {
                let by_index = self.calls.iter().rposition(|call| call.given_index == given_index);
                let other_id = |call: &Call| id.is_some() && call.id.is_some() && call.id.as_deref() != id;
                by_index.filter(|at| name.is_none() || !other_id(&self.calls[*at])).or_else(by_id)
            }
            None if id.is_some() => by_id(),
            None => {
                let last = self.calls.len().checked_sub(1);
                last.filter(|at| name.is_none() || self.calls[*at].name.as_deref() == name)
            }
        };
        match known.filter(|at| name.is_none() || !touched.contains(at)) {
            Some(at) => at,
            None => {
                self.calls.push(Call::default());
                self.calls.len() - 1
            }
        }
    }
}

impl Call {
    /// The first fragment. What the vendor added to it comes last.
    fn start(&mut self, at: usize, answer: &str, added: Map<String, Value>, kind: &str) -> Value {
        self.started = true;
        let made = || format!("call_{:016x}", stable_hash(&[answer.as_bytes(), &at.to_le_bytes()]));
        let id = self.id.get_or_insert_with(made);
        let name = self.name.get_or_insert_default();
        let arguments = std::mem::take(&mut self.waiting);
        let body = json!({ "name": name, argument_key(kind): arguments });
        let mut fragment = Map::new();
        fragment.insert("index".to_owned(), json!(at));
        fragment.insert("id".to_owned(), json!(id));
        fragment.insert("type".to_owned(), json!(kind));
        fragment.insert(kind.to_owned(), body);
        fragment.extend(added);
        Value::Object(fragment)
    }
}

fn argument_key(kind: &str) -> &'static str {
    if kind == "custom" { "input" } else { "arguments" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks of fragments, against what becomes of them: `index:id:name:arguments`, `~` for later fragments.
    fn check(chunks: &[Value], expect: &str) {
        let mut calls = ToolCalls::default();
        let mut shown = Vec::new();
        for chunk in chunks {
            for fragment in calls.repair(chunk.as_array().unwrap().clone(), "answer") {
                let body = fragment.get("function").or_else(|| fragment.get("custom")).unwrap();
                let arguments =
                    body.get("arguments").or_else(|| body.get("input")).unwrap().as_str().unwrap();
                let index = &fragment["index"];
                shown.push(match fragment.get("id").and_then(Value::as_str) {
                    Some(id) => {
                        let id = if id.starts_with("call_") { "MADE" } else { id };
                        format!("{index}:{id}:{}:{arguments}", body["name"].as_str().unwrap())
                    }
                    None => format!("~{index}:{arguments}"),
                });
            }
        }
        assert_eq!(shown.join(" "), expect, "{chunks:?}");
    }

    #[test]
    fn fragments_find_their_call() {
        let first = |index: u64, id: &str, name: &str| json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
        let more = |index: u64, text: &str| json!({"index": index, "function": {"arguments": text}});
        check(&[json!([first(0, "a", "f")]), json!([more(0, "{}")])], "0:a:f: ~0:{}");
        // Indexes that count something else.
        check(
            &[
                json!([first(1, "a", "f")]),
                json!([more(1, "x")]),
                json!([first(3, "b", "g")]),
                json!([more(3, "y")]),
            ],
            "0:a:f: ~0:x 1:b:g: ~1:y",
        );
        // All calls have index 0.
        check(
            &[json!([first(0, "a", "f")]), json!([first(0, "b", "f")]), json!([more(0, "y")])],
            "0:a:f: 1:b:f: ~1:y",
        );
        check(&[json!([first(0, "a", "f"), first(0, "b", "f")])], "0:a:f: 1:b:f:");
        // Interleaved.
        check(
            &[json!([first(0, "a", "f"), first(1, "b", "g")]), json!([more(1, "y"), more(0, "x")])],
            "0:a:f: 1:b:g: ~1:y ~0:x",
        );
    }

    #[test]
    fn ids_and_names_come_once() {
        let with = |id: Value, name: Value, arguments: Value| json!([{"index": 0, "id": id, "function": {"name": name, "arguments": arguments}}]);
        check(
            &[
                with(json!("a"), json!("f"), json!("1")),
                with(json!("a"), json!("f"), json!("2")),
                with(json!(""), json!(""), json!("3")),
                with(json!(null), json!(null), json!(null)),
            ],
            "0:a:f:1 ~0:2 ~0:3",
        );
        check(
            &[with(json!("a"), json!(""), json!("1")), with(json!(""), json!("f"), json!("2"))],
            "0:a:f:12",
        );
    }

    #[test]
    fn what_is_missing_is_made() {
        check(&[json!([{"function": {"name": "f", "arguments": {"a": 1}}}])], r#"0:MADE:f:{"a":1}"#);
        check(&[json!([{"function": {"name": "f"}}, {"function": {"name": "f"}}])], "0:MADE:f: 1:MADE:f:");
        check(
            &[
                json!([{"id": "a", "function": {"name": "f"}}]),
                json!([{"function": {"arguments": "x"}}]),
                json!([{"id": "b", "function": {"name": "g"}}]),
            ],
            "0:a:f: ~0:x 1:b:g:",
        );
        check(&[json!([{"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}])], "0:a:f:x");
        check(&[json!([null, 3])], "");
        let mut calls = ToolCalls::default();
        assert!(calls.repair(vec![json!({"id": "a", "function": {"arguments": "x"}})], "answer").is_empty());
        assert_eq!(calls.unnamed("answer").len(), 1);
        assert!(calls.unnamed("answer").is_empty());
    }
}
