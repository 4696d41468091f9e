//! Names that may stand in the file once.

use std::collections::BTreeMap;

use sluice_gateway::rules::name_problem;

use super::{
    problem::position,
    reader::{Section, Text},
};

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
        if let Some(text) = name_problem(&name.value) {
            fail(text);
        }
        if let Some(first) = self.seen.get(&name.value) {
            let (line, _) = position(section.reader.source(), *first);
            fail(format!("there is already a {} named `{}`, on line {line}", self.kind, name.shown));
        } else {
            self.seen.insert(name.value.clone(), name.offset);
        }
    }
}
