//! `cargo xtask bench --instructions`: what the hot parts of a request cost in instructions, each alone, under
//! valgrind's callgrind. The count of a part is the difference of two runs of different length, so that nothing of the
//! start of the process is in it. It hardly moves from run to run, however busy the machine is: a commit is compared
//! with another by building both.

mod builds;
mod compared_with;
mod counts;
mod table;
mod valgrind;

use std::path::Path;

use crate::Outcome;
use builds::Built;
use table::Row;

/// A part may cost so much more than in the base commit, in percent.
const TOLERANCE_PERCENT: f64 = 3.0;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The commit to compare with.
    pub(super) base: Option<String>,
    /// Only parts whose names contain one of these.
    pub(super) parts: Vec<String>,
    /// Where the figures are written as JSON, too.
    pub(super) json: Option<String>,
}

impl Asked {
    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|name| part.contains(name.as_str()))
    }
}

/// What somebody asked for at the command line: what cannot be had is an error.
pub(super) fn run(asked: &Asked) -> Outcome {
    let valgrind = valgrind::find()?;
    let base = asked.base.as_deref().map(builds::of_commit).transpose()?;
    compare(asked, &valgrind, base.as_ref())
}

/// A step of CI: beside the commit that the change stands on. What cannot be had is no error of the change; the answer
/// says what was left out for want of it.
pub(crate) fn in_ci() -> Result<Option<String>, String> {
    let valgrind = match valgrind::find() {
        Ok(valgrind) => valgrind,
        Err(reason) => return Ok(Some(format!("nothing was counted: {reason}"))),
    };
    let base = compared_with::commit().and_then(|commit| builds::of_commit(&commit));
    compare(&Asked::default(), &valgrind, base.as_ref().ok())?;
    Ok(base.err().map(|reason| format!("nothing was compared: {reason}")))
}

fn compare(asked: &Asked, valgrind: &Path, base: Option<&Built>) -> Outcome {
    let here = builds::of_this_checkout()?;
    builds::keep_only(&[Some(&here), base]);
    let parts: Vec<_> =
        counts::list(&here.binary)?.into_iter().filter(|part| asked.wants(&part.name)).collect();
    if parts.is_empty() {
        return Err("there is no such part".to_owned());
    }
    let known = base.map(|base| counts::list(&base.binary)).transpose()?.unwrap_or_default();
    let mut rows = Vec::new();
    for part in parts {
        // Both in turn: who looks at the table sees it grow.
        let old = known.iter().find(|old| old.name == part.name);
        let old = old.zip(base).map(|(old, base)| counts::count(valgrind, &base.binary, old)).transpose()?;
        let row = Row { now: counts::count(valgrind, &here.binary, &part)?, base: old, part };
        if rows.is_empty() {
            table::print_header(base.map(|base| base.name.as_str()));
        }
        table::print(&row);
        rows.push(row);
    }
    table::print_footer();
    if let Some(file) = &asked.json {
        std::fs::write(file, table::to_json(&rows, base.map(|base| base.name.as_str())))
            .map_err(|error| format!("cannot write {file}: {error}"))?;
    }
    let dearer: Vec<_> = rows.iter().filter(|row| row.is_dearer()).map(Row::told).collect();
    if dearer.is_empty() {
        return Ok(());
    }
    Err(format!("more than {TOLERANCE_PERCENT} % dearer than in the base: {}", dearer.join(", ")))
}
