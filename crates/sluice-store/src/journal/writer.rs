//! The request path's side of the journal: one writer for each worker.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
};

use sluice_ledger::{
    frame::{self, CHECKPOINT_BYTES_MAX, END_BYTES_MAX, Header},
    record::{Checkpoint, Record},
};

use super::{
    AppendError, Durability, Shared,
    disk::{DiskFile, write_all},
    lane::{Closed, Fresh, Lane, Used},
    locked,
};

/// Which record of a writer: what can be asked to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    /// The record's number among those of its worker in this run.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Buffer for frames, in bytes: more than any frame whose names are of ordinary length.
const BUFFER_BYTES: usize = 4096;
/// Frames of so many bytes are not held back any longer.
const HELD_BYTES: usize = 32 * 1024;

/// Appends the records of one worker.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    node: String,
    file: Arc<dyn DiskFile>,
    index: u32,
    /// End of the last frame in the segment, in bytes.
    offset: u32,
    tally: Tally,
    /// Number of the last record that is in a file; those behind it are in the buffer.
    written: u64,
    /// Nothing could be written twice in a row: where frames end is no longer known.
    broken: bool,
    /// Frames that are to be written.
    buffer: Vec<u8>,
}

/// What the records come to that were put so far.
#[derive(Clone, Copy, Debug)]
struct Tally {
    /// Number of the last one.
    seq: u64,
    /// Reservations without an end.
    open: u32,
    /// Newest moment that any of them has told.
    unix_ms: u64,
    /// Bytes of those in the buffer, and whether one of them is the end of a request.
    held: usize,
    has_end: bool,
}

impl Writer {
    /// The first segment of a lane, with its checkpoint. Not synced.
    pub(super) fn begin(shared: Arc<Shared>, lane: Arc<Lane>, node: &str, unix_ms: u64) -> io::Result<Self> {
        let fresh = shared.take(&lane, false)?;
        let mut writer = Self {
            node: node.to_owned(),
            file: Arc::clone(&fresh.file),
            index: fresh.index,
            offset: 0,
            tally: Tally { seq: 0, open: 0, unix_ms, held: 0, has_end: false },
            written: 0,
            broken: false,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            shared,
            lane,
        };
        writer.enter(fresh);
        let checkpoint = writer.checkpoint();
        write_all(&*writer.file, &checkpoint, 0)?;
        writer.offset = checkpoint.len() as u32;
        writer.lane.publish(0, writer.index, writer.offset);
        Ok(writer)
    }

    /// Writes a record: when this returns it survives the death of the process. One `write`, no allocation and no
    /// lock, but for the one record in thousands that begins a segment.
    ///
    /// A reservation is refused unless it leaves room for its own end and those of all that are open. Marks and leases
    /// are left out in silence rather than take that room; the position is then that of the record before. A
    /// checkpoint is written by the writer itself and left out here.
    ///
    /// # Errors
    /// [`AppendError::Full`]: nothing was written. [`AppendError::Poisoned`]: the disk has failed; the record may or
    /// may not be found after the next start. Ends of requests are still taken after a failed sync: they may survive.
    pub fn append(&mut self, record: &Record) -> Result<Position, AppendError> {
        let (before, position) = self.put(record)?;
        self.write_out(position).inspect_err(|_| self.take_back(before))?;
        Ok(position)
    }

