//! The rules, read over raw bytes.

use super::Features;
use super::messages::ContentSeen;
use crate::json::Number;
use crate::json::cursor::{Cursor, Refused, Text};
use crate::rules::{self, Need, Rule, Shape};

/// The state of one scan: where it stands and what it gathers on the way.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    pub(super) cursor: Cursor<'a>,
    /// UTF-8 bytes of the texts that the model reads.
    pub(super) prose_bytes: u64,
    pub(super) features: Features,
    pub(super) media_parts: u32,
    /// Index of the message being read.
    pub(super) message: u32,
    /// What the contents of that message were.
    pub(super) content: ContentSeen,
}

/// What a value that keeps its rule is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    Null,
    Bool(bool),
    Unsigned(u64),
    Text(Text),
    /// How many elements.
    List(usize),
    Object(Object),
    Other,
}

/// An object that keeps its shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    /// The text of the shape's first field.
    pub(super) kind: Option<Text>,
    /// One bit for each field of the shape that is there and not null.
    present: u64,
}

impl Object {
    pub(super) fn has(&self, shape: &Shape, name: &str) -> bool {
        shape.find(name.as_bytes()).is_some_and(|index| self.present & 1 << index != 0)
    }
}

impl<'a> Checker<'a> {
    pub(super) fn new(body: &'a [u8]) -> Result<Self, Refused> {
        Ok(Self {
            cursor: Cursor::new(body)?,
            prose_bytes: 0,
            features: Features::default(),
            media_parts: 0,
            message: 0,
            content: ContentSeen::default(),
        })
    }

    /// Reads the value of a field: null, or what keeps the rule.
    #[inline]
    pub(super) fn field(&mut self, rule: &Rule) -> Result<Seen, Refused> {
        if self.cursor.peek()? == b'n' {
            self.cursor.word("null")?;
            return Ok(Seen::Null);
        }
        self.value(rule)
    }

    /// Reads a value that keeps the rule.
    pub(super) fn value(&mut self, rule: &Rule) -> Result<Seen, Refused> {
        match rule {
            Rule::Bool => self.boolean(),
            Rule::Text | Rule::Prose | Rule::ShortText { .. } | Rule::Word(_) | Rule::Name => self.text(rule),
            Rule::Integer { .. } | Rule::Decimal { .. } | Rule::Number => self.number(rule),
            Rule::List { min, max, of } => {
                let count = self.list(|checker, _| checker.value(of).map(|_| ()))?;
                if (*min..=*max).contains(&count) { Ok(Seen::List(count)) } else { Err(Refused) }
            }
            Rule::Object(shape) => self.object(shape).map(Seen::Object),
            Rule::Map { max_pairs, max_key_chars, of } => self.map(*max_pairs, *max_key_chars, of),
            Rule::TextOr { text, other } => {
                let rule = if self.cursor.peek()? == b'"' { text } else { other };
                self.value(rule)
            }
            Rule::Messages => self.messages(),
            Rule::Content => self.content(),
        }
    }

    fn boolean(&mut self) -> Result<Seen, Refused> {
        let value = self.cursor.peek()? == b't';
        self.cursor.word(if value { "true" } else { "false" })?;
        Ok(Seen::Bool(value))
    }

    fn text(&mut self, rule: &Rule) -> Result<Seen, Refused> {
        if self.cursor.peek()? != b'"' {
            return Err(Refused);
        }
        let text = self.cursor.text()?;
        let keeps = match rule {
            Rule::Prose => {
                self.prose_bytes += text.unescaped_len() as u64;
                true
            }
            Rule::ShortText { max_chars } => rules::fits_chars(&self.cursor.unescape(text), *max_chars),
            Rule::Word(words) => words.iter().any(|word| self.cursor.is(text, word)),
            Rule::Name => rules::is_name(&self.cursor.unescape(text)),
            _ => true,
        };
        if keeps { Ok(Seen::Text(text)) } else { Err(Refused) }
    }

