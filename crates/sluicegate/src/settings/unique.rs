//! Names that may stand in the file once.

use std::collections::BTreeMap;

use super::{
    problem::position,
    reader::{Section, Text},
};

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// The names of one kind of object that were seen so far.
pub(super) struct Names {
    kind: &'static str,
    seen: BTreeMap<String, usize>,
}

impl Names {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, seen: BTreeMap::new() }
    }

    /// Checks one name, and that it is the first of its kind.
    pub(super) fn add(&mut self, section: &Section<'_>, name: &Text) {
        let fail = |text: String| section.reader.problem(name.offset, &name.path, text);
        if name.value.trim().is_empty() {
            fail("must not be empty".to_owned());
        } else if name.value.trim() != name.value || name.value.chars().any(char::is_control) {
            fail("must not have control characters, nor white space at its ends".to_owned());
        } else if name.value.chars().count() > MAX_NAME_CHARS {
            fail(format!("must be at most {MAX_NAME_CHARS} characters long"));
        }
        if let Some(first) = self.seen.get(&name.value) {
            let (line, _) = position(section.reader.source(), *first);
            fail(format!("there is already a {} named `{}`, on line {line}", self.kind, name.shown));
        } else {
            self.seen.insert(name.value.clone(), name.offset);
        }
    }
}
