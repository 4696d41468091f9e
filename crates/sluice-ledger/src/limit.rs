//! Limits of a key, a project, or one model of a key. An absent limit does not bind.

/// What may be used at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute.
    pub tpm: Option<u64>,
    /// Requests in flight at the same time.
    pub parallel: Option<u32>,
    /// Largest output limit, in tokens, that a caller may ask for.
    pub max_output_tokens: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}
