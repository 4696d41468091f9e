//! From the journal to the books: frames become postings, postings go to the database in batches, and the journal
//! learns how far it may forget.

use std::collections::{HashMap, HashSet, VecDeque};

use sluice_ledger::{
    Posting, RequestId,
    frame::Header,
    record::{ByRequest, Outcome, Record},
    recovery::Fold,
};
use sluice_store::{
    books::{Batch, Cursor, Details, Refused},
    journal::{JournalError, Tail, Unread},
    latency::Latencies,
};

/// Why the journal of this run cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the record after {last} of worker {worker} has the number {next}")]
    Gap { worker: u16, last: u64, next: u64 },
}

use crate::bounds;

/// What workers tell about a request beside its money.
#[derive(Debug)]
pub(crate) enum Note {
    /// Of a request that the journal knows.
    Ended(RequestId, Box<Details>),
    /// Nothing was reserved for it.
    Refused(Box<Refused>),
}

/// How far the journal of one worker was read.
#[derive(Debug, Default)]
pub(super) struct Progress {
    fold: Fold,
    last_seq: u64,
}

impl Progress {
    pub(super) fn push(&mut self, seq: u64, record: Record) -> Option<Posting> {
        self.last_seq = seq;
        self.fold.push(seq, record)
    }

    /// Whether `seq` is not the number that comes next. Then what was between them is not to be passed over: a
    /// request could be complete for its caller and never come into the books.
    fn gap(&self, worker: u16, seq: u64) -> Option<Unreadable> {
        let last = self.last_seq;
        (last.checked_add(1) != Some(seq)).then_some(Unreadable::Gap { worker, last, next: seq })
    }

    /// Everything up to here needs no second look: it never passes a reservation that is open.
    fn seq(&self) -> u64 {
        self.fold.oldest_open().map_or(self.last_seq, |open| open.saturating_sub(1))
    }

    pub(super) fn cursor(&self, epoch: u32, worker: u16) -> Cursor {
        Cursor { epoch, worker, seq: self.seq() }
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub(super) fn close_all(self, unix_ms: u64) -> Vec<Posting> {
        self.fold.close_all(unix_ms)
    }
}

/// What one look at the journal found.
#[derive(Debug, Default)]
struct Reading {
    postings: Vec<Posting>,
    cursors: Vec<Cursor>,
}

/// The way from the journal to the database.
#[derive(Debug)]
pub(super) struct Drain {
    tail: Tail,
    epoch: u32,
    progress: HashMap<u16, Progress>,
    frames: Vec<(Header, Record)>,
    /// The last look found nothing.
    at_end: bool,
    /// The journal could not be read: the next start does, from where the books are.
    broken: bool,
    /// Read at the last look. It waits for one more, so that its details can come.
    reading: Reading,
    details: ByRequest<Details>,
    /// Posted without details, in this round of forgetting and the one before.
    bare: [ByRequest<()>; 2],
    late: Vec<(RequestId, Details)>,
    refused: Vec<Refused>,
    /// What was sent and is not known to be in the books, in pieces of which the first is sent next.
    sent: VecDeque<Batch>,
    /// Details that found no room.
    pub(super) details_dropped: u64,
    /// How long answers took since this was last written.
    latencies: Latencies,
    /// They go with the next batch.
    latencies_due: bool,
}

impl Drain {
    pub(super) fn new(tail: Tail, epoch: u32) -> Self {
        Self {
            tail,
            epoch,
            progress: HashMap::new(),
            frames: Vec::new(),
            at_end: false,
            broken: false,
            reading: Reading::default(),
            details: ByRequest::default(),
            bare: Default::default(),
            late: Vec::new(),
            refused: Vec::new(),
            sent: VecDeque::new(),
            details_dropped: 0,
            latencies: Latencies::default(),
            latencies_due: false,
        }
    }

    /// What was gathered about how long answers took is to be written: with the next batch, so that it costs nothing
    /// for each request.
    pub(super) fn write_latencies(&mut self) {
        self.latencies_due = true;
    }

