//! One pass over the text of a chunk or an answer of the usual shape.

use sluice_chat::json::{Cursor, Refused, Text};

use super::Facts;
use crate::openai::failure::truthy;
use crate::openai::template::Hole;
use crate::openai::usage::{GivenUsage, PlainUsage};
use crate::transcript::Channel;

/// Why the pass did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is not JSON as serde_json reads it.
    NotJson,
    /// It has a shape that only a tree tells right: keys that are repeated or escaped, other types than usual.
    Odd,
}

impl From<Refused> for Stop {
    fn from(Refused: Refused) -> Self {
        Self::NotJson
    }
}

type Step = Result<(), Stop>;

/// Reads a text of the usual shape into `facts`, which are of no use where it stops. Offsets of holes are those in
/// `text`.
pub(super) fn read(text: &[u8], facts: &mut Facts) -> Step {
    let mut pass = Pass { cursor: Cursor::new(text)?, text, facts, groq_error: None, odd: false };
    if pass.cursor.peek()? != b'{' {
        pass.cursor.skip()?;
        pass.cursor.end()?;
        return Err(Stop::Odd);
    }
    let mut seen = Seen::default();
    pass.object(|pass, key| pass.top(&mut seen, key))?;
    pass.cursor.end()?;
    if pass.odd {
        return Err(Stop::Odd);
    }
    pass.finish();
    Ok(())
}

struct Pass<'t, 'f> {
    cursor: Cursor<'t>,
    text: &'t [u8],
    facts: &'f mut Facts,
    /// `x_groq.error`, which the one of the top level goes before.
    groq_error: Option<serde_json::Value>,
    /// What was found does not hold: the rest is read for its being JSON.
    odd: bool,
}

/// One bit for each key of an object that came.
#[derive(Clone, Copy, Default)]
struct Seen(u8);

