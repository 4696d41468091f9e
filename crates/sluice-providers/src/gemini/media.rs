//! Images, sound, video and documents: inline as base64, or by an address that the provider fetches itself.

use serde_json::{Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{AudioPart, File, ImagePart, MediaUrl};

use super::model::Model;
use crate::media::Inlined;

/// What may be said of media in one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaTerms<'a> {
    pub(super) model: &'a Model<'a>,
    pub(super) vertex: bool,
    /// What was fetched in the provider's place.
    pub(super) inlined: &'a Inlined,
}

/// The kinds of parts whose media type may have to be guessed, and the guess where the address says nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Image,
    Video,
    Document,
}

impl Kind {
    fn usual_type(self) -> &'static str {
        match self {
            Self::Image => "image/jpeg",
            Self::Video => "video/mp4",
            Self::Document => "application/pdf",
        }
    }
}

impl MediaTerms<'_> {
    /// A part for a URL: `data:`, `gs:`, one of the Files API, YouTube, or any `https:` one.
    ///
    /// # Errors
    /// 400 where the provider cannot have it.
    pub(super) fn url(&self, url: &str, kind: Kind, param: &str) -> Result<Value, ApiError> {
        if let Some(data) = strip_scheme(url, "data:") {
            return data_url(data, param);
        }
        if let Some(media) = self.inlined.get(url) {
            return Ok(inline(&media.mime, &media.base64));
        }
        if !self.fetches(url) {
            let message = "This provider cannot fetch a URL; send the content as a data: URL.";
            return Err(ApiError::invalid("invalid_value", message).with_param(param));
        }
        Ok(by_uri(url, type_of_path(url).unwrap_or(kind.usual_type())))
    }

    fn fetches(&self, url: &str) -> bool {
        let gs = strip_scheme(url, "gs://").is_some();
        let https = strip_scheme(url, "https://").is_some();
        gs || is_file_uri(url)
            || is_youtube(url)
            || (https && (self.vertex || self.model.fetches_https()))
            // Vertex also takes plain addresses.
            || (self.vertex && strip_scheme(url, "http://").is_some())
    }

    /// Whether the media behind a URL are better sent along: what the provider cannot fetch, and what it fetches only
    /// when told a type that the address does not show.
    pub(super) fn wants_inlined(&self, url: &str) -> bool {
        let http = strip_scheme(url, "https://").is_some() || strip_scheme(url, "http://").is_some();
        let fetched = is_file_uri(url) || is_youtube(url) || (self.vertex && type_of_path(url).is_some());
        http && !fetched
    }

    pub(super) fn image(&self, part: &ImagePart, param: &str) -> Result<Value, ApiError> {
        let mut out = self.url(part.image_url.url(), Kind::Image, &format!("{param}.image_url.url"))?;
        if self.model.generation == super::model::Generation::Three
            && let Some(level) = detail(&part.image_url).and_then(resolution)
        {
            out["mediaResolution"] = json!({ "level": level });
        }
        Ok(out)
    }

    pub(super) fn file(&self, file: &File, param: &str) -> Result<Value, ApiError> {
        let param = format!("{param}.file");
        if let Some(data) = file.file_data.as_deref().filter(|data| !data.is_empty()) {
            let param = format!("{param}.file_data");
            return match strip_scheme(data, "data:") {
                Some(data) => data_url(data, &param),
                None => {
                    let named = file.filename.as_deref().and_then(type_of_path);
                    Ok(inline(named.unwrap_or(Kind::Document.usual_type()), data))
                }
            };
        }
        let Some(id) = file.file_id.as_deref().filter(|id| !id.is_empty()) else {
            let message = "A file needs file_data or file_id.";
            return Err(ApiError::invalid("missing_required_parameter", message).with_param(param));
        };
        let named = file.filename.as_deref().and_then(type_of_path).or_else(|| type_of_path(id));
        if id.contains("://") {
            // An address of the Files API knows its type.
            return match named {
                None if is_file_uri(id) => Ok(json!({ "fileData": { "fileUri": id } })),
                named => {
                    self.url(id, Kind::Document, &format!("{param}.file_id"))?;
                    Ok(by_uri(id, named.unwrap_or(Kind::Document.usual_type())))
                }
            };
        }
        if id.starts_with("files/") && !self.vertex {
            return Ok(json!({ "fileData": { "fileUri": format!("{FILES_API}{id}") } }));
        }
        let message = "This provider knows files by their URI only.";
        Err(ApiError::invalid("invalid_value", message).with_param(format!("{param}.file_id")))
    }
}

