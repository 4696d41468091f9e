//! What the parts of one build count.

use std::{path::Path, process::Command};

use super::builds::finish;

/// Units of the shorter run, at least; the longer one has three times as many.
const UNITS: u64 = 300;
/// So often each part is counted: the lowest counts, the highest tells how much it moves by itself.
const TIMES: usize = 2;

/// A part, and how many units one run of it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) units: u64,
    /// Its threads or its tables make it move by itself: it is shown and not judged.
    pub(super) moves: bool,
}

/// Instructions of one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Count {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Count {
    /// How far apart the runs were, in percent.
    pub(super) fn spread(self) -> f64 {
        (self.high / self.low - 1.0) * 100.0
    }
}

pub(super) fn list(binary: &Path) -> Result<Vec<Part>, String> {
    let text = finish(&mut Command::new(binary))?.0;
    text.lines().map(|line| part(line).ok_or_else(|| format!("what is `{line}`?"))).collect()
}

fn part(line: &str) -> Option<Part> {
    let (name, rest) = line.split_once(' ')?;
    let (units, moves) = match rest.split_once(' ') {
        None => (rest, false),
        Some((units, "moves")) => (units, true),
        Some(_) => return None,
    };
    Some(Part { name: name.to_owned(), units: units.parse().ok().filter(|units| *units > 0)?, moves })
}

pub(super) fn count(valgrind: &Path, binary: &Path, part: &Part) -> Result<Count, String> {
    let times = UNITS.div_ceil(part.units);
    let mut count = Count { low: f64::INFINITY, high: 0.0 };
    for _ in 0..TIMES {
        let (short, long) =
            (collected(valgrind, binary, part, times)?, collected(valgrind, binary, part, 3 * times)?);
        let units = 2 * times * part.units;
        let each = long.saturating_sub(short) as f64 / units as f64;
        count = Count { low: count.low.min(each), high: count.high.max(each) };
    }
    Ok(count)
}

fn collected(valgrind: &Path, binary: &Path, part: &Part, times: u64) -> Result<u64, String> {
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(binary).arg(&part.name).arg(times.to_string());
    let (_, said) = finish(&mut command)?;
    sum(&said).ok_or_else(|| format!("valgrind does not say what it has counted:\n{said}"))
}

/// What callgrind has counted, over all threads.
fn sum(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?.1;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        let check = |line: &str, expect: Option<(&str, u64, bool)>| {
            let expect = expect.map(|(name, units, moves)| Part { name: name.to_owned(), units, moves });
            assert_eq!(part(line), expect, "{line}");
        };
        check("scan 1", Some(("scan", 1, false)));
        check("relay 200", Some(("relay", 200, false)));
        check("post 500 moves", Some(("post", 500, true)));
        check("post 500 stays", None);
        check("scan 0", None);
        check("scan", None);
        check("scan x", None);
    }

    #[test]
    fn counts_are_read() {
        let said = "==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n==7== I   refs:      1,234,567\n";
        assert_eq!(sum(said), Some(1_234_567));
        assert_eq!(sum("==7== nothing"), None);
    }
}
