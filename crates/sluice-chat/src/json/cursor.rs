//! A validating cursor over the bytes of one JSON text. It allocates nothing and builds nothing; a string that has
//! escapes is unescaped only when somebody asks for its text.

use std::borrow::Cow;
use std::fmt;

use super::{Number, special};

/// The bytes are not JSON, or what was asked for is not what stands there. Carries nothing: who needs to say where
/// and why reads the text again with serde_json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the JSON that was expected")
    }
}

impl std::error::Error for Refused {}

/// Arrays and objects may be nested less deep than this: serde_json's limit.
const DEPTH_LIMIT: u32 = 128;

/// A string: where its text stands, as byte offsets, without the quotes.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Of the first byte behind the opening quote.
    pub start: usize,
    /// Of the closing quote.
    pub end: usize,
    /// How many bytes the raw text is longer than the unescaped one; 0 when there are no escapes.
    shrink: usize,
}

impl Text {
    /// Without escapes: the raw bytes are the text.
    #[inline]
    pub fn is_plain(self) -> bool {
        self.shrink == 0
    }

    /// UTF-8 bytes of the unescaped text.
    #[inline]
    pub fn unescaped_len(self) -> usize {
        self.end - self.start - self.shrink
    }
}

/// The place up to which a text was read. Cheap to copy: a copy is a way back. What it has read is JSON as
/// serde_json's; after a refusal it stands anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a text.
    ///
    /// # Errors
    /// [`Refused`] when the bytes are not UTF-8. Nothing else is looked at yet.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, Refused> {
        // Most texts are ASCII, and that is found out for a fraction of the price.
        if !bytes.is_ascii() && simdutf8::basic::from_utf8(bytes).is_err() {
            return Err(Refused);
        }
        Ok(Self { bytes, at: 0, depth: 0 })
    }

    /// At the beginning of a text that is known to be UTF-8.
    pub(crate) fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, depth: 0 }
    }

    /// At offset `at` of the same text, where a value begins.
    pub(crate) fn back_at(&self, at: usize) -> Self {
        Self { bytes: self.bytes, at, depth: 0 }
    }

    /// The offset of the next byte to read.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Skips white space and shows the byte that comes.
    ///
    /// # Errors
    /// [`Refused`] when the text is over.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, Refused> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => self.peek_behind_space(),
        }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> Result<u8, Refused> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Refused),
            }
        }
    }

    /// Only white space is left.
    ///
    /// # Errors
    /// [`Refused`] when something else comes.
    pub fn end(&mut self) -> Result<(), Refused> {
        match self.peek() {
            Ok(_) => Err(Refused),
            Err(Refused) => Ok(()),
        }
    }

    /// Enters an array or an object; the cursor stands at its bracket.
    ///
    /// # Errors
    /// [`Refused`] when it is nested too deep: 128 levels, as with serde_json.
    #[inline]
    pub fn open(&mut self) -> Result<(), Refused> {
        self.at += 1;
        self.depth += 1;
        if self.depth < DEPTH_LIMIT { Ok(()) } else { Err(Refused) }
    }

    /// Moves to the next value of the object entered, behind its key, or out of the object (`None`). `first` is for
    /// the first call after [`open`](Self::open).
    ///
    /// # Errors
    /// [`Refused`] when neither a key nor the end of the object comes.
    // Readers are loops around this; its answer is too large for registers.
    #[inline(always)]
    pub fn member(&mut self, first: bool) -> Result<Option<Text>, Refused> {
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

    /// Moves behind `written` if that is what comes, byte for byte: for what is nearly always written in one way,
    /// as `,"key":`. Whether it may stand here is the caller's to know. White space before it is not skipped.
    #[inline]
    pub fn take(&mut self, written: &[u8]) -> bool {
        let taken = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(written));
        if taken {
            self.at += written.len();
        }
        taken
    }

    /// Moves to the next element of the array entered (true), or out of the array (false). `first` is for the
    /// first call after [`open`](Self::open).
    ///
    /// # Errors
    /// [`Refused`] when neither a comma (unless it is the `first`) nor the end of the array comes.
    #[inline]
    pub fn element(&mut self, first: bool) -> Result<bool, Refused> {
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

    #[inline]
    fn close(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
    }

    #[inline]
    fn after_comma(&mut self, byte: u8) -> Result<u8, Refused> {
        if byte != b',' {
            return Err(Refused);
        }
        self.at += 1;
        self.peek()
    }

    /// Reads a string; the cursor stands at its quote.
    ///
    /// # Errors
    /// [`Refused`] when it does not end, has control characters or an escape that is none.
    #[inline]
    pub fn text(&mut self) -> Result<Text, Refused> {
        self.at += 1;
        self.text_behind_quote()
    }

    /// Reads a string; the cursor stands behind its quote.
    #[inline]
    pub(crate) fn text_behind_quote(&mut self) -> Result<Text, Refused> {
        let start = self.at;
        // Most strings are keys and words.
        if let Some(length) = special::quote_near(self.bytes, start) {
            let end = start + length;
            self.at = end + 1;
            return Ok(Text { start, end, shrink: 0 });
        }
        self.long_text(start)
    }

    fn long_text(&mut self, start: usize) -> Result<Text, Refused> {
        let mut at = start;
        let mut shrink = 0;
        loop {
            at = special::next(self.bytes, at);
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
    ///
    /// # Errors
    /// [`Refused`] when it is no number, or a float beyond the range of 64 bits.
    #[inline]
    pub fn number(&mut self) -> Result<Number, Refused> {
        match self.short_digits() {
            Some(number) => Ok(Number::Unsigned(number)),
            None => self.other_number(),
        }
    }

    fn other_number(&mut self) -> Result<Number, Refused> {
        let start = self.at;
        let read = self.digits_of_number()?;
        if let Digits { fraction: 0, exponent: false, integer: ..=SAFE_DIGITS, .. } = read {
            if !read.negative {
                return Ok(Number::Unsigned(read.magnitude));
            }
            if let Ok(magnitude @ 1..) = i64::try_from(read.magnitude) {
                return Ok(Number::Negative(-magnitude));
            }
        }
        if let Some(float) = read.short_float() {
            return Ok(Number::Float(float));
        }
        // Rare, and what is out of range and what rounds to what is serde_json's to say.
        let number = serde_json::from_slice(&self.bytes[start..self.at]).map_err(|_| Refused)?;
        Ok(Number::of(&number))
    }

    /// Reads a number of a few digits and nothing else; the cursor stays when it is another.
    #[inline]
    fn short_digits(&mut self) -> Option<u64> {
        let rest = self.bytes.get(self.at..)?;
        let mut value = 0;
        for (digits, byte) in rest.iter().take(SAFE_DIGITS + 1).enumerate() {
            match byte {
                b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
                b'.' | b'e' | b'E' => return None,
                _ if digits == 0 || (digits > 1 && rest[0] == b'0') => return None,
                _ => {
                    self.at += digits;
                    return Some(value);
                }
            }
        }
        None
    }

    /// Reads a number whose value does not matter.
    fn skip_number(&mut self) -> Result<(), Refused> {
        if self.short_digits().is_some() {
            return Ok(());
        }
        let before = *self;
        let read = self.digits_of_number()?;
        if !read.exponent && read.integer <= IN_RANGE_DIGITS {
            return Ok(());
        }
        *self = before;
        self.number().map(|_| ())
    }

    fn digits_of_number(&mut self) -> Result<Digits, Refused> {
        let negative = self.bytes.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let (integer, magnitude) = self.digits(0);
        if integer == 0 || (leading_zero && integer > 1) {
            return Err(Refused);
        }
        let mut read = Digits { negative, magnitude, integer, fraction: 0, exponent: false };
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            (read.fraction, read.magnitude) = self.digits(magnitude);
            if read.fraction == 0 {
                return Err(Refused);
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            read.exponent = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            if self.digits(0).0 == 0 {
                return Err(Refused);
            }
        }
        Ok(read)
    }

    /// How many digits come, and their value behind the digits of `value`. It wraps where they are too many.
    fn digits(&mut self, mut value: u64) -> (usize, u64) {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        (self.at - start, value)
    }

    /// Reads `true`, `false` or `null`.
    ///
    /// # Errors
    /// [`Refused`] when another one comes.
    #[inline]
    pub fn word(&mut self, word: &str) -> Result<(), Refused> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(Refused);
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads any value.
    ///
    /// # Errors
    /// [`Refused`] when it is not JSON.
    pub fn skip(&mut self) -> Result<(), Refused> {
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
            b'-' | b'0'..=b'9' => self.skip_number(),
            _ => Err(Refused),
        }
    }

    /// The raw bytes of a text of this cursor's, escapes and all.
    #[inline]
    pub fn raw(&self, text: Text) -> &'a [u8] {
        self.bytes.get(text.start..text.end).unwrap_or_default()
    }

    /// The text is `word`.
    #[inline]
    pub fn is(&self, text: Text, word: &str) -> bool {
        if text.shrink == 0 { self.raw(text) == word.as_bytes() } else { self.unescape(text) == word }
    }

    /// The text, unescaped.
    pub fn unescape(&self, text: Text) -> Cow<'a, str> {
        let quoted = self.bytes.get(text.start - 1..=text.end).unwrap_or_default();
        if text.shrink == 0
            && let Ok(plain) = std::str::from_utf8(self.raw(text))
        {
            return Cow::Borrowed(plain);
        }
        // It was validated when it was read.
        Cow::Owned(serde_json::from_slice(quoted).unwrap_or_default())
    }
}

