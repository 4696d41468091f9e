//! What earlier runs have left, for the fold that closes it.
//!
//! A kill tears at most the last frame of a worker, or leaves the first ones of those that were one write. A power loss
//! takes any of the sectors that were not synced, so that whole frames may stand behind a hole; every frame says up to
//! where its worker was synced when it was written, and a hole above that in all frames behind it is such a trace: what
//! is behind it was not synced either, and is left out. A hole in what was synced is damage, and nobody starts over it unasked.

use std::{collections::VecDeque, io::ErrorKind, path::Path, path::PathBuf, sync::Arc};

use sluice_ledger::{Record, frame::Header};

use super::{
    Finished, JournalError, Shared,
    disk::{Disk, read_file, replace_file},
    locked,
    scan::{BadPart, Found, Scan},
    segment::Name,
};
use crate::books::Cursor;

/// Records that a power loss has kept apart from those before them: they were never synced, so nobody was told that
/// they would stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub epoch: u32,
    pub worker: u16,
    /// The first number that is missing.
    pub from: u64,
    /// How many whole records stood behind it.
    pub records: u64,
}

/// Numbers of one worker's records, both ends included, that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    pub epoch: u32,
    pub worker: u16,
    pub from: u64,
    pub to: u64,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { epoch, worker, from, to } = self;
        write!(f, "records {from} to {to} of worker {worker} in run {epoch}")
    }
}

impl Loss {
    pub(super) fn covers(&self, other: &Self) -> bool {
        (self.epoch, self.worker) == (other.epoch, other.worker)
            && self.from <= other.from
            && other.to <= self.to
    }
}

/// Records of earlier runs, worker by worker in the order of their numbers; checkpoints are left out. Holds one
/// segment in memory.
#[derive(Debug)]
pub struct Recovery {
    shared: Arc<Shared>,
    cursors: Vec<Cursor>,
    accepted: Vec<Loss>,
    files: VecDeque<(Name, u64)>,
    run: Option<Run>,
    /// The segment that is being read, with its length in bytes.
    scan: Option<(Scan, u64)>,
    buffer: Vec<u8>,
    dropped: Vec<Dropped>,
}

/// One worker of one run.
#[derive(Debug)]
struct Run {
    epoch: u32,
    worker: u16,
    /// Number of the next record that nobody has seen.
    needed: u64,
    /// Where bytes were last seen that are no frame.
    bad: Option<(Name, BadPart)>,
    /// A power loss has cut here: the file and place of the first frame behind, what is missing, and how many records
    /// have been left out since.
    cut: Option<(PathBuf, u64, Loss, u64)>,
}

impl Recovery {
    pub(super) fn new(shared: Arc<Shared>, cursors: &[Cursor]) -> Result<Self, JournalError> {
        let accepted = accepted(&*shared.options.disk, &shared.dir)?;
        let files = shared.left.iter().copied().collect();
        let cursors = cursors.to_vec();
        let (run, scan, buffer, dropped) = (None, None, Vec::new(), Vec::new());
        Ok(Self { shared, cursors, accepted, files, run, scan, buffer, dropped })
    }

    /// The next record; `None` when all have been read.
    ///
    /// # Errors
    /// [`JournalError::Damaged`]: what came before is not to be used either.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error")]
    pub fn next(&mut self) -> Result<Option<(Header, Record)>, JournalError> {
        loop {
            let Some((scan, _)) = &mut self.scan else {
                if self.open_next()? {
                    continue;
                }
                return Ok(None);
            };
            let name = scan.name;
            match scan.next() {
                Found::Frame { at, header, record } => {
                    if self.is_next(name, at, &header, &record)? {
                        return Ok(Some((header, record)));
                    }
                }
                Found::Bad(part) => self.bad(name, part)?,
                Found::End { .. } => self.finish(),
            }
        }
    }

    /// What was left out, once all has been read.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// Opens the next segment; false if there is none.
    fn open_next(&mut self) -> Result<bool, JournalError> {
        let Some((name, bytes)) = self.files.pop_front() else {
            self.end_run();
            return Ok(false);
        };
        let same = self.run.as_ref().is_some_and(|run| (run.epoch, run.worker) == (name.epoch, name.worker));
        if !same {
            self.end_run();
            let cursor = self
                .cursors
                .iter()
                .filter(|cursor| (cursor.epoch, cursor.worker) == (name.epoch, name.worker));
            let needed = cursor.map(|cursor| cursor.seq).max().unwrap_or(0).saturating_add(1);
            self.run = Some(Run { epoch: name.epoch, worker: name.worker, needed, bad: None, cut: None });
        }
        let buffer = std::mem::take(&mut self.buffer);
        let scan = Scan::open(&*self.shared.options.disk, &self.shared.dir, name, buffer)
            .map_err(JournalError::io("read", &name.path(&self.shared.dir)))?;
        self.scan = Some((scan, bytes));
        Ok(true)
    }