const FILES_API: &str = "https://generativelanguage.googleapis.com/v1beta/";

fn is_file_uri(url: &str) -> bool {
    url.strip_prefix("https://generativelanguage.googleapis.com/")
        .is_some_and(|rest| rest.contains("/files/"))
}

fn is_youtube(url: &str) -> bool {
    let rest = strip_scheme(url, "https://").or_else(|| strip_scheme(url, "http://")).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
    matches!(host.as_str(), "www.youtube.com" | "youtube.com" | "m.youtube.com" | "youtu.be")
}

pub(super) fn detail(url: &MediaUrl) -> Option<&str> {
    match url {
        MediaUrl::Plain(_) => None,
        MediaUrl::Object(object) => object.detail.as_deref(),
    }
}

/// The resolution of one image, from 3 on.
fn resolution(detail: &str) -> Option<&'static str> {
    Some(match detail {
        "low" => "MEDIA_RESOLUTION_LOW",
        "medium" => "MEDIA_RESOLUTION_MEDIUM",
        "high" => "MEDIA_RESOLUTION_HIGH",
        "original" => "MEDIA_RESOLUTION_ULTRA_HIGH",
        _ => return None,
    })
}

/// The resolution of all media of a request, for earlier models: the finest that was asked for; the coarse one only
/// if it was asked for everywhere.
pub(super) fn global_resolution<'a>(details: impl Iterator<Item = Option<&'a str>>) -> Option<&'static str> {
    let (mut any, mut all_low) = (false, true);
    for detail in details {
        match detail {
            Some("high" | "original") => return Some("MEDIA_RESOLUTION_HIGH"),
            Some("low") => any = true,
            _ => all_low = false,
        }
    }
    (any && all_low).then_some("MEDIA_RESOLUTION_LOW")
}

pub(super) fn audio(part: &AudioPart) -> Value {
    let format = part.input_audio.format.as_deref().unwrap_or("wav").to_ascii_lowercase();
    let mime = match format.as_str() {
        "mp3" | "mpeg" => "audio/mp3",
        "wav" | "wave" => "audio/wav",
        "ogg" | "opus" => "audio/ogg",
        "m4a" | "mp4" => "audio/mp4",
        "pcm" | "pcm16" => "audio/pcm",
        other if other.contains('/') => return inline(other, bare(&part.input_audio.data)),
        other => return inline(&format!("audio/{other}"), bare(&part.input_audio.data)),
    };
    inline(mime, bare(&part.input_audio.data))
}

/// Base64 that some clients send as a URL.
fn bare(data: &str) -> &str {
    strip_scheme(data, "data:").and_then(|rest| rest.split_once(',')).map_or(data, |(_, data)| data)
}

fn data_url(rest: &str, param: &str) -> Result<Value, ApiError> {
    let bad = |message: &str| ApiError::invalid("invalid_value", message).with_param(param);
    let (head, data) =
        rest.split_once(',').ok_or_else(|| bad("A data: URL needs a comma before its data."))?;
    let mut words = head.split(';');
    let mime = words.next().unwrap_or_default().trim().to_ascii_lowercase();
    if !words.any(|word| word.trim().eq_ignore_ascii_case("base64")) {
        return Err(bad("A data: URL must be in base64."));
    }
    if data.is_empty() {
        return Err(bad("The data: URL is empty."));
    }
    let mime = match mime.as_str() {
        "" => "text/plain",
        "image/jpg" => "image/jpeg",
        "audio/x-wav" | "audio/wave" => "audio/wav",
        other => other,
    };
    Ok(inline(mime, data))
}

fn inline(mime: &str, data: &str) -> Value {
    json!({ "inlineData": { "mimeType": mime, "data": data } })
}

fn by_uri(uri: &str, mime: &str) -> Value {
    json!({ "fileData": { "mimeType": mime, "fileUri": uri } })
}

