//! Room, syncs, the tail, deletion and inspection.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Wake, Waker},
};

use super::{simulated::Fault, *};
use crate::journal::{AppendError, inspect, recovery::Loss};

#[test]
fn a_full_journal_refuses_reservations_and_takes_every_end() {
    for (segments, ends_in_between) in [(2, false), (3, false), (5, true)] {
        let disk = Arc::new(SimulatedDisk::default());
        let bounds = Options {
            journal_bytes_max: segments * u64::from(SMALL_SEGMENT_BYTES),
            ..options(&disk, Durability::Process)
        };
        let journal = Journal::open_unbounded(Path::new(DIR), bounds).unwrap();
        let mut writers = journal.begin("node_1", 1, 1, 1).unwrap();
        let writer = &mut writers[0];
        let mut open = Vec::new();
        for number in 0.. {
            let taken = match number % 3 {
                0 => writer.append(&reserve(number)),
                _ => writer.hold(&reserve(number)),
            };
            match taken {
                Ok(_) => open.push(number),
                Err(error) => {
                    assert_eq!(error, AppendError::Full);
                    break;
                }
            }
            if ends_in_between && number.is_multiple_of(2) {
                writer.append(&void(open.remove(0))).unwrap();
            }
            journal.shared.round();
        }
        assert!(!open.is_empty(), "{segments} segments have room for something");
        assert!(journal.status().full);
        let marks: Vec<_> = (0..100).map(|_| writer.append(&mark(open[0])).unwrap()).collect();
        let position = marks[99];
        assert_eq!(marks[98], position, "a mark takes no room from ends");
        for number in &open {
            writer.append(&settle(*number)).unwrap();
        }
        assert!(journal.status().bytes <= segments * u64::from(SMALL_SEGMENT_BYTES));
        // Posted: there is room again.
        journal.shared.round();
        let seq = position.number() + open.len() as u64;
        journal.posted(&[Cursor { epoch: 1, worker: 0, seq }]);
        journal.shared.round();
        writer.append(&reserve(1_000)).unwrap();
        assert!(!journal.status().full);
    }
}

#[test]
fn ends_go_beyond_the_bound_of_the_journal_when_a_segment_fails() {
    let disk = Arc::new(SimulatedDisk::default());
    let bounds = Options {
        journal_bytes_max: 2 * u64::from(SMALL_SEGMENT_BYTES),
        ..options(&disk, Durability::Process)
    };
    let journal = Journal::open_unbounded(Path::new(DIR), bounds).unwrap();
    let mut writers = journal.begin("node_1", 1, 1, 1).unwrap();
    let taken = (0..).take_while(|number| writers[0].append(&reserve(*number)).is_ok()).count() as u64;
    for number in 0..taken {
        // Whatever has room in a segment loses it.
        disk.fail(1, Fault::Io, 1);
        writers[0].append(&settle(number)).unwrap();
    }
    assert!(journal.status().bytes > 2 * u64::from(SMALL_SEGMENT_BYTES));
    assert_eq!(recovered(&disk.killed(), &[]).unwrap().len() as u64, 2 * taken);
}

#[test]
fn a_full_disk_refuses_reservations_and_takes_every_end() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    journal.shared.round();
    // From now on no segment can be made; those that are there are allocated.
    disk.refuse("create");
    let taken = (0..).take_while(|number| writers[0].hold(&reserve(*number)).is_ok()).count() as u64;
    assert!(taken > 0);
    for number in 0..taken {
        writers[0].append(&settle(number)).unwrap();
    }
    assert_eq!(recovered(&disk.killed(), &[]).unwrap().len() as u64, 2 * taken);
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_sync_that_failed_is_never_tried_again() {
    for name in ["sync", "sync_dir"] {
        let disk = Arc::new(SimulatedDisk::default());
        let journal = Journal::open_unbounded(Path::new(DIR), options(&disk, Durability::Power)).unwrap();
        let mut writers = journal.begin("node_1", 1, 1, 1).unwrap();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let first = writers[0].append(&reserve(1)).unwrap();
        assert_eq!(writers[0].poll_synced(first, &mut cx), Poll::Pending);
        disk.refuse(name);
        journal.shared.round();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        let failed = Poll::Ready(Err(AppendError::Poisoned));
        assert_eq!(writers[0].poll_synced(first, &mut cx), failed, "{name}");
        assert_eq!(writers[0].append(&reserve(2)), Err(AppendError::Poisoned), "no reservation any more");
        let end = writers[0].append(&settle(1)).unwrap();
        // The disk says yes again: nobody asks it.
        disk.refuse("nothing");
        let syncs = disk.count("sync");
        journal.shared.round();
        assert_eq!(disk.count("sync"), syncs);
        assert_eq!(writers[0].poll_synced(end, &mut cx), failed);
        assert!(!writers[0].is_synced(first) && journal.status().poisoned.is_some());
        assert_eq!(recovered(&disk.killed(), &[]).unwrap().len(), 2, "a kill loses nothing");
    }
}

