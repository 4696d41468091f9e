//! Content parts as content blocks of Converse.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{Content, File, ImagePart, InputAudio, Part, VideoPart};

use super::cache::CachePoints;
use crate::asked::media::{self, InlineMedia};
use crate::asked::text::is_blank;
use crate::asked::{Dropped, unsaid};
use crate::media::Inlined;

/// What a block has to say where a message says nothing: blank texts are refused.
pub(super) const PLACEHOLDER: &str = ".";

/// What writing the blocks of one request needs, over all its messages.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    pub(super) fetched: &'a Inlined,
    pub(super) dropped: Dropped,
    pub(super) cache: CachePoints,
    /// Names of documents, which must be unique in a request.
    documents: Vec<String>,
}

/// The blocks of one content.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) blocks: Vec<Value>,
    pub(super) has_document: bool,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(fetched: &'a Inlined, cache: CachePoints) -> Self {
        Self { fetched, dropped: Dropped::default(), cache, documents: Vec::new() }
    }

    /// The blocks of a message's content; `path` is that of the message. Blank texts are left out.
    ///
    /// # Errors
    /// When a part cannot be said: a URL that is not fetched, a format that Converse does not know.
    pub(super) fn of(&mut self, content: Option<Content>, path: &str) -> Result<Written, ApiError> {
        let mut written = Written::default();
        match content {
            None => {}
            Some(Content::Text(text)) => written.text(&text),
            Some(Content::Parts(parts)) => {
                for (index, part) in parts.into_iter().enumerate() {
                    self.part(part, &format!("{path}.content[{index}]"), &mut written)?;
                }
            }
        }
        Ok(written)
    }

    fn part(&mut self, part: Part, path: &str, out: &mut Written) -> Result<(), ApiError> {
        let rest = match part {
            Part::Text(part) => {
                out.text(&part.text);
                part.rest
            }
            Part::Refusal(part) => {
                out.text(&part.refusal);
                part.rest
            }
            Part::ImageUrl(part) => self.image(part, path, out)?,
            Part::InputAudio(part) => {
                let path = format!("{path}.input_audio");
                self.dropped.rest(&format!("{path}."), &part.input_audio.rest);
                out.blocks.push(audio(part.input_audio, &path)?);
                part.rest
            }
            Part::File(part) => {
                self.file(&part.file, &format!("{path}.file"), out)?;
                part.rest
            }
            Part::VideoUrl(part) => self.video(part, path, out)?,
            Part::Unknown(_) => {
                return Err(unsaid(
                    format!("{path}.type"),
                    "This provider does not know this type of content.",
                ));
            }
        };
        self.after(rest, path, out);
        Ok(())
    }

    /// What stood beside a part: a mark for the cache comes behind its block.
    fn after(&mut self, mut rest: Map<String, Value>, path: &str, out: &mut Written) {
        let point = self.cache.take(&mut rest, path, &mut self.dropped);
        self.dropped.rest(&format!("{path}."), &rest);
        // A point alone, behind a text that was left out, would mark nothing.
        out.blocks.extend(point.filter(|_| !out.blocks.is_empty()));
    }

    fn image(
        &mut self,
        part: ImagePart,
        path: &str,
        out: &mut Written,
    ) -> Result<Map<String, Value>, ApiError> {
        let path = format!("{path}.image_url");
        let url = part.image_url.url();
        if let sluice_chat::message::MediaUrl::Object(object) = &part.image_url {
            let detail = object.detail.as_deref().is_some_and(|detail| detail != "auto");
            self.dropped.add_if(detail, &format!("{path}.detail"));
        }
        let block = if is_s3(url) {
            let format = media::extension(url).and_then(|ending| image_ending(&ending));
            let format = format.ok_or_else(|| unknown_format(&path))?;
            json!({ "image": { "format": format, "source": s3(url) } })
        } else {
            let media = self.bytes(url, &path)?;
            if media.mime == "application/pdf" {
                return self.document(&media, "pdf", None, out).map(|()| part.rest);
            }
            let format = media::image_format(&media).ok_or_else(|| unknown_format(&path))?;
            json!({ "image": { "format": format, "source": { "bytes": media.base64 } } })
        };
        out.blocks.push(block);
        Ok(part.rest)
    }

    fn video(
        &mut self,
        part: VideoPart,
        path: &str,
        out: &mut Written,
    ) -> Result<Map<String, Value>, ApiError> {
        let path = format!("{path}.video_url");
        let url = part.video_url.url();
        let (mime, source) = if is_s3(url) {
            (String::new(), s3(url))
        } else {
            let media = self.bytes(url, &path)?;
            (media.mime, json!({ "bytes": media.base64 }))
        };
        let ending = media::extension(url).filter(|_| !url.starts_with("data:"));
        let format = video_format(&mime).or_else(|| ending.and_then(|ending| video_format(&ending)));
        let format = format.ok_or_else(|| unknown_format(&path))?;
        out.blocks.push(json!({ "video": { "format": format, "source": source } }));
        Ok(part.rest)
    }

    fn file(&mut self, file: &File, path: &str, out: &mut Written) -> Result<(), ApiError> {
        let File { filename, file_data, file_id, rest } = file;
        self.dropped.rest(&format!("{path}."), rest);
        let Some(data) = file_data else {
            let field = if file_id.is_some() { "file_id" } else { "file_data" };
            let text = "This provider has no uploaded files: send the file as 'file_data'.";
            return Err(unsaid(format!("{path}.{field}"), text));
        };
        let media = media::of_file_data(data).ok_or_else(|| {
            unsaid(format!("{path}.file_data"), "A file must be base64, alone or in a data: URL.")
        })?;
        let ending = filename.as_deref().and_then(media::extension);
        let format = ending.as_deref().and_then(document_ending).or_else(|| document_mime(&media.mime));
        if let Some(format) = format {
            return self.document(&media, format, filename.as_deref(), out);
        }
        if let Some(format) = media::image_format(&media) {
            out.blocks.push(json!({ "image": { "format": format, "source": { "bytes": media.base64 } } }));
            return Ok(());
        }
        Err(unknown_format(&format!("{path}.file_data")))
    }

    fn document(
        &mut self,
        media: &InlineMedia<'_>,
        format: &str,
        filename: Option<&str>,
        out: &mut Written,
    ) -> Result<(), ApiError> {
        let name = self.document_name(filename);
        let source = json!({ "bytes": media.base64 });
        out.blocks.push(json!({ "document": { "format": format, "name": name, "source": source } }));
        out.has_document = true;
        Ok(())
    }

    /// Letters, digits, single spaces, hyphens, parentheses and brackets; unique in the request.
    fn document_name(&mut self, filename: Option<&str>) -> String {
        let stem = filename.map(|name| name.rsplit_once('.').map_or(name, |(stem, _)| stem));
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { ' ' };
        let spaced: String = stem.unwrap_or_default().chars().map(allowed).collect();
        let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
        let base: String = words.chars().take(NAME_CHARS_MAX).collect();
        let base = if base.trim().is_empty() { "document" } else { base.trim() };
        let mut name = base.to_owned();
        let mut number = 1;
        while self.documents.contains(&name) {
            number += 1;
            name = format!("{base} ({number})");
        }
        self.documents.push(name.clone());
        name
    }

    fn bytes<'u>(&self, url: &'u str, path: &str) -> Result<InlineMedia<'u>, ApiError>
    where
        'a: 'u,
    {
        media::of_url(url, self.fetched).ok_or_else(|| {
            let text = "This provider does not fetch URLs: send the bytes in a base64 data: URL.";
            unsaid(format!("{path}.url"), text)
        })
    }
}

