//! The rules, read over a tree: the same as the scan's, but with a reason and a place for every refusal.

mod refusal;

use refusal::{Path, Refusal};

use crate::ApiError;
use crate::json::Number;
use crate::json::tree::Tree;
use crate::rules::{self, MESSAGE, Misfit, Need, PART, REQUEST, ROLES, Rule, Shape};

type Checked = Result<(), Refusal>;

/// The first thing wrong with a request, in document order.
pub(super) fn request(tree: &Tree) -> Result<(), ApiError> {
    let Tree::Object(pairs) = tree else {
        let message =
            format!("Invalid request body: expected an object, but got {} instead.", refusal::kind_of(tree));
        return Err(ApiError::invalid("invalid_type", message));
    };
    top(pairs).map_err(Refusal::into_error)
}

fn top(pairs: &[(String, Tree)]) -> Checked {
    let mut met = vec![false; REQUEST.fields.len()];
    for (key, tree) in pairs {
        let Some(index) = REQUEST.find(key.as_bytes()) else { continue };
        let rule = &REQUEST.fields[index];
        let path = Path::Root.key(rule.name);
        if rule.once && std::mem::replace(&mut met[index], true) {
            return Err(Refusal::duplicate(&path));
        }
        field(tree, &rule.rule, &path)?;
    }
    missing(pairs, &REQUEST, None, &Path::Root)
}

/// A field: null, or what keeps the rule.
fn field(tree: &Tree, rule: &Rule, path: &Path<'_>) -> Checked {
    if *tree == Tree::Null { Ok(()) } else { value(tree, rule, path) }
}

fn value(tree: &Tree, rule: &Rule, path: &Path<'_>) -> Checked {
    match (rule, tree) {
        (Rule::Bool, Tree::Bool(_))
        | (Rule::Text | Rule::Prose, Tree::Text(_))
        | (Rule::Number, Tree::Number(_)) => Ok(()),
        (Rule::ShortText { max_chars }, Tree::Text(text)) => short_text(text, *max_chars, path),
        (Rule::Word(words), Tree::Text(text)) => word(text, words, path),
        (Rule::Name, Tree::Text(text)) => name(text, path),
        (Rule::Integer { min, max }, Tree::Number(number)) => integer(*number, (*min, *max), path),
        (Rule::Decimal { min, max }, Tree::Number(number)) => decimal(*number, (*min, *max), path),
        (Rule::List { min, max, of }, Tree::List(items)) => list(items, (*min, *max), of, path),
        (Rule::Object(shape), Tree::Object(pairs)) => object(pairs, shape, path),
        (Rule::Map { max_pairs, max_key_chars, of }, Tree::Object(pairs)) => {
            map(pairs, (*max_pairs, *max_key_chars), of, path)
        }
        (Rule::TextOr { text, .. }, Tree::Text(_)) => value(tree, text, path),
        (Rule::TextOr { other, .. }, Tree::List(_) | Tree::Object(_)) if takes(other, tree) => {
            value(tree, other, path)
        }
        (Rule::Messages, Tree::List(items)) => messages(items, path),
        (Rule::Content, Tree::Text(_)) => Ok(()),
        (Rule::Content, Tree::List(items)) => {
            items.iter().enumerate().try_for_each(|(index, item)| part(item, &path.index(index)))
        }
        _ => Err(Refusal::wrong_type(path, rule, tree)),
    }
}

/// The rule is about the kind of value that `tree` is.
fn takes(rule: &Rule, tree: &Tree) -> bool {
    match rule {
        Rule::List { .. } => matches!(tree, Tree::List(_)),
        _ => matches!(tree, Tree::Object(_)),
    }
}

fn short_text(text: &str, max_chars: usize, path: &Path<'_>) -> Checked {
    if rules::fits_chars(text, max_chars) {
        return Ok(());
    }
    Err(Refusal::long_text(path, max_chars, text.chars().count()))
}

fn word(text: &str, words: &[&str], path: &Path<'_>) -> Checked {
    if words.contains(&text) { Ok(()) } else { Err(Refusal::unknown_word(path, text, words)) }
}

