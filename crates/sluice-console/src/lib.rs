//! The web console: pages as pure functions from the admin API's answers to HTML.

mod answers;
pub mod assets;
mod page;
mod pages;
pub mod shell;
pub mod texts;
pub mod url;
mod visit;

use askama::Template;

pub use answers::{Answers, Problem, Want};
pub use page::{Page, render, wants};
pub use visit::{Action, Currency, Language, Query, Role, Theme, Visit, Who};

/// A page as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// As in HTTP.
    pub status: u16,
    /// A whole HTML document.
    pub html: String,
}

impl Rendered {
    /// What a template makes.
    pub(crate) fn of(template: &impl Template) -> Self {
        match template.render() {
            Ok(html) => Self { status: 200, html },
            Err(error) => {
                Self { status: 500, html: format!("<!doctype html><title>500</title><p>{error:?}") }
            }
        }
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}
