//! Names of the journal's files.

use std::path::{Path, PathBuf};

/// Which segment of which worker in which run. Ordered as they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) epoch: u32,
    pub(super) worker: u16,
    /// Rises from segment to segment; numbers may be missing.
    pub(super) index: u32,
}

impl Name {
    /// Reads the name of a file; `None` where it is none of ours.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(".log")?.split('-');
        let mut part = |digits: usize| {
            let text = parts.next().filter(|text| text.len() == digits)?;
            text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then_some(text)
        };
        let (epoch, worker, index) = (part(8)?, part(4)?, part(8)?);
        let name = Self {
            epoch: u32::from_str_radix(epoch, 16).ok()?,
            worker: u16::from_str_radix(worker, 16).ok()?,
            index: u32::from_str_radix(index, 16).ok()?,
        };
        parts.next().is_none().then_some(name)
    }

    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.to_string())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { epoch, worker, index } = self;
        write!(f, "{epoch:08x}-{worker:04x}-{index:08x}.log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let check = |text: &str, expect: Option<Name>| assert_eq!(Name::parse(text), expect, "{text}");
        let name = Name { epoch: 0xabc, worker: 1, index: 0xffff_ffff };
        check(&name.to_string(), Some(name));
        check("00000abc-0001-ffffffff.log", Some(name));
        check("00000ABC-0001-ffffffff.log", None);
        check("00000abc-0001-ffffffff.log.damaged", None);
        check("00000abc-0001-ffffffff-0.log", None);
        check("abc-1-0.log", None);
        check("lock", None);
    }
}
