//! What becomes of the fields of a request in a dialect.

/// What a dialect does with one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Said in the upstream's words.
    Mapped,
    /// Sent as it is.
    Passed,
    /// Left out without a word: what an earlier answer said that its model alone can take back.
    Omitted,
    /// Left out, and named in `x-sluicegate-dropped` where it was set to something that acts.
    Reported,
    /// Answered with 400 where it was set to something that acts.
    Refused,
}

impl Handling {
    /// The word of the documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Passed => "passed",
            Self::Omitted => "omitted",
            Self::Reported => "reported",
            Self::Refused => "refused",
        }
    }
}

/// The fields of a request, by their paths as `sluice_chat::request::field_paths` has them, and what becomes of each.
pub type Fields = &'static [(&'static str, Handling)];

/// What is wrong with a table of fields: paths that are missing, that nobody knows, or that stand there twice.
/// `more` are the fields beyond the API that the dialect understands.
pub fn complaints(fields: Fields, more: &[&str]) -> Vec<String> {
    let known = sluice_chat::request::field_paths();
    let times = |path: &str| fields.iter().filter(|(name, _)| *name == path).count();
    let missing = known.iter().filter(|path| times(path) == 0).map(|path| format!("{path} is missing"));
    let of_table = fields.iter().flat_map(|(name, _)| {
        let unknown = !known.iter().any(|path| path == name) && !more.contains(name);
        [unknown.then(|| format!("{name} is no field")), (times(name) > 1).then(|| format!("{name} twice"))]
    });
    missing.chain(of_table.flatten()).collect()
}
