//! What is wrong in a configuration file, and where.

use std::fmt;

/// One thing to say about one place of the file: an error, or a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Byte offset into the file, for the order of reports.
    pub(super) offset: usize,
    /// Counted from 1.
    pub(super) line: usize,
    /// Counted from 1, in characters.
    pub(super) column: usize,
    /// Path of the key, such as `models[0].targets[1].provider`; empty for the file as a whole.
    pub(super) path: String,
    pub(super) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, path, text, .. } = self;
        match path.as_str() {
            "" => write!(f, "{line}:{column}: {text}"),
            path => write!(f, "{line}:{column}: {path}: {text}"),
        }
    }
}

/// Line and column of a byte offset.
pub(super) fn position(source: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &source[..offset];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The one of `allowed` that was probably meant by `found`.
pub(super) fn nearest<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (found.chars().count() / 3).clamp(1, 3);
    allowed
        .into_iter()
        .map(|word| (distance(found, word), word))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// `; did you mean …?`, or nothing.
pub(super) fn hint<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    nearest(found, allowed).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// Number of characters to insert, delete, replace, or swap with their neighbour to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        let check = |source: &str, offset: usize, expect: (usize, usize)| {
            assert_eq!(position(source, offset), expect, "{source:?} {offset}");
        };
        check("", 0, (1, 1));
        check("ab\ncd", 4, (2, 2));
        check("ab\r\ncd", 4, (2, 1));
        check("名 = 1", 4, (1, 3));
        check("名", 1, (1, 1));
        check("a", 99, (1, 2));
    }

    #[test]
    fn suggestions() {
        let check = |found: &str, expect: Option<&str>| {
            assert_eq!(nearest(found, ["listen", "admin_listen", "data_dir", "url"]), expect, "{found}");
        };
        check("lisen", Some("listen"));
        check("lsiten", Some("listen"));
        check("listenn", Some("listen"));
        check("datadir", Some("data_dir"));
        check("admin-listen", Some("admin_listen"));
        check("ur", Some("url"));
        check("port", None);
        check("", None);
    }
}