/// A number as it is written.
#[derive(Clone, Copy)]
struct Digits {
    negative: bool,
    /// The digits before and behind the point in one; wrapped where they are too many.
    magnitude: u64,
    /// Digits before the point.
    integer: usize,
    /// Digits behind it; 0 when there is no point.
    fraction: usize,
    exponent: bool,
}

impl Digits {
    /// The value of a number with a point that is exact as a quotient of two floats that are exact.
    fn short_float(self) -> Option<f64> {
        if self.exponent || self.fraction == 0 || self.integer + self.fraction > EXACT_DIGITS {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 15 digits: below 2^53")]
        let magnitude = self.magnitude as f64;
        let value = magnitude / TENS.get(self.fraction)?;
        Some(if self.negative { -value } else { value })
    }
}

/// Decimal digits that always fit an `i64`.
const SAFE_DIGITS: usize = 18;

/// Decimal digits that always fit a float without rounding.
const EXACT_DIGITS: usize = 15;

/// The powers of ten that a number of so many digits may be divided by.
const TENS: [f64; EXACT_DIGITS] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];

/// A number of no more digits before its point is in the range of floats: the largest has 309.
const IN_RANGE_DIGITS: usize = 300;

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
    let mut cursor = Cursor::of(text);
    cursor.skip()?;
    cursor.end()?;
    Ok(text)
}
