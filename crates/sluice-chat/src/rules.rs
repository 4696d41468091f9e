//! The rules of a request, once for both passes: tables that the scan reads over raw bytes and the typed pass over
//! one value after the other. What a rule means is said here; how it is met is their business.
//!
//! Common to all: `null` is absent for an optional field and missing for a required one; an element of a list or a
//! map may not be null; every occurrence of a repeated key is checked, and the last one decides what is present.

mod fields;

pub(crate) use fields::{MESSAGE, PART, REQUEST, ROLES};

use crate::json::Number;

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Rule {
    Bool,
    Text,
    /// A text that the model reads.
    Prose,
    /// At most so many characters.
    ShortText {
        max_chars: usize,
    },
    /// One of these.
    Word(&'static [&'static str]),
    /// The name of a function or a schema; see [`is_name`].
    Name,
    Integer {
        min: i64,
        max: u64,
    },
    Decimal {
        min: f64,
        max: f64,
    },
    /// Any number.
    Number,
    List {
        min: usize,
        max: usize,
        of: &'static Rule,
    },
    Object(&'static Shape),
    Map {
        max_pairs: usize,
        max_key_chars: usize,
        of: &'static Rule,
    },
    /// A text that keeps the one rule, or else a value that keeps the other.
    TextOr {
        text: &'static Rule,
        other: &'static Rule,
    },
    /// The list of messages: at least one, each an object of the shape [`MESSAGE`].
    Messages,
    /// The content of a message, within what [`RoleRule`] says for its role: a text, or parts of the shape [`PART`].
    Content,
}

/// What an object may hold. Fields that are not named are not checked.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Where the kind of the object matters (`type`, `role`), the field that tells it comes first.
    pub(crate) fields: &'static [FieldRule],
    /// The kind of an object that names none.
    pub(crate) default_kind: Option<&'static str>,
    /// One bit for each field that every object of the shape needs.
    pub(crate) required: u64,
    /// Some fields are needed in objects of one kind.
    pub(crate) has_kinds: bool,
}

/// One field of a shape.
#[derive(Debug)]
pub(crate) struct FieldRule {
    pub(crate) name: &'static str,
    pub(crate) rule: Rule,
    pub(crate) need: Need,
    /// Refused when it stands there twice: two readers that take different ones would see different requests.
    pub(crate) once: bool,
}

/// When a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Optional,
    Required,
    /// Required, and checked at all, only in an object of this `type`.
    OfType(&'static str),
}

impl Shape {
    const fn new(fields: &'static [FieldRule], default_kind: Option<&'static str>) -> Self {
        let mut shape = Self { fields, default_kind, required: 0, has_kinds: false };
        let mut index = 0;
        while index < fields.len() {
            match fields[index].need {
                Need::Optional => {}
                Need::Required => shape.required |= 1 << index,
                Need::OfType(_) => shape.has_kinds = true,
            }
            index += 1;
        }
        shape
    }

    /// The index of the field `name`.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<usize> {
        self.fields.iter().position(|field| field.name.as_bytes() == name)
    }
}

/// A shape has at most so many fields: the scan keeps one bit of a word for each.
pub(crate) const MAX_FIELDS: usize = 64;
const _: () = assert!(REQUEST.fields.len() <= MAX_FIELDS, "the top level is the largest shape");

/// Longest name of a function or a schema.
pub(crate) const MAX_NAME_CHARS: usize = 64;

/// `^[A-Za-z0-9_-]{1,64}$`
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME_CHARS && has_name_chars(text)
}

/// Only characters that a name may have.
pub(crate) fn has_name_chars(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// At most `max` characters (Unicode scalar values, as OpenAI counts).
pub(crate) fn fits_chars(text: &str, max: usize) -> bool {
    text.len() <= max || text.chars().nth(max).is_none()
}

/// How a number misses its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Not an integer.
    Kind,
    Below,
    Above,
}

/// Checks an integer: it must be written as one.
pub(crate) fn check_integer(number: Number, min: i64, max: u64) -> Result<(), Misfit> {
    match number {
        Number::Float(_) => Err(Misfit::Kind),
        Number::Unsigned(n) if n > max => Err(Misfit::Above),
        Number::Unsigned(n) if i64::try_from(n).is_ok_and(|n| n < min) => Err(Misfit::Below),
        Number::Negative(n) if n < min => Err(Misfit::Below),
        Number::Unsigned(_) | Number::Negative(_) => Ok(()),
    }
}

/// Checks a number against a range, bounds included.
pub(crate) fn check_decimal(number: Number, min: f64, max: f64) -> Result<(), Misfit> {
    let value = number.as_f64();
    if value < min {
        Err(Misfit::Below)
    } else if value > max {
        Err(Misfit::Above)
    } else {
        Ok(())
    }
}

/// What the `role` of a message asks of its other fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoleRule {
    pub(crate) word: &'static str,
    pub(crate) needs_content: bool,
    /// The content may be an array.
    pub(crate) takes_parts: bool,
    /// The array may be empty.
    pub(crate) takes_no_parts: bool,
    /// A field that this role requires beyond its content.
    pub(crate) needs_field: Option<&'static str>,
}
