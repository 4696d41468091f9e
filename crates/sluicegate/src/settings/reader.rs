//! A reader over the parsed file that goes on after an error, so that all of them are told at once.
//!
//! A [`Section`] is one table. Asking it for a key makes the key known; [`Section::finish`] reports the keys that
//! nobody asked for. Everything read is noted with its path, so that `check` can show what is in force.

use std::{cell::RefCell, ops::Range};

use sluice_ledger::NanoUsd;
use toml::de::{DeTable, DeValue};

use super::{
    dollars,
    expand::expand,
    problem::{Problem, hint, position},
};

/// What stands in place of a secret.
pub(super) const NOT_SHOWN: &str = "(set, not shown)";

/// What is being read, and what was found on the way.
pub(super) struct Reader<'a> {
    source: &'a str,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    effective: RefCell<Vec<Effective>>,
    /// Every key that was asked for, there or not: what the reference is held against.
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::BTreeSet<String>>,
}

/// One setting that is in force. Secrets are masked already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    pub(super) path: String,
    pub(super) value: String,
    /// Whether nobody set it.
    pub(super) is_default: bool,
}

/// What a reader has found once everything is read.
pub(super) struct Findings {
    #[cfg(test)]
    pub(super) asked: std::collections::BTreeSet<String>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    pub(super) effective: Vec<Effective>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a str, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            source,
            env,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            effective: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    pub(super) fn source(&self) -> &str {
        self.source
    }

    /// A variable of the environment that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn problem(&self, offset: usize, path: &str, text: impl Into<String>) {
        self.problems.borrow_mut().push(self.place(offset, path, text.into()));
    }

    pub(super) fn warning(&self, offset: usize, path: &str, text: impl Into<String>) {
        self.warnings.borrow_mut().push(self.place(offset, path, text.into()));
    }

    pub(super) fn note(&self, path: String, value: String, is_default: bool) {
        self.effective.borrow_mut().push(Effective { path, value, is_default });
    }

    /// Everything found, in the order of the file.
    pub(super) fn into_findings(self) -> Findings {
        let (mut problems, mut warnings) = (self.problems.into_inner(), self.warnings.into_inner());
        problems.sort_by_key(|problem| problem.offset);
        warnings.sort_by_key(|problem| problem.offset);
        Findings {
            #[cfg(test)]
            asked: self.asked.into_inner(),
            problems,
            warnings,
            effective: self.effective.into_inner(),
        }
    }

    fn place(&self, offset: usize, path: &str, text: String) -> Problem {
        let (line, column) = position(self.source, offset);
        Problem { offset, line, column, path: path.to_owned(), text }
    }
}

/// A string of the file with its variables expanded.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) value: String,
    /// As the file has it, with its variables unexpanded: what may be shown, for a variable may hold a secret.
    pub(super) shown: String,
    pub(super) path: String,
    pub(super) offset: usize,
}

/// One value of the file.
#[derive(Clone)]
pub(super) struct Value<'a> {
    reader: &'a Reader<'a>,
    pub(super) path: String,
    span: Range<usize>,
    node: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn offset(&self) -> usize {
        self.span.start
    }

    pub(super) fn fail(&self, text: impl Into<String>) {
        self.reader.problem(self.offset(), &self.path, text);
    }

    fn expected(&self, what: &str) {
        self.fail(format!("expected {what}, found {}", article(self.node.type_str())));
    }

    fn note(&self, value: impl Into<String>) {
        self.reader.note(self.path.clone(), value.into(), false);
    }

    fn raw_text(&self) -> Option<Text> {
        let DeValue::String(raw) = self.node else {
            self.expected("a string");
            return None;
        };
        match expand(raw, self.reader.env) {
            Ok(value) => {
                Some(Text { value, shown: raw.to_string(), path: self.path.clone(), offset: self.offset() })
            }
            Err(errors) => {
                let text = self.reader.source.get(self.span.clone()).unwrap_or_default();
                for error in errors {
                    let at = self.offset() + written_at(raw, text, error.at);
                    self.reader.problem(at, &self.path, error.text);
                }
                None
            }
        }
    }

    pub(super) fn text(&self) -> Option<Text> {
        let text = self.raw_text()?;
        self.note(quoted(&text.shown));
        Some(text)
    }

    /// A string that is shown to nobody.
    pub(super) fn secret(&self) -> Option<Text> {
        let text = self.raw_text()?;
        self.note(NOT_SHOWN);
        Some(Text { shown: NOT_SHOWN.to_owned(), ..text })
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let DeValue::Boolean(flag) = self.node else {
            self.expected("true or false");
            return None;
        };
        self.note(flag.to_string());
        Some(*flag)
    }

    pub(super) fn integer(&self, range: Range<u64>) -> Option<u64> {
        let DeValue::Integer(number) = self.node else {
            self.expected("a whole number");
            return None;
        };
        let digits: String = number.as_str().chars().filter(|c| *c != '_').collect();
        match u64::from_str_radix(&digits, number.radix()) {
            Ok(number) if range.contains(&number) => {
                self.note(number.to_string());
                Some(number)
            }
            _ => {
                self.fail(format!("must be from {} to {}, not {number}", range.start, range.end - 1));
                None
            }
        }
    }

    pub(super) fn dollars(&self) -> Option<NanoUsd> {
        let text = match self.node {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => {
                self.expected("an amount of dollars such as 0.15");
                return None;
            }
        };
        match dollars::parse(text) {
            Ok(amount) => {
                self.note(text);
                Some(amount)
            }
            Err(text) => {
                self.fail(text);
                None
            }
        }
    }

    /// A moment, as an RFC 3339 string or a date-time of TOML: its RFC 3339 text.
    pub(super) fn moment(&self) -> Option<Text> {
        match self.node {
            DeValue::Datetime(moment) => {
                let moment = moment.to_string();
                self.note(&moment);
                Some(Text {
                    value: moment.clone(),
                    shown: moment,
                    path: self.path.clone(),
                    offset: self.offset(),
                })
            }
            _ => self.text(),
        }
    }

    pub(super) fn items(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.node else {
            self.expected("an array");
            return None;
        };
        let item = |(index, item): (usize, &'a toml::Spanned<DeValue<'a>>)| Value {
            reader: self.reader,
            path: format!("{}[{index}]", self.path),
            span: item.span(),
            node: item.get_ref(),
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    pub(super) fn section(&self) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.node else {
            self.expected("a table");
            return None;
        };
        Some(Section::new(self.reader, self.path.clone(), self.offset(), table))
    }
}

