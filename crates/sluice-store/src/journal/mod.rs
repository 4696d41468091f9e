//! The usage journal: what requests reserve and what they cost, in files, before it is in the database.
//!
//! Each worker appends to segments of its own, made ahead and filled with zeros, so that a frame is one `write` on the
//! thread that has it. What was written survives the death of the process, what was synced survives a power loss. One
//! [`Keeper`] thread makes segments, syncs them and deletes those that are posted. The drain reads what was written
//! through a [`Tail`]; after a start, [`Recovery`] reads what earlier runs have left.
//!
//! The directory holds `lock`, `epoch` (the newest run that has begun), `accepted` (losses that an operator has
//! accepted), the segments `EPOCH-WORKER-INDEX.log` in hexadecimal digits, and copies of damaged ones, `….damaged`.

pub mod disk;
mod error;
pub mod inspect;
mod keeper;
mod lane;
mod recovery;
mod scan;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    any::Any,
    collections::HashMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::Thread,
};

use sluice_ledger::frame::{CHECKPOINT_BYTES_MAX, FRAME_BYTES_MAX};

use crate::books::Cursor;
use disk::{Disk, RealDisk};
use lane::{Ahead, Fresh, Lane};
use segment::Name;

pub use error::{AppendError, JournalError};
pub use keeper::Keeper;
pub use recovery::{Dropped, Recovery};
pub use tail::{Tail, Unread};
pub use writer::{Position, Writer};

/// Length of a segment where nothing else is said.
pub const SEGMENT_BYTES: u32 = 8 << 20;
/// The shortest segment: it must hold the longest record.
pub const SEGMENT_BYTES_MIN: u32 = 256 << 10;
/// The longest segment: recovery holds one in memory.
pub const SEGMENT_BYTES_MAX: u32 = 64 << 20;
/// What the whole journal may take where nothing else is said.
pub const JOURNAL_BYTES_MAX: u64 = 1 << 30;

const _: () = assert!(FRAME_BYTES_MAX + CHECKPOINT_BYTES_MAX <= SEGMENT_BYTES_MIN as usize);

/// What a record that was acknowledged survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process at any moment. Synced about once a second.
    #[default]
    Process,
    /// Power loss too: who waits for [`Writer::poll_synced`] waits for the disk.
    Power,
}

/// How the journal is kept.
#[derive(Clone, Debug)]
pub struct Options {
    pub durability: Durability,
    /// Length of a segment, from [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`].
    pub segment_bytes: u32,
    /// What all segments together may take. Ends of open reservations may go beyond it.
    pub journal_bytes_max: u64,
    pub disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            segment_bytes: SEGMENT_BYTES,
            journal_bytes_max: JOURNAL_BYTES_MAX,
            disk: Arc::new(RealDisk),
        }
    }
}

/// How the journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What all segments take, in bytes, with those of earlier runs and those made ahead.
    pub bytes: u64,
    /// Records of this run.
    pub records_written: u64,
    /// Those of them that are on the disk.
    pub records_synced: u64,
    /// Reservations of this run without an end.
    pub open: u64,
    /// Frames that had to be written again, into another segment.
    pub rewritten: u64,
    /// No segment can be made: new reservations are refused as soon as the last ones have no room.
    pub full: bool,
    /// The disk has failed, and how: new reservations are refused until the next start.
    pub poisoned: Option<String>,
}

/// The journal of one node, in one directory that this process alone uses.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

