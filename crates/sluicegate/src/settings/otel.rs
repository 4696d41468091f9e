//! `[otel]`: where spans go.

use sluice_gateway::{
    config::Otel,
    rules::{OWN_HEADERS, is_header_name},
};
use url::Url;

use super::{
    reader::{Section, quoted},
    server::checked_url,
};

const DEFAULT_SERVICE_NAME: &str = "sluicegate";
const DEFAULT_SAMPLE_PERCENT: u64 = 100;

/// Reads `[otel]`; `None`: nothing is traced.
pub(super) fn otel(root: &Section<'_>) -> Option<Otel> {
    const HTTP: &[&str] = &["http", "https"];
    let section = root.section("otel")?;
    let endpoint = section.need("endpoint").and_then(|value| {
        let url = Url::parse(&checked_url(&value, HTTP)?).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            value.fail("must have no user name and no password: put them into `headers`");
            return None;
        }
        Some(url)
    });
    let headers = section.section("headers").map(headers).unwrap_or_default();
    let service_name = section.text("service_name");
    if let Some(text) = service_name.as_ref().filter(|text| text.value.trim().is_empty()) {
        section.reader.problem(text.offset, &text.path, "must not be empty");
    }
    if service_name.is_none() {
        section.reader.note(section.path_of("service_name"), quoted(DEFAULT_SERVICE_NAME), true);
    }
    let sample_percent = section.integer_or("sample_percent", 0..101, DEFAULT_SAMPLE_PERCENT);
    section.finish();
    Some(Otel {
        endpoint: endpoint?,
        headers,
        service_name: service_name.map_or_else(|| DEFAULT_SERVICE_NAME.to_owned(), |text| text.value),
        sample_percent,
    })
}

/// Headers for the collector, which may be how it knows us.
#[expect(clippy::needless_pass_by_value, reason = "a section is read once")]
fn headers(section: Section<'_>) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::new();
    for (name, value) in section.entries() {
        let lower = name.value.to_ascii_lowercase();
        let ours = OWN_HEADERS.contains(&lower.as_str()) || lower == "user-agent";
        if !is_header_name(&lower) {
            let text = format!("`{}` is not the name of a header", name.shown);
            section.reader.problem(name.offset, &name.path, text);
        } else if ours && !matches!(lower.as_str(), "authorization" | "api-key") {
            section.reader.problem(name.offset, &name.path, format!("the gateway writes `{lower}` itself"));
        }
        let Some(value) = value.secret() else { continue };
        if !value.value.bytes().all(|b| (0x20..=0x7e).contains(&b)) || value.value.trim() != value.value {
            let text = "must be printable ASCII, without white space at its ends";
            section.reader.problem(value.offset, &value.path, text);
        }
        if list.iter().any(|(other, _)| *other == lower) {
            section.reader.problem(name.offset, &name.path, "this header is there twice");
        }
        list.push((lower, value.value));
    }
    list
}
