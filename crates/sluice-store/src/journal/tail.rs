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
}

impl Tail {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, places: Vec::new(), first: 0, buffer: vec![0; READ_BYTES] }
    }

    /// Appends at most `max_records` to `out`, those of each worker in the order of their numbers. Nothing, where
    /// nothing has been written since. Checkpoints are left out.
    pub fn read(&mut self, max_records: usize, out: &mut Vec<(Header, Record)>) -> Result<(), JournalError> {
        if self.places.is_empty() {
            let place = |lane: &Arc<Lane>| Place { lane: Arc::clone(lane), segment: None, offset: 0 };
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
                self.offset += take_frames(part, upto, out).map_err(|(at, why)| JournalError::Damaged {
                    file: path,
                    offset: u64::from(self.offset) + at as u64,
                    lost: format!("{why}, though it was written by this process"),
                })? as u32;
            } else if index == writing {
                return Ok(());
            } else if !self.go_on(Some(index)) {
                // The writer is on its way to the next one.
                return Ok(());
            }
        }
        Ok(())
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

/// Takes whole frames off the front; returns the bytes that they took. A frame of which only the beginning was read
/// is for the next time.
fn take_frames(part: &[u8], upto: usize, out: &mut Vec<(Header, Record)>) -> Result<usize, (usize, Damaged)> {
    let (mut at, before) = (0, out.len());
    let failed = |out: &mut Vec<_>, at, why| {
        out.truncate(before);
        Err((at, why))
    };
    while at < part.len() && out.len() < upto {
        match frame::decode(part.get(at..).unwrap_or_default()) {
            Ok(Some((_, Record::Checkpoint(_), bytes))) => at += bytes,
            Ok(Some((header, record, bytes))) => {
                out.push((header, record));
                at += bytes;
            }
            Ok(None) | Err(Damaged::Truncated) if at > 0 => break,
            Ok(None) => return failed(out, at, Damaged::Truncated),
            Err(why) => return failed(out, at, why),
        }
    }
    Ok(at)
}