impl Journal {
    /// Takes the directory, made if it is missing.
    ///
    /// # Errors
    /// [`JournalError::Locked`] while another process has it; [`JournalError::Options`].
    pub fn open(dir: &Path, options: Options) -> Result<Self, JournalError> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&options.segment_bytes) {
            return Err(JournalError::Options(format!(
                "segments of {} bytes; from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX} bytes are possible",
                options.segment_bytes
            )));
        }
        if options.journal_bytes_max < 2 * u64::from(options.segment_bytes) {
            return Err(JournalError::Options(format!(
                "{} bytes in all have no room for two segments of {} bytes",
                options.journal_bytes_max, options.segment_bytes
            )));
        }
        Self::open_unbounded(dir, options)
    }

    fn open_unbounded(dir: &Path, options: Options) -> Result<Self, JournalError> {
        let disk = &options.disk;
        disk.create_dir(dir).map_err(JournalError::io("make the directory", dir))?;
        let lock = lock(&**disk, dir)?;
        let left = segments(&**disk, dir)?;
        let epoch_file = dir.join("epoch");
        let mut text = Vec::new();
        let recorded = match disk::read_file(&**disk, &epoch_file, &mut text) {
            Ok(()) => std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(
                || {
                    JournalError::io("read", &epoch_file)(io::Error::new(
                        ErrorKind::InvalidData,
                        "it holds no number",
                    ))
                },
            )?,
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(JournalError::io("read", &epoch_file)(error)),
        };
        let newest = left.iter().map(|(name, _)| name.epoch).max().unwrap_or(0).max(recorded);
        let shared = Shared {
            dir: dir.to_owned(),
            options,
            newest,
            bytes: AtomicU64::new(left.iter().map(|(_, bytes)| bytes).sum()),
            left,
            finished: Mutex::default(),
            lanes: OnceLock::new(),
            cursors: Mutex::default(),
            rewritten: AtomicU64::new(0),
            full: AtomicBool::new(false),
            names_unsynced: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            reason: Mutex::default(),
            called: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            keeper: OnceLock::new(),
            _lock: lock,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The newest epoch that the journal has seen; 0 if none.
    pub fn newest_epoch(&self) -> u32 {
        self.shared.newest
    }

    /// Reads the records of all earlier runs that are behind the cursors.
    pub fn recover(&self, cursors: &[Cursor]) -> Result<Recovery, JournalError> {
        Recovery::new(Arc::clone(&self.shared), cursors)
    }

    /// Notes for good that a run with this epoch has begun, before it writes anything anywhere: the next start must
    /// know of it, whatever becomes of this one.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn note_epoch(&self, epoch: u32) -> Result<(), JournalError> {
        let epoch_file = self.shared.dir.join("epoch");
        disk::replace_file(&*self.shared.options.disk, &epoch_file, &format!("{epoch}\n"))
            .map_err(JournalError::io("write", &epoch_file))
    }

    /// Begins a run: one writer for each worker, and the keeper's thread. That this epoch has begun is on the disk
    /// before any frame of it. Files of earlier runs stay until they are posted; how many workers those had does not
    /// matter. `unix_ms` (milliseconds since the Unix epoch) is for whoever inspects the files.
    pub fn start(
        &self,
        node: &str,
        epoch: u32,
        workers: u16,
        unix_ms: u64,
    ) -> Result<(Vec<Writer>, Keeper), JournalError> {
        let writers = self.begin(node, epoch, workers, unix_ms)?;
        let keeper = Keeper::spawn(&self.shared)?;
        Ok((writers, keeper))
    }

    fn begin(&self, node: &str, epoch: u32, workers: u16, unix_ms: u64) -> Result<Vec<Writer>, JournalError> {
        let shared = &self.shared;
        if epoch <= shared.newest {
            return Err(JournalError::OldEpoch { epoch, newest: shared.newest });
        }
        let lanes: Vec<_> = (0..workers).map(|worker| Arc::new(Lane::new(epoch, worker))).collect();
        if shared.lanes.get().is_some() {
            return Err(JournalError::Started);
        }
        self.note_epoch(epoch)?;
        shared.delete_posted();
        let mut writers = Vec::with_capacity(lanes.len());
        for lane in &lanes {
            let writer = Writer::begin(Arc::clone(shared), Arc::clone(lane), node, unix_ms);
            writers.push(writer.map_err(JournalError::io("make segments in", &shared.dir))?);
        }
        shared.lanes.set(lanes).map_err(|_| JournalError::Started)?;
        Ok(writers)
    }

    /// Reads what the writers of this run write.
    pub fn tail(&self) -> Tail {
        Tail::new(Arc::clone(&self.shared))
    }

    /// What the database holds for good: everything up to these. Segments at or behind them are deleted, of earlier
    /// runs those that [`Recovery`] has read to their end.
    pub fn posted(&self, cursors: &[Cursor]) {
        let mut known = locked(&self.shared.cursors);
        for cursor in cursors {
            let seq = known.entry((cursor.epoch, cursor.worker)).or_default();
            *seq = cursor.seq.max(*seq);
        }
        drop(known);
        if self.shared.has_posted() {
            self.shared.call_keeper();
        }
    }

    pub fn status(&self) -> Status {
        let shared = &self.shared;
        let sum = |of: fn(&Lane) -> u64| shared.lanes().iter().map(|lane| of(lane)).sum();
        Status {
            bytes: shared.bytes.load(Ordering::Relaxed),
            records_written: sum(Lane::written),
            records_synced: sum(Lane::synced),
            open: sum(|lane| u64::from(lane.open())),
            rewritten: shared.rewritten.load(Ordering::Relaxed),
            full: shared.is_full(),
            poisoned: locked(&shared.reason).clone(),
        }
    }
}

/// Takes the lock of a journal's directory.
fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Any + Send + Sync>, JournalError> {
    let path = dir.join("lock");
    disk.lock(&path).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => JournalError::Locked { dir: dir.to_owned() },
        _ => JournalError::io("lock", &path)(error),
    })
}

