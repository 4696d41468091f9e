//! The chunked transfer coding, decoded in place.

/// Most digits of a chunk size; 16 hexadecimal digits are 64 bits.
const SIZE_DIGITS: u8 = 16;
/// Most bytes of all chunk extensions together.
const EXTENSION_BYTES: u32 = 16 * 1024;
/// Most bytes of all trailers together.
const TRAILER_BYTES: u32 = 16 * 1024;

/// Decodes a chunked body, however its bytes are cut.
#[derive(Debug, Default)]
pub struct ChunkDecoder {
    state: State,
    /// Of all extensions so far.
    extension_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u8 },
    Extension { value: u64 },
    SizeLf { value: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart { seen: u32 },
    Trailer { seen: u32 },
    TrailerLf { seen: u32 },
    EndLf,
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Size { value: 0, digits: 0 }
    }
}

/// What [`ChunkDecoder::decode_in_place`] did with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The decoded bytes now lie at `start..end` of the buffer.
    pub start: usize,
    pub end: usize,
    /// Bytes of the buffer that were used up. Less than its length only when the body ended within it, or stands in
    /// front of a fault.
    pub consumed: usize,
}

/// The framing is broken; nothing that follows on the connection can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("broken chunked transfer coding")]
pub struct ChunkError;

impl ChunkDecoder {
    /// Whether the last chunk and its trailers were read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the framing out of `buf`: the bodies of all chunks in it are moved together.
    ///
    /// # Errors
    /// When the bytes are not a chunked body. What came properly before the fault is given first: then the call
    /// stops in front of it, and the next one fails.
    pub fn decode_in_place(&mut self, buf: &mut [u8]) -> Result<Decoded, ChunkError> {
        let (mut read, mut start, mut end) = (0, 0, 0);
        while read < buf.len() && self.state != State::Done {
            if matches!(self.state, State::Size { digits: 0, .. })
                && let Some((size, line_bytes)) = plain_size_line(&buf[read..])
            {
                self.state = State::Data { left: size };
                read += line_bytes;
            } else if let State::Data { left } = self.state {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len() - read);
                if start == end {
                    (start, end) = (read, read);
                }
                if end != read {
                    buf.copy_within(read..read + n, end);
                }
                end += n;
                read += n;
                let left = left - n as u64;
                self.state = if left > 0 {
                    State::Data { left }
                } else if buf[read..].starts_with(b"\r\n") {
                    read += 2;
                    State::default()
                } else {
                    State::DataCr
                };
            } else {
                match self.after(buf[read]) {
                    Ok(state) => self.state = state,
                    Err(_) if end > start => break,
                    Err(error) => return Err(error),
                }
                read += 1;
            }
        }
        Ok(Decoded { start, end, consumed: read })
    }
}

impl ChunkDecoder {
    fn after(&mut self, byte: u8) -> Result<State, ChunkError> {
        let state = self.state.after(byte)?;
        if matches!(state, State::Extension { .. }) {
            self.extension_bytes += 1;
            if self.extension_bytes > EXTENSION_BYTES {
                return Err(ChunkError);
            }
        }
        Ok(state)
    }
}

/// A whole line with the size of a chunk as nearly all are, at the start of `bytes`: at most seven digits, no
/// extension, not the last chunk. The size, and the bytes of the line. Everything else is read byte by byte.
fn plain_size_line(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut size = 0;
    for (at, byte) in bytes.iter().take(8).enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if size > 0 && bytes.get(at + 1) == Some(&b'\n') => return Some((size, at + 2)),
            _ => return None,
        };
        size = size << 4 | u64::from(digit);
    }
    None
}

