//! The journal on a real disk, with its thread.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    task::{Context, Poll, Wake, Waker},
    thread,
};

use super::*;
use crate::journal::{AppendError, disk::RealDisk, inspect};

fn real(segment_bytes: u32) -> Options {
    Options { segment_bytes, disk: Arc::new(RealDisk), ..Options::default() }
}

#[test]
fn two_of_them_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), Options::default()).unwrap();
    let error = Journal::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    let error = inspect::accept_loss(dir.path()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    drop(journal);
    Journal::open(dir.path(), Options::default()).unwrap();
}

#[test]
fn bounds_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let check = |segment_bytes, journal_bytes_max, ok: bool| {
        let options = Options { segment_bytes, journal_bytes_max, ..Options::default() };
        assert_eq!(Journal::open(dir.path(), options).is_ok(), ok, "{segment_bytes} {journal_bytes_max}");
    };
    check(8 << 20, 1 << 30, true);
    check(8 << 20, 16 << 20, true);
    check(8 << 20, 15 << 20, false);
    check(1 << 10, 1 << 30, false);
    check(1 << 30, 8 << 30, false);
}

#[test]
fn writers_keeper_and_tail_at_once() {
    const WORKERS: u16 = 3;
    const REQUESTS: u64 = 2_000;
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open_unbounded(dir.path(), real(16 << 10)).unwrap();
    let (writers, keeper) = journal.start("node_1", 1, WORKERS, 1).unwrap();
    let threads: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            thread::spawn(move || {
                for number in 0..REQUESTS {
                    writer.append(&reserve(number)).unwrap();
                    writer.append(&settle(number)).unwrap();
                }
            })
        })
        .collect();
    let mut tail = journal.tail();
    let mut seen: BTreeMap<u16, u64> = BTreeMap::new();
    while seen.values().sum::<u64>() < u64::from(WORKERS) * REQUESTS * 2 {
        let mut out = Vec::new();
        tail.read(100, &mut out).unwrap();
        let mut cursors = Vec::new();
        for (header, record) in out {
            let seen = seen.entry(header.worker).or_default();
            *seen += 1;
            assert_eq!(header.seq, *seen);
            let number = (*seen - 1) / 2;
            assert_eq!(record, if *seen % 2 == 1 { reserve(number) } else { settle(number) });
            cursors.push(Cursor { epoch: 1, worker: header.worker, seq: header.seq });
        }
        journal.posted(&cursors);
        thread::yield_now();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    keeper.stop().unwrap();
    let status = journal.status();
    assert_eq!((status.records_written, status.records_synced), (12_000, 12_000));
    assert!(!status.full && status.poisoned.is_none() && status.open == 0);
    let files = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
    let mut segments = 0;
    for file in files.filter(|file| file.path().extension().is_some_and(|end| end == "log")) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        segments += 1;
    }
    assert!(segments <= 4 * u64::from(WORKERS), "{segments} segments are left of hundreds");
    drop((journal, tail));
    let cursors: Vec<_> = (0..WORKERS).map(|worker| Cursor { epoch: 1, worker, seq: REQUESTS * 2 }).collect();
    let journal = Journal::open_unbounded(dir.path(), real(16 << 10)).unwrap();
    assert_eq!(drained(journal.recover(&cursors).unwrap()).unwrap(), []);
    assert_eq!(inspect::verify(dir.path()).unwrap().open, 0);
}

#[test]
fn the_last_sync_is_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::Power, ..Options::default() };
    let journal = Journal::open(dir.path(), options).unwrap();
    let (mut writers, keeper) = journal.start("node_1", 1, 1, 1).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let before = writers[0].append(&reserve(1)).unwrap();
    keeper.stop().unwrap();
    assert_eq!(writers[0].poll_synced(before, &mut cx), Poll::Ready(Ok(())));
    let after = writers[0].append(&settle(1)).unwrap();
    assert_eq!(writers[0].poll_synced(after, &mut cx), Poll::Ready(Err(AppendError::Poisoned)));
}

/// Parks a thread where a task would wait.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn waiting_for_the_disk_ends() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::Power, ..Options::default() };
    let journal = Journal::open(dir.path(), options).unwrap();
    let (writers, keeper) = journal.start("node_1", 1, 2, 1).unwrap();
    let threads: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            thread::spawn(move || {
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                for number in 0..20 {
                    let position = writer.append(&reserve(number)).unwrap();
                    while writer.poll_synced(position, &mut Context::from_waker(&waker)).is_pending() {
                        thread::park();
                    }
                    assert!(writer.is_synced(position));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    keeper.stop().unwrap();
    assert_eq!(journal.status().records_synced, 40);
}
