//! Figures, printed: `cargo test -p sluice-store --release -- --ignored --nocapture journal::tests::figures`.

use std::time::Instant;

use super::*;

#[expect(clippy::disallowed_methods, reason = "measures itself")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64())
}

fn fill(dir: &Path, requests: u64) {
    let options = Options { journal_bytes_max: 1 << 40, ..Options::default() };
    let journal = Journal::open(dir, options).unwrap();
    let (mut writers, keeper) = journal.start("node_1", 1, 2, 1).unwrap();
    let end = settle(0);
    let begin = reserve(0);
    let ((), seconds) = timed(|| {
        for number in 0..requests {
            let writer = &mut writers[number as usize % 2];
            writer.append(&begin).unwrap();
            writer.append(&end).unwrap();
        }
    });
    println!("{} records appended: {:.0} ns each", 2 * requests, seconds * 1e9 / (2 * requests) as f64);
    keeper.stop().unwrap();
}

#[test]
#[ignore = "writes 1.5 GB and prints how long reading it takes"]
fn ten_million_records_are_recovered() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 5_000_000);
    let journal = Journal::open(dir.path(), Options::default()).unwrap();
    let mut count = 0_u64;
    let ((), seconds) = timed(|| {
        let mut recovery = journal.recover(&[]).unwrap();
        while let Some((header, record)) = recovery.next().unwrap() {
            count += header.seq.min(1);
            drop(record);
        }
    });
    println!("{count} records recovered in {seconds:.2} s");
    assert_eq!(count, 10_000_000);
}

#[test]
#[ignore = "prints what an append costs"]
fn appends() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 1_000_000);
}
