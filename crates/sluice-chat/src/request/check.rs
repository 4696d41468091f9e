//! The rules, read over one value after the other: the same as the scan's, but with a reason and a place for every
//! refusal.

mod refusal;

use refusal::{Path, Refusal};

use smallvec::SmallVec;

use crate::ApiError;
use crate::json::Number;
use crate::json::cursor::Cursor;
use crate::json::node::{Items, Members, Node, Words};
use crate::rules::{self, MESSAGE, Misfit, Need, PART, REQUEST, ROLES, RoleRule, Rule, Shape};

type Checked = Result<(), Refusal>;

/// The first thing wrong with a request, in document order. `text` is JSON.
pub(super) fn request(text: &str) -> Result<(), ApiError> {
    match Node::at(Cursor::of(text)) {
        Node::Object(members) => top(members).map_err(Refusal::into_error),
        other => {
            let got = refusal::kind_of(&other);
            let message = format!("Invalid request body: expected an object, but got {got} instead.");
            Err(ApiError::invalid("invalid_type", message))
        }
    }
}

fn top(members: Members<'_>) -> Checked {
    let mut met = [false; rules::MAX_FIELDS];
    for (key, node) in members {
        let Some(index) = REQUEST.find(key.get().as_bytes()) else { continue };
        let rule = &REQUEST.fields[index];
        let path = Path::Root.key(rule.name);
        if rule.once && std::mem::replace(&mut met[index], true) {
            return Err(Refusal::duplicate(&path));
        }
        field(&node, &rule.rule, &path)?;
    }
    missing(&Found::new(members, &REQUEST), &Path::Root)
}

/// A field: null, or what keeps the rule.
fn field(node: &Node<'_>, rule: &Rule, path: &Path<'_>) -> Checked {
    if node.is_null() { Ok(()) } else { value(node, rule, path) }
}

fn value(node: &Node<'_>, rule: &Rule, path: &Path<'_>) -> Checked {
    match (rule, node) {
        (Rule::Bool, Node::Bool)
        | (Rule::Text | Rule::Prose | Rule::Content, Node::Text(_))
        | (Rule::Number, Node::Number(_)) => Ok(()),
        (Rule::ShortText { max_chars }, Node::Text(text)) => short_text(text, *max_chars, path),
        (Rule::Word(words), Node::Text(text)) => word(text, words, path),
        (Rule::Name, Node::Text(text)) => name(text, path),
        (Rule::Integer { min, max }, Node::Number(number)) => integer(*number, (*min, *max), path),
        (Rule::Decimal { min, max }, Node::Number(number)) => decimal(*number, (*min, *max), path),
        (Rule::List { min, max, of }, Node::List(items)) => list(*items, (*min, *max), of, path),
        (Rule::Object(shape), Node::Object(members)) => object(*members, shape, path),
        (Rule::Map { max_pairs, max_key_chars, of }, Node::Object(members)) => {
            map(*members, (*max_pairs, *max_key_chars), of, path)
        }
        (Rule::TextOr { text, .. }, Node::Text(_)) => value(node, text, path),
        (Rule::TextOr { other, .. }, Node::List(_) | Node::Object(_)) if takes(other, node) => {
            value(node, other, path)
        }
        (Rule::Messages, Node::List(items)) => messages(*items, path),
        (Rule::Content, Node::List(items)) => list(*items, (0, usize::MAX), &Rule::Object(&PART), path),
        _ => Err(Refusal::wrong_type(path, rule, node)),
    }
}

/// The rule is about the kind of value that `node` is.
fn takes(rule: &Rule, node: &Node<'_>) -> bool {
    match rule {
        Rule::List { .. } => matches!(node, Node::List(_)),
        _ => matches!(node, Node::Object(_)),
    }
}

fn short_text(text: &Words<'_>, max_chars: usize, path: &Path<'_>) -> Checked {
    let text = text.get();
    if rules::fits_chars(&text, max_chars) {
        return Ok(());
    }
    Err(Refusal::long_text(path, max_chars, text.chars().count()))
}

fn word(text: &Words<'_>, words: &[&str], path: &Path<'_>) -> Checked {
    if words.iter().any(|word| text.is(word)) {
        return Ok(());
    }
    Err(Refusal::unknown_word(path, &text.get(), words))
}

fn name(text: &Words<'_>, path: &Path<'_>) -> Checked {
    let text = text.get();
    if rules::is_name(&text) {
        Ok(())
    } else if rules::has_name_chars(&text) && !text.is_empty() {
        Err(Refusal::long_text(path, rules::MAX_NAME_CHARS, text.len()))
    } else {
        Err(Refusal::not_a_name(path))
    }
}

fn integer(number: Number, (min, max): (i64, u64), path: &Path<'_>) -> Checked {
    rules::check_integer(number, min, max).map_err(|misfit| match misfit {
        Misfit::Kind => Refusal::not_an_integer(path),
        Misfit::Below => Refusal::below(path, "integer", &min, number),
        Misfit::Above => Refusal::above(path, "integer", &max, number),
    })
}

