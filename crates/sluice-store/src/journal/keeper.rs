//! The thread beside the request path: syncs, deletes what is posted, and makes segments ahead.

use std::{
    io::ErrorKind,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use sluice_ledger::frame::END_BYTES_MAX;

use super::{Finished, JournalError, Shared, lane::Lane, locked, segment::Name};

/// With nobody calling, a round is made this often.
const TICK: Duration = Duration::from_secs(1);
/// Segments that are made ahead for one worker at most, however many reservations are open.
const AHEAD_MAX: u64 = 64;

/// The thread that keeps the files. Dropped, it stops as by [`stop`](Keeper::stop).
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn spawn(shared: &Arc<Shared>) -> Result<Self, JournalError> {
        let worker = Arc::clone(shared);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || run(&worker))
            .map_err(JournalError::io("start the thread for", &shared.dir))?;
        // A call that came before this is seen by the thread's first look.
        let _ = shared.keeper.set(thread.thread().clone());
        Ok(Self { shared: Arc::clone(shared), thread: Some(thread) })
    }

    /// Ends the thread after a last sync of everything that was written before this call.
    ///
    /// # Errors
    /// [`JournalError::Poisoned`] when that sync failed, or an earlier one.
    pub fn stop(mut self) -> Result<(), JournalError> {
        self.join();
        let poisoned = locked(&self.shared.reason).clone();
        poisoned.map_or(Ok(()), |reason| Err(JournalError::Poisoned(reason)))
    }

    fn join(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.call_keeper();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has poisoned the journal.
            let _ = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.join();
    }
}

/// Nobody may wait for a thread that is gone.
struct Farewell<'a>(&'a Shared);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.poison("the thread of the journal has died");
        }
        self.0.gone.store(true, Ordering::Release);
        self.0.wake_all();
    }
}

fn run(shared: &Shared) {
    let _farewell = Farewell(shared);
    loop {
        // Looked at before the round: what is asked for during it makes another one.
        let stopped = shared.stopped.load(Ordering::Acquire);
        shared.called.store(false, Ordering::Release);
        shared.round();
        if stopped {
            return;
        }
        if !shared.called.load(Ordering::Acquire) {
            thread::park_timeout(TICK);
        }
    }
}

impl Shared {
    /// Everything that there is to do.
    pub(super) fn round(&self) {
        for lane in self.lanes() {
            self.sync(lane);
        }
        self.delete_posted();
        if !self.stopped.load(Ordering::Acquire) {
            self.make_ahead();
        }
    }

    /// Brings what a lane has written to the disk and tells who waits for it. After an error never again: the kernel
    /// may have forgotten what it could not write, so that a second sync would say yes to bytes that are gone.
    fn sync(&self, lane: &Lane) {
        let upto = lane.written();
        if self.is_poisoned() {
            return lane.wake(u64::MAX);
        }
        if upto == lane.synced() {
            return;
        }
        // Read after `upto`: a segment is in the list before anything is written to it.
        let (files, last): (Vec<_>, _) = {
            let used = locked(&lane.used);
            let files = used.iter().filter(|used| !used.synced).map(|used| Arc::clone(&used.file)).collect();
            (files, used.back().map(|used| used.index))
        };
        if self.names_unsynced.swap(false, Ordering::AcqRel)
            && let Err(error) = self.options.disk.sync_dir(&self.dir)
        {
            return self.poison(&format!("the directory could not be synced: {error}"));
        }
        for file in files {
            if let Err(error) = file.sync() {
                return self.poison(&format!("a segment could not be synced: {error}"));
            }
        }
        for used in locked(&lane.used).iter_mut() {
            // The last one may have got frames since.
            used.synced |= last.is_some_and(|last| used.index < last);
        }
        lane.set_synced(upto);
    }

    fn is_posted(&self, name: Name, last: u64) -> bool {
        locked(&self.cursors).get(&(name.epoch, name.worker)).copied().unwrap_or(0) >= last
    }

    /// Whether there is a segment to delete.
    pub(super) fn has_posted(&self) -> bool {
        let old = locked(&self.finished).iter().any(|old| self.is_posted(old.name, old.last));
        old || self.lanes().iter().any(|lane| self.first_posted(lane).is_some())
    }

    /// The first segment of a lane, if it is posted. One that was not synced stays: what waits for it must not be
    /// told of a sync that never was.
    fn first_posted(&self, lane: &Lane) -> Option<Finished> {
        let used = locked(&lane.used);
        let first = used.front()?;
        let name = Name { epoch: lane.epoch, worker: lane.worker, index: first.index };
        let last = first.closed.filter(|_| first.synced)?.last;
        let bytes = u64::from(self.options.segment_bytes);
        self.is_posted(name, last).then_some(Finished { name, bytes, last })
    }

    /// Deletes the segments at or behind their cursors.
    pub(super) fn delete_posted(&self) {
        let mut posted = Vec::new();
        locked(&self.finished).retain(|old| {
            let gone = self.is_posted(old.name, old.last);
            if gone {
                posted.push(*old);
            }
            !gone
        });
        for lane in self.lanes() {
            while let Some(first) = self.first_posted(lane) {
                locked(&lane.used).pop_front();
                posted.push(first);
            }
        }
        for old in posted {
            match self.options.disk.remove(&old.name.path(&self.dir)) {
                Err(error) if error.kind() != ErrorKind::NotFound => locked(&self.finished).push(old),
                _ => {
                    self.bytes.fetch_sub(old.bytes, Ordering::Relaxed);
                }
            }
        }
    }

    /// Segments ahead for each worker: room for the next frame, and behind it for the ends of all its reservations.
    fn make_ahead(&self) {
        let ends_each = (self.usable_bytes() / END_BYTES_MAX as u64).max(1);
        for lane in self.lanes() {
            let ends = u64::from(lane.open()) + 2;
            let wanted = 1 + (ends / ends_each).min(AHEAD_MAX);
            while u64::from(lane.ready()) < wanted {
                if self.provide(lane, false).is_err() {
                    // Tried again in the next round; until then nobody tries.
                    return;
                }
            }
        }
        self.full.store(false, Ordering::Relaxed);
    }
}
