//! The binary event stream of AWS (`application/vnd.amazon.eventstream`): a bounded, incremental reader of frames,
//! and the writer that makes them for tests.
//!
//! Source: AWS's event stream encoding (Amazon Transcribe Developer Guide, "Event stream encoding"; the `eventstream`
//! module of botocore). A frame, numbers in big-endian:
//!
//! ```text
//! u32 length of the whole frame | u32 length of the headers | u32 CRC-32 of these 8 bytes
//! headers: u8 length of the name, name, u8 type, value     | payload
//! u32 CRC-32 of everything before
//! ```
//!
//! A header of type 7 is a text with its length as u16. The ones that matter are texts: `:message-type` (`event`,
//! `exception`, `error`), `:event-type`, `:exception-type`, `:error-code`, `:error-message`.

use std::fmt;

use smallvec::SmallVec;

/// Bytes of lengths and checksum at the beginning of a frame.
const PRELUDE_BYTES: usize = 12;

/// Bytes of a frame without headers and payload.
const EMPTY_FRAME_BYTES: usize = PRELUDE_BYTES + 4;

/// Bytes of headers in one frame: the bound of AWS's own libraries.
const HEADER_BYTES_MAX: usize = 128 << 10;

const TEXT: u8 = 7;

/// Why a stream cannot be read on. The reader takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// A frame, or its headers, are larger than the bound.
    TooLarge,
    /// A checksum is not that of its bytes.
    Checksum,
    /// Lengths or headers that cannot be.
    Malformed,
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "a frame of the stream is larger than the bound",
            Self::Checksum => "the checksum of a frame of the stream is wrong",
            Self::Malformed => "a frame of the stream has an impossible form",
        })
    }
}

impl std::error::Error for BadFrame {}

/// One frame. Both checksums are right and all headers could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    texts: SmallVec<[(&'a str, &'a str); 6]>,
    /// What the frame brings: of Bedrock's events a JSON object.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The text of a header, by its exact name such as `:event-type`; `None` for headers of other types.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.texts.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

/// Reads frames from bytes that are cut anywhere. Keeps at most one frame.
#[derive(Debug)]
pub struct FrameReader {
    max_frame_bytes: usize,
    /// The beginning of a frame whose end has not come.
    kept: Vec<u8>,
    failed: Option<BadFrame>,
}

impl FrameReader {
    /// A reader that refuses frames of more than `max_frame_bytes`.
    pub fn new(max_frame_bytes: usize) -> Self {
        Self { max_frame_bytes, kept: Vec::new(), failed: None }
    }

    /// Takes the next bytes of the stream and hands every frame that is complete with them to `on`.
    ///
    /// # Errors
    /// What is wrong with the first frame that cannot be read, now and at every later call; the frames before it were
    /// delivered. A length that cannot be is found with the first 12 bytes of the frame.
    pub fn feed(&mut self, bytes: &[u8], on: &mut dyn FnMut(&Frame<'_>)) -> Result<(), BadFrame> {
        let result = match self.failed {
            Some(bad) => Err(bad),
            None => self.read(bytes, on),
        };
        self.failed = result.err();
        result
    }

    /// The stream is over; returns whether it ended in the middle of a frame.
    pub fn end(&mut self) -> bool {
        !std::mem::take(&mut self.kept).is_empty()
    }

    fn read(&mut self, mut bytes: &[u8], on: &mut dyn FnMut(&Frame<'_>)) -> Result<(), BadFrame> {
        while !bytes.is_empty() {
            if self.kept.is_empty() {
                let length = self.length(bytes)?;
                match length.and_then(|length| bytes.split_at_checked(length)) {
                    Some((whole, rest)) => {
                        on(&frame(whole)?);
                        bytes = rest;
                    }
                    None => {
                        self.kept.extend_from_slice(bytes);
                        return Ok(());
                    }
                }
            } else {
                bytes = self.complete(bytes, on)?;
            }
        }
        Ok(())
    }

    /// Takes what the kept beginning lacks, of its prelude or of the frame; returns what is left.
    fn complete<'a>(
        &mut self,
        bytes: &'a [u8],
        on: &mut dyn FnMut(&Frame<'_>),
    ) -> Result<&'a [u8], BadFrame> {
        let length = self.length(&self.kept)?;
        let lacking = length.unwrap_or(PRELUDE_BYTES) - self.kept.len();
        let (taken, rest) = bytes.split_at(lacking.min(bytes.len()));
        self.kept.extend_from_slice(taken);
        if length.is_some_and(|length| self.kept.len() == length) {
            on(&frame(&self.kept)?);
            self.kept.clear();
        } else {
            // A prelude that has just become whole is judged at once.
            self.length(&self.kept)?;
        }
        Ok(rest)
    }

    /// The length of the frame that begins here, once its prelude is there.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, BadFrame> {
        let Some(prelude) = bytes.get(..PRELUDE_BYTES) else { return Ok(None) };
        let (length, headers) = (u32_at(prelude, 0), u32_at(prelude, 4));
        if length > self.max_frame_bytes || headers > HEADER_BYTES_MAX {
            return Err(BadFrame::TooLarge);
        }
        if u32_at(prelude, 8) != crc32(&prelude[..8]) as usize {
            return Err(BadFrame::Checksum);
        }
        if length < EMPTY_FRAME_BYTES || headers > length - EMPTY_FRAME_BYTES {
            return Err(BadFrame::Malformed);
        }
        Ok(Some(length))
    }
}

