//! A text that is said as far as a limit lets it come. The text itself is kept once, for all choices.

use std::sync::Arc;

use super::prose::{count_tokens, token_bytes};

/// The beginning of a shared text.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    whole: Arc<String>,
    bytes: usize,
    tokens: u64,
}

impl Text {
    /// All of a text.
    pub(super) fn all(whole: Arc<String>) -> Self {
        let (bytes, tokens) = (whole.len(), count_tokens(&whole));
        Self { whole, bytes, tokens }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.whole[..self.bytes]
    }

    /// How many tokens it has.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Keeps at most so many tokens; whether something was cut off.
    pub(super) fn keep_tokens(&mut self, limit: u64) -> bool {
        if self.tokens <= limit {
            return false;
        }
        let mut bytes = 0;
        for _ in 0..limit {
            bytes += token_bytes(&self.whole[bytes..self.bytes]);
        }
        (self.bytes, self.tokens) = (bytes, limit);
        true
    }

    /// Ends before the first of several strings; whether one was there.
    pub(super) fn stop_at(&mut self, stops: &[String]) -> bool {
        let found = stops.iter().filter_map(|stop| self.as_str().find(stop.as_str())).min();
        if let Some(at) = found {
            self.bytes = at;
            self.tokens = count_tokens(self.as_str());
        }
        found.is_some()
    }

    /// The token that begins at a byte; `None` at the end.
    pub(super) fn token_at(&self, at: usize) -> Option<&str> {
        let rest = &self.as_str()[at..];
        Some(&rest[..token_bytes(rest)]).filter(|token| !token.is_empty())
    }

    /// At most so many bytes (and at least one character) from a byte on; empty at the end.
    pub(super) fn piece_at(&self, at: usize, bytes_max: usize) -> &str {
        let rest = &self.as_str()[at..];
        let end = rest.ceil_char_boundary(bytes_max);
        &rest[..end]
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::all(Arc::new(text))
    }
}
