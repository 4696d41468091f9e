//! Values that the macros of `ui.html` take, and small parts that are made here.

use std::fmt::Display;

use crate::{Query, Visit, format, html::Html, shell::Shell};

/// A column of a table that can be sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub label: &'static str,
    /// Classes of the cell, such as `number` or `wide`.
    pub class: &'static str,
    /// Where its head leads; empty: it cannot be sorted.
    pub href: String,
    /// `aria-sort`, empty where the table is not sorted by it.
    pub sorted: &'static str,
}

impl Column {
    /// One that cannot be sorted.
    #[must_use]
    pub fn plain(label: &'static str, class: &'static str) -> Self {
        Self { label, class, href: String::new(), sorted: "" }
    }

    /// One that sorts by the parameter `sort` of the page: `key`, or `-key` for the other way. `ascending` is the way
    /// of the first click.
    #[must_use]
    pub fn sortable(
        visit: &Visit<'_>,
        key: &'static str,
        (label, class): (&'static str, &'static str),
    ) -> Self {
        let (now, down) = Sort::of(visit.query);
        let sorted = match now == key {
            true if down => "descending",
            true => "ascending",
            false => "",
        };
        let number = class.split(' ').any(|word| word == "number");
        let next_down = if sorted.is_empty() { number } else { !down };
        let value = if next_down { format!("-{key}") } else { key.to_owned() };
        let href = visit.query.with(&visit.page.path(visit.id), &[("sort", &value), ("cursor", "")]);
        Self { label, class, href, sorted }
    }
}

/// The parameter `sort`.
#[derive(Debug)]
pub struct Sort;

impl Sort {
    /// The key, and whether the largest comes first.
    #[must_use]
    pub fn of(query: &Query) -> (&str, bool) {
        let text = query.text("sort");
        text.strip_prefix('-').map_or((text, false), |key| (key, true))
    }
}

/// The way through a list in pages by cursor. There is no way back but the browser's: pages may have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    /// Address of the first page; empty on it.
    pub first: String,
    /// Address of the next page; empty on the last.
    pub next: String,
}

impl Pager {
    /// By the `next_cursor` of the list's answer.
    #[must_use]
    pub fn new(visit: &Visit<'_>, next_cursor: Option<&str>) -> Self {
        let page = |cursor: &str| visit.query.with(&visit.page.path(visit.id), &[("cursor", cursor)]);
        Self {
            first: visit.query.get("cursor").map(|_| page("")).unwrap_or_default(),
            next: next_cursor.map(page).unwrap_or_default(),
        }
    }

    /// Whether there is anywhere to go.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        !(self.first.is_empty() && self.next.is_empty())
    }
}

/// An entry of a `<select>`, of a row of segments, or of tabs that are pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value of an option, or the address of a segment.
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

impl Choice {
    /// Options by value and label, of which one may be chosen.
    pub fn list<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> Vec<Self> {
        let choice = |(value, label): (&str, &str)| Self {
            value: value.to_owned(),
            label: label.to_owned(),
            chosen: value == chosen,
        };
        options.into_iter().map(choice).collect()
    }
}

/// A value that may not be there. Answers say `null` of what is not known, and templates pass things on as they have
/// them: by value, by reference, or as an option of either.
pub trait Maybe<T> {
    /// The value.
    fn get(&self) -> Option<T>;
}

