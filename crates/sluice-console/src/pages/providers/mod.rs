//! Providers: the list, and one of them.

pub(crate) mod list;
pub(crate) mod one;
mod texts;

use serde::Deserialize;

use self::texts::T;
use crate::{Answers, List};

/// A provider, as the admin API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) base_url: Option<String>,
    #[serde(default)]
    pub(crate) has_api_key: bool,
    #[serde(default)]
    pub(crate) header_names: Vec<String>,
    #[serde(default)]
    pub(crate) forward_headers: Vec<String>,
    #[serde(default)]
    pub(crate) http2: bool,
    #[serde(default)]
    pub(crate) internal: bool,
    #[serde(default)]
    pub(crate) inline_media: bool,
    pub(crate) region: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) api_version: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) origin: String,
}

impl Provider {
    /// Whether it can be changed here.
    pub(crate) fn is_own(&self) -> bool {
        self.origin == "admin"
    }

    /// Where it comes from.
    pub(crate) fn origin_name(&self, t: &T) -> &'static str {
        match self.origin.as_str() {
            "file" => t.from_file,
            "environment" => t.from_environment,
            "built_in" => t.built_in,
            _ => "",
        }
    }

    /// Why it cannot be changed here; empty where it can.
    pub(crate) fn why_fixed(&self, t: &T) -> &'static str {
        match self.origin.as_str() {
            "file" => t.of_file,
            "environment" => t.of_environment,
            "built_in" => t.of_program,
            _ => "",
        }
    }

    /// The words of its kind that are set, with their labels.
    pub(crate) fn words(&self, t: &T) -> Vec<(&'static str, &str)> {
        let all = [
            (t.region, &self.region),
            (t.google_project, &self.project),
            (t.location, &self.location),
            (t.api_version, &self.api_version),
            (t.tenant_id, &self.tenant_id),
            (t.client_id, &self.client_id),
        ];
        all.into_iter().filter_map(|(label, word)| Some((label, word.as_deref()?))).collect()
    }
}

/// A kind of providers.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Vendor {
    pub(crate) kind: String,
    pub(crate) label: String,
    pub(crate) base_url: Option<String>,
    #[serde(default)]
    pub(crate) needs_base_url: bool,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
    #[serde(default)]
    pub(crate) lists_models: bool,
}

/// What a kind wants to know.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
}

impl Vendor {
    /// Whether its form has a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// The names of its fields, for the script.
    pub(crate) fn field_names(&self) -> String {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        names.join(" ")
    }
}

/// The kind that is offered first: whatever speaks the common language.
const FIRST_KIND: &str = "openai-compatible";

/// All kinds: the common one, then by their labels.
fn vendors(answers: &Answers) -> Vec<Vendor> {
    let mut list: Vec<Vendor> =
        answers.read::<List<Vendor>>("vendors").map(|list| list.data).unwrap_or_default();
    list.sort_by_key(|vendor| (vendor.kind != FIRST_KIND, vendor.label.to_lowercase()));
    list
}

/// A path of this console to go to, of what an address says: anything that could be another place is none.
pub(crate) fn next(text: &str) -> Option<&str> {
    let local = text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'{' | b'}'));
    local.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_console_come_next() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(next(text), expect, "{text}");
        check("/", Some("/"));
        check("/models?q=a%20b#create", Some("/models?q=a%20b#create"));
        check("", None);
        check("//elsewhere.example", None);
        check("/\\elsewhere.example", None);
        check("/{name}", None);
        check("https://elsewhere.example", None);
        check("javascript:alert(1)", None);
    }
}
