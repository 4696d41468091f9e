//! The only place that reads the environment of the process. Everything else gets it as an argument.

/// The value of a variable; one that is not UTF-8 counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one module that may read it")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