impl State {
    /// The state after one byte that is not data.
    fn after(self, byte: u8) -> Result<Self, ChunkError> {
        Ok(match (self, byte) {
            (Self::Size { value, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < SIZE_DIGITS =>
            {
                let digit = char::from(byte).to_digit(16).ok_or(ChunkError)?;
                Self::Size { value: (value << 4) | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { digits: 0, .. }, _) => return Err(ChunkError),
            (Self::Size { value, .. }, b'\r') => Self::SizeLf { value },
            (Self::Size { value, .. }, b';' | b' ' | b'\t') => Self::Extension { value },
            (Self::Extension { value, .. }, b'\r') => Self::SizeLf { value },
            (Self::Extension { value }, byte) if byte != b'\n' => Self::Extension { value },
            (Self::SizeLf { value: 0 }, b'\n') => Self::TrailerStart { seen: 0 },
            (Self::SizeLf { value }, b'\n') => Self::Data { left: value },
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::default(),
            (Self::TrailerStart { .. }, b'\r') => Self::EndLf,
            (Self::EndLf, b'\n') => Self::Done,
            (Self::Trailer { seen }, b'\r') => Self::TrailerLf { seen },
            (Self::TrailerLf { seen }, b'\n') => Self::TrailerStart { seen },
            (Self::TrailerStart { seen } | Self::Trailer { seen }, byte)
                if byte != b'\n' && seen < TRAILER_BYTES =>
            {
                Self::Trailer { seen: seen + 1 }
            }
            _ => return Err(ChunkError),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &str) -> Result<(String, bool, usize), ChunkError> {
        let mut decoder = ChunkDecoder::default();
        let mut buf = input.as_bytes().to_vec();
        let decoded = decoder.decode_in_place(&mut buf)?;
        let body = String::from_utf8(buf[decoded.start..decoded.end].to_vec()).unwrap();
        Ok((body, decoder.is_done(), decoded.consumed))
    }

    #[test]
    fn framing() {
        let check = |input: &str, expect: Result<(&str, bool), ChunkError>| {
            let got = decode(input);
            assert_eq!(got.as_ref().map(|(b, d, _)| (&**b, *d)).map_err(|e| *e), expect, "{input:?}");
        };
        check("3\r\nabc\r\n0\r\n\r\n", Ok(("abc", true)));
        check("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", Ok(("abcde", true)));
        check("00003\r\nabc\r\n0\r\n\r\n", Ok(("abc", true)));
        check("a;name=\"v\"\r\n0123456789\r\n0\r\nX: y\r\nZ: w\r\n\r\n", Ok(("0123456789", true)));
        check("3 \r\nabc\r\n", Ok(("abc", false)));
        check("3\r\nab", Ok(("ab", false)));
        check("3\nabc", Err(ChunkError));
        check("\r\n", Err(ChunkError));
        check("g\r\n", Err(ChunkError));
        check("-1\r\n", Err(ChunkError));
        check("0x3\r\nabc", Err(ChunkError));
        check("3\r\nabcd\r\n", Ok(("abc", false)));
        check("3\r\nabc\n0\r\n\r\n", Ok(("abc", false)));
        check("11111111111111111\r\n", Err(ChunkError));
        check("0\r\nX: y\n\r\n", Err(ChunkError));
    }

    #[test]
    fn extensions_are_bounded_all_together() {
        let check = |chunks: usize, expect: bool| {
            let mut decoder = ChunkDecoder::default();
            let is_fine = (0..chunks).all(|_| {
                let mut buf = format!("1;{}\r\na\r\n", "x".repeat(1023)).into_bytes();
                decoder.decode_in_place(&mut buf).is_ok()
            });
            assert_eq!(is_fine, expect, "{chunks}");
        };
        check(16, true);
        check(17, false);
    }

    #[test]
    fn what_came_before_a_fault_is_given_first() {
        let mut decoder = ChunkDecoder::default();
        let mut buf = b"3\r\nabc\r\nzz\r\n".to_vec();
        let decoded = decoder.decode_in_place(&mut buf).unwrap();
        assert_eq!(&buf[decoded.start..decoded.end], b"abc");
        assert_eq!(decoder.decode_in_place(&mut buf[decoded.consumed..]), Err(ChunkError));
    }

    #[test]
    fn what_follows_the_body_is_left_alone() {
        assert_eq!(decode("1\r\nx\r\n0\r\n\r\nHTTP/1.1"), Ok(("x".to_owned(), true, 11)));
    }
}
