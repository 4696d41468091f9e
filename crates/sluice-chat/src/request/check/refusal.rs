//! The words of a refusal: OpenAI's codes, and messages in its style.

use std::fmt::{self, Display};

use crate::ApiError;
use crate::json::Number;
use crate::json::node::Node;
use crate::rules::Rule;

/// One refusal: where, which code, what to say.
#[derive(Debug)]
pub(super) struct Refusal(ApiError);

/// A place in the request, built on the stack on the way down and written only when something is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) fn key(&'a self, name: &'a str) -> Self {
        Self::Key(self, name)
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, name) => write!(f, "{}", Excerpt(name)),
            Self::Key(parent, name) => write!(f, "{parent}.{}", Excerpt(name)),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// At most so many characters of what the caller wrote are said back.
const EXCERPT_CHARS: usize = 64;

/// The beginning of a text of the caller's.
struct Excerpt<'a>(&'a str);

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(EXCERPT_CHARS) {
            Some((end, _)) => write!(f, "{}...", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(n) => n.fmt(f),
            Self::Negative(n) => n.fmt(f),
            Self::Float(n) => n.fmt(f),
        }
    }
}

impl Refusal {
    pub(super) fn into_error(self) -> ApiError {
        self.0
    }

    fn new(path: &Path<'_>, code: &'static str, message: String) -> Self {
        Self(ApiError::invalid(code, message).with_param(path.to_string()))
    }

    pub(super) fn missing(path: &Path<'_>) -> Self {
        Self::new(path, "missing_required_parameter", format!("Missing required parameter: '{path}'."))
    }

    pub(super) fn duplicate(path: &Path<'_>) -> Self {
        Self::new(
            path,
            "duplicate_parameter",
            format!("Duplicate parameter: '{path}' may be given only once."),
        )
    }

    pub(super) fn wrong_type(path: &Path<'_>, rule: &Rule, node: &Node<'_>) -> Self {
        let message = format!(
            "Invalid type for '{path}': expected {}, but got {} instead.",
            expected(rule),
            kind_of(node)
        );
        Self::new(path, "invalid_type", message)
    }

    pub(super) fn not_an_integer(path: &Path<'_>) -> Self {
        let message =
            format!("Invalid type for '{path}': expected an integer, but got a decimal number instead.");
        Self::new(path, "invalid_type", message)
    }

    pub(super) fn below(path: &Path<'_>, kind: &str, min: &dyn Display, got: Number) -> Self {
        let code = if kind == "integer" { "integer_below_min_value" } else { "decimal_below_min_value" };
        let message = format!(
            "Invalid '{path}': {kind} below minimum value. Expected a value >= {min}, but got {got} instead."
        );
        Self::new(path, code, message)
    }

    pub(super) fn above(path: &Path<'_>, kind: &str, max: &dyn Display, got: Number) -> Self {
        let code = if kind == "integer" { "integer_above_max_value" } else { "decimal_above_max_value" };
        let message = format!(
            "Invalid '{path}': {kind} above maximum value. Expected a value <= {max}, but got {got} instead."
        );
        Self::new(path, code, message)
    }

    pub(super) fn empty_array(path: &Path<'_>) -> Self {
        let message = format!(
            "Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        );
        Self::new(path, "empty_array", message)
    }

    pub(super) fn long_array(path: &Path<'_>, max: usize, got: usize) -> Self {
        let message = format!(
            "Invalid '{path}': array too long. Expected an array with maximum length {max}, \
             but got an array with length {got} instead."
        );
        Self::new(path, "array_above_max_length", message)
    }

    pub(super) fn long_text(path: &Path<'_>, max: usize, got: usize) -> Self {
        let message = format!(
            "Invalid '{path}': string too long. Expected a string with maximum length {max}, \
             but got a string with length {got} instead."
        );
        Self::new(path, "string_above_max_length", message)
    }

    pub(super) fn long_key(path: &Path<'_>, max: usize, got: usize) -> Self {
        let message = format!(
            "Invalid '{path}': key too long. Expected keys with maximum length {max}, \
             but got a key with length {got} instead."
        );
        Self::new(path, "string_above_max_length", message)
    }

    pub(super) fn many_properties(path: &Path<'_>, max: usize, got: usize) -> Self {
        let message = format!(
            "Invalid '{path}': too many properties. Expected an object with at most {max} properties, \
             but got an object with {got} properties instead."
        );
        Self::new(path, "object_above_max_properties", message)
    }

    pub(super) fn unknown_word(path: &Path<'_>, got: &str, words: &[&str]) -> Self {
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let supported = match quoted.as_slice() {
            [only] => format!("Supported value is: {only}."),
            [first, second] => format!("Supported values are: {first} and {second}."),
            [start @ .., last] => format!("Supported values are: {}, and {last}.", start.join(", ")),
            [] => String::new(),
        };
        Self::new(path, "invalid_value", format!("Invalid value: '{}'. {supported}", Excerpt(got)))
    }

    pub(super) fn not_a_name(path: &Path<'_>) -> Self {
        let message = format!(
            "Invalid '{path}': string does not match pattern. \
             Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        );
        Self::new(path, "invalid_value", message)
    }
}

/// What a rule wants, with its article.
fn expected(rule: &Rule) -> &'static str {
    match rule {
        Rule::Bool => "a boolean",
        Rule::Text | Rule::Prose | Rule::ShortText { .. } | Rule::Word(_) | Rule::Name => "a string",
        Rule::Integer { .. } => "an integer",
        Rule::Decimal { .. } => "a decimal",
        Rule::Number => "a number",
        Rule::List { of: Rule::Text | Rule::Word(_), .. } => "an array of strings",
        Rule::List { .. } | Rule::Messages => "an array of objects",
        Rule::Object(_) | Rule::Map { .. } => "an object",
        Rule::TextOr { other: Rule::List { of: Rule::Text, .. }, .. } => {
            "one of a string or array of strings"
        }
        Rule::TextOr { other: Rule::List { .. }, .. } | Rule::Content => {
            "one of a string or array of objects"
        }
        Rule::TextOr { .. } => "one of a string or object",
    }
}

/// What a value is, with its article.
pub(super) fn kind_of(node: &Node<'_>) -> &'static str {
    match node {
        Node::Null => "null",
        Node::Bool => "a boolean",
        Node::Number(Number::Float(_)) => "a decimal number",
        Node::Number(_) => "an integer",
        Node::Text(_) => "a string",
        Node::List(_) => "an array",
        Node::Object(_) => "an object",
    }
}
