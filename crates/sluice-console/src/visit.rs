//! One visit of a page: who looks, at what, in which language.

use crate::{Page, url};

/// What a page is made from, beside the answers to what it wants.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    pub page: Page,
    /// The variable part of the path, unescaped; empty where the page has none.
    pub id: &'a str,
    pub query: &'a Query,
    /// [`Who::nobody`] on public pages without a session.
    pub who: &'a Who,
    pub language: Language,
    pub theme: Theme,
    /// How far the viewer's clock is ahead of UTC, in minutes.
    pub zone_minutes: i32,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// Token of the session, for mutations; empty without one.
    pub csrf: &'a str,
    /// In which money is shown beside US dollars.
    pub currency: Option<&'a Currency>,
    /// Where callers reach the API, such as `http://127.0.0.1:8080/v1`.
    pub api_base: &'a str,
    /// Of this program.
    pub version: &'a str,
}

/// The signed-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Empty: nobody is signed in.
    pub user_id: String,
    pub email: String,
    pub role: Role,
    /// The projects that they see; `None`: all.
    pub projects: Option<Vec<String>>,
}

/// What a user may do. The admin API decides; pages only leave out what it would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Owner,
    Admin,
    Billing,
    Viewer,
    Member,
}

/// Something that pages offer to those who may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See requests and usage beyond those of own keys, projects, and models with their targets.
    SeeProjects,
    /// See providers, users, settings and status.
    SeeGateway,
    SeeAudit,
    /// Make and change keys.
    WriteKeys,
    /// Rotate and revoke: own keys at least.
    RotateKeys,
    /// Of keys.
    WriteBudgets,
    /// Whoever is held to projects makes theirs no wider.
    WriteProjectBudgets,
    /// Make and change projects, models, providers and settings.
    WriteGateway,
    WriteUsers,
    /// Make and change owners, and providers on internal networks.
    WriteOwners,
}

impl Who {
    /// Nobody: a public page.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { user_id: String::new(), email: String::new(), role: Role::Member, projects: Some(Vec::new()) }
    }

    /// Whether anybody is signed in.
    #[must_use]
    pub fn is_somebody(&self) -> bool {
        !self.user_id.is_empty()
    }

    /// Whether the admin API would let them call with a key, of the owner that it names: a user's id, or the address in
    /// a configuration file.
    #[must_use]
    pub fn may_spend(&self, owner: Option<&str>) -> bool {
        let own =
            |owner: &str| owner == self.user_id || owner.trim().to_lowercase() == self.email.to_lowercase();
        self.is_somebody() && (matches!(self.role, Role::Owner | Role::Admin) || owner.is_some_and(own))
    }

    /// Whether the admin API would let them.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        use Action::*;
        use Role::{Admin, Billing, Owner, Viewer};
        let everywhere = self.projects.is_none();
        if !self.is_somebody() {
            return false;
        }
        match action {
            SeeProjects => self.role != Role::Member,
            SeeGateway => everywhere && matches!(self.role, Owner | Admin | Viewer),
            SeeAudit => everywhere && self.role != Role::Member,
            WriteKeys => matches!(self.role, Owner | Admin),
            RotateKeys => matches!(self.role, Owner | Admin | Role::Member),
            WriteBudgets => matches!(self.role, Owner | Admin | Billing),
            WriteProjectBudgets => self.role == Billing || (everywhere && matches!(self.role, Owner | Admin)),
            WriteGateway | WriteUsers => everywhere && matches!(self.role, Owner | Admin),
            WriteOwners => everywhere && self.role == Owner,
        }
    }
}

impl Role {
    /// All, the widest first.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Billing, Self::Viewer, Self::Member];

    /// The role's word in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Billing => "billing",
            Self::Viewer => "viewer",
            Self::Member => "member",
        }
    }

    /// The role of a word of the API.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// The language of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

impl Language {
    /// All, in the order of the switch.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// What stands in `lang` and in the cookie.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Its name in itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// The language of a tag, such as `en`, `zh` and `zh-CN`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let first = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().split('-').next() == Some(first))
    }

    /// What an `Accept-Language` asks for: the first of the best-liked that is there.
    #[must_use]
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',').take(32) {
            let mut words = part.split(';');
            let tag = words.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = words.find_map(|word| word.trim().strip_prefix("q=")?.parse::<f32>().ok());
            let weight = weight.unwrap_or(1.0);
            let Some(language) = Self::of_tag(&tag) else { continue };
            if weight > 0.0 && best.is_none_or(|(before, _)| weight > before) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system of the viewer has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// All, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// What stands in the cookie and in `data-theme`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a word that [`Theme::word`] gave.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }
}