#[test]
fn all_that_wait_share_one_sync() {
    let disk = Arc::new(SimulatedDisk::default());
    let journal = Journal::open_unbounded(Path::new(DIR), options(&disk, Durability::Power)).unwrap();
    let mut writers = journal.begin("node_1", 1, 1, 1).unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let positions: Vec<_> = (0..5).map(|number| writers[0].append(&reserve(number)).unwrap()).collect();
    for position in &positions {
        assert_eq!(writers[0].poll_synced(*position, &mut cx), Poll::Pending);
        assert_eq!(writers[0].poll_synced(*position, &mut cx), Poll::Pending, "registered once");
    }
    let syncs = disk.count("sync");
    journal.shared.round();
    assert_eq!(disk.count("sync") - syncs, 1);
    assert_eq!(woken.0.load(Ordering::Relaxed), positions.len());
    for position in positions {
        assert_eq!(writers[0].poll_synced(position, &mut cx), Poll::Ready(Ok(())));
    }
}

#[test]
fn the_tail_reads_what_was_written() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 3);
    let mut tail = journal.tail();
    let mut expect: BTreeMap<u16, Vec<Record>> = BTreeMap::new();
    let mut found: BTreeMap<u16, Vec<Record>> = BTreeMap::new();
    let mut throw = dice(1);
    for number in 0..400 {
        let worker = (throw() % 3) as u16;
        let records = [reserve(number), settle(number)];
        for record in records {
            writers[usize::from(worker)].append(&record).unwrap();
            expect.entry(worker).or_default().push(record);
        }
        let most = (throw() % 5) as usize;
        let mut out = Vec::new();
        tail.read(most, &mut out).unwrap();
        assert!(out.len() <= most);
        let mut cursors = Vec::new();
        for (header, record) in out {
            let found = found.entry(header.worker).or_default();
            found.push(record);
            assert_eq!((header.epoch, header.seq), (1, found.len() as u64));
            cursors.push(Cursor { epoch: 1, worker: header.worker, seq: header.seq });
        }
        let count = |of: &BTreeMap<u16, Vec<Record>>| of.values().map(Vec::len).sum::<usize>();
        let unread = tail.unread();
        assert_eq!(unread.records as usize, count(&expect) - count(&found));
        assert_eq!(unread.bytes > 0, unread.records > 0, "{unread:?}");
        journal.posted(&cursors);
        if number % 7 == 0 {
            journal.shared.round();
        }
    }
    let mut rest = Vec::new();
    tail.read(usize::MAX, &mut rest).unwrap();
    for (header, record) in rest {
        found.entry(header.worker).or_default().push(record);
    }
    assert_eq!(found, expect);
    assert_eq!(tail.unread(), Unread::default());
}

#[test]
fn segments_go_when_they_are_posted_and_not_before() {
    let disk = Arc::new(SimulatedDisk::default());
    // Three workers, then one, then two: each run is its own.
    for (epoch, workers) in [(1, 3), (2, 1), (3, 2)] {
        let (journal, mut writers) = begin(&disk, workers);
        assert_eq!(journal.newest_epoch() + 1, epoch);
        for number in 0..60 {
            for writer in &mut writers {
                writer.append(&reserve(number)).unwrap();
            }
            journal.shared.round();
        }
    }
    let all = recovered(&disk, &[]).unwrap();
    assert_eq!(all.len(), 60 * 6);
    let journal = open(&disk);
    let cursor = |epoch, worker, seq| Cursor { epoch, worker, seq };
    let cursors = [cursor(1, 0, 60), cursor(1, 1, 60), cursor(1, 2, 50), cursor(2, 0, 0), cursor(3, 0, 60)];
    let files = |epoch: u32, worker: u16| {
        let start = format!("{epoch:08x}-{worker:04x}-");
        disk.names().iter().filter(|name| name.starts_with(&start)).count()
    };
    let before = files(1, 2);
    journal.posted(&cursors);
    journal.shared.round();
    assert_eq!(files(1, 2), before, "nothing goes before recovery has read it");
    let found = drained(journal.recover(&cursors).unwrap()).unwrap();
    assert_eq!(found.len(), 10 + 60 + 60);
    let bytes = journal.status().bytes;
    let writers = journal.begin("node_1", 4, 1, 1).unwrap();
    assert_eq!((files(1, 0), files(1, 1), files(3, 0)), (0, 0, 0));
    assert!(files(1, 2) > 0 && files(1, 2) < before && files(2, 0) > 0 && files(3, 1) > 0);
    assert!(journal.status().bytes < bytes);
    drop((writers, journal));
    let again = recovered(&disk, &cursors).unwrap();
    assert_eq!(again, found, "what is left is what was not posted");
}

