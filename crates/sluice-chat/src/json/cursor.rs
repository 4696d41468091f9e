//! A validating cursor over the bytes of one JSON text. It allocates nothing and builds nothing; a string that has
//! escapes is unescaped only when somebody asks for its text.

use std::borrow::Cow;

use memchr::memchr2;

use super::Number;

/// The bytes are not JSON (or what was asked for is not there).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Arrays and objects may be nested less deep than this: serde_json's limit.
const DEPTH_LIMIT: u32 = 128;

/// A string: where its text stands, without the quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How many bytes the raw text is longer than the unescaped one; 0 when there are no escapes.
    shrink: usize,
}

impl Text {
    /// Without escapes: the raw bytes are the text.
    pub(crate) fn is_plain(self) -> bool {
        self.shrink == 0
    }

    /// UTF-8 bytes of the unescaped text.
    pub(crate) fn unescaped_len(self) -> usize {
        self.end - self.start - self.shrink
    }
}

/// The place up to which a text was read. Cheap to copy: a copy is a way back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`, which is known to be UTF-8.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, depth: 0 }
    }

    /// At offset `at` of the same text, where a value begins.
    pub(crate) fn back_at(&self, at: usize) -> Self {
        Self { bytes: self.bytes, at, depth: 0 }
    }

    /// The offset of the next byte to read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Skips white space and shows the byte that comes.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, Refused> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Refused),
            }
        }
    }

    /// Only white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Refused> {
        match self.peek() {
            Ok(_) => Err(Refused),
            Err(Refused) => Ok(()),
        }
    }

    /// Enters an array or an object; the cursor stands at its bracket.
    #[inline]
    pub(crate) fn open(&mut self) -> Result<(), Refused> {
        self.at += 1;
        self.depth += 1;
        if self.depth < DEPTH_LIMIT { Ok(()) } else { Err(Refused) }
    }

    /// Moves to the next value of the object entered, behind its key, or out of the object (`None`).
    #[inline]
    pub(crate) fn member(&mut self, first: bool) -> Result<Option<Text>, Refused> {
        let mut byte = self.peek()?;
        if byte == b'}' {
            self.close();
            return Ok(None);
        }
        if !first {
            byte = self.after_comma(byte)?;
        }
        if byte != b'"' {
            return Err(Refused);
        }
        let key = self.text()?;
        if self.peek()? != b':' {
            return Err(Refused);
        }
        self.at += 1;
        self.peek()?;
        Ok(Some(key))
    }

    /// Moves to the next element of the array entered (true), or out of the array (false).
    #[inline]
    pub(crate) fn element(&mut self, first: bool) -> Result<bool, Refused> {
        let byte = self.peek()?;
        if byte == b']' {
            self.close();
            return Ok(false);
        }
        if !first {
            self.after_comma(byte)?;
        }
        Ok(true)
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    fn after_comma(&mut self, byte: u8) -> Result<u8, Refused> {
        if byte != b',' {
            return Err(Refused);
        }
        self.at += 1;
        self.peek()
    }

    /// Reads a string; the cursor stands at its quote.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Text, Refused> {
        let start = self.at + 1;
        let mut at = start;
        let mut shrink = 0;
        loop {
            at = next_special(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let (raw, unescaped) = escape_len(&self.bytes[at..])?;
                    at += raw;
                    shrink += raw - unescaped;
                }
                _ => return Err(Refused),
            }
        }
        self.at = at + 1;
        Ok(Text { start, end: at, shrink })
    }

    /// Reads a number; the cursor stands at its first byte.
    pub(crate) fn number(&mut self) -> Result<Number, Refused> {
        let start = self.at;
        let negative = self.bytes[start] == b'-';
        self.at += usize::from(negative);
        let (digits, magnitude) = self.digits();
        let leading_zero = digits > 1 && self.bytes[self.at - digits] == b'0';
        if digits == 0 || leading_zero {
            return Err(Refused);
        }
        let mut float = false;
        if self.bytes.get(self.at) == Some(&b'.') {
            float = true;
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            float = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        if float || digits > SAFE_DIGITS || (negative && magnitude == 0) {
            // Rare, and what is out of range and what rounds to what is serde_json's to say.
            let number = serde_json::from_slice(&self.bytes[start..self.at]).map_err(|_| Refused)?;
            return Ok(Number::of(&number));
        }
        if !negative {
            return Ok(Number::Unsigned(magnitude));
        }
        i64::try_from(magnitude).map(|n| Number::Negative(-n)).map_err(|_| Refused)
    }

    /// How many digits come, and their value where they are at most [`SAFE_DIGITS`].
    fn digits(&mut self) -> (usize, u64) {
        let start = self.at;
        let mut value = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        (self.at - start, value)
    }

    fn some_digits(&mut self) -> Result<(), Refused> {
        if self.digits().0 == 0 { Err(Refused) } else { Ok(()) }
    }

    /// Reads `true`, `false` or `null`.
    #[inline]
    pub(crate) fn word(&mut self, word: &str) -> Result<(), Refused> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Refused);
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads any value.
    pub(crate) fn skip(&mut self) -> Result<(), Refused> {
        match self.peek()? {
            b'"' => self.text().map(|_| ()),
            b'{' => {
                self.open()?;
                let mut first = true;
                while self.member(first)?.is_some() {
                    first = false;
                    self.skip()?;
                }
                Ok(())
            }
            b'[' => {
                self.open()?;
                let mut first = true;
                while self.element(first)? {
                    first = false;
                    self.skip()?;
                }
                Ok(())
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            _ => Err(Refused),
        }
    }

    /// The raw bytes of a text, escapes and all.
    pub(crate) fn raw(&self, text: Text) -> &'a [u8] {
        &self.bytes[text.start..text.end]
    }

    /// The text is `word`.
    #[inline]
    pub(crate) fn is(&self, text: Text, word: &str) -> bool {
        if text.shrink == 0 { self.raw(text) == word.as_bytes() } else { self.unescape(text) == word }
    }

    /// The text, unescaped.
    pub(crate) fn unescape(&self, text: Text) -> Cow<'a, str> {
        let quoted = &self.bytes[text.start - 1..=text.end];
        if text.shrink == 0
            && let Ok(plain) = std::str::from_utf8(self.raw(text))
        {
            return Cow::Borrowed(plain);
        }
        // It was validated when it was read.
        Cow::Owned(serde_json::from_slice(quoted).unwrap_or_default())
    }
}