fn name(text: &str, path: &Path<'_>) -> Checked {
    if rules::is_name(text) {
        Ok(())
    } else if rules::has_name_chars(text) && !text.is_empty() {
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

fn list(items: &[Tree], (min, max): (usize, usize), of: &Rule, path: &Path<'_>) -> Checked {
    if items.len() < min {
        return Err(Refusal::empty_array(path));
    }
    if items.len() > max {
        return Err(Refusal::long_array(path, max, items.len()));
    }
    items.iter().enumerate().try_for_each(|(index, item)| value(item, of, &path.index(index)))
}

fn map(
    pairs: &[(String, Tree)],
    (max_pairs, max_chars): (usize, usize),
    of: &Rule,
    path: &Path<'_>,
) -> Checked {
    if pairs.len() > max_pairs {
        return Err(Refusal::many_properties(path, max_pairs, pairs.len()));
    }
    for (key, item) in pairs {
        if !rules::fits_chars(key, max_chars) {
            return Err(Refusal::long_key(path, max_chars, key.chars().count()));
        }
        value(item, of, &path.key(key))?;
    }
    Ok(())
}

/// The last value of a key, null being no value.
fn last<'a>(pairs: &'a [(String, Tree)], name: &str) -> Option<&'a Tree> {
    let (_, tree) = pairs.iter().rev().find(|(key, _)| key == name)?;
    (*tree != Tree::Null).then_some(tree)
}

/// What kind of object it says that it is, in the first field of its shape.
fn kind<'a>(pairs: &'a [(String, Tree)], shape: &Shape) -> Option<&'a str> {
    match last(pairs, shape.fields.first()?.name)? {
        Tree::Text(text) => Some(text),
        _ => None,
    }
}

fn object(pairs: &[(String, Tree)], shape: &Shape, path: &Path<'_>) -> Checked {
    let kind = kind(pairs, shape).or(shape.default_kind);
    for (key, tree) in pairs {
        let Some(index) = shape.find(key.as_bytes()) else { continue };
        let rule = &shape.fields[index];
        let applies = match rule.need {
            Need::OfType(word) => kind == Some(word),
            Need::Optional | Need::Required => true,
        };
        if applies {
            field(tree, &rule.rule, &path.key(rule.name))?;
        }
    }
    missing(pairs, shape, kind, path)
}

/// The first field that must be there and is not.
fn missing(pairs: &[(String, Tree)], shape: &Shape, kind: Option<&str>, path: &Path<'_>) -> Checked {
    for rule in shape.fields {
        let needed = match rule.need {
            Need::Optional => false,
            Need::Required => true,
            Need::OfType(word) => kind == Some(word),
        };
        if needed && last(pairs, rule.name).is_none() {
            return Err(Refusal::missing(&path.key(rule.name)));
        }
    }
    Ok(())
}

fn messages(items: &[Tree], path: &Path<'_>) -> Checked {
    if items.is_empty() {
        return Err(Refusal::empty_array(path));
    }
    items.iter().enumerate().try_for_each(|(index, item)| message(item, &path.index(index)))
}

/// A message: an object of its shape whose role gets what it asks for.
fn message(tree: &Tree, path: &Path<'_>) -> Checked {
    let Tree::Object(pairs) = tree else {
        return Err(Refusal::wrong_type(path, &Rule::Object(&MESSAGE), tree));
    };
    let role = kind(pairs, &MESSAGE).and_then(|word| ROLES.iter().find(|role| role.word == word));
    for (key, tree) in pairs {
        let Some(index) = MESSAGE.find(key.as_bytes()) else { continue };
        let rule = &MESSAGE.fields[index];
        let path = path.key(rule.name);
        if let (Rule::Content, Tree::List(parts), Some(role)) = (&rule.rule, tree, role) {
            if !role.takes_parts {
                return Err(Refusal::wrong_type(&path, &Rule::Text, tree));
            }
            if parts.is_empty() && !role.takes_no_parts {
                return Err(Refusal::empty_array(&path));
            }
        }
        field(tree, &rule.rule, &path)?;
    }
    missing(pairs, &MESSAGE, None, path)?;
    let Some(role) = role else { return Ok(()) };
    let content = role.needs_content.then_some("content");
    for name in content.into_iter().chain(role.needs_field) {
        if last(pairs, name).is_none() {
            return Err(Refusal::missing(&path.key(name)));
        }
    }
    Ok(())
}

fn part(tree: &Tree, path: &Path<'_>) -> Checked {
    value(tree, &Rule::Object(&PART), path)
}