#[test]
fn what_is_posted_is_synced_before_it_goes() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    for number in 0..100 {
        writers[0].append(&reserve(number)).unwrap();
    }
    journal.posted(&[Cursor { epoch: 1, worker: 0, seq: 100 }]);
    journal.shared.delete_posted();
    let first = "00000001-0000-00000000.log".to_owned();
    assert!(disk.names().contains(&first));
    journal.shared.round();
    assert!(!disk.names().contains(&first));
}

#[test]
fn an_epoch_that_has_begun_is_never_used_again() {
    let disk = Arc::new(SimulatedDisk::default());
    drop(begin(&disk, 1));
    let check = |disk: &Arc<SimulatedDisk>, epoch: u32| {
        let journal = open(disk);
        let error = journal.begin("node_1", epoch, 1, 1).unwrap_err();
        assert!(matches!(error, JournalError::OldEpoch { newest: 1, .. }), "{error}");
    };
    check(&disk.killed(), 1);
    check(&disk.after_power_loss(|| false), 1);
    check(&disk.after_power_loss(|| true), 0);
    let journal = open(&disk);
    let _writers = journal.begin("node_1", 7, 1, 1).unwrap();
    assert!(matches!(journal.begin("node_1", 8, 1, 1), Err(JournalError::Started)));
}

#[test]
fn a_loss_is_refused_until_it_is_accepted() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    for number in 0..20 {
        writers[0].append(&reserve(number)).unwrap();
        journal.shared.round();
    }
    drop((journal, writers));
    let whole = recovered(&disk, &[]).unwrap();
    let dir = Path::new(DIR);
    let path = dir.join("00000001-0000-00000000.log");
    disk.edit(&path, |bytes| bytes[300..310].fill(0xff));
    let error = recovered(&disk, &[]).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("sluicegate journal inspect --accept-loss"), "{error}");
    assert!(inspect::verify_on(&*disk, dir).is_err());

    let report = inspect::inspect_on(&*disk, dir).unwrap();
    let run = &report.runs[0];
    assert_eq!((run.node.as_str(), run.first, run.last), ("node_1", 1, 20));
    let loss = run.holes[0].loss;
    assert_eq!((run.holes.len(), loss.from, run.open), (1, loss.to, 19));
    assert!(report.to_string().contains("refused at the next start until it is accepted"), "{report}");

    let accepted = inspect::accept_loss_on(&*disk, dir).unwrap();
    assert_eq!(accepted.losses, [loss]);
    assert_eq!(accepted.copies.len(), 1);
    assert!(disk.names().iter().any(|name| name.ends_with(".log.damaged")));
    let found = recovered(&disk, &[]).unwrap();
    let expect: Vec<_> = whole.into_iter().filter(|(header, _)| header.seq != loss.from).collect();
    assert_eq!(found, expect);
    assert_eq!(inspect::verify_on(&*disk, dir).unwrap().records, 19);
}

#[test]
fn a_missing_file_is_a_loss() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    for number in 0..100 {
        writers[0].append(&reserve(number)).unwrap();
        journal.shared.round();
    }
    drop((journal, writers));
    use crate::journal::disk::Disk;
    let check = |index: u32, first: bool| {
        let disk = disk.killed();
        disk.remove(&Path::new(DIR).join(format!("00000001-0000-{index:08x}.log"))).unwrap();
        assert!(matches!(recovered(&disk, &[]), Err(JournalError::Damaged { .. })), "{index}");
        let accepted = inspect::accept_loss_on(&*disk, Path::new(DIR)).unwrap();
        assert_eq!(accepted.losses.len(), 1);
        let Loss { from, to, .. } = accepted.losses[0];
        assert_eq!(from == 1, first);
        assert_eq!(recovered(&disk, &[]).unwrap().len() as u64, 100 - (to - from + 1));
    };
    check(0, true);
    check(1, false);
}