macro_rules! numbers {
    ($($Number:ty),*) => {$(
        impl Maybe<i128> for $Number {
            fn get(&self) -> Option<i128> {
                i128::try_from(*self).ok()
            }
        }

        impl Maybe<u64> for $Number {
            fn get(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
        }

        impl Maybe<f64> for $Number {
            fn get(&self) -> Option<f64> {
                Some(*self as f64)
            }
        }

        impl Maybe<String> for $Number {
            fn get(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}
numbers!(u16, u32, u64, usize, i64, i128);

impl Maybe<f64> for f64 {
    fn get(&self) -> Option<f64> {
        Some(*self)
    }
}

impl Maybe<String> for str {
    fn get(&self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Maybe<String> for String {
    fn get(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl<T, M: Maybe<T>> Maybe<T> for Option<M> {
    fn get(&self) -> Option<T> {
        self.as_ref().and_then(M::get)
    }
}

impl<T, M: Maybe<T> + ?Sized> Maybe<T> for &M {
    fn get(&self) -> Option<T> {
        M::get(self)
    }
}

/// Values as pages show them: short, with the exact one beside it. What is not there is a dash.
impl<'a> Shell<'a> {
    /// Nano-dollars, in the display currency; the exact US dollars are its title. No price is not free of charge.
    #[must_use]
    pub fn money(&self, nano: impl Maybe<i128>) -> Html {
        let Some(nano) = nano.get() else { return self.none() };
        let text = format::money(nano, self.visit.currency);
        Html::new("<data value=\"{}\" title=\"{}\">{}</data>", &[&nano, &format::exact_usd(nano), &text])
    }

    /// Nano-dollars for so many tokens, in the display currency.
    #[must_use]
    pub fn price(&self, nano: impl Maybe<i128>) -> Html {
        let Some(nano) = nano.get() else { return self.none() };
        let text = format::price(nano, self.visit.currency);
        Html::new("<data value=\"{}\" title=\"{}\">{}</data>", &[&nano, &format::exact_usd(nano), &text])
    }

    /// A number of requests, tokens and so on in three digits; all of them are its title.
    #[must_use]
    pub fn short(&self, number: impl Maybe<u64>) -> Html {
        let Some(number) = number.get() else { return self.none() };
        Html::new(
            "<data value=\"{}\" title=\"{}\">{}</data>",
            &[&number, &format::count(number), &format::short(number)],
        )
    }

    /// A number with all its digits.
    #[must_use]
    pub fn count(&self, number: impl Maybe<u64>) -> Html {
        let Some(number) = number.get() else { return self.none() };
        Html::new("{}", &[&format::count(number)])
    }

    /// Milliseconds.
    #[must_use]
    pub fn duration(&self, ms: impl Maybe<f64>) -> Html {
        let Some(ms) = ms.get() else { return self.none() };
        Html::new("<data value=\"{}\" title=\"{} ms\">{}</data>", &[&ms, &ms, &format::duration(ms)])
    }

    /// A share.
    #[must_use]
    pub fn percent(&self, part: impl Maybe<u64>, whole: impl Maybe<u64>) -> Html {
        let (Some(part), Some(whole)) = (part.get(), whole.get()) else { return self.none() };
        let title = format!("{} / {}", format::count(part), format::count(whole));
        Html::new("<span title=\"{}\">{}</span>", &[&title, &format::percent(part, whole)])
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(&self, number: impl Maybe<u64>) -> Html {
        let Some(number) = number.get() else { return self.none() };
        Html::new("<data value=\"{}\" title=\"{}\">{}</data>", &[&number, &number, &format::bytes(number)])
    }

    /// A code of the API, which may be broken between its words.
    #[must_use]
    pub fn code(&self, code: impl Maybe<String>) -> Html {
        let Some(code) = code.get() else { return self.none() };
        let mut html = Html::new("<code>", &[]);
        for word in code.split_inclusive(['_', '.']) {
            html.push(if word.ends_with(['_', '.']) { "{}<wbr>" } else { "{}" }, &[&word]);
        }
        html.push("</code>", &[]);
        html
    }

    /// A moment as the API writes it, on the viewer's clock. What is none stays as it is.
    #[must_use]
    pub fn time(&self, text: impl Maybe<String>) -> Html {
        let Some(text) = text.get() else { return self.none() };
        match format::moment_ms(&text) {
            Some(ms) => Html::new(
                "<time datetime=\"{}\" data-local=\"second\" title=\"{}\">{}</time>",
                &[&text, &text, &format::time(ms, self.visit.zone_minutes)],
            ),
            None => Html::new("{}", &[&text]),
        }
    }

    /// A moment in milliseconds since the Unix epoch.
    #[must_use]
    pub fn time_ms(&self, unix_ms: impl Maybe<u64>) -> Html {
        let Some(unix_ms) = unix_ms.get() else { return self.none() };
        self.time(format::rfc3339(unix_ms))
    }

    /// A moment as the API writes it, for the value of a field of local time; empty where it is none.
    #[must_use]
    pub fn time_field(&self, text: impl Maybe<String>) -> String {
        let ms = text.get().and_then(|text| format::moment_ms(&text));
        ms.map(|ms| format::time_field(ms, self.visit.zone_minutes)).unwrap_or_default()
    }

    /// A value that may not be there, for a field.
    #[must_use]
    pub fn text(&self, value: impl Maybe<String>) -> String {
        value.get().unwrap_or_default()
    }

    /// Nano-dollars for a field that takes US dollars.
    #[must_use]
    pub fn usd_field(&self, nano: impl Maybe<u64>) -> String {
        nano.get().map(format::usd_field).unwrap_or_default()
    }

    /// A share as a text, for a slot.
    #[must_use]
    pub fn percent_text(&self, part: impl Maybe<u64>, whole: impl Maybe<u64>) -> String {
        format::percent(part.get().unwrap_or_default(), whole.get().unwrap_or_default())
    }

    /// A number in three digits as a text, for a slot.
    #[must_use]
    pub fn short_text(&self, number: impl Maybe<u64>) -> String {
        number.get().map(format::short).unwrap_or_default()
    }

    /// A text with its one slot filled: see [`crate::texts::fill`].
    #[must_use]
    pub fn fill(&self, text: &str, value: impl Display) -> String {
        crate::texts::fill(text, &[&value])
    }

    /// A text with its two slots filled.
    #[must_use]
    pub fn fill2(&self, text: &str, first: impl Display, second: impl Display) -> String {
        crate::texts::fill(text, &[&first, &second])
    }

    /// What is not known, or not there.
    #[must_use]
    pub fn none(&self) -> Html {
        Html::new("<span class=\"note\" title=\"{}\">–</span>", &[&self.words.none])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Page, test_visit::TestVisit};

    #[test]
    fn columns_sort_the_other_way_when_they_are_sorted() {
        let check = |query: &[(&str, &str)], class, expect: (&str, &str)| {
            let owned = TestVisit::new(Page::Keys).query(query);
            let column = Column::sortable(&owned.visit(), "spent", ("Spent", class));
            assert_eq!((column.href.as_str(), column.sorted), expect, "{query:?}");
        };
        check(&[], "number", ("/keys?sort=-spent", ""));
        check(&[("q", "a"), ("cursor", "x")], "", ("/keys?q=a&sort=spent", ""));
        check(&[("sort", "-spent")], "number", ("/keys?sort=spent", "descending"));
        check(&[("sort", "spent")], "number", ("/keys?sort=-spent", "ascending"));
        check(&[("sort", "name")], "number wide", ("/keys?sort=-spent", ""));
    }

    #[test]
    fn pages_follow_cursors() {
        let check = |query: &[(&str, &str)], next, expect: (&str, &str)| {
            let owned = TestVisit::new(Page::Requests).query(query);
            let pager = Pager::new(&owned.visit(), next);
            assert_eq!((pager.first.as_str(), pager.next.as_str()), expect, "{query:?}");
            assert_eq!(pager.is_needed(), expect != ("", ""));
        };
        check(&[], None, ("", ""));
        check(&[("model", "m")], Some("c=1"), ("", "/requests?model=m&cursor=c%3D1"));
        check(&[("cursor", "b")], Some("c"), ("/requests", "/requests?cursor=c"));
        check(&[("cursor", "b")], None, ("/requests", ""));
    }

    #[test]
    fn values_have_their_exact_one_beside_them() {
        let owned = TestVisit::new(Page::Overview).zone(480);
        let visit = owned.visit();
        let shell = Shell::new(&visit, "x");
        let check = |html: Html, expect: &str| assert_eq!(html.as_str(), expect);
        check(
            shell.money(1_234_567_891_i64),
            "<data value=\"1234567891\" title=\"$1.234567891\">$1.23</data>",
        );
        check(shell.short(12_345_u64), "<data value=\"12345\" title=\"12,345\">12.3k</data>");
        check(shell.percent(1_u64, 8_u64), "<span title=\"1 / 8\">12.5 %</span>");
        check(
            shell.time("2026-11-21T09:35:22Z"),
            "<time datetime=\"2026-11-21T09:35:22Z\" data-local=\"second\" title=\"2026-11-21T09:35:22Z\">\
             2026-11-21 17:35:22</time>",
        );
        check(shell.code("a_b&c"), "<code>a_<wbr>b&#38;c</code>");
        check(shell.time("<b>"), "&#60;b&#62;");
        check(shell.money(None::<i64>), "<span class=\"note\" title=\"Not known\">–</span>");
    }
}