/// The segments of a directory with their lengths in bytes, in the order in which they are read.
fn segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<(Name, u64)>, JournalError> {
    let files = disk.list(dir).map_err(JournalError::io("list", dir))?;
    let mut segments: Vec<_> =
        files.iter().filter_map(|(file, bytes)| Some((Name::parse(file)?, *bytes))).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// A segment of an earlier run that recovery has read to its end.
#[derive(Clone, Copy, Debug)]
struct Finished {
    name: Name,
    bytes: u64,
    /// Number of the last record in it or before it.
    last: u64,
}

/// What the journal, its writers, its keeper and its tail have in common.
#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    options: Options,
    /// Newest epoch before this run.
    newest: u32,
    /// Segments of earlier runs, as they were found.
    left: Vec<(Name, u64)>,
    /// Those of them that can be deleted once they are posted.
    finished: Mutex<Vec<Finished>>,
    /// Of this run.
    lanes: OnceLock<Vec<Arc<Lane>>>,
    /// Epoch and worker, and up to which record they are posted.
    cursors: Mutex<HashMap<(u32, u16), u64>>,
    bytes: AtomicU64,
    rewritten: AtomicU64,
    full: AtomicBool,
    /// A file was made whose name is not known to be on the disk.
    names_unsynced: AtomicBool,
    poisoned: AtomicBool,
    reason: Mutex<Option<String>>,
    /// The keeper has something to do.
    called: AtomicBool,
    stopped: AtomicBool,
    /// The keeper has made its last round.
    gone: AtomicBool,
    keeper: OnceLock<Thread>,
    _lock: Box<dyn Any + Send + Sync>,
}

impl Shared {
    fn lanes(&self) -> &[Arc<Lane>] {
        self.lanes.get().map_or(&[], Vec::as_slice)
    }

    fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Once and for all: no more reservations, and nobody is told that anything was synced.
    fn poison(&self, reason: &str) {
        locked(&self.reason).get_or_insert_with(|| reason.to_owned());
        self.poisoned.store(true, Ordering::Release);
        self.wake_all();
    }

    fn wake_all(&self) {
        self.lanes().iter().for_each(|lane| lane.wake(u64::MAX));
    }

    /// Nothing that is not synced now will be in this run.
    fn syncs_no_more(&self) -> bool {
        self.is_poisoned() || self.gone.load(Ordering::Acquire)
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn count_rewrite(&self) {
        self.rewritten.fetch_add(1, Ordering::Relaxed);
    }

    /// What a segment has for frames behind its checkpoint, in bytes.
    fn usable_bytes(&self) -> u64 {
        u64::from(self.options.segment_bytes).saturating_sub(CHECKPOINT_BYTES_MAX as u64)
    }

    /// The next segment of a lane, made now if none was made ahead. `beyond`: even beyond what the journal may take.
    fn take(&self, lane: &Lane, beyond: bool) -> io::Result<Fresh> {
        let mut ahead = locked(&lane.ahead);
        if ahead.queue.is_empty() {
            self.make(lane, &mut ahead, beyond)?;
        }
        let fresh = ahead.queue.pop_front().ok_or(ErrorKind::StorageFull)?;
        lane.set_ready(&ahead);
        Ok(fresh)
    }

    /// Makes one more segment ahead.
    fn provide(&self, lane: &Lane, beyond: bool) -> io::Result<()> {
        self.make(lane, &mut locked(&lane.ahead), beyond)
    }

    fn make(&self, lane: &Lane, ahead: &mut Ahead, beyond: bool) -> io::Result<()> {
        let made = self.make_file(lane, ahead, beyond);
        self.full.store(made.is_err(), Ordering::Relaxed);
        ahead.queue.push_back(made?);
        lane.set_ready(ahead);
        Ok(())
    }

    fn make_file(&self, lane: &Lane, ahead: &mut Ahead, beyond: bool) -> io::Result<Fresh> {
        let bytes = u64::from(self.options.segment_bytes);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let index = ahead.next_index;
        let path = Name { epoch: lane.epoch, worker: lane.worker, index }.path(&self.dir);
        let made = if before + bytes > self.options.journal_bytes_max && !beyond {
            Err(ErrorKind::StorageFull.into())
        } else {
            ahead.next_index += 1;
            self.names_unsynced.store(true, Ordering::Release);
            let disk = &self.options.disk;
            disk.create(&path).and_then(|file| match file.allocate(bytes) {
                Ok(()) => Ok(Fresh { index, file }),
                Err(error) => {
                    // If it cannot go either, the next start finds it empty.
                    let _ = disk.remove(&path);
                    Err(error)
                }
            })
        };
        if made.is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        made
    }

    /// Wakes the keeper's thread.
    fn call_keeper(&self) {
        self.called.store(true, Ordering::Release);
        if let Some(keeper) = self.keeper.get() {
            keeper.unpark();
        }
    }
}

/// A thread that has died with a lock has left nothing half done under it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
