//! Texts of messages.

/// Whether a text has nothing that a person would see. Several upstreams refuse such a text.
pub(crate) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