/// Decimal digits that always fit an `i64`.
const SAFE_DIGITS: usize = 18;

/// The offset of the first byte from `at` on that ends a plain run of a string: a quote, a backslash or a control
/// character, or the length of `bytes`.
#[inline]
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..NEAR_WORDS {
        let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            return next_special_slow(bytes, at);
        };
        let mask = special_mask(u64::from_le_bytes(*word));
        if mask != 0 {
            return at + (mask.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    next_special_far(bytes, at)
}

/// Keys and short values are looked through word by word; longer strings get the vector search.
const NEAR_WORDS: usize = 4;

fn next_special_slow(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len())
}

fn next_special_far(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let plain = &rest[..memchr2(b'"', b'\\', rest).unwrap_or(rest.len())];
    // The minimum of all bytes is what compilers turn into the fewest vector instructions.
    let lowest = plain.iter().fold(u8::MAX, |lowest, &b| lowest.min(b));
    if lowest < 0x20 { next_special_slow(bytes, at) } else { at + plain.len() }
}

/// The high bit of every byte that is a quote, a backslash or a control character. Bytes above the lowest such one
/// may be marked in error (a borrow runs upwards); the lowest mark is right.
fn special_mask(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero_bytes = |w: u64| w.wrapping_sub(ONES) & !w;
    let quote = zero_bytes(word ^ (ONES * b'"' as u64));
    let backslash = zero_bytes(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

/// The length of the escape at the beginning of `bytes`, raw and unescaped.
#[inline]
fn escape_len(bytes: &[u8]) -> Result<(usize, usize), Refused> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok((2, 1)),
        Some(b'u') => unicode_escape_len(bytes),
        _ => Err(Refused),
    }
}

fn unicode_escape_len(bytes: &[u8]) -> Result<(usize, usize), Refused> {
    match hex(bytes, 2)? {
        0xD800..=0xDBFF => {
            let low = bytes.get(6..8) == Some(b"\\u") && matches!(hex(bytes, 8)?, 0xDC00..=0xDFFF);
            if low { Ok((12, 4)) } else { Err(Refused) }
        }
        0xDC00..=0xDFFF => Err(Refused),
        0..=0x7F => Ok((6, 1)),
        0x80..=0x7FF => Ok((6, 2)),
        _ => Ok((6, 3)),
    }
}

fn hex(bytes: &[u8], at: usize) -> Result<u32, Refused> {
    let digits = bytes.get(at..at + 4).ok_or(Refused)?;
    digits.iter().try_fold(0, |value, &b| Some(value * 16 + char::from(b).to_digit(16)?)).ok_or(Refused)
}

/// `bytes` as a text, if they are one JSON text.
pub(crate) fn json(bytes: &[u8]) -> Result<&str, Refused> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refused)?;
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    cursor.end()?;
    Ok(text)
}
