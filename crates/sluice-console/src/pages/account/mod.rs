//! Account: one's own password, second factor and sessions.

mod texts;

use askama::Template;
use serde::Deserialize;

use self::texts::T;
use crate::{Answers, Rendered, Visit, Want, shell::Shell, texts::fill};

/// What the gateway says about a form that was sent: the answer `account`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    /// What is wrong, in a word.
    error: Option<String>,
    totp: Option<Totp>,
    recovery_codes: Vec<String>,
}

/// A second factor that is being set up.
#[derive(Clone, Debug, Deserialize)]
struct Totp {
    secret: String,
    address: String,
    pending: String,
}

/// The part of the answer `session` that is shown.
#[derive(Clone, Debug, Deserialize)]
struct Session {
    role: String,
    user: User,
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    email: String,
    has_password: bool,
    has_totp: bool,
    recovery_codes_left: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct List {
    data: Vec<Place>,
}

/// Where somebody is signed in.
#[derive(Clone, Debug, Deserialize)]
struct Place {
    label: String,
    created_at: String,
    last_seen_at: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    told: &'a Told,
    problem: &'static str,
    done: &'static str,
    session: &'a Session,
    places: &'a [Place],
    second_factor: String,
}

pub(crate) fn wants(_visit: &Visit<'_>) -> Vec<Want> {
    vec![Want::new("session", "session"), Want::new("sessions", "sessions")]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let told: Told = answers.read("account").unwrap_or_default();
    let session: Session = match answers.read("session") {
        Ok(session) => session,
        Err(problem) => return crate::pages::problem::render(visit, &problem),
    };
    let places = answers.read::<List>("sessions").map(|list| list.data).unwrap_or_default();
    let problem = told.error.as_deref().map_or("", |error| problem(t, error));
    let done = if problem.is_empty() { done(t, visit.query.text("done")) } else { "" };
    let second_factor = match session.user.has_totp {
        true => fill(t.totp_on, &[&session.user.recovery_codes_left]),
        false => t.totp_off.to_owned(),
    };
    let shell = Shell::new(visit, t.title);
    let (told, session, places) = (&told, &session, places.as_slice());
    Rendered::of(&View { shell, t, told, problem, done, session, places, second_factor })
}

fn problem(t: &'static T, error: &str) -> &'static str {
    match error {
        "current_password" => t.wrong_password,
        "new_password" => t.bad_password,
        "code" => t.wrong_code,
        "wait" => t.wait,
        "busy" => t.busy,
        "late" => t.late,
        "changed" => t.changed,
        _ => t.failed,
    }
}

fn done(t: &'static T, what: &str) -> &'static str {
    match what {
        "password" => t.password_done,
        "remove_totp" => t.totp_removed,
        "end_sessions" => t.sessions_ended,
        _ => "",
    }
}
