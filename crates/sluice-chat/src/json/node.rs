//! Values of a JSON text that is known to be valid, one level at a time. Nothing is built: a large body that is
//! refused costs time, and no memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Number;
use super::cursor::{Cursor, Text};

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    Null,
    Bool,
    Number(Number),
    Text(Words<'a>),
    List(Items<'a>),
    Object(Members<'a>),
}

impl<'a> Node<'a> {
    /// The value at which the cursor stands.
    pub(crate) fn at(mut cursor: Cursor<'a>) -> Self {
        match cursor.peek() {
            Ok(b'"') => cursor.text().map_or(Self::Null, |text| Self::Text(Words { cursor, text })),
            Ok(b'[') => cursor.open().map_or(Self::Null, |()| Self::List(Items { cursor, first: true })),
            Ok(b'{') => cursor.open().map_or(Self::Null, |()| Self::Object(Members { cursor, first: true })),
            Ok(b't' | b'f') => Self::Bool,
            Ok(b'-' | b'0'..=b'9') => cursor.number().map_or(Self::Null, Self::Number),
            _ => Self::Null,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    cursor: Cursor<'a>,
    text: Text,
}

impl<'a> Words<'a> {
    /// Unescaped.
    pub(crate) fn get(&self) -> Cow<'a, str> {
        self.cursor.unescape(self.text)
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.cursor.is(self.text, word)
    }
}

/// The elements of an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'a> {
    cursor: Cursor<'a>,
    first: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let more = self.cursor.element(self.first).ok()?;
        self.first = false;
        more.then(|| step(&mut self.cursor))?
    }
}

/// The pairs of an object in document order, duplicates included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members<'a> {
    cursor: Cursor<'a>,
    first: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Words<'a>, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.cursor.member(self.first).ok()??;
        self.first = false;
        let key = Words { cursor: self.cursor, text };
        Some((key, step(&mut self.cursor)?))
    }
}

/// The value at which the cursor stands; the cursor moves behind it.
fn step<'a>(cursor: &mut Cursor<'a>) -> Option<Node<'a>> {
    let value = *cursor;
    cursor.skip().ok()?;
    Some(Node::at(value))
}

/// Any JSON value, read by serde_json in every detail and kept in none: for its words about what is no JSON.
#[derive(Debug)]
pub(crate) struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}
