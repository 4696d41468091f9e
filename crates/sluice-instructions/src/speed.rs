//! How long bodies of requests take to be read, beside what could be done with them instead. In time, not in
//! instructions: what is near the speed of memory shows only there.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde::de::IgnoredAny;
use sluice_chat::{ChatRequest, scan::scan};

use crate::bodies::{Filled, LARGE, MIDDLE, SMALL};

/// Of one measurement; the shortest of some counts.
const LENGTH: Duration = Duration::from_millis(10);
const ROUNDS: usize = 15;

/// What is done with a body, by its name.
type Reader = (&'static str, fn(&[u8]) -> bool);

const READERS: [Reader; 5] = [
    ("memcpy", |body| !black_box(body.to_vec()).is_empty()),
    ("utf-8", |body| std::str::from_utf8(body).is_ok()),
    ("scan", |body| scan(body).is_ok()),
    ("serde_json, no tree", |body| serde_json::from_slice::<IgnoredAny>(body).is_ok()),
    ("typed", |body| ChatRequest::parse(body).is_ok()),
];

/// Prints the nanoseconds of each.
pub(crate) fn print() -> Result<(), String> {
    print!("{:20}", "ns a body");
    READERS.iter().for_each(|(name, _)| print!(" {name:>20}"));
    println!();
    for (name, filled) in Filled::ALL {
        for bytes in [SMALL, MIDDLE, LARGE] {
            let body = filled.body(bytes);
            if body.len() < bytes / 2 {
                continue;
            }
            if !READERS.iter().all(|(_, read)| read(&body)) {
                return Err(format!("{name} of {bytes} bytes is not read by all"));
            }
            print!("{:20}", format!("{name} {bytes}"));
            measure(&body).iter().for_each(|ns| print!(" {ns:>20.0}"));
            println!();
        }
    }
    Ok(())
}

/// Each reader in turn, round by round: a drift of the machine meets all.
#[expect(clippy::disallowed_methods, reason = "a measurement of time")]
fn measure(body: &[u8]) -> [f64; READERS.len()] {
    let mut shortest = [f64::INFINITY; READERS.len()];
    for _ in 0..ROUNDS {
        for (shortest, (_, read)) in shortest.iter_mut().zip(READERS) {
            let (started, mut done) = (Instant::now(), 0_u32);
            while started.elapsed() < LENGTH {
                for _ in 0..16 {
                    black_box(read(black_box(body)));
                    done += 1;
                }
            }
            *shortest = shortest.min(started.elapsed().as_nanos() as f64 / f64::from(done));
        }
    }
    shortest
}
