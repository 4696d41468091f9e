//! Projects: the list, and one of them.

pub(crate) mod list;
pub(crate) mod one;
mod texts;

use serde::Deserialize;

use super::limits::{Budget, Limits};

/// A project, as the admin API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Project {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) limits: Limits,
    pub(crate) budget: Option<Budget>,
    pub(crate) origin: String,
}

impl Project {
    pub(crate) fn is_of_file(&self) -> bool {
        self.origin == "file"
    }
}
