//! Answers with sources, for `web_search_options`.

use serde_json::{Value, json};

/// A search that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// Sources: 1, 2 or 3 for a `search_context_size` of low, medium (also without one) or high.
    pub(super) sources: usize,
    /// City, region or country of `user_location`, whichever is the narrowest.
    pub(super) place: Option<String>,
}

impl Search {
    pub(super) fn read(options: &Value) -> Option<Self> {
        let options = options.as_object()?;
        let sources = match options.get("search_context_size").and_then(Value::as_str) {
            Some("low") => 1,
            Some("high") => 3,
            _ => 2,
        };
        let place = options.get("user_location").map(|at| at.get("approximate").unwrap_or(at));
        let named = |key: &str| place?.get(key)?.as_str().map(str::to_owned);
        let place = named("city").or_else(|| named("region")).or_else(|| named("country"));
        Some(Self { sources, place })
    }
}

/// A source at its place in a text, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Citation {
    start: usize,
    end: usize,
    url: String,
    title: String,
}

/// The text followed by its sources, as links in round brackets.
pub(super) fn cited(text: &str, search: &Search) -> (String, Vec<Citation>) {
    let mut cited = text.to_owned();
    let mut citations = Vec::new();
    for number in 1..=search.sources {
        let near = search.place.as_ref().map(|place| format!(" near {place}")).unwrap_or_default();
        let title = format!("Sandbox source {number}{near}");
        let url = format!("https://example.com/sandbox/{number}");
        cited.push(' ');
        let start = cited.len();
        cited.push_str(&format!("([{title}]({url}))"));
        citations.push(Citation { start, end: cited.len(), url, title });
    }
    (cited, citations)
}

/// The annotations of those sources that are still in the text. Indexes count characters, as OpenAI's do.
pub(super) fn annotations(citations: &[Citation], text: &str) -> Vec<Value> {
    let mut characters = 0;
    let mut from = 0;
    let mut annotations = Vec::new();
    for citation in citations.iter().filter(|citation| citation.end <= text.len()) {
        characters += text[from..citation.start].chars().count();
        let start = characters;
        characters += text[citation.start..citation.end].chars().count();
        from = citation.end;
        annotations.push(json!({
            "type": "url_citation",
            "url_citation": {
                "start_index": start, "end_index": characters, "url": citation.url, "title": citation.title,
            },
        }));
    }
    annotations
}
