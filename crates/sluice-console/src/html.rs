//! Markup that was made here and is not escaped again: the only way around escaping. It is built from tags that stand
//! in this crate and texts that this module escapes.

use std::fmt;

use askama::filters::{Html as HtmlEscaper, HtmlSafe, escape};

/// Finished markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

impl Html {
    /// Markup with `{}`s, each of which is filled with an escaped value.
    pub(crate) fn new(markup: &'static str, values: &[&dyn fmt::Display]) -> Self {
        let mut html = Self::default();
        html.push(markup, values);
        html
    }

    /// More markup at the end.
    pub(crate) fn push(&mut self, markup: &'static str, values: &[&dyn fmt::Display]) {
        let mut pieces = markup.split("{}");
        self.0.push_str(pieces.next().unwrap_or_default());
        for (piece, value) in pieces.zip(values) {
            self.0.push_str(&escaped(value));
            self.0.push_str(piece);
        }
    }

    /// Other markup at the end, as it is.
    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text in which nothing is markup, inside tags or in quoted attributes.
fn escaped(value: &dyn fmt::Display) -> String {
    // Escaping fails only where a value fails to print.
    escape(value.to_string(), HtmlEscaper).map(|text| text.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_markup_is_not() {
        let check = |markup: &'static str, values: &[&dyn fmt::Display], expect: &str| {
            assert_eq!(Html::new(markup, values).as_str(), expect);
        };
        check("<b>{}</b>", &[&"<i> & \"'"], "<b>&#60;i&#62; &#38; &#34;&#39;</b>");
        check("<a title=\"{}\">{}</a>", &[&1, &"{}"], "<a title=\"1\">{}</a>");
        check("<hr>", &[], "<hr>");
        let mut whole = Html::new("<i>{}</i>", &[&"<"]);
        whole.append(&Html::new("<b>{}</b>", &[&">"]));
        assert_eq!(whole.as_str(), "<i>&#60;</i><b>&#62;</b>");
    }

    #[test]
    fn templates_have_no_other_way_around_escaping() {
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/templates"))];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for word in ["|safe", "| safe", "escape none", "<style", " style=", " onclick", "javascript:"]
                {
                    assert!(!text.contains(word), "{}: {word}", path.display());
                }
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen}");
    }
}
