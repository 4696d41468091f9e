//! The table of bounds, from the gateway's constants.

use std::{fmt, path::Path};

use super::{cell, read};

const SOURCE: &str = "crates/sluice-gateway/src/bounds.rs";

/// One constant of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) name: String,
    pub(super) value: Amount,
    /// Its comment; that of the constant before it where it has none.
    about: String,
}

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    Millis(u64),
    Number(u64),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Millis(ms) if ms % 1000 == 0 => write!(f, "{} s", ms / 1000),
            Self::Millis(ms) => write!(f, "{ms} ms"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Bound {
    /// The value with the unit that its name carries.
    fn shown(&self) -> String {
        const MIB: u64 = 1024 * 1024;
        let Amount::Number(number) = self.value else { return self.value.to_string() };
        let bytes = || match number {
            n if n >= MIB && n.is_multiple_of(MIB) => format!("{} MiB", n / MIB),
            n if n >= 1024 && n.is_multiple_of(1024) => format!("{} KiB", n / 1024),
            n => format!("{n} bytes"),
        };
        match self.name.as_str() {
            name if name.ends_with("_BYTES_PER_SEC") => format!("{}/s", bytes()),
            name if name.ends_with("_PERCENT") => format!("{number} %"),
            name if name.ends_with("_MS") => format!("{number} ms"),
            name if name.contains("BYTES") => bytes(),
            _ => number.to_string(),
        }
    }
}

pub(super) fn render(root: &Path) -> Result<String, String> {
    let mut out = String::from("| bound | value | what it is about |\n|---|---|---|\n");
    for bound in constants(root)? {
        let name = bound.name.to_lowercase();
        out.push_str(&format!("| `{name}` | {} | {} |\n", bound.shown(), cell(&bound.about)));
    }
    Ok(out)
}

/// Every constant, in the order of the source.
pub(super) fn constants(root: &Path) -> Result<Vec<Bound>, String> {
    parse(&read(root, SOURCE)?)
}

fn parse(source: &str) -> Result<Vec<Bound>, String> {
    let mut found = Vec::new();
    let (mut about, mut fresh) = (String::new(), Vec::new());
    for line in source.lines() {
        if let Some(comment) = line.strip_prefix("/// ") {
            fresh.push(comment);
        } else if let Some(rest) = line.strip_prefix("pub(crate) const ") {
            if !fresh.is_empty() {
                about = comment(&fresh.join(" "));
                fresh.clear();
            }
            let (name, rest) = rest.split_once(": ").ok_or_else(|| odd(line))?;
            let value = rest.split_once(" = ").and_then(|(_, value)| amount(value.trim_end_matches(';')));
            let value = value.ok_or_else(|| odd(line))?;
            found.push(Bound { name: name.to_owned(), value, about: about.clone() });
        }
    }
    Ok(found)
}

fn odd(line: &str) -> String {
    format!("{SOURCE}: a bound that cannot be read: {line}")
}

/// A comment as prose: names of other constants as in the table.
fn comment(text: &str) -> String {
    let mut out = String::new();
    for (index, piece) in text.split('`').enumerate() {
        if index % 2 == 1 && piece.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            out.push_str(&format!("`{}`", piece.to_lowercase()));
        } else if index % 2 == 1 {
            out.push_str(&format!("`{piece}`"));
        } else {
            out.push_str(piece);
        }
    }
    out.replace("[`", "`").replace("`]", "`")
}

fn amount(text: &str) -> Option<Amount> {
    for (function, ms) in [("Duration::from_secs(", 1000), ("Duration::from_millis(", 1)] {
        if let Some(argument) = text.strip_prefix(function) {
            return Some(Amount::Millis(product(argument.strip_suffix(')')?)? * ms));
        }
    }
    product(text).map(Amount::Number)
}

fn product(text: &str) -> Option<u64> {
    text.split(" * ").try_fold(1u64, |all, factor| all.checked_mul(factor.replace('_', "").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_read() {
        let check = |line: &str, expect: &str| {
            let source = format!("/// First, see\n/// [`OTHER_ONE`] of `x`.\npub(crate) const {line};\n");
            let found = parse(&source).unwrap();
            assert_eq!(found[0].shown(), expect, "{line}");
            assert_eq!(found[0].about, "First, see `other_one` of `x`.");
        };
        check("A: Duration = Duration::from_secs(10)", "10 s");
        check("A: Duration = Duration::from_millis(500)", "500 ms");
        check("A_BYTES: usize = 8 * 1024 * 1024", "8 MiB");
        check("A_BYTES: u64 = 64 * 1024", "64 KiB");
        check("A_BYTES: u64 = 128", "128 bytes");
        check("A_BYTES_PER_SEC: u64 = 1024", "1 KiB/s");
        check("A_MS: u64 = 5_000", "5000 ms");
        check("A_PERCENT: u64 = 25", "25 %");
        check("A_COUNT: usize = 100", "100");
        assert!(parse("pub(crate) const A: u64 = other();").is_err());
    }
}