    /// The segment is read to its end: it can go once it is posted.
    fn finish(&mut self) {
        let (Some((scan, bytes)), Some(run)) = (self.scan.take(), &self.run) else { return };
        let name = scan.name;
        self.buffer = scan.into_buffer();
        let mut finished = locked(&self.shared.finished);
        // It may have been read before.
        finished.retain(|known| known.name != name);
        finished.push(Finished { name, bytes, last: run.needed - 1 });
    }

    fn end_run(&mut self) {
        if let Some(Run { epoch, worker, cut: Some((_, _, loss, records)), .. }) = self.run.take() {
            self.dropped.push(Dropped { epoch, worker, from: loss.from, records });
        }
    }

    /// Whether the frame holds the next record.
    fn is_next(
        &mut self,
        name: Name,
        at: usize,
        header: &Header,
        record: &Record,
    ) -> Result<bool, JournalError> {
        let Some(run) = &mut self.run else { return Ok(false) };
        let checkpoint = matches!(record, Record::Checkpoint(_));
        if let Some((file, offset, loss, records)) = &mut run.cut {
            if header.synced >= loss.from {
                return Err(damaged(file.clone(), *offset, loss));
            }
            *records += u64::from(!checkpoint);
            return Ok(false);
        }
        let first = if checkpoint { header.seq.saturating_add(1) } else { header.seq };
        if first > run.needed {
            let loss = Loss { epoch: run.epoch, worker: run.worker, from: run.needed, to: first - 1 };
            if !self.accepted.iter().any(|accepted| accepted.covers(&loss)) {
                let (file, offset) = match &run.bad {
                    Some((name, part)) => (name.path(&self.shared.dir), part.from as u64),
                    None => (name.path(&self.shared.dir), at as u64),
                };
                if header.synced >= loss.from {
                    return Err(damaged(file, offset, &loss));
                }
                run.cut = Some((file, offset, loss, u64::from(!checkpoint)));
                return Ok(false);
            }
            run.needed = first;
        }
        let next = !checkpoint && header.seq == run.needed;
        run.needed = run.needed.saturating_add(u64::from(next));
        Ok(next)
    }

    /// Bytes that are no frame say nothing by themselves: the numbers behind them tell what is missing. But a record
    /// of another release is there, and nothing can be told of it.
    fn bad(&mut self, name: Name, part: BadPart) -> Result<(), JournalError> {
        let Some(run) = &mut self.run else { return Ok(()) };
        if let Some(seq) = part.unknown.filter(|seq| *seq >= run.needed) {
            let loss = Loss { epoch: run.epoch, worker: run.worker, from: run.needed, to: seq };
            if run.cut.is_some() || !self.accepted.iter().any(|accepted| accepted.covers(&loss)) {
                return Err(damaged(name.path(&self.shared.dir), part.from as u64, &loss));
            }
            run.needed = seq.saturating_add(1);
        }
        run.bad = Some((name, part));
        Ok(())
    }
}

pub(super) fn damaged(file: PathBuf, offset: u64, loss: &Loss) -> JournalError {
    let count = (loss.to - loss.from).saturating_add(1);
    let lost = format!("{loss} cannot be read though they were written for good ({count} records)");
    JournalError::Damaged { file, offset, lost }
}

/// The losses that an operator has accepted: lines of epoch, worker, first and last number.
pub(super) fn accepted(disk: &dyn Disk, dir: &Path) -> Result<Vec<Loss>, JournalError> {
    let path = dir.join("accepted");
    let mut text = Vec::new();
    match read_file(disk, &path, &mut text) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(JournalError::io("read", &path))?,
    }
    let text = String::from_utf8_lossy(&text);
    let losses: Option<Vec<Loss>> = text.lines().map(loss).collect();
    losses.ok_or_else(|| JournalError::io("understand", &path)(ErrorKind::InvalidData.into()))
}

fn loss(line: &str) -> Option<Loss> {
    let mut numbers = line.split(' ');
    let loss = Loss {
        epoch: numbers.next()?.parse().ok()?,
        worker: numbers.next()?.parse().ok()?,
        from: numbers.next()?.parse().ok()?,
        to: numbers.next()?.parse().ok()?,
    };
    numbers.next().is_none().then_some(loss)
}

/// Writes them down for good.
pub(super) fn accept(disk: &dyn Disk, dir: &Path, losses: &[Loss]) -> Result<(), JournalError> {
    let line = |loss: &Loss| format!("{} {} {} {}\n", loss.epoch, loss.worker, loss.from, loss.to);
    let path = dir.join("accepted");
    replace_file(disk, &path, &losses.iter().map(line).collect::<String>())
        .map_err(JournalError::io("write", &path))
}