/// Characters of a document's name, less than AWS allows: room for a number behind it.
const NAME_CHARS_MAX: usize = 180;

impl Written {
    fn text(&mut self, text: &str) {
        if !is_blank(text) {
            self.blocks.push(json!({ "text": text }));
        }
    }

    pub(super) fn has_text(&self) -> bool {
        self.blocks.iter().any(|block| block.get("text").is_some())
    }
}

fn audio(audio: InputAudio, path: &str) -> Result<Value, ApiError> {
    let InputAudio { data, format, rest: _ } = audio;
    let format = format.unwrap_or_else(|| "wav".to_owned());
    let known = ["mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "m4a", "mpeg", "pcm", "webm"];
    if !known.contains(&format.as_str()) {
        return Err(unknown_format(path));
    }
    Ok(json!({ "audio": { "format": format, "source": { "bytes": data } } }))
}

fn unknown_format(path: &str) -> ApiError {
    unsaid(path, "This provider does not take media of this format.")
}

fn is_s3(url: &str) -> bool {
    url.starts_with("s3://")
}

fn s3(url: &str) -> Value {
    json!({ "s3Location": { "uri": url } })
}

fn image_ending(ending: &str) -> Option<&'static str> {
    Some(match ending {
        "png" => "png",
        "jpg" | "jpeg" => "jpeg",
        "gif" => "gif",
        "webp" => "webp",
        _ => return None,
    })
}

/// By media type or by ending.
fn video_format(said: &str) -> Option<&'static str> {
    Some(match said.strip_prefix("video/").unwrap_or(said) {
        "mkv" | "x-matroska" => "mkv",
        "mov" | "quicktime" => "mov",
        "mp4" => "mp4",
        "webm" => "webm",
        "flv" | "x-flv" => "flv",
        "mpeg" => "mpeg",
        "mpg" => "mpg",
        "wmv" | "x-ms-wmv" => "wmv",
        "3gp" | "3gpp" => "three_gp",
        _ => return None,
    })
}

fn document_ending(ending: &str) -> Option<&'static str> {
    let ending = match ending {
        "htm" => "html",
        "markdown" => "md",
        other => other,
    };
    DOCUMENTS.iter().find(|(format, _)| *format == ending).map(|(format, _)| *format)
}

fn document_mime(mime: &str) -> Option<&'static str> {
    DOCUMENTS.iter().find(|(_, known)| *known == mime).map(|(format, _)| *format)
}

/// Formats of documents and their media types, by the registry of media types.
const DOCUMENTS: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
];
