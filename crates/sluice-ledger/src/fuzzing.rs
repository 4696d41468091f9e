//! What the fuzz targets run, so that ordinary tests can run it too. Each function takes any bytes and panics when
//! something that must hold does not.

use crate::frame::{self, FRAME_BYTES_MAX};

/// Any bytes as frames; then the same bytes as what a right checksum covers, which no chance would find.
pub fn journal_frame(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((_, _, used))) = frame::decode(rest) {
        check(rest);
        rest = &rest[used..];
    }
    let covered = &bytes[..bytes.len().min(FRAME_BYTES_MAX)];
    let mut framed = (covered.len() as u32).to_le_bytes().to_vec();
    framed.extend_from_slice(&crc32c::crc32c(covered).to_le_bytes());
    framed.extend_from_slice(covered);
    check(&framed);
}

/// What was read and written again is read as the same.
fn check(bytes: &[u8]) {
    let Ok(Some((header, record, used))) = frame::decode(bytes) else { return };
    assert!(used <= bytes.len());
    let mut again = Vec::new();
    frame::encode(&mut again, header, &record);
    let read = frame::decode(&again).map(|read| read.map(|(header, _, used)| (header, used)));
    assert_eq!(read, Ok(Some((header, again.len()))));
    // A text that is longer than we would write is cut, and stays so.
    let Ok(Some((_, cut, _))) = frame::decode(&again) else { return };
    let mut third = Vec::new();
    frame::encode(&mut third, header, &cut);
    assert_eq!(third, again);
}