/// A currency in which money is shown beside US dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// Three letters, such as `CNY`.
    pub code: String,
    /// What one US dollar is in it, in millionths.
    pub rate_millionths: u64,
}

/// The parameters of an address, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Of names and values, unescaped.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }

    /// The first value of a name that is not empty: a form sends its empty fields too.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut of_name = self.pairs.iter().filter(|(known, value)| known == name && !value.is_empty());
        of_name.next().map(|(_, value)| value.as_str())
    }

    /// As [`Query::get`], empty where there is none: for the value of a field.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// All pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The address of `path` with these parameters, of which some are `changed`; an empty value takes one away.
    #[must_use]
    pub fn with(&self, path: &str, changed: &[(&str, &str)]) -> String {
        let kept = self.pairs().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
        url::with_query(path, kept.chain(changed.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_accepted_by_weight() {
        let check = |header: &str, expect| assert_eq!(Language::accepted(header), expect, "{header}");
        check("", None);
        check("de,fr;q=0.5,*", None);
        check("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Chinese));
        check("en-GB,en;q=0.9,zh;q=0.8", Some(Language::English));
        check("de, zh-Hant;q=0.3", Some(Language::Chinese));
        check("en;q=0.1, ZH ; q=0.2", Some(Language::Chinese));
        check("zh;q=0", None);
        check("zh;q=x", Some(Language::Chinese));
    }

    #[test]
    fn words_lead_back() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.word()), Some(role));
        }
        for theme in Theme::ALL {
            assert_eq!(Theme::of(theme.word()), Some(theme));
        }
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.tag()), Some(language));
        }
    }

    #[test]
    fn queries_are_changed_in_part() {
        let pairs = [("model", "a b"), ("cursor", "x"), ("status", "")];
        let query = Query::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        let check = |changed: &[(&str, &str)], expect: &str| assert_eq!(query.with("/r", changed), expect);
        check(&[], "/r?model=a%20b&cursor=x");
        check(&[("cursor", "y")], "/r?model=a%20b&cursor=y");
        check(&[("cursor", ""), ("model", ""), ("key", "k")], "/r?key=k");
        assert_eq!((query.get("status"), query.text("status"), query.text("model")), (None, "", "a b"));
    }

    #[test]
    fn roles_may_what_the_api_lets_them() {
        let check = |role, projects: Option<&[&str]>, expect: &str| {
            let projects = projects.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
            let who = Who { user_id: "u".to_owned(), email: String::new(), role, projects };
            let all = [
                ("projects", Action::SeeProjects),
                ("gateway", Action::SeeGateway),
                ("audit", Action::SeeAudit),
                ("keys!", Action::WriteKeys),
                ("rotate!", Action::RotateKeys),
                ("budgets!", Action::WriteBudgets),
                ("projects!", Action::WriteProjectBudgets),
                ("gateway!", Action::WriteGateway),
                ("users!", Action::WriteUsers),
                ("owners!", Action::WriteOwners),
            ];
            let found: Vec<&str> = all.iter().filter(|(_, a)| who.can(*a)).map(|(word, _)| *word).collect();
            assert_eq!(found.join(" "), expect, "{role:?}");
        };
        check(
            Role::Owner,
            None,
            "projects gateway audit keys! rotate! budgets! projects! gateway! users! owners!",
        );
        check(Role::Admin, None, "projects gateway audit keys! rotate! budgets! projects! gateway! users!");
        check(Role::Admin, Some(&["p"]), "projects keys! rotate! budgets!");
        check(Role::Billing, None, "projects audit budgets! projects!");
        check(Role::Billing, Some(&["p"]), "projects budgets! projects!");
        check(Role::Viewer, None, "projects gateway audit");
        check(Role::Viewer, Some(&["p"]), "projects");
        check(Role::Member, Some(&["p"]), "rotate!");
        let mut who = Who { role: Role::Viewer, email: "A@example.com".to_owned(), ..Who::nobody() };
        assert!(!who.may_spend(Some("")) && !who.may_spend(Some("a@example.com")));
        who.user_id = "user_1".to_owned();
        for (owner, expect) in
            [(None, false), (Some("user_2"), false), (Some("user_1"), true), (Some(" a@Example.com"), true)]
        {
            assert_eq!(who.may_spend(owner), expect, "{owner:?}");
        }
        let nobody = Who::nobody();
        assert!(!nobody.is_somebody() && !nobody.can(Action::RotateKeys));
    }
}