fn decimal(number: Number, (min, max): (f64, f64), path: &Path<'_>) -> Checked {
    rules::check_decimal(number, min, max).map_err(|misfit| match misfit {
        Misfit::Above => Refusal::above(path, "decimal", &max, number),
        Misfit::Below | Misfit::Kind => Refusal::below(path, "decimal", &min, number),
    })
}

fn list(items: Items<'_>, (min, max): (usize, usize), of: &Rule, path: &Path<'_>) -> Checked {
    let count = items.count();
    if count < min {
        return Err(Refusal::empty_array(path));
    }
    if count > max {
        return Err(Refusal::long_array(path, max, count));
    }
    for (index, item) in items.enumerate() {
        value(&item, of, &path.index(index))?;
    }
    Ok(())
}

fn map(members: Members<'_>, (max_pairs, max_chars): (usize, usize), of: &Rule, path: &Path<'_>) -> Checked {
    let count = members.count();
    if count > max_pairs {
        return Err(Refusal::many_properties(path, max_pairs, count));
    }
    for (key, item) in members {
        let key = key.get();
        if !rules::fits_chars(&key, max_chars) {
            return Err(Refusal::long_key(path, max_chars, key.chars().count()));
        }
        value(&item, of, &path.key(&key))?;
    }
    Ok(())
}

/// The fields of a shape that stand in an object, each with its last value; null is no value.
struct Found<'a> {
    shape: &'static Shape,
    values: SmallVec<[Option<Node<'a>>; 10]>,
}

impl<'a> Found<'a> {
    fn new(members: Members<'a>, shape: &'static Shape) -> Self {
        let mut values = SmallVec::from_elem(None, shape.fields.len());
        for (key, node) in members {
            if let Some(index) = shape.find(key.get().as_bytes()) {
                values[index] = (!node.is_null()).then_some(node);
            }
        }
        Self { shape, values }
    }

    fn has(&self, name: &str) -> bool {
        self.shape.find(name.as_bytes()).is_some_and(|index| self.values[index].is_some())
    }

    /// Whether the object is of the kind `word`, by the first field of its shape or by default.
    fn is_kind(&self, word: &str) -> bool {
        match self.values.first() {
            Some(Some(Node::Text(kind))) => kind.is(word),
            _ => self.shape.default_kind == Some(word),
        }
    }
}

fn object(members: Members<'_>, shape: &'static Shape, path: &Path<'_>) -> Checked {
    let found = Found::new(members, shape);
    for (key, node) in members {
        let Some(index) = shape.find(key.get().as_bytes()) else { continue };
        let rule = &shape.fields[index];
        let applies = match rule.need {
            Need::OfType(word) => found.is_kind(word),
            Need::Optional | Need::Required => true,
        };
        if applies {
            field(&node, &rule.rule, &path.key(rule.name))?;
        }
    }
    missing(&found, path)
}

/// The first field that must be there and is not.
fn missing(found: &Found<'_>, path: &Path<'_>) -> Checked {
    for (rule, value) in found.shape.fields.iter().zip(&found.values) {
        let needed = match rule.need {
            Need::Optional => false,
            Need::Required => true,
            Need::OfType(word) => found.is_kind(word),
        };
        if needed && value.is_none() {
            return Err(Refusal::missing(&path.key(rule.name)));
        }
    }
    Ok(())
}

fn messages(items: Items<'_>, path: &Path<'_>) -> Checked {
    if items.count() == 0 {
        return Err(Refusal::empty_array(path));
    }
    for (index, item) in items.enumerate() {
        message(&item, &path.index(index))?;
    }
    Ok(())
}

/// A message: an object of its shape whose role gets what it asks for.
fn message(node: &Node<'_>, path: &Path<'_>) -> Checked {
    let Node::Object(members) = node else {
        return Err(Refusal::wrong_type(path, &Rule::Object(&MESSAGE), node));
    };
    let found = Found::new(*members, &MESSAGE);
    let role = ROLES.iter().find(|role| found.is_kind(role.word));
    for (key, node) in *members {
        let Some(index) = MESSAGE.find(key.get().as_bytes()) else { continue };
        let rule = &MESSAGE.fields[index];
        let path = path.key(rule.name);
        if let (Rule::Content, Node::List(parts), Some(role)) = (&rule.rule, &node, role) {
            parts_by_role(*parts, role, &path)?;
        }
        field(&node, &rule.rule, &path)?;
    }
    missing(&found, path)?;
    let Some(role) = role else { return Ok(()) };
    let content = role.needs_content.then_some("content");
    for name in content.into_iter().chain(role.needs_field) {
        if !found.has(name) {
            return Err(Refusal::missing(&path.key(name)));
        }
    }
    Ok(())
}

fn parts_by_role(mut parts: Items<'_>, role: &RoleRule, path: &Path<'_>) -> Checked {
    if !role.takes_parts {
        return Err(Refusal::wrong_type(path, &Rule::Text, &Node::List(parts)));
    }
    if !role.takes_no_parts && parts.next().is_none() {
        return Err(Refusal::empty_array(path));
    }
    Ok(())
}
