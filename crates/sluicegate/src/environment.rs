//! The only place that reads the environment of the process. Everything else gets it as an argument.

/// Stands in a value for every byte that is not UTF-8.
pub(crate) const NOT_UTF8: char = char::REPLACEMENT_CHARACTER;

/// The value of a variable; where it is not UTF-8 it has [`NOT_UTF8`], so that nobody takes it for one that is not
/// set.
#[expect(clippy::disallowed_methods, reason = "the one module that may read it")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
