//! Query parameters and pages of lists.

use std::sync::{Mutex, PoisonError};

use time::{
    Date, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description,
};
use url::form_urlencoded;

use super::refuse::{self, Checked};

/// Rows of a page where nobody says how many, and at most.
const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 500;

/// The parameters of one request, of which it is kept which were asked for: the others are mistakes.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    asked: Mutex<Vec<&'static str>>,
}

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Largest number of rows.
    pub(super) limit: u32,
    /// What the page before said, unpacked; see [`cursor`].
    pub(super) after: Option<String>,
}

impl Query {
    pub(super) fn new(text: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        Self {
            pairs: pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            asked: Mutex::default(),
        }
    }

    /// A parameter. One that is there says something: an empty one is a mistake.
    pub(super) fn get(&self, name: &'static str) -> Checked<Option<&str>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        let mut found = self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = found.next();
        if found.next().is_some() {
            let text = format!("The query parameter '{name}' stands there twice.");
            return Err(refuse::bad("duplicate_parameter", Some(name), &text));
        }
        if first.is_some_and(|value| value.chars().any(char::is_control)) {
            return Err(refuse::value(name, "must not have control characters"));
        }
        if first == Some("") {
            return Err(refuse::value(name, "must not be empty: leave it out"));
        }
        Ok(first)
    }

    /// As [`Query::get`], owned.
    pub(super) fn text(&self, name: &'static str) -> Checked<Option<String>> {
        self.get(name).map(|found| found.map(str::to_owned))
    }

    /// A number.
    pub(super) fn integer(&self, name: &'static str, low: u32, high: u32) -> Checked<Option<u32>> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|n| (low..=high).contains(n));
        let fail = || refuse::value(name, &format!("must be an integer from {low} to {high}"));
        number.map(Some).ok_or_else(fail)
    }

    /// Whether something is wanted.
    pub(super) fn flag(&self, name: &'static str) -> Checked<bool> {
        match self.get(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(refuse::value(name, "must be 'true' or 'false'")),
        }
    }

    /// A number from 0.
    pub(super) fn number(&self, name: &'static str, high: u64) -> Checked<Option<u64>> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|n| *n <= high);
        number.map(Some).ok_or_else(|| refuse::value(name, &format!("must be an integer from 0 to {high}")))
    }

    /// Unix seconds of an RFC 3339 moment, or of the beginning of a day in UTC.
    pub(super) fn moment(&self, name: &'static str) -> Checked<Option<i64>> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
        let day = day.map(|day| day.midnight().assume_utc());
        match day.or_else(|_| OffsetDateTime::parse(text, &Rfc3339)) {
            Ok(moment) => Ok(Some(moment.unix_timestamp())),
            Err(_) => Err(refuse::value(
                name,
                "must be a day such as '2027-01-31' or a moment with its offset such as '2027-01-31T00:00:00Z'",
            )),
        }
    }

    /// `limit` and `cursor`.
    pub(super) fn page(&self) -> Checked<Page> {
        let limit = self.integer("limit", 1, PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
        let after = match self.get("cursor")? {
            None => None,
            Some(text) => Some(unpack(text).ok_or_else(bad_cursor)?),
        };
        Ok(Page { limit, after })
    }

    /// Parameters that nobody asked for are mistakes.
    pub(super) fn finish(&self) -> Checked<()> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match self.pairs.iter().find(|(name, _)| !asked.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let known = match asked.is_empty() {
                    true => "this path takes none".to_owned(),
                    false => format!("there are: {}", asked.join(", ")),
                };
                let text = format!("Unknown query parameter: '{name}'; {known}.");
                Err(refuse::bad("unknown_parameter", Some(name), &text))
            }
        }
    }
}

/// 400: a cursor that no page has given.
pub(super) fn bad_cursor() -> crate::refusal::Refusal {
    refuse::value("cursor", "must be the 'next_cursor' of the page before")
}

