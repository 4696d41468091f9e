//! Reads the frames of one segment, and goes on behind what is damaged.

use std::{io, path::Path};

use sluice_ledger::{
    Record,
    frame::{self, Damaged, HEADER_BYTES, Header},
};

use super::{
    disk::{Disk, read_file},
    segment::Name,
};

/// What stands at a place of a segment.
#[derive(Debug)]
pub(super) enum Found {
    Frame {
        at: usize,
        header: Header,
        record: Record,
    },
    /// Bytes that are no frame of this segment, up to the next that is one.
    Bad(BadPart),
    /// Zeros from here on.
    End {
        at: usize,
    },
}

/// A damaged part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadPart {
    pub(super) from: usize,
    pub(super) to: usize,
    /// `None`: a whole frame of another run or worker, or zeros with frames behind them.
    pub(super) why: Option<Damaged>,
    /// Number of a record that is whole but unknown to this release.
    pub(super) unknown: Option<u64>,
}

impl std::fmt::Display for BadPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bytes {} to {}: ", self.from, self.to)?;
        match &self.why {
            Some(why) => write!(f, "{why}"),
            None => f.write_str("zeros or a frame of elsewhere, where none belongs"),
        }
    }
}

/// One segment, in memory.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) name: Name,
    bytes: Vec<u8>,
    at: usize,
}

impl Scan {
    /// Reads the file into `buffer`.
    pub(super) fn open(disk: &dyn Disk, dir: &Path, name: Name, mut buffer: Vec<u8>) -> io::Result<Self> {
        read_file(disk, &name.path(dir), &mut buffer)?;
        Ok(Self { name, bytes: buffer, at: 0 })
    }

    /// The buffer, for the next segment.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn next(&mut self) -> Found {
        let at = self.at;
        let why = match frame::decode(self.rest(at)) {
            Ok(Some((header, record, bytes))) if self.is_ours(&header) => {
                self.at += bytes;
                return Found::Frame { at, header, record };
            }
            Ok(None) if is_zero(self.rest(at)) => return Found::End { at },
            Ok(_) => None,
            Err(why) => Some(why),
        };
        let unknown = if why == Some(Damaged::Content) { self.unknown(at) } else { None };
        self.at = self.next_frame(at);
        Found::Bad(BadPart { from: at, to: self.at, why, unknown })
    }

    fn rest(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    fn is_ours(&self, header: &Header) -> bool {
        header.epoch == self.name.epoch && header.worker == self.name.worker
    }

    /// Length of the frame at `at` by what its first bytes say.
    fn length(&self, at: usize) -> Option<usize> {
        let length = self.rest(at).first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*length)).ok()?.checked_add(8)
    }

    /// The number of the record at `at`, whose checksum is right.
    fn unknown(&self, at: usize) -> Option<u64> {
        let seq = self.rest(at).get(14..22)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*seq))
    }

    /// Where the first whole frame behind a bad one begins; the end of the segment if there is none. The place that
    /// the bad frame names is looked at first: inside of it could stand, as somebody's text, what looks like a frame.
    fn next_frame(&self, bad: usize) -> usize {
        let named = self.length(bad).map(|length| bad.saturating_add(length));
        named
            .filter(|at| self.is_frame(*at))
            .or_else(|| (bad + 1..self.bytes.len()).find(|at| self.is_frame(*at)))
            .unwrap_or(self.bytes.len())
    }

    fn is_frame(&self, at: usize) -> bool {
        let head = self.rest(at).get(8..HEADER_BYTES);
        let ours = head.is_some_and(|head| {
            head.starts_with(&self.name.epoch.to_le_bytes())
                && head.get(4..6) == Some(&self.name.worker.to_le_bytes())
        });
        ours && matches!(frame::decode(self.rest(at)), Ok(Some(_)) | Err(Damaged::Content))
    }
}

/// By blocks, so that the compiler can use wide registers: most of a new segment is zeros.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}
