//! Sizes of files and functions, and the exceptions among them, which may only shrink.

use std::collections::BTreeMap;

/// Where the exceptions stand.
pub(super) const PATH: &str = "xtask/ratchet.toml";

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 70;

/// Everything that was measured, in lines.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    pub(super) files: Vec<(String, usize)>,
    /// `path::name`; the longest counts where a file has several of one name.
    pub(super) functions: Vec<(String, usize)>,
}

pub(super) fn check(sizes: &Sizes, ratchet: &str, complaints: &mut Vec<String>) {
    let table = match ratchet.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            complaints.push(format!("{PATH}: {error}"));
            return;
        }
    };
    for (section, measured, most) in
        [("files", &sizes.files, MAX_FILE_LINES), ("functions", &sizes.functions, MAX_FUNCTION_LINES)]
    {
        let exceptions = table.get(section).and_then(|value| value.as_table());
        let exceptions: BTreeMap<&str, usize> = exceptions
            .into_iter()
            .flatten()
            .filter_map(|(name, lines)| Some((name.as_str(), usize::try_from(lines.as_integer()?).ok()?)))
            .collect();
        compare(measured, &exceptions, most, complaints);
    }
}

fn compare(
    measured: &[(String, usize)],
    exceptions: &BTreeMap<&str, usize>,
    most: usize,
    complaints: &mut Vec<String>,
) {
    let mut longest: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, lines) in measured {
        let known = longest.entry(name).or_default();
        *known = (*known).max(*lines);
    }
    for (name, lines) in &longest {
        match exceptions.get(name) {
            None if *lines > most => complaints.push(format!("{name}: {lines} lines, at most {most}")),
            Some(allowed) if lines > allowed => {
                complaints.push(format!("{name}: {lines} lines, its exception in {PATH} allows {allowed}"));
            }
            Some(_) if *lines <= most => {
                complaints.push(format!("{PATH}: `{name}` needs its exception no more: remove it"));
            }
            Some(allowed) if lines < allowed => {
                complaints.push(format!("{PATH}: `{name}` has shrunk to {lines} lines: lower its exception"));
            }
            _ => {}
        }
    }
    for name in exceptions.keys().filter(|name| !longest.contains_key(*name)) {
        complaints.push(format!("{PATH}: there is no `{name}`: remove its exception"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_only_shrink() {
        let check = |lines: usize, ratchet: &str, expect: &[&str]| {
            let sizes = Sizes { files: vec![("a.rs".to_owned(), lines)], functions: Vec::new() };
            let mut found = Vec::new();
            check(&sizes, ratchet, &mut found);
            assert_eq!(found.len(), expect.len(), "{lines} {ratchet}: {found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(found.contains(expect), "{found}, not {expect}");
            }
        };
        check(600, "", &[]);
        check(601, "", &["601 lines, at most 600"]);
        check(700, "[files]\n\"a.rs\" = 700", &[]);
        check(701, "[files]\n\"a.rs\" = 700", &["allows 700"]);
        check(650, "[files]\n\"a.rs\" = 700", &["has shrunk to 650"]);
        check(600, "[files]\n\"a.rs\" = 700", &["needs its exception no more"]);
        check(1, "[files]\n\"b.rs\" = 700", &["no `b.rs`"]);
        check(1, "[files", &["xtask/ratchet.toml"]);
    }

    #[test]
    fn the_longest_of_one_name_counts() {
        let function = |lines| ("a.rs::new".to_owned(), lines);
        let sizes = Sizes { files: Vec::new(), functions: vec![function(3), function(71), function(5)] };
        let mut found = Vec::new();
        check(&sizes, "", &mut found);
        assert_eq!(found, ["a.rs::new: 71 lines, at most 70"]);
    }
}