    /// Takes what a worker told.
    pub(super) fn note(&mut self, note: Note) {
        match note {
            Note::Refused(_) if self.refused.len() >= bounds::NOTES => self.details_dropped += 1,
            Note::Refused(refused) => self.refused.push(*refused),
            Note::Ended(request, details)
                if self.bare.iter_mut().any(|ids| ids.remove(&request).is_some()) =>
            {
                self.late.push((request, *details));
            }
            Note::Ended(..) if self.details.len() >= bounds::DETAILS_COUNT => self.details_dropped += 1,
            Note::Ended(request, details) => {
                self.details.insert(request, *details);
            }
        }
    }

    /// The batch to post now: the one whose outcome is not known, or the next. `None`: nothing to do.
    pub(super) fn batch(&mut self) -> Result<Option<&Batch>, Unreadable> {
        if self.sent.is_empty() {
            let fresh = self.read()?;
            let reading = std::mem::replace(&mut self.reading, fresh);
            let batch = self.join(reading);
            // A cursor alone can wait: it moves on with the next end of a request.
            let Batch { postings, refused, late_details, cursors: _, latencies } = &batch;
            let idle = postings.is_empty() && refused.is_empty() && late_details.is_empty();
            let idle = idle && latencies.is_empty();
            self.sent.extend(Some(batch).filter(|_| !idle));
        }
        Ok(self.sent.front())
    }

    /// Whether a batch was sent of which nobody knows whether it is in the books.
    pub(super) fn is_unknown(&self) -> bool {
        !self.sent.is_empty()
    }

    /// The batch is in the books.
    pub(super) fn posted(&mut self) -> Option<Batch> {
        self.sent.pop_front()
    }

    /// The batch was not taken: the next try is with half of it.
    pub(super) fn halve(&mut self) {
        if let Some(batch) = self.sent.pop_front() {
            let (first, rest) = batch.halve();
            if let Some(rest) = rest {
                self.sent.push_front(rest);
            }
            self.sent.push_front(first);
        }
    }

    /// Whether a full batch waits: the books are behind.
    pub(super) fn is_behind(&self) -> bool {
        self.reading.postings.len() >= bounds::DRAIN_RECORDS / 4
    }

    /// The journal is to be looked at again, whatever the last look found.
    pub(super) fn look_again(&mut self) {
        self.at_end = false;
    }

    /// Whether everything that the journal has is in the books, and all that was told beside it.
    pub(super) fn is_done(&self) -> bool {
        let told = self.refused.is_empty() && self.late.is_empty();
        let written = !self.latencies_due || self.latencies.is_empty();
        self.at_end && self.sent.is_empty() && self.reading.postings.is_empty() && told && written
    }

    /// What the journal has and nobody has begun to post.
    pub(super) fn unread(&self) -> Unread {
        self.tail.unread()
    }

    /// Requests that were read and are not in the books, and when the first of them ended, in Unix milliseconds.
    pub(super) fn unposted(&self) -> (usize, Option<u64>) {
        let sent = self.sent.iter().flat_map(|batch| batch.postings.iter().map(|(posting, _)| posting));
        let waiting = sent.chain(&self.reading.postings);
        waiting.fold((0, None), |(count, oldest), posting| {
            let ended_ms = match &posting.outcome {
                Outcome::Settled(settle) => settle.unix_ms,
                Outcome::Voided(void) => void.unix_ms,
            };
            (count + 1, Some(oldest.map_or(ended_ms, |oldest: u64| oldest.min(ended_ms))))
        })
    }

    /// Requests whose end the journal does not have yet.
    pub(super) fn open_count(&self) -> usize {
        self.progress.values().map(|progress| progress.fold.open_count()).sum()
    }

