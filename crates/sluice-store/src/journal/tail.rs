//! What the drain reads: the records of this run, as far as writers have published them.

use std::sync::Arc;

use sluice_ledger::{
    Record,
    frame::{self, Damaged, FRAME_BYTES_MAX, Header},
};

use super::{
    JournalError, Shared,
    disk::{DiskFile, read_all},
    lane::Lane,
    locked,
    segment::Name,
};

/// Read at once at most.
const READ_BYTES: usize = 256 << 10;
const _: () = assert!(READ_BYTES >= FRAME_BYTES_MAX);

/// Follows the writers of this run, from the oldest segment that is still there.
#[derive(Debug)]
pub struct Tail {
    shared: Arc<Shared>,
    places: Vec<Place>,
    /// The worker with which the next call begins, so that none is left waiting.
    first: usize,
    buffer: Vec<u8>,
}

/// Up to where one worker's frames have been read.
#[derive(Debug)]
struct Place {
    lane: Arc<Lane>,
    segment: Option<(u32, Arc<dyn DiskFile>)>,
    offset: u32,
    /// Number of the last record that was read.
    seq: u64,
}

/// What writers have published and nobody has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    pub records: u64,
    pub bytes: u64,
}

impl Tail {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, places: Vec::new(), first: 0, buffer: vec![0; READ_BYTES] }
    }

    /// Appends at most `max_records` to `out`, those of each worker in the order of their numbers. Nothing, where
    /// nothing has been written since. Checkpoints are left out.
    pub fn read(&mut self, max_records: usize, out: &mut Vec<(Header, Record)>) -> Result<(), JournalError> {
        if self.places.is_empty() {
            let place = |lane: &Arc<Lane>| Place { lane: Arc::clone(lane), segment: None, offset: 0, seq: 0 };
            self.places = self.shared.lanes().iter().map(place).collect();
        }
        let upto = out.len().saturating_add(max_records);
        let count = self.places.len();
        for step in 0..count {
            if let Some(place) = self.places.get_mut((self.first + step) % count) {
                place.read(&self.shared, &mut self.buffer, upto, out)?;
            }
        }
        self.first = (self.first + 1).checked_rem(count).unwrap_or(0);
        Ok(())
    }

    /// How much there is to read. Nothing before the first call of [`read`](Self::read).
    pub fn unread(&self) -> Unread {
        self.places.iter().map(Place::unread).fold(Unread::default(), |all, one| Unread {
            records: all.records + one.records,
            bytes: all.bytes + one.bytes,
        })
    }
}

impl Place {
    fn read(
        &mut self,
        shared: &Shared,
        buffer: &mut [u8],
        upto: usize,
        out: &mut Vec<(Header, Record)>,
    ) -> Result<(), JournalError> {
        while out.len() < upto {
            // Loaded before the list is looked at: the list is never behind it.
            let (writing, written) = self.lane.end();
            if self.segment.is_none() {
                self.go_on(None);
            }
            let Some((index, file)) = self.segment.clone() else {
                return Ok(());
            };
            let end = if index == writing { written } else { self.closed_end(index) };
            if self.offset < end {
                let most = buffer.len().min((end - self.offset) as usize);
                let part = buffer.get_mut(..most).unwrap_or_default();
                let path = Name { epoch: self.lane.epoch, worker: self.lane.worker, index }.path(&shared.dir);
                read_all(&*file, part, u64::from(self.offset)).map_err(JournalError::io("read", &path))?;
                let taken = take_frames(part, upto, out).map_err(|(at, why)| JournalError::Damaged {
                    file: path,
                    offset: u64::from(self.offset) + at as u64,
                    lost: format!("{why}, though it was written by this process"),
                })?;
                self.offset += taken.bytes as u32;
                self.seq = taken.seq.unwrap_or(self.seq);
            } else if index == writing {
                return Ok(());
            } else if !self.go_on(Some(index)) {
                // The writer is on its way to the next one.
                return Ok(());
            }
        }
        Ok(())
    }

    fn unread(&self) -> Unread {
        let records = self.lane.written().saturating_sub(self.seq);
        let (writing, written) = self.lane.end();
        let from = self.segment.as_ref().map(|(index, _)| *index);
        let used = locked(&self.lane.used);
        let behind = used.iter().filter(|used| from.is_none_or(|from| used.index >= from));
        let ends = behind.map(|used| match used.closed {
            Some(closed) => u64::from(closed.end),
            None if used.index == writing => u64::from(written),
            None => 0,
        });
        Unread { records, bytes: ends.sum::<u64>().saturating_sub(u64::from(self.offset)) }
    }

    /// Goes to the segment behind `index`; false if there is none.
    fn go_on(&mut self, index: Option<u32>) -> bool {
        let used = locked(&self.lane.used);
        let next = used.iter().find(|used| index.is_none_or(|index| used.index > index));
        if let Some(next) = next {
            self.segment = Some((next.index, Arc::clone(&next.file)));
            self.offset = 0;
        }
        next.is_some()
    }

    /// The end of a segment that the writer has left. One that is deleted was posted, so it has been read.
    fn closed_end(&self, index: u32) -> u32 {
        let used = locked(&self.lane.used);
        used.iter()
            .find(|used| used.index == index)
            .and_then(|used| used.closed)
            .map_or(0, |closed| closed.end)
    }
}

/// Frames that were taken: their bytes, and the number of the last.
struct Taken {
    bytes: usize,
    seq: Option<u64>,
}

/// Takes whole frames off the front. A frame of which only the beginning was read is for the next time.
fn take_frames(part: &[u8], upto: usize, out: &mut Vec<(Header, Record)>) -> Result<Taken, (usize, Damaged)> {
    let (mut at, mut seq, before) = (0, None, out.len());
    let mut answered = None;
    let failed = |out: &mut Vec<_>, at, why| {
        out.truncate(before);
        Err((at, why))
    };
    while at < part.len() && out.len() < upto {
        match frame::decode_like(part.get(at..).unwrap_or_default(), &mut answered) {
            Ok(Some((_, Record::Checkpoint(_), bytes))) => at += bytes,
            Ok(Some((header, record, bytes))) => {
                at += bytes;
                seq = Some(header.seq);
                out.push((header, record));
            }
            Ok(None) | Err(Damaged::Truncated) if at > 0 => break,
            Ok(None) => return failed(out, at, Damaged::Truncated),
            Err(why) => return failed(out, at, why),
        }
    }
    Ok(Taken { bytes: at, seq })
}
