//! Sign-in: by password and code, and by the links that make the first owner or bring in who was invited.

pub(crate) mod link;
mod texts;

use askama::Template;
use serde::Deserialize;

use self::texts::T;
use crate::{Answers, Rendered, Visit, Want, shell::Shell, texts::fill};

/// What the gateway says about the form: the answer `sign_in`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    /// `code` for the second step.
    step: String,
    /// What is wrong, in a word.
    error: String,
    wait_s: u64,
    email: String,
    next: String,
    /// What the second step brings back.
    pending: String,
    /// The address that was invited.
    invited: Option<String>,
    /// Whether there is sign-in by an account elsewhere.
    oidc: bool,
}

impl Told {
    fn of(answers: &Answers) -> Self {
        answers.read("sign_in").unwrap_or_default()
    }

    /// What is wrong, for whoever reads it.
    fn problem(&self, t: &'static T) -> String {
        match self.error.as_str() {
            "" => String::new(),
            "wrong" => t.wrong.to_owned(),
            "code" => t.wrong_code.to_owned(),
            "wait" => fill(t.wait, &[&self.wait_s]),
            "busy" => t.busy.to_owned(),
            "late" => t.late.to_owned(),
            "ended" => t.ended.to_owned(),
            "open" => t.open.to_owned(),
            "forged" => t.forged.to_owned(),
            "link" => t.link_gone.to_owned(),
            "email" => t.bad_email.to_owned(),
            "password" => t.bad_password.to_owned(),
            "oidc" => t.oidc_failed.to_owned(),
            "oidc_unknown" => t.oidc_unknown.to_owned(),
            _ => t.failed.to_owned(),
        }
    }

    /// Where the sign-in by an account elsewhere begins.
    fn elsewhere(&self) -> String {
        crate::url::with_query("/sign-in/oidc", [("next", self.next.as_str())])
    }

    /// Whether there is a form at all.
    fn has_form(&self) -> bool {
        !matches!(self.error.as_str(), "open" | "link")
    }
}

#[derive(Template)]
#[template(path = "sign_in/password.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    told: &'a Told,
    problem: String,
}

pub(crate) fn wants(_visit: &Visit<'_>) -> Vec<Want> {
    vec![]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let (t, told) = (T::of(visit.language), Told::of(answers));
    Rendered::of(&View { shell: Shell::new(visit, t.title), t, problem: told.problem(t), told: &told })
}
