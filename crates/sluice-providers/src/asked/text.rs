//! Texts of messages.

use sluice_chat::ApiError;
use sluice_chat::message::{Content, Part};

use super::{Dropped, unsaid};

/// Whether a text has nothing that a person would see. Several upstreams refuse such a text.
pub(crate) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// The texts of a content, one for each part, without blank ones. `path` is that of the content.
///
/// # Errors
/// When a part is not a text.
pub(crate) fn texts(
    content: Option<Content>,
    path: &str,
    dropped: &mut Dropped,
) -> Result<Vec<String>, ApiError> {
    let parts = match content {
        None => return Ok(Vec::new()),
        Some(Content::Text(text)) => return Ok(if is_blank(&text) { Vec::new() } else { vec![text] }),
        Some(Content::Parts(parts)) => parts,
    };
    let mut texts = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let text = match part {
            Part::Text(text) => {
                dropped.rest(&format!("{path}[{index}]."), &text.rest);
                text.text
            }
            Part::Refusal(refusal) => refusal.refusal,
            _ => {
                return Err(unsaid(
                    format!("{path}[{index}].type"),
                    "This provider takes only text in this message.",
                ));
            }
        };
        if !is_blank(&text) {
            texts.push(text);
        }
    }
    Ok(texts)
}
