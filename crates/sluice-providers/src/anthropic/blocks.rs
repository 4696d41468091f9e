//! The contents of messages as blocks.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{
    AudioPart, Content, FilePart, ImagePart, MediaUrl, Part, RefusalPart, TextPart, VideoPart,
};

use super::media::MediaBlocks;

/// Writes blocks, and notes what is left out of them.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    pub(super) media: MediaBlocks<'a>,
    pub(super) dropped: Vec<String>,
    /// A file is named by its id.
    pub(super) uses_files: bool,
}

/// Whether a content may hold more than text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Media,
}

/// A text block; none for a text without anything to see, which is refused.
pub(super) fn text(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }))
}

/// The marker of a cache's end, from Anthropic's own words or OpenAI's.
pub(super) fn cache_control(rest: &Map<String, Value>) -> Option<Value> {
    let (marker, long) = match rest.get("cache_control").filter(|marker| marker.is_object()) {
        Some(marker) => (marker, "1h"),
        None => (rest.get("prompt_cache_breakpoint").filter(|marker| marker.is_object())?, "12h"),
    };
    let lasts = marker.get("ttl").and_then(Value::as_str) == Some(long);
    Some(match lasts {
        true => json!({ "type": "ephemeral", "ttl": "1h" }),
        false => json!({ "type": "ephemeral" }),
    })
}

/// Puts a marker on the last block that can carry one.
pub(super) fn mark(blocks: &mut [Value], marker: Option<Value>) {
    let is_thinking = |block: &Value| {
        matches!(block.get("type").and_then(Value::as_str), Some("thinking" | "redacted_thinking"))
    };
    if let (Some(marker), Some(block)) = (marker, blocks.iter_mut().rfind(|block| !is_thinking(block))) {
        block["cache_control"] = marker;
    }
}

impl Blocks<'_> {
    /// The blocks of a content. `place` is the path of its message.
    pub(super) fn of(
        &mut self,
        content: Option<Content>,
        place: &str,
        takes: Takes,
    ) -> Result<Vec<Value>, ApiError> {
        match content {
            None => Ok(Vec::new()),
            Some(Content::Text(said)) => Ok(text(&said).into_iter().collect()),
            Some(Content::Parts(parts)) => {
                let mut blocks = Vec::with_capacity(parts.len());
                for (index, part) in parts.into_iter().enumerate() {
                    blocks.extend(self.part(part, &format!("{place}.content[{index}]"), takes)?);
                }
                Ok(blocks)
            }
        }
    }

    fn part(&mut self, part: Part, place: &str, takes: Takes) -> Result<Option<Value>, ApiError> {
        let (block, rest) = match part {
            Part::Text(TextPart { text: said, rest }) => (text(&said), rest),
            Part::Refusal(RefusalPart { refusal, rest }) => (text(&refusal), rest),
            Part::ImageUrl(ImagePart { image_url, rest }) if takes == Takes::Media => {
                self.detail(&image_url, place);
                (Some(self.media.image(image_url.url(), &format!("{place}.image_url.url"))?), rest)
            }
            Part::File(FilePart { file, rest }) if takes == Takes::Media => {
                self.uses_files |= file.file_data.is_none();
                (Some(self.media.file(&file, place)?), rest)
            }
            Part::ImageUrl(_) | Part::File(_) => return Err(no_place_for("Media", place)),
            Part::InputAudio(AudioPart { .. }) => return Err(no_place_for("Sound", place)),
            Part::VideoUrl(VideoPart { .. }) => return Err(no_place_for("Video", place)),
            Part::Unknown(_) => {
                let text = "This model does not know this type of content part.";
                return Err(ApiError::invalid("unsupported_value", text).with_param(format!("{place}.type")));
            }
        };
        let marker = cache_control(&rest);
        self.rest(&rest, place, &["cache_control", "prompt_cache_breakpoint"]);
        Ok(block.map(|mut block| {
            if let Some(marker) = marker {
                block["cache_control"] = marker;
            }
            block
        }))
    }

    fn detail(&mut self, image: &MediaUrl, place: &str) {
        if let MediaUrl::Object(object) = image
            && object.detail.as_deref().is_some_and(|detail| detail != "auto")
        {
            self.dropped.push(format!("{place}.image_url.detail"));
        }
    }

    /// Notes what stands beside the known fields and is not understood.
    pub(super) fn rest(&mut self, rest: &Map<String, Value>, place: &str, known: &[&str]) {
        let unknown = rest.iter().filter(|(name, value)| !value.is_null() && !known.contains(&name.as_str()));
        self.dropped.extend(unknown.map(|(name, _)| format!("{place}.{name}")));
    }
}

fn no_place_for(what: &str, place: &str) -> ApiError {
    let text = format!("{what} cannot stand in this message for this model.");
    ApiError::invalid("unsupported_value", text).with_param(place)
}
