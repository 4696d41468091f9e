//! The web console: pages as pure functions from the admin API's answers to HTML.
//!
//! The console is a client of the admin API. A page says which calls it wants the answers of ([`wants`], GETs only); the
//! gateway performs them in its process as the one who is signed in, and [`render`] makes a whole document of the
//! answers. So who may see what is decided in one place, the admin API. Changes go from the browser straight to it.
//! Nothing in this crate does I/O or knows the time: both come in with the [`Visit`].
//!
//! # How a page is built
//!
//! A page has a folder `src/pages/<page>/` with `mod.rs` (or `list.rs` and `one.rs`) and `texts.rs`, a template
//! `templates/<page>.html` or `templates/<page>/*.html`, and, where it does more than forms, a module
//! `assets/<page>.js`. Its row in the table of `src/page.rs` gives it a path.
//!
//! ```text
//! #[derive(Template)]
//! #[template(path = "keys/list.html")]
//! struct View<'a> { shell: Shell<'a>, t: &'static T, keys: Vec<Key>, pager: Pager }
//!
//! pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
//!     vec![Want::new("keys", "keys").with_those(visit.query, &["project", "cursor"]), Want::new("projects", "projects")]
//! }
//!
//! pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
//!     let t = T::of(visit.language);
//!     match answers.read::<List<Key>>("keys") {
//!         Ok(list) => Rendered::of(&View { shell: Shell::new(visit, t.title), t, … }),
//!         Err(problem) => pages::problem::render(visit, &problem),
//!     }
//! }
//! ```
//!
//! - **Wants**: the first is the page: where it is refused (403, 404, 503), the visitor gets that refusal as a calm
//!   page with its status, before `render` is called. Each of the others may fail for itself: show
//!   `{{ ui::problem(problem) }}` in its panel. The admin API refuses unknown and empty query parameters, so pass on
//!   by name what you know ([`Want::with_those`] leaves out empty ones); a variable part of a path goes through
//!   [`Want::one`] or [`url::encode`].
//! - **Answers** are read into structs of the page's own (`#[derive(Deserialize)]`, only the fields that it shows,
//!   `Option` for what may be `null`): [`Answers::read`].
//! - **Texts**: all of them in `texts.rs` (`texts!`), in both languages; slots `{0}` are filled by [`texts::fill`].
//!   Words of the shell and of parts are `shell.words`. What is in English whatever the language (an error of a
//!   provider, code) stands in an element with `lang="en"`.
//! - **Values** through the shell, which knows currency and zone: `{{ shell.money(nano) }}`, `short` and `count` for
//!   numbers, `duration(ms)`, `percent(part, whole)`, `bytes`, `time("2026-…Z")`, `time_ms`; `None` is a dash. For the
//!   values of fields: `text`, `usd_field`, `time_field`.
//! - **Addresses**: `Page::Key.path(id)` encodes; `visit.query.with(path, &[("cursor", "")])` keeps the other
//!   parameters. Every number links to the requests behind it.
//! - **Who may**: `shell.can(Action::WriteKeys)` leaves out buttons that the API would refuse. It guards nothing.
//! - **Markup**: `{% extends "base.html" %}`, `{% import "ui.html" as ui %}`, content in `{% block main %}`, one
//!   `<h1>` in `<header class="head">`. `templates/gallery.html` has every part once; the parts are explained where
//!   they are made, in `templates/ui.html`, and the classes in `assets/console.css`. A table stands in
//!   `<div class="scroll">`, numbers in cells of class `number`; columns of class `wide` are left out on a phone, so
//!   that nothing scrolls sideways at 390 pixels. An empty list says what to do next (`ui::empty`).
//! - **Charts**: [`chart`]: `{{ chart }}` of what `TimeChart { … }.html()` gives.
//! - **Escaping**: everything is escaped. There is no `|safe`; only [`html::Html`], which this crate makes, is not.
//!   The policy allows no `style=`, no `onclick=`, no inline script, and no `innerHTML` in scripts.
//!
//! # Forms and changes
//!
//! A form names its call, its fields are named after the API's: `core.js` makes JSON of them and shows a refusal at the
//! field that its `param` names.
//!
//! ```text
//! <form class="form" data-api="POST /admin/v1/keys" data-next="/keys/{id}">
//!   {{ ui::text("create", "name", t.name, required = true) }}
//!   {{ ui::integer("create", "limits.rpm", t.rpm) }}
//!   <fieldset data-object="budget" data-needs="budget.limit_nanousd">…{{ ui::money("create", "budget.limit_nanousd", t.limit) }}…</fieldset>
//!   {{ ui::submit(t.create, cancel = true) }}
//! </form>
//! ```
//!
//! - `POST` leaves empty fields out; `PATCH` sends only what was changed, and `null` for what was emptied. Names nest
//!   by dots (`limits.rpm`) and indices (`targets[0].model`, rows marked `data-row` in a `data-list="targets"
//!   data-rows="2"`; a `<template id>` in it and buttons `data-add="id"`, `data-remove` add and remove rows).
//!   `data-type` says what a text is: `integer`, `money` (US dollars to nano-dollars, exactly), `list`, `moment`,
//!   `json`, `lines` (`name: value` a line, as an object); checkboxes are booleans, or a list with
//!   `data-type="list"`. `data-skip` keeps a field out.
//! - Afterwards: `data-next="/keys/{id}"` goes there, filled from the answer; without it the page is loaded again;
//!   `data-secret="panel"` shows the answer's `secret` once (`ui::once`); the event `api:done` on the form lets a
//!   page's script do something else. A button may call by itself: `<button data-api="DELETE /admin/v1/keys/…"
//!   data-confirm="…" data-next="/keys">`.
//! - A dialog is `ui::dialog(id, …)`, opened by `<button data-dialog="id">` and by `#id` in the address.
//! - A page's script imports from `"./core.js"`: `api`, `make`, `toast`, `follow` (events), `bodyOf`, `localTime`.
//!   Words that it needs stand in `data-*` attributes of the markup. Types are JSDoc, checked by `tsc --checkJs`. It is
//!   named by `Shell::with_scripts(&["keys.js"])`.
//!
//! # Tests
//!
//! `test_visit::TestVisit` makes visits; a page is tested by answers as JSON literals and what the markup must have.

mod answers;
pub mod assets;
pub mod chart;
pub mod format;
#[cfg(test)]
mod gallery;
pub mod html;
mod page;
mod pages;
pub mod parts;
mod qr;
pub mod shell;
#[cfg(test)]
mod test_visit;
pub mod texts;
pub mod url;
mod visit;

use askama::Template;

pub use answers::{Answers, Problem, Want};
pub use page::{Page, refused, render, wants};
pub use visit::{Action, Currency, Language, Query, Role, Theme, Visit, Who};

/// A page of a list of the admin API.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    /// Where the next page begins; `None`: this is the last.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

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