/// A whole frame, with a prelude that was judged.
fn frame(whole: &[u8]) -> Result<Frame<'_>, BadFrame> {
    let Some((before, _)) = whole.split_last_chunk::<4>() else { return Err(BadFrame::Malformed) };
    if u32_at(whole, before.len()) != crc32(before) as usize {
        return Err(BadFrame::Checksum);
    }
    let headers_end = PRELUDE_BYTES + u32_at(before, 4);
    let (Some(headers), Some(payload)) = (before.get(PRELUDE_BYTES..headers_end), before.get(headers_end..))
    else {
        return Err(BadFrame::Malformed);
    };
    let mut rest = Rest(headers);
    let mut texts = SmallVec::new();
    while !rest.0.is_empty() {
        texts.extend(rest.header().ok_or(BadFrame::Malformed)?);
    }
    Ok(Frame { texts, payload })
}

/// Headers that are still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        self.take(bytes).map(|bytes| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    /// The outer `None` for what cannot be, the inner one for a header that is no text.
    #[expect(
        clippy::option_option,
        reason = "a header that cannot be and one that is no text are two things"
    )]
    fn header(&mut self) -> Option<Option<(&'a str, &'a str)>> {
        let name = self.number(1)?;
        let name = std::str::from_utf8(self.take(name)?).ok()?;
        let kind = self.take(1)?;
        let length = match kind.first()? {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | &TEXT => self.number(2)?,
            9 => 16,
            _ => return None,
        };
        let value = self.take(length)?;
        if kind != [TEXT] {
            return Some(None);
        }
        Some(Some((name, std::str::from_utf8(value).ok()?)))
    }
}

/// A frame with headers of texts: what an upstream would send. Names longer than 255 bytes, and texts longer than
/// 65,535, cannot be said and are left out.
pub fn write(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut named = Vec::new();
    for (name, value) in headers {
        let (Ok(name_length), Ok(length)) = (u8::try_from(name.len()), u16::try_from(value.len())) else {
            continue;
        };
        named.push(name_length);
        named.extend_from_slice(name.as_bytes());
        named.push(TEXT);
        named.extend_from_slice(&length.to_be_bytes());
        named.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = Vec::with_capacity(EMPTY_FRAME_BYTES + named.len() + payload.len());
    out.extend_from_slice(&length(EMPTY_FRAME_BYTES + named.len() + payload.len()));
    out.extend_from_slice(&length(named.len()));
    out.extend_from_slice(&crc32(&out).to_be_bytes());
    out.extend_from_slice(&named);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32(&out).to_be_bytes());
    out
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    let four = bytes.get(at..at + 4).unwrap_or_default();
    four.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// The CRC-32 of zlib and Ethernet (reflected polynomial 0xEDB88320).
fn crc32(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |crc: u32, byte| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8))
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
#[path = "aws_stream_tests.rs"]
mod tests;
