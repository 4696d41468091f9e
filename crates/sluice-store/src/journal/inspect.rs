//! The journal for people: what is in it, what is damaged, and how to go on without what is lost.

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
};

use sluice_ledger::{Record, RequestId, frame::Header};

use super::{
    JournalError,
    disk::{Disk, RealDisk, write_all},
    lock,
    recovery::{accept, accepted, damaged},
    scan::{BadPart, Found, Scan},
    segment::Name,
    segments,
};

pub use super::recovery::Loss;

/// How many records of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub lease: u64,
    pub reserve: u64,
    pub mark: u64,
    pub settle: u64,
    pub void: u64,
}

/// One file.
#[derive(Clone, Debug)]
pub struct SegmentReport {
    pub file: String,
    pub epoch: u32,
    pub worker: u16,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// Up to where there is anything in it, in bytes.
    pub used: u64,
    pub records: Counts,
    /// Numbers of the first and the last record.
    pub numbers: Option<(u64, u64)>,
    /// Damaged parts, for people. One at the very end of a worker's last file is what a kill leaves.
    pub damage: Vec<String>,
}

/// Records that are missing between others.
#[derive(Clone, Debug)]
pub struct Hole {
    pub loss: Loss,
    /// Where the damage was seen.
    pub file: PathBuf,
    pub offset: u64,
    /// They were on the disk once, so this is no trace of a power loss: nothing starts before it is accepted.
    pub was_synced: bool,
    /// An operator has accepted it.
    pub is_accepted: bool,
}

/// One worker of one run.
#[derive(Clone, Debug)]
pub struct RunReport {
    pub epoch: u32,
    pub worker: u16,
    /// Id of the node, where a checkpoint says it.
    pub node: String,
    /// Number of the first record that is there. Those before it are posted, if the database has them.
    pub first: u64,
    pub last: u64,
    /// Reservations without an end.
    pub open: u64,
    pub holes: Vec<Hole>,
}

/// What is in a journal.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub segments: Vec<SegmentReport>,
    pub runs: Vec<RunReport>,
}

/// A journal without damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub segments: u64,
    pub records: u64,
    /// Reservations without an end.
    pub open: u64,
}

/// What [`accept_loss`] has done.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub losses: Vec<Loss>,
    /// Copies of the damaged files; nothing reads or deletes them.
    pub copies: Vec<PathBuf>,
}

/// Reads a whole journal. Of one that is in use, the last frames may be seen half written.
pub fn inspect(dir: &Path) -> Result<Report, JournalError> {
    inspect_on(&RealDisk, dir)
}

/// Whether a start would go through, as far as the files can tell.
///
/// # Errors
/// [`JournalError::Damaged`] for the first loss that was not accepted.
pub fn verify(dir: &Path) -> Result<Summary, JournalError> {
    verify_on(&RealDisk, dir)
}

/// Lets the next start go on without the records that are missing. Copies of damaged files are set aside; the files
/// themselves stay, for what can still be read of them. Records before the first one of a run are accepted as well:
/// whether they are posted is not to be seen here.
///
/// # Errors
/// [`JournalError::Locked`] while the journal is in use.
pub fn accept_loss(dir: &Path) -> Result<Accepted, JournalError> {
    accept_loss_on(&RealDisk, dir)
}

pub(super) fn verify_on(disk: &dyn Disk, dir: &Path) -> Result<Summary, JournalError> {
    let report = inspect_on(disk, dir)?;
    let holes = report.runs.iter().flat_map(|run| &run.holes);
    if let Some(hole) = holes.into_iter().find(|hole| hole.was_synced && !hole.is_accepted) {
        return Err(damaged(hole.file.clone(), hole.offset, &hole.loss));
    }
    let records = report.segments.iter().map(|segment| segment.records);
    Ok(Summary {
        segments: report.segments.len() as u64,
        records: records.map(|c| c.lease + c.reserve + c.mark + c.settle + c.void).sum(),
        open: report.runs.iter().map(|run| run.open).sum(),
    })
}