impl Page {
    /// The part of a whole list in the order of `key`, and the cursor of the next part.
    pub(super) fn of<T>(&self, mut all: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        all.sort_by_cached_key(&key);
        if let Some(after) = &self.after {
            all.retain(|item| key(item) > *after);
        }
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| more).map(|last| cursor(&key(last)));
        (all, next)
    }
}

/// Packs where a page ended, so that nobody takes it for something to build on.
pub(super) fn cursor(end: &str) -> String {
    end.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unpack(text: &str) -> Option<String> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    String::from_utf8(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()).ok()
}

/// A moment as the API writes it: RFC 3339 in UTC, with milliseconds where there can be any.
pub(super) fn moment_of_ms(unix_ms: u64) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()?;
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment.to_offset(UtcOffset::UTC).format(form).ok()
}

/// A moment in whole seconds, as the API writes it.
pub(super) fn moment_of_s(unix_s: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix_s).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param<T>(found: Checked<T>) -> Result<T, String> {
        found.map_err(|refusal| refusal.error.param.unwrap_or_default())
    }

    #[test]
    fn parameters() {
        let query = Query::new(Some("a=1&b=x%20y+z&c=&d=1&d=2&n=-1"));
        assert_eq!(param(query.get("a")), Ok(Some("1")));
        assert_eq!(param(query.get("b")), Ok(Some("x y z")));
        assert_eq!(param(query.get("c")), Err("c".to_owned()));
        assert_eq!(param(query.get("e")), Ok(None));
        assert_eq!(param(query.get("d")), Err("d".to_owned()));
        assert_eq!(param(query.integer("n", 1, 5)), Err("n".to_owned()));
        assert_eq!(param(query.integer("a", 1, 5)), Ok(Some(1)));
        assert_eq!(param(query.integer("a", 2, 5)), Err("a".to_owned()));
        assert_eq!(param(query.finish()), Ok(()));
        assert_eq!(param(Query::new(Some("z")).finish()), Err("z".to_owned()));
        assert_eq!(param(Query::new(None).finish()), Ok(()));
    }

    #[test]
    fn moments() {
        let check = |text: &str, expect: Result<i64, &str>| {
            let encoded: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("from", text).finish();
            let found = param(Query::new(Some(&encoded)).moment("from"));
            assert_eq!(found, expect.map(Some).map_err(str::to_owned), "{text}");
        };
        check("1970-01-02", Ok(86_400));
        check("1970-01-02T00:00:00+01:00", Ok(82_800));
        check("1970-01-02T00:00:00.5Z", Ok(86_400));
        check("1970-1-2", Err("from"));
        check("yesterday", Err("from"));
        check("0", Err("from"));
        assert_eq!(moment_of_ms(1_795_219_200_007).as_deref(), Some("2026-11-21T00:00:00.007Z"));
        assert_eq!(moment_of_s(1_795_219_200).as_deref(), Some("2026-11-21T00:00:00Z"));
    }

    #[test]
    fn pages() {
        let all = || vec!["c", "a", "ä", "b"];
        let key = |item: &&str| (*item).to_owned();
        let mut page = Page { limit: 3, after: None };
        let (first, next) = page.of(all(), key);
        assert_eq!(first, ["a", "b", "c"]);
        let cursor = next.unwrap();
        let query = Query::new(Some(&format!("limit=3&cursor={cursor}"))).page().unwrap();
        page.after = query.after;
        assert_eq!(page.of(all(), key), (vec!["ä"], None));
        assert_eq!(Page { limit: 4, after: None }.of(all(), key).1, None);
        let check = |text: &str, expect: &str| {
            assert_eq!(param(Query::new(Some(text)).page()), Err(expect.to_owned()), "{text}");
        };
        check("limit=0", "limit");
        check("limit=501", "limit");
        check("limit=x", "limit");
        check("cursor=x", "cursor");
        check("cursor=abc", "cursor");
        check("cursor=ff", "cursor");
    }
}