#[test]
fn a_record_of_another_release_is_not_passed_over() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    let start = journal.shared.lanes()[0].end().1 as usize;
    writers[0].append(&void(1)).unwrap();
    let end = journal.shared.lanes()[0].end().1 as usize;
    drop((journal, writers));
    let path = Path::new(DIR).join("00000001-0000-00000000.log");
    disk.edit(&path, |bytes| {
        // A kind that nobody knows, with the right checksum.
        bytes[start + 22] = 99;
        let checksum = crc32c(&bytes[start + 8..end]);
        bytes[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    });
    assert!(matches!(recovered(&disk, &[]), Err(JournalError::Damaged { .. })));
    let behind = [Cursor { epoch: 1, worker: 0, seq: 1 }];
    assert_eq!(recovered(&disk, &behind).unwrap(), []);
    inspect::accept_loss_on(&*disk, Path::new(DIR)).unwrap();
    assert_eq!(recovered(&disk, &[]).unwrap(), []);
}

/// The slow form, to have a second opinion.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
    })
}

#[test]
fn a_write_that_fails_goes_to_another_segment() {
    for fault in [Fault::Io, Fault::Torn, Fault::NoSpace] {
        let disk = Arc::new(SimulatedDisk::default());
        let (journal, mut writers) = begin(&disk, 1);
        let mut tail = journal.tail();
        journal.shared.round();
        writers[0].append(&reserve(1)).unwrap();
        disk.fail(1, fault, 1);
        let position = writers[0].append(&settle(1)).unwrap();
        assert_eq!((position.number(), journal.status().rewritten), (2, 1));
        writers[0].append(&reserve(2)).unwrap();
        let mut out = Vec::new();
        tail.read(usize::MAX, &mut out).unwrap();
        let expect = [reserve(1), settle(1), reserve(2)];
        assert_eq!(only_records(out), expect);
        assert_eq!(only_records(recovered(&disk.killed(), &[]).unwrap()), expect);
        // Twice in a row is the end.
        disk.fail(1, fault, 2);
        assert_eq!(writers[0].append(&settle(2)), Err(AppendError::Poisoned));
        assert_eq!(writers[0].append(&settle(2)), Err(AppendError::Poisoned));
        assert!(journal.status().poisoned.is_some());
    }
}

#[test]
fn what_is_held_back_is_one_write() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    let writes = || disk.count("write");
    let check = |records: u64, expect: &[Record]| {
        assert_eq!(journal.shared.lanes()[0].written(), records);
        assert_eq!(only_records(recovered(&disk.killed(), &[]).unwrap()), expect);
    };
    let before = writes();
    let positions: Vec<_> = (1..=3).map(|number| writers[0].hold(&reserve(number)).unwrap()).collect();
    assert_eq!((writes(), writers[0].open()), (before, 3));
    check(0, &[]);
    writers[0].write_out(positions[1]).unwrap();
    assert_eq!(writes(), before + 1);
    check(3, &[reserve(1), reserve(2), reserve(3)]);
    writers[0].write_out(positions[2]).unwrap();
    assert_eq!(writes(), before + 1, "it is there");
    writers[0].hold(&reserve(4)).unwrap();
    writers[0].append(&settle(1)).unwrap();
    assert_eq!(writes(), before + 2);
    check(5, &[reserve(1), reserve(2), reserve(3), reserve(4), settle(1)]);
}

#[test]
fn what_is_held_back_when_the_disk_fails_is_never_said_to_be_written() {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    journal.shared.round();
    let first = writers[0].hold(&reserve(1)).unwrap();
    let second = writers[0].hold(&reserve(2)).unwrap();
    // Once: all of it goes to another segment.
    disk.fail(1, Fault::Io, 1);
    writers[0].write_out(first).unwrap();
    assert_eq!(only_records(recovered(&disk.killed(), &[]).unwrap()), [reserve(1), reserve(2)]);
    let third = writers[0].hold(&reserve(3)).unwrap();
    disk.fail(1, Fault::Io, 2);
    assert_eq!(writers[0].write_out(third), Err(AppendError::Poisoned));
    assert_eq!(writers[0].write_out(third), Err(AppendError::Poisoned));
    assert_eq!(writers[0].write_out(second), Ok(()));
    assert_eq!(only_records(recovered(&disk.killed(), &[]).unwrap()), [reserve(1), reserve(2)]);
}
