//! The table of pages.

use crate::{
    Answers, Problem, Rendered, Visit, Want, pages,
    url::encode,
    visit::{Action, Who},
};

/// A page of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Overview,
    Requests,
    Request,
    Keys,
    Key,
    Projects,
    Project,
    Models,
    Model,
    Providers,
    Provider,
    Users,
    User,
    Audit,
    Settings,
    Status,
    Playground,
    Reference,
    Account,
    SignIn,
    SignInLink,
}

/// All that is to know of a page.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    page: Page,
    /// Its path. `{id}` is one segment, `{name}` the rest of the path.
    pub(crate) pattern: &'static str,
    /// Whether it needs no session.
    pub(crate) public: bool,
    wants: fn(&Visit<'_>) -> Vec<Want>,
    render: fn(&Visit<'_>, &Answers) -> Rendered,
}

const fn entry(
    page: Page,
    pattern: &'static str,
    wants: fn(&Visit<'_>) -> Vec<Want>,
    render: fn(&Visit<'_>, &Answers) -> Rendered,
) -> Entry {
    Entry { page, pattern, public: false, wants, render }
}

const fn public(entry: Entry) -> Entry {
    Entry { public: true, ..entry }
}

static ENTRIES: &[Entry] = {
    use crate::pages::{
        account, audit, keys, models, overview, playground, projects, providers, reference, requests,
        settings, sign_in, status, users,
    };
    &[
        entry(Page::Overview, "/", overview::wants, overview::render),
        entry(Page::Requests, "/requests", requests::list::wants, requests::list::render),
        entry(Page::Request, "/requests/{id}", requests::one::wants, requests::one::render),
        entry(Page::Keys, "/keys", keys::list::wants, keys::list::render),
        entry(Page::Key, "/keys/{id}", keys::one::wants, keys::one::render),
        entry(Page::Projects, "/projects", projects::list::wants, projects::list::render),
        entry(Page::Project, "/projects/{name}", projects::one::wants, projects::one::render),
        entry(Page::Models, "/models", models::list::wants, models::list::render),
        entry(Page::Model, "/models/{name}", models::one::wants, models::one::render),
        entry(Page::Providers, "/providers", providers::list::wants, providers::list::render),
        entry(Page::Provider, "/providers/{name}", providers::one::wants, providers::one::render),
        entry(Page::Users, "/users", users::list::wants, users::list::render),
        entry(Page::User, "/users/{id}", users::one::wants, users::one::render),
        entry(Page::Audit, "/audit", audit::wants, audit::render),
        entry(Page::Settings, "/settings", settings::wants, settings::render),
        entry(Page::Status, "/status", status::wants, status::render),
        entry(Page::Playground, "/playground", playground::wants, playground::render),
        public(entry(Page::Reference, "/docs", reference::wants, reference::render)),
        entry(Page::Account, "/account", account::wants, account::render),
        public(entry(Page::SignIn, "/sign-in", sign_in::wants, sign_in::render)),
        public(entry(Page::SignInLink, "/sign-in/link/{id}", sign_in::link::wants, sign_in::link::render)),
    ]
};

impl Page {
    /// All pages.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| entry.page)
    }

    /// The page of a path, and the variable part of it as it stands there. Paths match exactly.
    #[must_use]
    pub fn find(path: &str) -> Option<(Self, &str)> {
        ENTRIES.iter().find_map(|entry| entry.id(path).map(|id| (entry.page, id)))
    }

    /// The path with its variable part named.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        self.entry().pattern
    }

    /// Whether it needs no session.
    #[must_use]
    pub fn is_public(self) -> bool {
        self.entry().public
    }

    /// The path for an id or a name, which is encoded here.
    #[must_use]
    pub fn path(self, id: &str) -> String {
        match self.pattern().split_once('{') {
            None => self.pattern().to_owned(),
            Some((before, _)) => format!("{before}{}", encode(id)),
        }
    }

    /// Whether the page is offered to a user. The admin API decides what it shows.
    #[must_use]
    pub fn is_for(self, who: &Who) -> bool {
        match self {
            Self::Reference | Self::SignIn | Self::SignInLink => true,
            Self::Projects | Self::Project => who.can(Action::SeeProjects),
            Self::Providers | Self::Provider | Self::Users | Self::User | Self::Settings | Self::Status => {
                who.can(Action::SeeGateway)
            }
            Self::Audit => who.can(Action::SeeAudit),
            _ => who.is_somebody(),
        }
    }

    /// The entry of the navigation that it belongs to.
    pub(crate) fn section(self) -> Self {
        match self {
            Self::Request => Self::Requests,
            Self::Key => Self::Keys,
            Self::Project => Self::Projects,
            Self::Model => Self::Models,
            Self::Provider => Self::Providers,
            Self::User => Self::Users,
            page => page,
        }
    }

    fn entry(self) -> &'static Entry {
        // Every page has a row: a test says so.
        ENTRIES.iter().find(|entry| entry.page == self).unwrap_or(&ENTRIES[0])
    }
}