pub(super) fn accept_loss_on(disk: &dyn Disk, dir: &Path) -> Result<Accepted, JournalError> {
    let _lock = lock(disk, dir)?;
    let report = inspect_on(disk, dir)?;
    let mut losses = accepted(disk, dir)?;
    let mut copies = Vec::new();
    for run in &report.runs {
        let before = Loss { epoch: run.epoch, worker: run.worker, from: 1, to: run.first.saturating_sub(1) };
        let holes = run.holes.iter().map(|hole| hole.loss);
        losses.extend(holes.chain((run.first > 1).then_some(before)));
    }
    losses.sort_unstable();
    losses.dedup();
    for segment in report.segments.iter().filter(|segment| !segment.damage.is_empty()) {
        let (from, to) = (dir.join(&segment.file), dir.join(format!("{}.damaged", segment.file)));
        copy(disk, &from, &to).map_err(JournalError::io("copy to", &to))?;
        copies.push(to);
    }
    accept(disk, dir, &losses)?;
    Ok(Accepted { losses, copies })
}

/// A copy that was made before stays as it is.
fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    super::disk::read_file(disk, from, &mut bytes)?;
    match disk.create(to) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => {
            let file = made?;
            write_all(&*file, &bytes, 0)?;
            file.sync()
        }
    }
}

pub(super) fn inspect_on(disk: &dyn Disk, dir: &Path) -> Result<Report, JournalError> {
    let accepted = accepted(disk, dir)?;
    let mut report = Report::default();
    let mut state: Option<RunState> = None;
    let mut buffer = Vec::new();
    for (name, bytes) in segments(disk, dir)? {
        let same = |state: &RunState| (state.report.epoch, state.report.worker) == (name.epoch, name.worker);
        if !state.as_ref().is_some_and(same) {
            report.runs.extend(state.take().map(|state| state.end(&accepted)));
        }
        let mut scan =
            Scan::open(disk, dir, name, buffer).map_err(JournalError::io("read", &name.path(dir)))?;
        let run = state.get_or_insert_with(|| RunState::new(name));
        report.segments.push(run.segment(dir, bytes, &mut scan));
        buffer = scan.into_buffer();
    }
    report.runs.extend(state.take().map(|state| state.end(&accepted)));
    Ok(report)
}

struct RunState {
    report: RunReport,
    /// Number of the next record; `None` before the first frame.
    next: Option<u64>,
    open: HashSet<RequestId>,
    bad: Option<(PathBuf, u64)>,
}

impl RunState {
    fn new(name: Name) -> Self {
        let Name { epoch, worker, .. } = name;
        let (node, first, last, open, holes) = (String::new(), 0, 0, 0, Vec::new());
        let report = RunReport { epoch, worker, node, first, last, open, holes };
        Self { report, next: None, open: HashSet::new(), bad: None }
    }

    fn end(mut self, accepted: &[Loss]) -> RunReport {
        self.report.open = self.open.len() as u64;
        for hole in &mut self.report.holes {
            hole.is_accepted = accepted.iter().any(|accepted| accepted.covers(&hole.loss));
        }
        self.report
    }

    fn segment(&mut self, dir: &Path, bytes: u64, scan: &mut Scan) -> SegmentReport {
        let name = scan.name;
        let mut segment = SegmentReport {
            file: name.to_string(),
            epoch: name.epoch,
            worker: name.worker,
            bytes,
            used: 0,
            records: Counts::default(),
            numbers: None,
            damage: Vec::new(),
        };
        loop {
            match scan.next() {
                Found::Frame { at, header, record } => {
                    self.frame(&name.path(dir), at as u64, &header, &record);
                    segment.count(&header, &record);
                }
                Found::Bad(part) => {
                    self.bad(&name.path(dir), &part);
                    segment.damage.push(part.to_string());
                }
                Found::End { at } => {
                    segment.used = at as u64;
                    return segment;
                }
            }
        }
    }

