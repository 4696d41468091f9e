//! Values of fields, as people read them.

use serde_json::Value;

use super::{Shown, difference::Change, texts::T};
use crate::{format, html::Html, shell::Shell, texts::fill};

/// A change, with what is gone and what has come marked.
pub(super) fn shown(shell: &Shell<'_>, t: &'static T, change: Change) -> Shown {
    let field = last_name(&change.path).to_owned();
    let other = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let (old, new) = (other(&change.before), other(&change.after));
    let show = |value: &Option<Value>, tag: Tag, others: &[Value]| {
        value.as_ref().map(|value| marked(shell, t, &field, value, (tag, others)))
    };
    Shown {
        before: show(&change.before, Tag::Gone, &new),
        after: show(&change.after, Tag::Come, &old),
        path: change.path,
    }
}

#[derive(Clone, Copy)]
enum Tag {
    Gone,
    Come,
}

/// Of a list only the items that the other one does not have are marked; where all have stayed it is their order.
fn marked(
    shell: &Shell<'_>,
    t: &'static T,
    field: &str,
    value: &Value,
    (tag, others): (Tag, &[Value]),
) -> Html {
    let (begin, end) = match tag {
        Tag::Gone => ("<del>", "</del>"),
        Tag::Come => ("<ins>", "</ins>"),
    };
    let around = |html: &mut Html, inner: &Html| {
        html.push(begin, &[]);
        html.append(inner);
        html.push(end, &[]);
    };
    let mut html = Html::default();
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().any(|item| !others.contains(item)) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    html.push(", ", &[]);
                }
                let text = one(shell, t, field, item);
                if others.contains(item) { html.append(&text) } else { around(&mut html, &text) }
            }
        }
        // All that is there was there: what is gone stands in the other list.
        Value::Array(items) if !items.is_empty() && items.len() != others.len() => {
            html.append(&one(shell, t, field, value));
        }
        value => around(&mut html, &one(shell, t, field, value)),
    }
    html
}

fn one(shell: &Shell<'_>, t: &'static T, field: &str, value: &Value) -> Html {
    match value {
        Value::Null => Html::new("{}", &[&t.nothing]),
        Value::Bool(true) => Html::new("{}", &[&t.yes]),
        Value::Bool(false) => Html::new("{}", &[&t.no]),
        Value::Number(number) => match number.as_i64() {
            Some(nano) if field.ends_with("_nanousd_per_mtok") => {
                Html::new("{}", &[&fill(t.per_million, &[&format::exact_usd(nano.into())])])
            }
            Some(nano) if field.ends_with("_nanousd") => shell.money(nano),
            Some(ms) if field.ends_with("_ms") => shell.duration(ms as f64),
            Some(number) => match u64::try_from(number) {
                Ok(number) => shell.count(number),
                Err(_) => Html::new("{}", &[&number]),
            },
            None => Html::new("{}", &[number]),
        },
        Value::String(text) if field.ends_with("_at") || field.ends_with("_until") => {
            shell.time(text.as_str())
        }
        Value::String(text) => Html::new("{}", &[text]),
        Value::Array(items) => joined(items.iter().map(|item| one(shell, t, field, item))),
        Value::Object(fields) => {
            let there = fields.iter().filter(|(_, value)| !value.is_null());
            joined(there.map(|(name, value)| {
                let mut html = Html::new("{} ", &[name]);
                html.append(&one(shell, t, name, value));
                html
            }))
        }
    }
}

fn joined(parts: impl Iterator<Item = Html>) -> Html {
    let mut html = Html::default();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            html.push(", ", &[]);
        }
        html.append(&part);
    }
    html
}

/// The name at the end of a path.
fn last_name(path: &str) -> &str {
    if path.ends_with(']') {
        return "";
    }
    path.rsplit(['.', ']']).next().unwrap_or_default()
}
