//! What was acknowledged is there after every failure, once and in order.

use super::{simulated::Fault, *};

/// What the run was told.
#[derive(Debug, Default)]
struct Told {
    /// Per worker: the number and the record of every append that was taken.
    written: Vec<Vec<(u64, Record)>>,
    /// Per worker: the record of every append that failed, which may be there or not.
    unsure: Vec<Vec<Record>>,
    /// Per worker: up to which number the disk has everything.
    synced: Vec<u64>,
    /// Of the run.
    epoch: u32,
}

const WORKERS: u16 = 2;
const REQUESTS: u64 = 26;

/// A run against a disk that may fail anywhere, of so many requests for each worker. What the last of them wrote is
/// not synced unless their number is a multiple of four.
fn run(disk: &Arc<SimulatedDisk>, requests: u64) -> Result<Told, JournalError> {
    let journal = Journal::open_unbounded(Path::new(DIR), options(disk, Durability::Power))?;
    drained(journal.recover(&[])?)?;
    let epoch = journal.newest_epoch() + 1;
    let mut writers = journal.begin("node_1", epoch, WORKERS, 1)?;
    let mut told = Told {
        written: vec![Vec::new(); writers.len()],
        unsure: vec![Vec::new(); writers.len()],
        synced: vec![0; writers.len()],
        epoch,
    };
    // Per worker: what is held back.
    let mut held = vec![Vec::new(); writers.len()];
    for number in 0..requests {
        for (worker, writer) in writers.iter_mut().enumerate() {
            let number = number * 2 + worker as u64;
            let holds = !number.is_multiple_of(3);
            let end = if number.is_multiple_of(5) { void(number) } else { settle(number) };
            for record in [reserve(number), mark(number), end] {
                let (written, held) = (&mut told.written[worker], &mut held[worker]);
                if holds && matches!(record, Record::Reserve(_)) {
                    match writer.hold(&record) {
                        Ok(position) => held.push((position.number(), record)),
                        Err(_) => told.unsure[worker].push(record),
                    }
                    continue;
                }
                let before = written.iter().chain(&*held).map(|(seq, _)| *seq).max().unwrap_or_default();
                match writer.append(&record) {
                    Ok(position) if position.number() > before => {
                        written.append(held);
                        written.push((position.number(), record));
                    }
                    Ok(_) => {
                        written.append(held);
                        assert!(matches!(record, Record::Mark(_)), "only a mark may be left out");
                    }
                    Err(_) => told.unsure[worker].push(record),
                }
            }
        }
        if number % 4 == 3 {
            journal.shared.round();
            for (lane, synced) in journal.shared.lanes().iter().zip(&mut told.synced) {
                *synced = lane.synced();
            }
        }
    }
    for (unsure, held) in told.unsure.iter_mut().zip(held) {
        unsure.extend(held.into_iter().map(|(_, record)| record));
    }
    Ok(told)
}

/// Compares what is found with what was told.
fn check(disk: &Arc<SimulatedDisk>, told: &Told, power_lost: bool, context: &str) {
    let found = recovered(disk, &[]).unwrap_or_else(|error| panic!("{context}: {error}"));
    for worker in 0..usize::from(WORKERS) {
        let ours = |header: &Header| (header.epoch, usize::from(header.worker)) == (told.epoch, worker);
        let found: Vec<_> = found.iter().filter(|(header, _)| ours(header)).collect();
        for (expect, (header, _)) in (1..).zip(&found) {
            assert_eq!(header.seq, expect, "{context}: the numbers of worker {worker}");
        }
        let (written, unsure) = (&told.written[worker], &told.unsure[worker]);
        for (seq, record) in written {
            if power_lost && *seq > told.synced[worker] {
                break;
            }
            let there = found.get(*seq as usize - 1).map(|(_, record)| record);
            assert_eq!(there, Some(record), "{context}: record {seq} of worker {worker}");
        }
        for (header, record) in found {
            let known = written.iter().any(|(seq, known)| *seq == header.seq && known == record);
            assert!(known || unsure.contains(record), "{context}: {record:?} from nowhere");
        }
    }
    // And the next run begins.
    begin(disk, 1);
}

fn after_a_run() -> Arc<SimulatedDisk> {
    let disk = Arc::new(SimulatedDisk::default());
    run(&disk, REQUESTS).unwrap();
    disk.killed()
}

#[test]
fn every_call_fails_once_or_from_then_on() {
    let before = after_a_run();
    for fault in [Fault::NoSpace, Fault::Io, Fault::Interrupted, Fault::Short, Fault::Torn] {
        for count in [1, usize::MAX / 2] {
            if count > 1 && matches!(fault, Fault::Interrupted | Fault::Short) {
                // A disk that is interrupted for ever is no disk.
                continue;
            }
            for first in 1.. {
                let disk = before.killed();
                disk.fail(first, fault, count);
                let outcome = run(&disk, REQUESTS);
                let context = format!("{fault:?}, {count} calls from {first}");
                if disk.calls() < first {
                    assert!(first > 150, "too few calls to say anything: {first}");
                    break;
                }
                let told = outcome.unwrap_or_else(|_| Told {
                    written: vec![Vec::new(); usize::from(WORKERS)],
                    unsure: vec![Vec::new(); usize::from(WORKERS)],
                    synced: vec![0; usize::from(WORKERS)],
                    epoch: u32::MAX,
                });
                check(&disk.killed(), &told, false, &context);
                let mut dice = dice(first as u64);
                let image = disk.after_power_loss(|| dice() & 1 == 0);
                check(&image, &told, true, &format!("{context}, then power loss"));
            }
        }
    }
}