    /// As [`Writer::append`], but holds the record back until [`Writer::write_out`], or until another one is written:
    /// those of many requests are one `write` then. Until it is written it dies with the process.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn hold(&mut self, record: &Record) -> Result<Position, AppendError> {
        let (before, position) = self.put(record)?;
        let end = self.offset as usize + self.buffer.len();
        if self.buffer.len() > HELD_BYTES || end > self.shared.options.segment_bytes as usize {
            self.write_out(position).inspect_err(|_| self.take_back(before))?;
        }
        Ok(position)
    }

    /// Adds a record to those that are to be written. Gives the tally without it.
    fn put(&mut self, record: &Record) -> Result<(Tally, Position), AppendError> {
        // How many ends must still fit behind this frame; `None` for an end, which uses the room that was kept.
        let ends = match record {
            Record::Reserve(_) if self.shared.is_poisoned() => return Err(AppendError::Poisoned),
            Record::Reserve(_) => Some(self.tally.open.saturating_add(1)),
            Record::Mark(_) | Record::Lease(_) => Some(self.tally.open),
            Record::Settle(_) | Record::Void(_) => None,
            Record::Checkpoint(_) => return Ok((self.tally, Position(self.tally.seq))),
        };
        if self.broken {
            return Err(AppendError::Poisoned);
        }
        let header = Header { seq: self.tally.seq + 1, ..self.header() };
        frame::encode(&mut self.buffer, header, record);
        let end = self.offset as usize + self.buffer.len();
        if self.tally.held > 0 && end > self.shared.options.segment_bytes as usize {
            self.write_all_but_last()?;
        }
        let before = self.tally;
        if let Some(ends) = ends
            && !self.fits(ends)
        {
            let has_room = matches!(record, Record::Reserve(_)).then(|| self.make_room(ends));
            if !matches!(has_room, Some(Ok(()))) {
                self.buffer.truncate(before.held);
                return has_room.unwrap_or(Ok(())).map(|()| (before, Position(before.seq)));
            }
        }
        self.tally.seq += 1;
        self.tally.held = self.buffer.len();
        self.tally.has_end |= ends.is_none();
        match record {
            Record::Reserve(reserve) => self.count(self.tally.open.saturating_add(1), reserve.unix_ms),
            Record::Settle(settle) => self.count(self.tally.open.saturating_sub(1), settle.unix_ms),
            Record::Void(void) => self.count(self.tally.open.saturating_sub(1), void.unix_ms),
            _ => {}
        }
        Ok((before, Position(self.tally.seq)))
    }

    /// The last frame in the buffer is for the next segment; those before it, which fit, are written. So one frame at a
    /// time goes to another segment, and the room that is kept for ends is as large as it was counted.
    #[cold]
    fn write_all_but_last(&mut self) -> Result<(), AppendError> {
        let last = self.buffer.split_off(self.tally.held);
        self.write_out(Position(self.tally.seq))?;
        self.buffer.extend_from_slice(&last);
        Ok(())
    }

    /// The record that was put last was not written.
    #[cold]
    fn take_back(&mut self, before: Tally) {
        self.buffer.truncate(before.held);
        self.count(before.open, before.unix_ms);
        self.tally = before;
    }

    /// Writes what was held back, if the record is among that: when this returns it survives the death of the process.
    ///
    /// # Errors
    /// As those of [`Writer::append`]. What is held fits into the segment at hand, so only a disk that fails can be full.
    pub fn write_out(&mut self, position: Position) -> Result<(), AppendError> {
        if position.0 <= self.written {
            return Ok(());
        }
        if self.broken {
            return Err(AppendError::Poisoned);
        }
        self.write()?;
        self.buffer.clear();
        (self.tally.held, self.tally.has_end) = (0, false);
        self.written = self.tally.seq;
        self.lane.publish(self.written, self.index, self.offset);
        Ok(())
    }

    /// The record that was taken last, written or held back.
    pub fn newest(&self) -> Position {
        Position(self.tally.seq)
    }

    /// Whether the record is on the disk.
    pub fn is_synced(&self, position: Position) -> bool {
        self.lane.synced() >= position.0
    }

    /// Waits until the record is as durable as was asked for: at once with [`Durability::Process`], for the next sync
    /// with [`Durability::Power`]. All that wait share one sync. One task may wait for one record.
    ///
    /// # Errors
    /// [`AppendError::Poisoned`] once a sync has failed, which is never tried again, and for what was written after the
    /// last sync of a [`Keeper`](super::Keeper) that was stopped.
    pub fn poll_synced(&mut self, position: Position, cx: &mut Context<'_>) -> Poll<Result<(), AppendError>> {
        self.write_out(position)?;
        if self.shared.options.durability == Durability::Process || self.is_synced(position) {
            return Poll::Ready(Ok(()));
        }
        self.lane.wait(position.0, cx.waker());
        // The keeper may have finished between the look and the registration.
        if self.is_synced(position) {
            return Poll::Ready(Ok(()));
        }
        if self.shared.syncs_no_more() {
            return Poll::Ready(Err(AppendError::Poisoned));
        }
        self.shared.call_keeper();
        Poll::Pending
    }

    /// Reservations of this writer that have no end yet.
    pub fn open(&self) -> u32 {
        self.tally.open
    }

    fn count(&mut self, open: u32, unix_ms: u64) {
        self.tally.open = open;
        self.tally.unix_ms = self.tally.unix_ms.max(unix_ms);
        self.lane.set_open(open);
    }

    fn header(&self) -> Header {
        Header {
            epoch: self.lane.epoch,
            worker: self.lane.worker,
            seq: self.written,
            synced: self.lane.synced().min(self.written),
        }
    }

    fn checkpoint(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CHECKPOINT_BYTES_MAX + self.buffer.len());
        let record = Record::Checkpoint(Checkpoint { node: self.node.clone(), unix_ms: self.tally.unix_ms });
        frame::encode(&mut bytes, self.header(), &record);
        bytes
    }

    /// Whether the frames in the buffer leave room for so many ends in what is allocated. They do not cross segments,
    /// so room is counted in whole ends for each segment.
    fn fits(&self, ends: u32) -> bool {
        let (frame, ends, end) = (self.buffer.len() as u64, u64::from(ends), END_BYTES_MAX as u64);
        let left = u64::from(self.shared.options.segment_bytes.saturating_sub(self.offset));
        if left >= frame + ends * end {
            return true;
        }
        let segment = self.shared.usable_bytes();
        let ready = u64::from(self.lane.ready());
        match (left.checked_sub(frame), segment.checked_sub(frame)) {
            (Some(left), _) => left / end + ready * (segment / end) >= ends,
            (None, Some(left)) => ready > 0 && left / end + (ready - 1) * (segment / end) >= ends,
            (None, None) => false,
        }
    }

    /// Makes segments until the frames in the buffer and so many ends fit. The keeper is usually ahead of this.
    #[cold]
    fn make_room(&mut self, ends: u32) -> Result<(), AppendError> {
        while !self.fits(ends) {
            let hopeless = self.buffer.len() as u64 > self.shared.usable_bytes();
            if hopeless || self.shared.is_full() || self.shared.provide(&self.lane, false).is_err() {
                return Err(AppendError::Full);
            }
        }
        Ok(())
    }

    /// Writes the frames in the buffer. If that fails, once more into a fresh segment.
    fn write(&mut self) -> Result<(), AppendError> {
        let end = self.tally.has_end;
        let after = self.offset as usize + self.buffer.len();
        if after > self.shared.options.segment_bytes as usize {
            return self.next_segment(end, 2);
        }
        match write_all(&*self.file, &self.buffer, u64::from(self.offset)) {
            Ok(()) => {
                self.offset = after as u32;
                Ok(())
            }
            Err(error) => {
                self.shared.count_rewrite();
                self.next_segment(end, 1).map_err(|_| self.break_off(&error))
            }
        }
    }

    /// Writes the frames in the buffer behind the checkpoint of a fresh segment; tries so many of them.
    #[cold]
    fn next_segment(&mut self, end: bool, tries: u8) -> Result<(), AppendError> {
        for left in (0..tries).rev() {
            // The end of a request may go beyond what the journal should take: it is the last thing to be refused.
            let fresh = match self.shared.take(&self.lane, end) {
                Ok(fresh) => fresh,
                Err(_) if left + 1 == tries => return Err(AppendError::Full),
                Err(error) => return Err(self.break_off(&error)),
            };
            self.enter(fresh);
            let mut bytes = self.checkpoint();
            bytes.extend_from_slice(&self.buffer);
            match write_all(&*self.file, &bytes, 0) {
                Ok(()) => {
                    self.offset = bytes.len() as u32;
                    self.shared.call_keeper();
                    return Ok(());
                }
                Err(error) if left == 0 => return Err(self.break_off(&error)),
                Err(_) => self.shared.count_rewrite(),
            }
        }
        Err(AppendError::Full)
    }

    /// Leaves the segment and goes to the beginning of another one.
    fn enter(&mut self, fresh: Fresh) {
        let mut used = locked(&self.lane.used);
        if let Some(last) = used.back_mut() {
            last.closed = Some(Closed { end: self.offset, last: self.written });
        }
        let file = Arc::clone(&fresh.file);
        used.push_back(Used { index: fresh.index, file, closed: None, synced: false });
        drop(used);
        self.file = fresh.file;
        self.index = fresh.index;
        self.offset = 0;
    }

    #[cold]
    fn break_off(&mut self, error: &io::Error) -> AppendError {
        self.broken = true;
        self.shared.poison(&format!("a record could not be written twice in a row: {error}"));
        AppendError::Poisoned
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody waits for what is still held back.
        let _ = self.write_out(self.newest());
    }
}