/// Schemes are compared without case.
fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = url.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The media type that the ending of a name or of a URL's path shows.
fn type_of_path(path: &str) -> Option<&'static str> {
    let path = path.split(['?', '#']).next()?;
    let ending = path.rsplit('/').next()?.rsplit_once('.')?.1.to_ascii_lowercase();
    TYPES.iter().find(|(known, _)| *known == ending).map(|(_, mime)| *mime)
}

/// Google's lists of image, audio, video and document types.
const TYPES: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("xml", "text/xml"),
    ("json", "application/json"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpg"),
    ("mov", "video/mov"),
    ("avi", "video/avi"),
    ("flv", "video/x-flv"),
    ("webm", "video/webm"),
    ("wmv", "video/wmv"),
    ("3gp", "video/3gpp"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/wav"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("m4a", "audio/mp4"),
    ("aiff", "audio/aiff"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let check = |model: &str, vertex: bool, url: &str, expect: Result<Value, &str>| {
            let model = Model::of(model);
            let terms = MediaTerms { model: &model, vertex, inlined: Inlined::none() };
            let got = terms.url(url, Kind::Image, "p");
            assert_eq!(
                got.as_ref().map_err(|e| e.message.as_str()),
                expect.as_ref().map_err(|e| *e),
                "{url}"
            );
        };
        let data = |mime: &str| Ok(json!({ "inlineData": { "mimeType": mime, "data": "AAAA" } }));
        let uri = |mime: &str, uri: &str| Ok(json!({ "fileData": { "mimeType": mime, "fileUri": uri } }));
        let flash = "gemini-2.5-flash";
        check(flash, false, "data:image/png;base64,AAAA", data("image/png"));
        check(flash, false, "DATA:image/jpg;charset=utf-8;BASE64,AAAA", data("image/jpeg"));
        check(flash, false, "data:image/svg+xml,<svg/>", Err("A data: URL must be in base64."));
        check(flash, false, "data:image/png;base64,", Err("The data: URL is empty."));
        check(flash, false, "data:image/png", Err("A data: URL needs a comma before its data."));
        check(flash, false, "https://e.example/a.png?x=1", uri("image/png", "https://e.example/a.png?x=1"));
        check(flash, false, "https://e.example/a", uri("image/jpeg", "https://e.example/a"));
        check(flash, false, "gs://b/a.webp", uri("image/webp", "gs://b/a.webp"));
        check(
            "gemini-2.0-flash",
            true,
            "https://e.example/a.png",
            uri("image/png", "https://e.example/a.png"),
        );
        let refused = "This provider cannot fetch a URL; send the content as a data: URL.";
        check("gemini-2.0-flash", false, "https://e.example/a.png", Err(refused));
        check(flash, false, "http://e.example/a.png", Err(refused));
        check(flash, false, "file:///etc/passwd", Err(refused));
        check(flash, false, "", Err(refused));
    }

    #[test]
    fn what_is_fetched_in_the_providers_place() {
        let check = |vertex: bool, url: &str, expect: bool| {
            let model = Model::of("gemini-2.5-flash");
            let terms = MediaTerms { model: &model, vertex, inlined: Inlined::none() };
            assert_eq!(terms.wants_inlined(url), expect, "{url}");
        };
        check(false, "https://e.example/a.png", true);
        check(true, "https://e.example/a.png", false);
        check(true, "https://e.example/a", true);
        check(false, "https://www.youtube.com/watch?v=1", false);
        check(false, "https://generativelanguage.googleapis.com/v1beta/files/a", false);
        check(false, "gs://b/a.png", false);
        check(false, "data:image/png;base64,AAAA", false);
    }

    #[test]
    fn one_resolution_for_all() {
        let check = |details: &[Option<&str>], expect| {
            assert_eq!(global_resolution(details.iter().copied()), expect, "{details:?}");
        };
        check(&[], None);
        check(&[Some("low"), Some("low")], Some("MEDIA_RESOLUTION_LOW"));
        check(&[Some("low"), None], None);
        check(&[Some("low"), Some("high")], Some("MEDIA_RESOLUTION_HIGH"));
        check(&[Some("auto")], None);
    }
}