impl Entry {
    fn id<'a>(&self, path: &'a str) -> Option<&'a str> {
        let Some((before, kind)) = self.pattern.split_once('{') else {
            return (path == self.pattern).then_some("");
        };
        let id = path.strip_prefix(before)?;
        (!id.is_empty() && (kind == "name}" || !id.contains('/'))).then_some(id)
    }
}

/// What a page wants to know. Where the first answer is a refusal, the page is that refusal; the other answers may
/// fail each for itself.
#[must_use]
pub fn wants(visit: &Visit<'_>) -> Vec<Want> {
    (visit.page.entry().wants)(visit)
}

/// The page.
#[must_use]
pub fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let first = wants(visit).first().map(|want| answers.get(want.name));
    match first {
        Some(Err(problem)) => pages::problem::render(visit, &problem),
        _ => (visit.page.entry().render)(visit, answers),
    }
}

/// The page of a refusal that no page's want has met with: no such page, or nobody could be asked.
#[must_use]
pub fn refused(visit: &Visit<'_>, problem: &Problem) -> Rendered {
    pages::problem::render(visit, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::Role;

    #[test]
    fn paths_lead_to_pages() {
        let check = |path: &str, expect: Option<(Page, &str)>| assert_eq!(Page::find(path), expect, "{path}");
        check("/", Some((Page::Overview, "")));
        check("/requests", Some((Page::Requests, "")));
        check("/requests/req_1", Some((Page::Request, "req_1")));
        check("/requests/", None);
        check("/requests/a/b", None);
        check("/models/a/b", Some((Page::Model, "a/b")));
        check("/models/a%2Fb", Some((Page::Model, "a%2Fb")));
        check("/sign-in", Some((Page::SignIn, "")));
        check("/sign-in/link/t", Some((Page::SignInLink, "t")));
        check("/sign-in/other", None);
        check("/docs", Some((Page::Reference, "")));
        check("//requests", None);
        check("/Requests", None);
    }

    #[test]
    fn every_page_has_a_row_and_leads_back() {
        for page in Page::all() {
            let path = page.path("x/y");
            assert_eq!(Page::find(&path).map(|(found, _)| found), Some(page), "{path}");
            assert_eq!(page.entry().page, page);
        }
        assert_eq!(Page::all().last(), Some(Page::SignInLink), "the last of the enum has a row");
        assert_eq!(Page::all().count(), Page::SignInLink as usize + 1);
    }

    #[test]
    fn pages_are_offered_by_role() {
        let check = |role, projects: Option<Vec<String>>, hidden: &[Page]| {
            let who = Who { user_id: "u".to_owned(), email: String::new(), role, projects };
            let found: Vec<Page> =
                Page::all().filter(|page| page.section() == *page && !page.is_for(&who)).collect();
            assert_eq!(found, hidden, "{role:?}");
        };
        use Page::{Audit, Projects, Providers, Settings, Status, Users};
        check(Role::Owner, None, &[]);
        check(Role::Viewer, None, &[]);
        check(Role::Billing, None, &[Providers, Users, Settings, Status]);
        check(Role::Admin, Some(vec!["p".to_owned()]), &[Providers, Users, Audit, Settings, Status]);
        check(Role::Member, Some(Vec::new()), &[Projects, Providers, Users, Audit, Settings, Status]);
    }
}