    fn frame(&mut self, file: &Path, at: u64, header: &Header, record: &Record) {
        for hole in &mut self.report.holes {
            hole.was_synced |= header.synced >= hole.loss.from;
        }
        let mut first = header.seq;
        if let Record::Checkpoint(checkpoint) = record {
            first = first.saturating_add(1);
            self.report.node.clone_from(&checkpoint.node);
        }
        let next = *self.next.get_or_insert_with(|| {
            self.report.first = first;
            first
        });
        if first > next {
            let (file, offset) = self.bad.clone().unwrap_or_else(|| (file.to_owned(), at));
            self.hole(file, offset, (next, first - 1), header.synced >= next);
        }
        self.next = Some(next.max(first));
        match record {
            Record::Checkpoint(_) => return,
            Record::Reserve(reserve) => drop(self.open.insert(reserve.request)),
            Record::Settle(settle) => drop(self.open.remove(&settle.request)),
            Record::Void(void) => drop(self.open.remove(&void.request)),
            Record::Lease(_) | Record::Mark(_) => {}
        }
        self.report.last = self.report.last.max(header.seq);
        self.next = Some(next.max(header.seq.saturating_add(1)));
    }

    fn bad(&mut self, file: &Path, part: &BadPart) {
        self.bad = Some((file.to_owned(), part.from as u64));
        let next = self.next.unwrap_or(1);
        if let Some(seq) = part.unknown.filter(|seq| *seq >= next) {
            self.hole(file.to_owned(), part.from as u64, (next, seq), true);
            self.next = Some(seq.saturating_add(1));
        }
    }

    fn hole(&mut self, file: PathBuf, offset: u64, (from, to): (u64, u64), was_synced: bool) {
        let loss = Loss { epoch: self.report.epoch, worker: self.report.worker, from, to };
        self.report.holes.push(Hole { loss, file, offset, was_synced, is_accepted: false });
    }
}

impl SegmentReport {
    fn count(&mut self, header: &Header, record: &Record) {
        let counts = &mut self.records;
        let count = match record {
            Record::Checkpoint(_) => return,
            Record::Lease(_) => &mut counts.lease,
            Record::Reserve(_) => &mut counts.reserve,
            Record::Mark(_) => &mut counts.mark,
            Record::Settle(_) => &mut counts.settle,
            Record::Void(_) => &mut counts.void,
        };
        *count += 1;
        let (first, _) = self.numbers.unwrap_or((header.seq, 0));
        self.numbers = Some((first, header.seq));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return writeln!(f, "The journal is empty: everything is posted.");
        }
        for segment in &self.segments {
            writeln!(f, "{segment}")?;
        }
        for run in &self.runs {
            writeln!(f, "{run}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SegmentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { lease, reserve, mark, settle, void } = self.records;
        write!(f, "{}: {} of {} bytes used, ", self.file, self.used, self.bytes)?;
        match self.numbers {
            Some((first, last)) => write!(f, "records {first} to {last}: ")?,
            None => write!(f, "no records: ")?,
        }
        write!(f, "{reserve} reserve, {mark} mark, {settle} settle, {void} void, {lease} lease")?;
        self.damage.iter().try_for_each(|damage| write!(f, "\n  damaged: {damage}"))
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, worker, node, first, last, open, .. } = self;
        write!(f, "run {epoch}, worker {worker}, node `{node}`: ")?;
        match first <= last {
            true => write!(f, "records {first} to {last}, ")?,
            false => write!(f, "no records, ")?,
        }
        write!(f, "{open} reservations without an end")?;
        for hole in &self.holes {
            let verdict = match (hole.is_accepted, hole.was_synced) {
                (true, _) => "accepted",
                (false, true) => "refused at the next start until it is accepted",
                (false, false) => "never synced: left by a power loss, with all that is behind it",
            };
            write!(f, "\n  missing: {} ({verdict})", hole.loss)?;
        }
        Ok(())
    }
}
