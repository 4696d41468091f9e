//! The data of one event whose bytes are at hand as a whole.

use std::borrow::Cow;

use memchr::memchr2;

/// The data of one event block: its `data` lines, joined with LF. Borrowed when there is one such line, empty when
/// there is none.
pub fn data_of(block: &[u8]) -> Cow<'_, [u8]> {
    let mut data: Option<Cow<'_, [u8]>> = None;
    let mut rest = block;
    while !rest.is_empty() {
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if let Some(value) = field_value(&rest[..end], b"data") {
            match &mut data {
                None => data = Some(Cow::Borrowed(value)),
                Some(joined) => {
                    let joined = joined.to_mut();
                    joined.push(b'\n');
                    joined.extend_from_slice(value);
                }
            }
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    data.unwrap_or(Cow::Borrowed(&[]))
}

/// The value of a line if it is the field `name`: what follows the colon, less one space. A line without a colon
/// is a field with an empty value.
pub(super) fn field_value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let after = line.strip_prefix(name)?;
    match after.split_first() {
        None => Some(after),
        Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        Some(_) => None,
    }
}
