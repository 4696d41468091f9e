//! Visits for tests.

use crate::{Answers, Currency, Language, Page, Query, Role, Theme, Visit, Who};

/// A visit by an owner, in English, at noon of a day in 2026; tests change what they are about.
#[derive(Debug)]
pub(crate) struct TestVisit {
    pub(crate) page: Page,
    pub(crate) id: String,
    pub(crate) query: Query,
    pub(crate) who: Who,
    pub(crate) language: Language,
    pub(crate) zone_minutes: i32,
    pub(crate) currency: Option<Currency>,
}

impl TestVisit {
    /// 2026-11-21T12:00:00Z
    pub(crate) const NOW_MS: u64 = 1_795_262_400_000;

    pub(crate) fn new(page: Page) -> Self {
        let who = Who {
            user_id: "usr_1".to_owned(),
            email: "a@example.com".to_owned(),
            role: Role::Owner,
            projects: None,
        };
        let id = if page.pattern().contains('{') { "x".to_owned() } else { String::new() };
        Self {
            page,
            id,
            query: Query::default(),
            who,
            language: Language::English,
            zone_minutes: 0,
            currency: None,
        }
    }

    pub(crate) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.query =
            Query::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        self
    }

    pub(crate) fn zone(mut self, minutes: i32) -> Self {
        self.zone_minutes = minutes;
        self
    }

    pub(crate) fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Asserts what the page has and lacks in each language, as somebody of this role sees it.
    pub(crate) fn shows(mut self, role: Role, answers: &Answers, has: &[&str], lacks: &[&str]) {
        self.who.role = role;
        for language in Language::ALL {
            self.language = language;
            // Where a word may be broken is no part of it.
            let html = crate::render(&self.visit(), answers).html.replace("<wbr>", "");
            for text in has {
                assert!(html.contains(text), "{language:?}: no {text} in {html}");
            }
            for text in lacks {
                assert!(!html.contains(text), "{language:?}: {text} in {html}");
            }
        }
    }

    pub(crate) fn visit(&self) -> Visit<'_> {
        Visit {
            page: self.page,
            id: &self.id,
            query: &self.query,
            who: &self.who,
            language: self.language,
            theme: Theme::System,
            zone_minutes: self.zone_minutes,
            now_ms: Self::NOW_MS,
            csrf: "token",
            currency: self.currency.as_ref(),
            api_base: "http://127.0.0.1:8080/v1",
            version: "0.1.0",
        }
    }
}

/// Compares markup with the file of that name in `snapshots/`. What differs is written beside other temporary files,
/// to be looked at and copied over where it is right. Returns whether they are the same.
#[must_use]
pub(crate) fn is_snapshot(name: &str, html: &str) -> bool {
    let lines = html.replace("><", ">\n<") + "\n";
    let file = format!("{}/snapshots/{name}.html", env!("CARGO_MANIFEST_DIR"));
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    if known == lines {
        return true;
    }
    let found = std::env::temp_dir().join("sluice-console-snapshots").join(format!("{name}.html"));
    std::fs::create_dir_all(found.parent().unwrap()).unwrap();
    std::fs::write(&found, &lines).unwrap();
    println!("{file} is not what was made, which is in {}", found.display());
    false
}