    fn read(&mut self) -> Result<Reading, Unreadable> {
        self.frames.clear();
        if self.broken {
            return Ok(Reading::default());
        }
        if let Err(error) = self.tail.read(bounds::DRAIN_RECORDS, &mut self.frames) {
            // What was read before the failure is gone for this run: to read on would pass it over.
            self.broken = true;
            self.at_end = false;
            return Err(error.into());
        }
        self.at_end = self.frames.is_empty();
        let mut postings = Vec::new();
        let mut touched = HashSet::new();
        for (header, record) in self.frames.drain(..) {
            let progress = self.progress.entry(header.worker).or_default();
            let gap = progress.gap(header.worker, header.seq);
            if gap.is_some() {
                (self.broken, self.at_end) = (true, false);
            }
            gap.map_or(Ok(()), Err)?;
            touched.insert(header.worker);
            postings.extend(progress.push(header.seq, record));
        }
        let cursor = |worker: u16| self.progress.get(&worker).map(|p| p.cursor(self.epoch, worker));
        Ok(Reading { postings, cursors: touched.into_iter().filter_map(cursor).collect() })
    }

    /// Joins postings with their details, as far as they have come.
    fn join(&mut self, reading: Reading) -> Batch {
        let mut postings = Vec::with_capacity(reading.postings.len());
        for posting in reading.postings {
            let details = self.details.remove(&posting.reserve.request);
            match &details {
                Some(details) => self.latencies.add(&posting, details),
                None => drop(self.bare[0].insert(posting.reserve.request, ())),
            }
            postings.push((posting, details));
        }
        if self.bare[0].len() > bounds::DETAILS_COUNT {
            self.bare.swap(0, 1);
            self.bare[0].clear();
        }
        let later = self.refused.split_off(self.refused.len().min(bounds::DRAIN_RECORDS / 2));
        Batch {
            postings,
            refused: std::mem::replace(&mut self.refused, later),
            late_details: std::mem::take(&mut self.late),
            cursors: reading.cursors,
            latencies: match std::mem::take(&mut self.latencies_due) {
                true => std::mem::take(&mut self.latencies),
                false => Latencies::default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_ledger::record::Void;
    use sluice_store::journal::{Journal, Options};

    use super::*;

    #[test]
    fn refusals_have_a_bound_and_come_in_parts() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), Options::default()).unwrap();
        let (_writers, _keeper) = journal.start("n", 1, 1, 0).unwrap();
        let mut drain = Drain::new(journal.tail(), 1);
        for _ in 0..bounds::NOTES + 3 {
            let refused = Refused {
                request: RequestId([0; 16]),
                unix_ms: 0,
                key: String::new(),
                project: String::new(),
                model: String::new(),
                stream: false,
                details: Details::default(),
            };
            drain.note(Note::Refused(Box::new(refused)));
        }
        assert_eq!(drain.details_dropped, 3);
        let mut left = bounds::NOTES;
        while let Some(batch) = drain.batch().unwrap() {
            assert!(batch.refused.len() <= bounds::DRAIN_RECORDS / 2);
            left -= batch.refused.len();
            drain.posted();
        }
        assert_eq!(left, 0);
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_not_read_on() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), Options::default()).unwrap();
        let (mut writers, _keeper) = journal.start("n", 1, 1, 0).unwrap();
        let mut drain = Drain::new(journal.tail(), 1);
        let void = Void { request: RequestId([1; 16]), unix_ms: 0, status: 502 };
        writers[0].append(&Record::Void(void.clone())).unwrap();
        assert!(drain.batch().unwrap().is_none());
        writers[0].append(&Record::Void(void.clone())).unwrap();
        std::fs::read_dir(dir.path()).unwrap().for_each(|file| {
            let path = file.unwrap().path();
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            if path.extension().is_some_and(|extension| extension == "log") {
                std::fs::write(&path, vec![0xaa; length]).unwrap();
            }
        });
        assert!(drain.batch().is_err());
        writers[0].append(&Record::Void(void)).unwrap();
        for _ in 0..3 {
            assert!(drain.batch().unwrap().is_none());
            assert!(!drain.is_done(), "the next start has to look");
        }
    }

    #[test]
    fn a_record_that_is_missing_is_not_passed_over() {
        let check = |last_seq: u64, seq: u64, ok: bool| {
            let progress = Progress { last_seq, ..Progress::default() };
            assert_eq!(progress.gap(0, seq).is_none(), ok, "{last_seq} {seq}");
        };
        check(0, 1, true);
        check(7, 8, true);
        check(0, 2, false);
        check(7, 9, false);
        check(7, 7, false);
        check(u64::MAX, 0, false);
    }
}
