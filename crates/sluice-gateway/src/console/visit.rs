//! Who visits, and how they like it.

use std::sync::Arc;

use http::{
    HeaderMap,
    header::{ACCEPT_LANGUAGE, HOST},
    request::Parts,
};
use sluice_console::{Currency, Language, Page, Query, Role, Theme, Visit, Who};
use url::form_urlencoded;

use super::preferences;
use crate::{
    access::session::{SignedIn, cookie},
    admin::principal::{Principal, Scope},
    ids::Ids,
    worker::Worker,
};

/// No clock on earth is further from UTC, in minutes.
const ZONE_MINUTES_MAX: i32 = 14 * 60;

/// Everything about a visit that does not depend on the page.
#[derive(Debug)]
pub(super) struct Visitor {
    /// `None`: nobody is signed in.
    pub(super) principal: Option<Arc<Principal>>,
    who: Who,
    query: Query,
    language: Language,
    theme: Theme,
    zone_minutes: i32,
    csrf: String,
    currency: Option<Currency>,
    api_base: String,
}

impl Visitor {
    pub(super) fn of(worker: &Worker, (ids, head): (&Ids, &Parts), viewer: Option<&SignedIn>) -> Self {
        let headers = &head.headers;
        let snapshot = worker.snapshot();
        let settings = &snapshot.settings;
        let principal = viewer.map(|viewer| Arc::new(viewer.principal()));
        let pairs = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
        Self {
            who: principal.as_deref().map_or_else(Who::nobody, who),
            principal,
            query: Query::new(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()),
            language: language(headers, settings.default_language.as_deref()),
            theme: cookie(headers, preferences::THEME).and_then(Theme::of).unwrap_or_default(),
            zone_minutes: zone_minutes(headers),
            csrf: viewer.map(|viewer| viewer.csrf_shown(ids.request_text())).unwrap_or_default(),
            currency: settings.display_currency.as_ref().map(|currency| Currency {
                code: currency.code.clone(),
                rate_millionths: currency.rate_millionths,
            }),
            api_base: api_base(worker, headers),
        }
    }

    pub(super) fn visit<'a>(&'a self, page: Page, id: &'a str, now_ms: u64) -> Visit<'a> {
        Visit {
            page,
            id,
            query: &self.query,
            who: &self.who,
            language: self.language,
            theme: self.theme,
            zone_minutes: self.zone_minutes,
            now_ms,
            csrf: &self.csrf,
            currency: self.currency.as_ref(),
            api_base: &self.api_base,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// A principal as pages see it.
fn who(principal: &Principal) -> Who {
    let person = principal.user.as_ref();
    Who {
        user_id: principal.actor.clone(),
        email: person.map_or_else(|| principal.actor.clone(), |person| person.email.clone()),
        role: Role::of(principal.role.as_str()).unwrap_or(Role::Member),
        projects: match &principal.projects {
            Scope::All => None,
            Scope::Only(names) => Some(names.clone()),
        },
    }
}

/// What was chosen, else what the browser asks for, else what is usual here.
fn language(headers: &HeaderMap, usual: Option<&str>) -> Language {
    let chosen = cookie(headers, preferences::LANGUAGE).and_then(Language::of_tag);
    let accepted = || headers.get(ACCEPT_LANGUAGE).and_then(|value| Language::accepted(value.to_str().ok()?));
    let usual = || usual.and_then(Language::of_tag);
    chosen.or_else(accepted).or_else(usual).unwrap_or(Language::English)
}

fn zone_minutes(headers: &HeaderMap) -> i32 {
    let minutes = cookie(headers, preferences::ZONE).and_then(|text| text.parse().ok());
    minutes.filter(|minutes: &i32| minutes.abs() <= ZONE_MINUTES_MAX).unwrap_or(0)
}

/// The data plane, on the host under which the console was reached: it is the one that the viewer can reach.
pub(super) fn api_base(worker: &Worker, headers: &HeaderMap) -> String {
    let scheme = if worker.shared.tls.load().is_some() { "https" } else { "http" };
    let data = worker.shared.data_addr;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.map(|host| {
        host.rsplit_once(':').map_or(host, |(name, port)| {
            // The colons of a bare IPv6 address are inside its brackets.
            if port.ends_with(']') { host } else { name }
        })
    });
    let host = host.filter(|host| !host.is_empty() && data.ip().is_unspecified());
    match host {
        Some(host) => format!("{scheme}://{host}:{}/v1", data.port()),
        None => format!("{scheme}://{data}/v1"),
    }
}