/// One table of the file.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) path: String,
    /// Where the table begins.
    pub(super) offset: usize,
    table: &'a DeTable<'a>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(reader: &'a Reader<'a>, path: String, offset: usize, table: &'a DeTable<'a>) -> Self {
        Self { reader, path, offset, table, known: RefCell::default() }
    }

    /// The path of a key of this table.
    pub(super) fn path_of(&self, key: &str) -> String {
        let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let key = if bare { key.to_owned() } else { quoted(key) };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        self.known.borrow_mut().push(key);
        #[cfg(test)]
        self.reader.asked.borrow_mut().insert(self.path_of(key));
        let node = self.table.get(key)?;
        Some(Value { reader: self.reader, path: self.path_of(key), span: node.span(), node: node.get_ref() })
    }

    /// As [`Self::get`]; a missing key is an error at the table.
    pub(super) fn need(&self, key: &'static str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.reader.problem(self.offset, &self.path, format!("`{key}` is missing"));
        }
        value
    }

    /// Every key with its value, in the order of the file; for tables whose keys are free.
    pub(super) fn entries(&self) -> Vec<(Text, Value<'a>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, node)| {
                let path = self.path_of(key.get_ref());
                let value = Value {
                    reader: self.reader,
                    path: path.clone(),
                    span: node.span(),
                    node: node.get_ref(),
                };
                let name = key.get_ref().to_string();
                (Text { value: name.clone(), shown: name, path, offset: key.span().start }, value)
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.offset);
        entries
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Text> {
        self.get(key)?.text()
    }

    pub(super) fn flag_or(&self, key: &'static str, default: bool) -> bool {
        self.or_default(key, default, |value| value.flag())
    }

    pub(super) fn integer(&self, key: &'static str, range: Range<u64>) -> Option<u64> {
        self.get(key)?.integer(range)
    }

    pub(super) fn integer_or(&self, key: &'static str, range: Range<u64>, default: u64) -> u64 {
        self.or_default(key, default, |value| value.integer(range))
    }

    /// One of a few words; anything else is an error that lists them.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let list: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.reader.problem(
                text.offset,
                &text.path,
                format!(
                    "must be {}, not `{}`{}",
                    list.join(" or "),
                    text.shown,
                    hint(&text.shown, words.iter().map(|(word, _)| *word))
                ),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// A list of strings.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<Text>> {
        Some(self.get(key)?.items()?.iter().filter_map(Value::text).collect())
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        self.get(key)?.section()
    }

    /// The tables written `[[key]]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        if matches!(value.node, DeValue::Table(_)) {
            value.fail(format!("there may be several of these: write `[[{key}]]`"));
            return Vec::new();
        }
        value.items().unwrap_or_default().iter().filter_map(Value::section).collect()
    }

    fn or_default<T: ToString>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> T {
        match self.get(key) {
            Some(value) => read(value).unwrap_or(default),
            None => {
                self.reader.note(self.path_of(key), default.to_string(), true);
                default
            }
        }
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.entries() {
            if known.contains(&key.value.as_str()) {
                continue;
            }
            let mut words: Vec<&str> = known.clone();
            words.sort_unstable();
            words.dedup();
            let hint = hint(&key.value, words.iter().copied());
            let text = if hint.is_empty() {
                format!("there is no such setting; there are: {}", words.join(", "))
            } else {
                format!("there is no such setting{hint}")
            };
            self.reader.problem(key.offset, &key.path, text);
        }
    }
}

/// A string as it would stand in the file.
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// Where a `${` of a string stands in the text that the file has for it; its begin where escapes hide one.
fn written_at(raw: &str, source: &str, at: usize) -> usize {
    let before = raw[..at].matches("${").count();
    let mut written = source.match_indices("${").map(|(at, _)| at);
    if written.clone().count() == raw.matches("${").count() { written.nth(before).unwrap_or(0) } else { 0 }
}

fn article(type_name: &str) -> String {
    match type_name {
        "integer" | "array" => format!("an {type_name}"),
        other => format!("a {other}"),
    }
}
