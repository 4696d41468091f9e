//! Finding the bytes that end a plain run of a string: a quote, a backslash, a control character.

use memchr::memchr2;

/// Looked at in one step, where something special is likely.
const BLOCK_BYTES: usize = 16;

/// Looked at in one step, where it is not.
const RUN_BYTES: usize = 32;

/// So many of those are looked at before the vector search is worth its beginning.
const NEAR_RUNS: usize = 8;

/// How many bytes from `at` on come before a quote, where nothing else that is special comes before it and it is
/// near.
#[inline]
pub(super) fn quote_near(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let length = match first_in(rest.first_chunk()?) {
        Some(length) => length,
        None => BLOCK_BYTES + first_in(rest.get(BLOCK_BYTES..)?.first_chunk()?)?,
    };
    (rest.get(length) == Some(&b'"')).then_some(length)
}

/// The offset of the first special byte from `at` on, or the length of `bytes`.
#[inline]
pub(super) fn next(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..).and_then(<[u8]>::first_chunk).map(first_in) {
        Some(Some(length)) => at + length,
        Some(None) => next_in_runs(bytes, at + BLOCK_BYTES),
        None => next_slow(bytes, at),
    }
}

fn next_in_runs(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..NEAR_RUNS {
        let Some(run) = bytes.get(at..).and_then(<[u8]>::first_chunk::<RUN_BYTES>) else {
            return next_slow(bytes, at);
        };
        if has_special(run) {
            let [low, high] = run.as_chunks().0 else { return next_slow(bytes, at) };
            let length = first_in(low).or_else(|| Some(BLOCK_BYTES + first_in(high)?));
            return at + length.unwrap_or(RUN_BYTES);
        }
        at += RUN_BYTES;
    }
    next_far(bytes, at)
}

/// Without a branch a byte, compilers make a few vector instructions of it.
#[inline]
fn has_special(run: &[u8; RUN_BYTES]) -> bool {
    run.iter().fold(false, |found, &b| found | (b == b'"') | (b == b'\\') | (b < 0x20))
}

fn next_slow(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len())
}

fn next_far(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let plain = &rest[..memchr2(b'"', b'\\', rest).unwrap_or(rest.len())];
    // The minimum of all bytes is what compilers turn into the fewest vector instructions.
    let lowest = plain.iter().fold(u8::MAX, |lowest, &b| lowest.min(b));
    if lowest < 0x20 { next_slow(bytes, at) } else { at + plain.len() }
}

/// The index of the first special byte.
#[inline]
fn first_in(block: &[u8; BLOCK_BYTES]) -> Option<usize> {
    let ([low, high], _) = block.as_chunks() else { return None };
    let (low, high) = (special_mask(u64::from_le_bytes(*low)), special_mask(u64::from_le_bytes(*high)));
    if low != 0 {
        Some((low.trailing_zeros() / 8) as usize)
    } else if high != 0 {
        Some(8 + (high.trailing_zeros() / 8) as usize)
    } else {
        None
    }
}

/// The high bit of every byte that is special. Bytes above the lowest such one may be marked in error (a borrow runs
/// upwards); the lowest mark is right.
#[inline]
fn special_mask(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // With this bit turned, quote and blank change places: the quote stands just above the control characters.
    let low = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    // All of them are ASCII.
    (low | backslash) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=u8::MAX {
            let special = byte == b'"' || byte == b'\\' || byte < 0x20;
            for place in 0..BLOCK_BYTES {
                for around in [b' ', b'!', b'a', b'[', b']', 0x7F, 0x80, 0xFF] {
                    let mut block = [around; BLOCK_BYTES];
                    block[place] = byte;
                    let expect = special.then_some(place);
                    assert_eq!(first_in(&block), expect, "{block:?}");
                }
            }
        }
    }

    #[test]
    fn runs_of_every_length() {
        for length in 0..400 {
            for end in [&b"\""[..], b"\\", b"\n", b""] {
                for tail in [0, 40] {
                    let tail = if end.is_empty() { 0 } else { tail };
                    let bytes = [&b"x".repeat(length), end, &b"\"".repeat(tail)].concat();
                    assert_eq!(next(&bytes, 0), length, "{length} {end:?}");
                    let near = quote_near(&bytes, 0);
                    assert!(
                        near.is_none_or(|near| near == length && end == b"\""),
                        "{length} {end:?} {near:?}"
                    );
                }
            }
        }
    }
}
