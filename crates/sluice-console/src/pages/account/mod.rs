//! Account: one's own password, second factor and sessions.

mod texts;

use askama::Template;
use serde::Deserialize;

use self::texts::T;
use crate::{Answers, Rendered, Visit, Want, html::Html, qr, shell::Shell, texts::fill};

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

impl Place {
    /// A browser and its system, as people call them; what is neither is told as it called itself.
    fn name(&self) -> String {
        // The first that is found counts: many call themselves like those after them as well.
        const BROWSERS: [(&str, &str); 6] = [
            ("Edg/", "Edge"),
            ("OPR/", "Opera"),
            ("Firefox/", "Firefox"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
            ("curl/", "curl"),
        ];
        const SYSTEMS: [(&str, &str); 6] = [
            ("Windows", "Windows"),
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Mac OS X", "macOS"),
            ("Linux", "Linux"),
        ];
        let of = |names: &[(&str, &'static str)]| {
            names.iter().find(|(mark, _)| self.label.contains(mark)).map(|(_, name)| *name)
        };
        match (of(&BROWSERS), of(&SYSTEMS)) {
            (Some(browser), Some(system)) => format!("{browser} · {system}"),
            (Some(browser), None) => browser.to_owned(),
            (None, _) => self.label.clone(),
        }
    }
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
    /// The secret of the second factor, for the camera of another device.
    code: Option<Html>,
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
    let code = told.totp.as_ref().and_then(|totp| qr::picture(&totp.address, t.scan));
    let shell = Shell::new(visit, t.title);
    let (told, session, places) = (&told, &session, places.as_slice());
    Rendered::of(&View { shell, t, told, problem, done, session, places, second_factor, code })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Page, test_visit::TestVisit};

    #[test]
    fn browsers_are_called_as_people_call_them() {
        let check = |label: &str, expect: &str| {
            let (created_at, last_seen_at) = (String::new(), String::new());
            let place = Place { label: label.to_owned(), created_at, last_seen_at, current: false };
            assert_eq!(place.name(), expect, "{label}");
        };
        check("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox · Linux");
        check(
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0",
            "Edge · Windows",
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari · iPhone",
        );
        check("curl/8.15.0", "curl");
        check("<b>", "<b>");
    }

    #[test]
    fn a_second_factor_is_set_up_by_camera_or_by_hand() {
        let owned = TestVisit::new(Page::Account);
        let user = json!({ "email": "a@example.com", "has_password": true, "has_totp": false, "recovery_codes_left": 0 });
        let totp = json!({ "secret": "JBSWY3DPEHPK3PXP", "address": "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP", "pending": "00" });
        let answers = Answers::new()
            .with("session", json!({ "role": "owner", "user": user }))
            .with("sessions", json!({ "data": [] }))
            .with("account", json!({ "totp": totp }));
        let html = render(&owned.visit(), &answers).html;
        assert!(html.contains("<title>QR code of the secret</title>"), "{html}");
        assert!(html.contains("<code>JBSWY3DPEHPK3PXP</code>"), "{html}");
    }
}
