//! Images and documents: `data:` URLs, addresses and files as blocks of Claude's.

use serde_json::{Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::File;

use super::route::Route;
use crate::base64;
use crate::media::Inlined;

/// Media of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaBlocks<'a> {
    pub(super) route: Route,
    pub(super) fetched: &'a Inlined,
}

const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const PDF: &str = "application/pdf";

/// Whether an address has to be fetched by us, if by anybody.
pub(super) fn needs_fetching(url: &str, route: Route) -> bool {
    is_http(url) || (is_https(url) && !route.takes_urls())
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn is_https(url: &str) -> bool {
    has_scheme(url, "https://")
}

fn is_http(url: &str) -> bool {
    has_scheme(url, "http://")
}

impl MediaBlocks<'_> {
    /// The block of an `image_url` part. `param` is where it stands.
    pub(super) fn image(&self, url: &str, param: &str) -> Result<Value, ApiError> {
        if let Some(data) = data_url(url) {
            return self.inline(&data, None, param);
        }
        if let Some(media) = self.fetched.get(url) {
            let data = Data { mime: media.mime.clone(), base64: media.base64.clone() };
            return self.inline(&data, None, param);
        }
        if is_https(url) && self.route.takes_urls() {
            return Ok(json!({ "type": "image", "source": { "type": "url", "url": url } }));
        }
        let text = "This model takes images as data: URLs only, unless the gateway is told to fetch them.";
        Err(unsupported(text, param))
    }

    /// The block of a `file` part.
    pub(super) fn file(&self, file: &File, param: &str) -> Result<Value, ApiError> {
        if let Some(id) = file.file_id.as_deref().filter(|_| file.file_data.is_none()) {
            if id.starts_with("file_") && self.route == Route::Direct {
                return Ok(json!({ "type": "document", "source": { "type": "file", "file_id": id } }));
            }
            let text = "This model does not know files by the ids of another provider.";
            return Err(unsupported(text, &format!("{param}.file.file_id")));
        }
        let param = format!("{param}.file.file_data");
        let Some(text) = file.file_data.as_deref() else {
            let text = "A file needs file_data or file_id.";
            return Err(ApiError::invalid("missing_required_parameter", text).with_param(param));
        };
        let name = file.filename.as_deref();
        let data = data_url(text).unwrap_or_else(|| {
            let mime = name.and_then(type_of_name).unwrap_or(PDF).to_owned();
            Data { mime, base64: text.to_owned() }
        });
        self.inline(&data, name, &param)
    }

    fn inline(&self, data: &Data, name: Option<&str>, param: &str) -> Result<Value, ApiError> {
        let mime = match sniffed(&data.base64).unwrap_or(&data.mime) {
            "image/jpg" => "image/jpeg",
            mime => mime,
        };
        let mut block = if IMAGES.contains(&mime) {
            let source = json!({ "type": "base64", "media_type": mime, "data": data.base64 });
            return Ok(json!({ "type": "image", "source": source }));
        } else if mime == PDF {
            let source = json!({ "type": "base64", "media_type": PDF, "data": data.base64 });
            json!({ "type": "document", "source": source })
        } else if is_text(mime) {
            let text =
                base64::decoded(data.base64.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(text) = text else {
                return Err(ApiError::invalid("invalid_value", "The file is not UTF-8 text in base64.")
                    .with_param(param));
            };
            json!({ "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": text } })
        } else {
            return Err(unsupported(&format!("This model does not take files of the type {mime}."), param));
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            block["title"] = name.into();
        }
        Ok(block)
    }
}

struct Data {
    mime: String,
    base64: String,
}

/// The content of a `data:` URL. One that is not in base64 is text as it stands.
fn data_url(url: &str) -> Option<Data> {
    let rest = has_scheme(url, "data:").then(|| &url[5..])?;
    let (head, data) = rest.split_once(',')?;
    let mut words = head.split(';').map(str::trim);
    let mime = words.next().unwrap_or_default().to_ascii_lowercase();
    let is_base64 = words.any(|word| word.eq_ignore_ascii_case("base64"));
    let mime = if mime.is_empty() { "text/plain".to_owned() } else { mime };
    is_base64.then(|| Data { mime, base64: data.to_owned() })
}

/// The type that the first bytes show: what a caller says is often wrong, and then refused.
fn sniffed(base64: &str) -> Option<&'static str> {
    // 16 characters are 12 bytes.
    let start = base64::decoded(base64.as_bytes().get(..16)?)?;
    match &start[..] {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(PDF),
        _ => None,
    }
}

fn is_text(mime: &str) -> bool {
    let texts = ["application/json", "application/xml", "application/yaml", "application/x-yaml"];
    mime.starts_with("text/") || texts.contains(&mime)
}

fn type_of_name(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "pdf" => PDF,
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "zip" => "application/zip",
        "txt" | "md" | "csv" | "tsv" | "html" | "htm" | "xml" | "json" | "yaml" | "yml" | "toml" | "log"
        | "rs" | "py" | "js" | "ts" | "c" | "h" | "cpp" | "java" | "go" | "sh" | "sql" | "css" => {
            "text/plain"
        }
        _ => return None,
    })
}

fn unsupported(text: &str, param: &str) -> ApiError {
    ApiError::invalid("unsupported_value", text).with_param(param)
}
