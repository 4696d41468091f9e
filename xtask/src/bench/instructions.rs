//! `cargo xtask bench --instructions`: what the hot parts of a request cost in instructions, each alone, under
//! valgrind's callgrind. The count of a part is the difference of two runs of different length, so that nothing of the
//! start of the process is in it. It hardly moves from run to run, however busy the machine is: a commit is compared
//! with another by building both.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, root};

const PACKAGE: &str = "sluice-instructions";
/// A part may cost so much more than in the base commit, in percent.
const TOLERANCE_PERCENT: f64 = 3.0;
/// Units of the shorter run; the longer one has three times as many.
const UNITS: u64 = 2_000;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The commit to compare with.
    pub(super) base: Option<String>,
    /// Only parts whose names contain one of these.
    pub(super) parts: Vec<String>,
}

/// A part, and how many units one run of it has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    units: u64,
}

pub(super) fn run(asked: &Asked) -> Outcome {
    let counts = |binary: &Path| -> Result<Vec<(Part, f64)>, String> {
        let wanted =
            |part: &Part| asked.parts.is_empty() || asked.parts.iter().any(|name| part.name.contains(name));
        let parts = list(binary)?.into_iter().filter(wanted);
        parts.map(|part| count(binary, &part).map(|count| (part, count))).collect()
    };
    let here = build(&root())?;
    let now = counts(&here)?;
    let before = match &asked.base {
        Some(commit) => Some(counts(&build(&checked_out(commit)?)?)?),
        None => None,
    };
    println!("{:26} {:>12} {:>12} {:>8}", "instructions a unit", "base", "now", "");
    let mut worse = Vec::new();
    for (part, count) in &now {
        let old = before.iter().flatten().find(|(old, _)| old.name == part.name).map(|(_, count)| *count);
        let (shown, change) = match old {
            Some(old) => (format!("{old:.0}"), Some((count / old - 1.0) * 100.0)),
            None => ("-".to_owned(), None),
        };
        let percent = change.map(|change| format!("{change:+.1} %")).unwrap_or_default();
        println!("{:26} {shown:>12} {count:>12.0} {percent:>8}", part.name);
        if change.is_some_and(|change| change > TOLERANCE_PERCENT) {
            worse.push(format!("{} {percent}", part.name));
        }
    }
    if worse.is_empty() {
        return Ok(());
    }
    Err(format!("more than {TOLERANCE_PERCENT} % dearer than in the base: {}", worse.join(", ")))
}

/// Builds the parts of a checkout; its binary. Both are built alike, in one piece: how a build is cut would show in the
/// counts.
fn build(checkout: &Path) -> Result<PathBuf, String> {
    if !checkout.join("crates").join(PACKAGE).is_dir() {
        return Err(format!(
            "{} has no package {PACKAGE}: it is older than these counts",
            checkout.display()
        ));
    }
    let target = root().join("target/instructions");
    let mut cargo = Command::new(crate::cargo());
    cargo.args(["build", "--release", "--quiet", "--package", PACKAGE]).current_dir(checkout);
    cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    finish(&mut cargo)?;
    let built = target.join("release").join(PACKAGE);
    let kept = target.join(if checkout == root() { "now" } else { "base" });
    fs::copy(&built, &kept).map_err(|error| format!("cannot copy {}: {error}", built.display()))?;
    Ok(kept)
}

/// A checkout of a commit beside this one.
fn checked_out(commit: &str) -> Result<PathBuf, String> {
    let place = root().join("target/instructions/base-tree");
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).current_dir(root());
        git
    };
    let path = place.to_str().ok_or("the path of the repository is not UTF-8")?;
    if place.is_dir() {
        finish(&mut git(&["worktree", "remove", "--force", path]))?;
    }
    finish(&mut git(&["worktree", "prune"]))?;
    finish(&mut git(&["worktree", "add", "--quiet", "--detach", path, commit]))?;
    Ok(place)
}

fn list(binary: &Path) -> Result<Vec<Part>, String> {
    let text = finish(&mut Command::new(binary))?.0;
    text.lines().map(|line| part(line).ok_or_else(|| format!("what is `{line}`?"))).collect()
}

fn part(line: &str) -> Option<Part> {
    let (name, units) = line.split_once(' ')?;
    Some(Part { name: name.to_owned(), units: units.parse().ok().filter(|units| *units > 0)? })
}

/// Instructions of one unit.
fn count(binary: &Path, part: &Part) -> Result<f64, String> {
    let times = UNITS.div_ceil(part.units);
    let (short, long) = (collected(binary, part, times)?, collected(binary, part, 3 * times)?);
    let units = 2 * times * part.units;
    Ok(long.saturating_sub(short) as f64 / units as f64)
}

fn collected(binary: &Path, part: &Part, times: u64) -> Result<u64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(binary).arg(&part.name).arg(times.to_string());
    let (_, said) = finish(&mut valgrind)?;
    sum(&said).ok_or_else(|| format!("valgrind does not say what it has counted:\n{said}"))
}

/// What callgrind has counted, over all threads.
fn sum(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?.1;
    line.split_whitespace().next()?.parse().ok()
}

/// Runs a command to its end; what it said on both outputs.
fn finish(command: &mut Command) -> Result<(String, String), String> {
    let name = format!("{:?}", command.get_program());
    let done = command.output().map_err(|error| format!("cannot start {name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, said) = (text(&done.stdout), text(&done.stderr));
    if done.status.success() { Ok((out, said)) } else { Err(format!("{name} failed:\n{said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        let check = |line: &str, expect: Option<(&str, u64)>| {
            let expect = expect.map(|(name, units)| Part { name: name.to_owned(), units });
            assert_eq!(part(line), expect, "{line}");
        };
        check("scan 1", Some(("scan", 1)));
        check("relay 200", Some(("relay", 200)));
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