impl<'t> Pass<'t, '_> {
    /// Reads the object at which the cursor stands; `field` reads the value of each key.
    #[inline]
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'t [u8]) -> Step) -> Step {
        self.cursor.open()?;
        let mut first = true;
        while let Some(key) = self.cursor.member(first)? {
            first = false;
            self.odd |= !key.is_plain();
            field(self, self.cursor.raw(key))?;
        }
        Ok(())
    }

    /// Reads the array at which the cursor stands; true when it has elements.
    #[inline]
    fn array(&mut self, mut element: impl FnMut(&mut Self) -> Step) -> Result<bool, Stop> {
        self.cursor.open()?;
        let mut first = true;
        while self.cursor.element(first)? {
            first = false;
            element(self)?;
        }
        Ok(!first)
    }

    /// Notes a key that may come once.
    #[inline]
    fn once(&mut self, seen: &mut Seen, bit: u8) {
        self.odd |= seen.0 & bit != 0;
        seen.0 |= bit;
    }

    fn skip(&mut self) -> Step {
        Ok(self.cursor.skip()?)
    }

    fn skip_odd(&mut self) -> Step {
        self.odd = true;
        self.skip()
    }

    /// Reads a string, or null for `None`; anything else is odd.
    #[inline]
    fn string(&mut self) -> Result<Option<Text>, Stop> {
        match self.cursor.peek()? {
            b'"' => Ok(Some(self.cursor.text()?)),
            b'n' => self.cursor.word("null").map(|()| None).map_err(Stop::from),
            _ => self.skip_odd().map(|()| None),
        }
    }

    fn top(&mut self, seen: &mut Seen, key: &[u8]) -> Step {
        match key {
            b"choices" => {
                self.once(seen, 1);
                self.choices()
            }
            b"usage" => {
                self.once(seen, 2);
                self.facts.usage = self.usage()?;
                Ok(())
            }
            b"error" => {
                self.once(seen, 4);
                self.facts.error = self.error()?;
                Ok(())
            }
            b"x_groq" => {
                self.once(seen, 8);
                self.groq()
            }
            b"obfuscation" => {
                self.once(seen, 16);
                self.fragment(None)
            }
            _ => self.skip(),
        }
    }

    fn choices(&mut self) -> Step {
        if self.cursor.peek()? != b'[' {
            return self.skip();
        }
        self.array(Self::choice).map(|_| ())
    }

    fn choice(&mut self) -> Step {
        if self.cursor.peek()? != b'{' {
            return self.skip_odd();
        }
        let mut seen = Seen::default();
        let (mut index, mut finishes) = (0, false);
        self.object(|pass, key| match key {
            b"index" => {
                pass.once(&mut seen, 1);
                index = pass.index()?;
                Ok(())
            }
            // A whole answer has its message in place of a delta.
            b"delta" | b"message" => {
                pass.once(&mut seen, 2);
                pass.delta()
            }
            b"finish_reason" => {
                pass.once(&mut seen, 4);
                finishes = pass.cursor.peek()? == b'"';
                if finishes {
                    finishes = pass.cursor.text()?.unescaped_len() > 0;
                    return Ok(());
                }
                pass.skip()
            }
            b"usage" => {
                pass.once(&mut seen, 8);
                pass.other_usage()
            }
            _ => pass.skip(),
        })?;
        self.facts.choices.push((index, finishes));
        Ok(())
    }

    /// The index of a choice.
    fn index(&mut self) -> Result<u32, Stop> {
        if !self.cursor.peek()?.is_ascii_digit() {
            return self.skip_odd().map(|()| 0);
        }
        let index = self.cursor.number()?.as_u64().and_then(|index| u32::try_from(index).ok());
        self.odd |= index.is_none();
        Ok(index.unwrap_or_default())
    }

    fn delta(&mut self) -> Step {
        if self.cursor.peek()? != b'{' {
            return self.skip();
        }
        let mut seen = Seen::default();
        self.object(|pass, key| match key {
            b"content" => {
                pass.once(&mut seen, 1);
                pass.fragment(Some(Channel::Content))
            }
            b"reasoning_content" => {
                pass.once(&mut seen, 2);
                pass.fragment(Some(Channel::Reasoning))
            }
            b"reasoning" => {
                pass.once(&mut seen, 4);
                pass.fragment(Some(Channel::Reasoning))
            }
            b"refusal" => {
                pass.once(&mut seen, 8);
                pass.fragment(Some(Channel::Refusal))
            }
            b"tool_calls" => {
                pass.once(&mut seen, 16);
                pass.tool_calls()
            }
            b"function_call" => {
                pass.once(&mut seen, 32);
                pass.facts.always_content |= pass.function()?;
                Ok(())
            }
            b"audio" => {
                pass.once(&mut seen, 64);
                pass.facts.always_content |= pass.cursor.peek()? != b'n';
                pass.skip()
            }
            _ => pass.skip(),
        })
    }

    fn tool_calls(&mut self) -> Step {
        match self.cursor.peek()? {
            b'[' => {
                self.facts.always_content |= self.array(Self::tool_call)?;
                Ok(())
            }
            b'n' => self.skip(),
            _ => self.skip_odd(),
        }
    }

    fn tool_call(&mut self) -> Step {
        if self.cursor.peek()? != b'{' {
            return self.skip_odd();
        }
        let mut seen = Seen::default();
        let mut index = 0;
        let holes_before = self.facts.holes.len();
        self.object(|pass, key| match key {
            b"function" => {
                pass.once(&mut seen, 1);
                pass.function().map(|_| ())
            }
            b"index" => {
                pass.once(&mut seen, 2);
                index = pass.index()?;
                Ok(())
            }
            _ => pass.skip(),
        })?;
        for hole in self.facts.holes.iter_mut().skip(holes_before) {
            hole.channel = Some(Channel::CallArguments(Some(index)));
        }
        Ok(())
    }

    /// Reads the function of a call; true when there is one.
    fn function(&mut self) -> Result<bool, Stop> {
        match self.cursor.peek()? {
            b'{' => {}
            b'n' => return self.skip().map(|()| false),
            _ => return self.skip_odd().map(|()| false),
        }
        let mut seen = Seen::default();
        self.object(|pass, key| match key {
            b"arguments" => {
                pass.once(&mut seen, 1);
                pass.fragment(Some(Channel::CallArguments(None)))
            }
            _ => pass.skip(),
        })?;
        Ok(true)
    }

    /// Reads a string that the next chunk may have different.
    fn fragment(&mut self, channel: Option<Channel>) -> Step {
        if let Some(text) = self.string()? {
            if channel.is_some() {
                self.facts.content_bytes += text.unescaped_len() as u64;
            }
            self.facts.holes.push(Hole { start: text.start, end: text.end, channel });
        }
        Ok(())
    }

    fn groq(&mut self) -> Step {
        if self.cursor.peek()? != b'{' {
            return self.skip();
        }
        let mut seen = Seen::default();
        self.object(|pass, key| match key {
            b"usage" => {
                pass.once(&mut seen, 1);
                pass.other_usage()
            }
            b"error" => {
                pass.once(&mut seen, 2);
                pass.groq_error = pass.error()?;
                Ok(())
            }
            _ => pass.skip(),
        })
    }

    /// Reads what stands under `error`; `None` when that means that there is none.
    fn error(&mut self) -> Result<Option<serde_json::Value>, Stop> {
        if self.cursor.peek()? == b'n' {
            return self.skip().map(|()| None);
        }
        let text = self.value()?;
        let value = serde_json::from_slice(text).map_err(|_| Stop::NotJson)?;
        Ok(Some(value).filter(truthy))
    }

    /// Reads a usage object; anything else is none.
    fn usage(&mut self) -> Result<Option<GivenUsage>, Stop> {
        if self.cursor.peek()? != b'{' {
            return self.skip().map(|()| None);
        }
        let mut ahead = self.cursor;
        if let Some(plain) = PlainUsage::read(&mut ahead) {
            self.cursor = ahead;
            return Ok(Some(GivenUsage::Plain(plain)));
        }
        let text = String::from_utf8_lossy(self.value()?).into_owned();
        Ok(Some(GivenUsage::Other(text)))
    }

    /// Reads the usage of a choice, or Groq's. Where there are several, which is the last is not for this pass to say.
    fn other_usage(&mut self) -> Step {
        let usage = self.usage()?;
        self.odd |= usage.is_some() && !self.facts.other_usages.is_empty();
        self.facts.other_usages.extend(usage);
        Ok(())
    }

    /// The text of any value.
    fn value(&mut self) -> Result<&'t [u8], Stop> {
        let start = self.cursor.at();
        self.skip()?;
        Ok(self.text.get(start..self.cursor.at()).unwrap_or_default())
    }

    fn finish(self) {
        let facts = self.facts;
        if facts.error.is_none() {
            facts.error = self.groq_error;
        }
        facts.has_content = facts.content_bytes > 0 || facts.always_content;
        let only_content = facts.has_content
            && facts.error.is_none()
            && !facts.has_usage()
            && facts.choices.iter().all(|(_, finishes)| !finishes);
        if !only_content {
            facts.holes.clear();
        }
    }
}