#[test]
fn power_is_lost_with_any_of_the_unsynced_sectors_written() {
    let mut dropped = 0;
    for seed in 1..=160 {
        let disk = Arc::new(SimulatedDisk::default());
        let told = run(&disk, 1 + seed % 40).unwrap();
        let mut dice = dice(seed);
        let keep = dice() % 5;
        let image = disk.after_power_loss(|| dice() % 5 < keep);
        check(&image, &told, true, &format!("seed {seed}"));
        let mut recovery = open(&image).recover(&[]).unwrap();
        while recovery.next().unwrap().is_some() {}
        dropped += recovery.dropped().iter().map(|dropped| dropped.records).sum::<u64>();
    }
    assert!(dropped > 100, "holes with records behind them were seen: {dropped}");
}

#[test]
fn reading_fails_or_is_whole() {
    let disk = after_a_run();
    let whole = recovered(&disk.killed(), &[]).unwrap();
    for fault in [Fault::Io, Fault::Interrupted, Fault::Short] {
        for first in 1.. {
            let disk = disk.killed();
            let journal = open(&disk);
            disk.fail(first, fault, 1);
            let calls = disk.calls();
            let found = journal.recover(&[]).and_then(drained);
            if disk.calls() - calls < first {
                break;
            }
            match found {
                Ok(found) => assert_eq!(found, whole),
                Err(error) => assert!(matches!(error, JournalError::Io { .. }), "{error}"),
            }
        }
    }
}

/// One worker, everything synced but the last round.
fn small() -> (Arc<SimulatedDisk>, Vec<Record>, Vec<u64>) {
    let disk = Arc::new(SimulatedDisk::default());
    let (journal, mut writers) = begin(&disk, 1);
    let records: Vec<_> = (0..4).flat_map(|number| [reserve(number), mark(number), settle(number)]).collect();
    let mut ends = Vec::new();
    for record in &records {
        writers[0].append(record).unwrap();
        journal.shared.round();
        ends.push(u64::from(journal.shared.lanes()[0].end().1));
    }
    assert_eq!(journal.shared.lanes()[0].end().0, 0, "all in one segment");
    (disk.killed(), records, ends)
}

fn first_file() -> std::path::PathBuf {
    Path::new(DIR).join("00000001-0000-00000000.log")
}

#[test]
fn the_last_frame_may_be_torn_at_any_byte() {
    let (disk, records, ends) = small();
    for cut in 0..=*ends.last().unwrap() {
        for filler in [0, 0xa5] {
            let disk = disk.killed();
            disk.edit(&first_file(), |bytes| {
                let end = ends.iter().find(|end| **end > cut).map_or(bytes.len(), |end| *end as usize);
                let from = usize::try_from(cut).unwrap();
                bytes[from..end].fill(filler);
                bytes[end..].fill(0);
            });
            let expect = ends.iter().filter(|end| **end <= cut).count();
            let found = recovered(&disk, &[]).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            assert_eq!(only_records(found), records[..expect], "cut at {cut}");
        }
    }
}

#[test]
fn any_byte_in_the_middle_is_missed() {
    let (disk, records, ends) = small();
    // The last frames may be wrong without anybody knowing that they were synced; those before are witnessed.
    let (count, witnessed) = (ends.len(), ends[ends.len() - 3]);
    for at in 0..*ends.last().unwrap() {
        let disk = disk.killed();
        disk.edit(&first_file(), |bytes| bytes[at as usize] ^= 0x10);
        let outcome = recovered(&disk, &[]);
        let hit = ends.iter().filter(|end| **end <= at).count();
        match outcome {
            // The checkpoint has no number.
            Ok(found) if at < 66 && found.len() == count => assert_eq!(only_records(found), records),
            Ok(found) => {
                assert!(at >= witnessed, "byte {at} was not missed");
                assert_eq!(only_records(found), records[..hit], "byte {at}");
            }
            Err(JournalError::Damaged { lost, .. }) => {
                assert!(
                    lost.starts_with(&format!("records {} to {}", hit + 1, hit + 1)),
                    "byte {at}: {lost}"
                );
            }
            Err(error) => panic!("byte {at}: {error}"),
        }
        // What is behind the cursor is not needed.
        let cursor = Cursor { epoch: 1, worker: 0, seq: hit as u64 + 1 };
        let found = recovered(&disk, &[cursor]).unwrap_or_else(|error| panic!("byte {at}: {error}"));
        assert_eq!(only_records(found), records[(hit + 1).min(count)..], "byte {at}, behind the cursor");
    }
}
