//! Media of content parts as bytes: `data:` URLs, what the gateway fetched, and plain base64.

use std::borrow::Cow;

use crate::media::Inlined;

/// Bytes in base64 with their media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InlineMedia<'a> {
    /// Lower case, without parameters; empty where nobody said it.
    pub(crate) mime: String,
    pub(crate) base64: Cow<'a, str>,
}

/// The bytes behind a URL: those in a `data:` URL, or those that were fetched. `None` where there are none here.
pub(crate) fn of_url<'a>(url: &'a str, fetched: &'a Inlined) -> Option<InlineMedia<'a>> {
    let Some(rest) = strip_scheme(url, "data:") else {
        let media = fetched.get(url)?;
        return Some(InlineMedia { mime: media.mime.clone(), base64: Cow::Borrowed(&media.base64) });
    };
    let (head, data) = rest.split_once(',')?;
    let head = head.trim().to_ascii_lowercase();
    let declared = head.strip_suffix(";base64")?;
    let mime = declared.split(';').next().unwrap_or_default().trim().to_owned();
    Some(InlineMedia { mime, base64: without_spaces(data) })
}

/// A file's data: a `data:` URL, or base64 alone.
pub(crate) fn of_file_data(data: &str) -> Option<InlineMedia<'_>> {
    if strip_scheme(data, "data:").is_some() {
        return of_url(data, Inlined::none());
    }
    Some(InlineMedia { mime: String::new(), base64: without_spaces(data) })
}

/// Whether a URL has to be fetched by somebody: neither `data:` nor one of a scheme that the provider reads itself.
pub(crate) fn is_web(url: &str) -> bool {
    strip_scheme(url, "http://").or_else(|| strip_scheme(url, "https://")).is_some()
}

/// The kind of an image as its bytes show it, else as its media type says: `png`, `jpeg`, `gif`, `webp`. Callers mix
/// up the types, and providers refuse an image whose bytes are of another.
pub(crate) fn image_format(media: &InlineMedia<'_>) -> Option<&'static str> {
    const BEGINNINGS: [(&str, &str); 4] =
        [("iVBORw0KGgo", "png"), ("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp")];
    let shown = BEGINNINGS.iter().find(|(start, _)| media.base64.starts_with(start)).map(|(_, kind)| *kind);
    shown.or_else(|| match media.mime.strip_prefix("image/")? {
        "png" => Some("png"),
        "jpeg" | "jpg" => Some("jpeg"),
        "gif" => Some("gif"),
        "webp" => Some("webp"),
        _ => None,
    })
}

/// The ending of a file's name, in lower case.
pub(crate) fn extension(filename: &str) -> Option<String> {
    filename.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = url.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn without_spaces(data: &str) -> Cow<'_, str> {
    if data.contains(|c: char| c.is_ascii_whitespace()) {
        return Cow::Owned(data.split_ascii_whitespace().collect());
    }
    Cow::Borrowed(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Media;

    #[test]
    fn bytes_behind_urls() {
        let fetched: Inlined =
            [("https://h/a".to_owned(), Media { mime: "image/gif".to_owned(), base64: "AA==".to_owned() })]
                .into_iter()
                .collect();
        let check = |url: &str, expect: Option<(&str, &str)>| {
            let got = of_url(url, &fetched);
            assert_eq!(got.as_ref().map(|media| (&*media.mime, &*media.base64)), expect, "{url}");
        };
        check("data:image/png;base64,AAAA", Some(("image/png", "AAAA")));
        check("DATA:Image/PNG;charset=x;BASE64,AA\n AA", Some(("image/png", "AAAA")));
        check("data:;base64,AAAA", Some(("", "AAAA")));
        check("data:text/plain,hello", None);
        check("data:image/png;base64", None);
        check("https://h/a", Some(("image/gif", "AA==")));
        check("https://h/b", None);
        check("", None);
        assert_eq!(of_file_data("AAAA").map(|m| m.mime), Some(String::new()));
        assert_eq!(of_file_data("data:x/y,plain"), None);
        assert!(is_web("HTTPS://h") && is_web("http://h") && !is_web("s3://b") && !is_web("data:,"));
    }

    #[test]
    fn images_are_what_their_bytes_are() {
        let check = |mime: &str, base64: &'static str, expect: Option<&str>| {
            let media = InlineMedia { mime: mime.to_owned(), base64: Cow::Borrowed(base64) };
            assert_eq!(image_format(&media), expect, "{mime} {base64}");
        };
        check("image/jpeg", "iVBORw0KGgoAAAA", Some("png"));
        check("image/png", "/9j/4AAQ", Some("jpeg"));
        check("", "R0lGODlh", Some("gif"));
        check("image/jpg", "AAAA", Some("jpeg"));
        check("image/svg+xml", "AAAA", None);
        check("application/pdf", "AAAA", None);
    }
}