    fn number(&mut self, rule: &Rule) -> Result<Seen, Refused> {
        if !matches!(self.cursor.peek()?, b'-' | b'0'..=b'9') {
            return Err(Refused);
        }
        let number = self.cursor.number()?;
        let keeps = match rule {
            Rule::Integer { min, max } => rules::check_integer(number, *min, *max).is_ok(),
            Rule::Decimal { min, max } => rules::check_decimal(number, *min, *max).is_ok(),
            _ => true,
        };
        match number {
            _ if !keeps => Err(Refused),
            Number::Unsigned(n) => Ok(Seen::Unsigned(n)),
            Number::Negative(_) | Number::Float(_) => Ok(Seen::Other),
        }
    }

    /// Reads an array, each element by `read`, which is told its index. Returns how many there were.
    pub(super) fn list(
        &mut self,
        mut read: impl FnMut(&mut Self, u32) -> Result<(), Refused>,
    ) -> Result<usize, Refused> {
        if self.cursor.peek()? != b'[' {
            return Err(Refused);
        }
        self.cursor.open()?;
        let mut count = 0_u32;
        while self.cursor.element(count == 0)? {
            read(self, count)?;
            count += 1;
        }
        Ok(count as usize)
    }

    fn map(&mut self, max_pairs: usize, max_key_chars: usize, of: &Rule) -> Result<Seen, Refused> {
        if self.cursor.peek()? != b'{' {
            return Err(Refused);
        }
        self.cursor.open()?;
        let mut pairs = 0;
        while let Some(key) = self.cursor.member(pairs == 0)? {
            pairs += 1;
            let fits = key.unescaped_len() <= max_key_chars
                || rules::fits_chars(&self.cursor.unescape(key), max_key_chars);
            if pairs > max_pairs || !fits {
                return Err(Refused);
            }
            self.value(of)?;
        }
        Ok(Seen::Other)
    }

    /// Reads an object of a shape.
    pub(super) fn object(&mut self, shape: &Shape) -> Result<Object, Refused> {
        if self.cursor.peek()? != b'{' {
            return Err(Refused);
        }
        self.cursor.open()?;
        let mut object = Object { kind: None, present: 0 };
        let mut broken = 0_u64;
        let mut first = true;
        while let Some(key) = self.cursor.member(first)? {
            first = false;
            let Some(index) = self.find(shape, key) else {
                self.cursor.skip()?;
                continue;
            };
            let field = &shape.fields[index];
            let seen = match field.need {
                Need::OfType(_) => self.field_if_kept(&field.rule)?,
                Need::Optional | Need::Required => Some(self.field(&field.rule)?),
            };
            broken |= u64::from(seen.is_none()) << index;
            object.present &= !(1 << index);
            object.present |= u64::from(!matches!(seen, Some(Seen::Null))) << index;
            if index == 0 {
                object.kind = if let Some(Seen::Text(text)) = seen { Some(text) } else { None };
            }
        }
        self.complete(shape, object, broken)
    }

    /// The index of the field with this key.
    #[inline]
    pub(super) fn find(&self, shape: &Shape, key: Text) -> Option<usize> {
        if key.is_plain() {
            shape.find(self.cursor.raw(key))
        } else {
            shape.find(self.cursor.unescape(key).as_bytes())
        }
    }

    /// Reads a field whose rule may turn out not to apply: `None` when it is broken.
    fn field_if_kept(&mut self, rule: &Rule) -> Result<Option<Seen>, Refused> {
        let (cursor, prose_bytes) = (self.cursor, self.prose_bytes);
        if let Ok(seen) = self.field(rule) {
            return Ok(Some(seen));
        }
        self.cursor = cursor;
        self.prose_bytes = prose_bytes;
        self.cursor.skip()?;
        Ok(None)
    }

    /// Now that its kind is known: what must be there is there, and keeps its rule.
    fn complete(&self, shape: &Shape, object: Object, broken: u64) -> Result<Object, Refused> {
        let mut needed = shape.required;
        if shape.has_kinds {
            for (index, field) in shape.fields.iter().enumerate() {
                let Need::OfType(word) = field.need else { continue };
                let is_kind = match object.kind {
                    Some(kind) => self.cursor.is(kind, word),
                    None => shape.default_kind == Some(word),
                };
                needed |= u64::from(is_kind) << index;
            }
        }
        if needed & !(object.present & !broken) == 0 { Ok(object) } else { Err(Refused) }
    }
}
