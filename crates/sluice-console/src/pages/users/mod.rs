//! Users: the list, and one of them.

pub(crate) mod list;
pub(crate) mod one;
mod texts;

use serde::Deserialize;

use self::texts::T;
use crate::{Action, Answers, List, Role, Visit, parts::Choice};

/// What stands for all projects.
const ALL_PROJECTS: &str = "*";

/// Somebody who signs in, as the admin API shows them.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) projects: Vec<String>,
    #[serde(default)]
    pub(crate) disabled: bool,
    #[serde(default)]
    pub(crate) has_password: bool,
    #[serde(default)]
    pub(crate) has_totp: bool,
    pub(crate) invite_expires_at: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) last_seen_at: Option<String>,
}

impl User {
    /// The text and the kind of its badge.
    pub(crate) fn badge(&self, t: &T) -> (&'static str, &'static str) {
        match () {
            () if self.disabled => (t.disabled, "bad"),
            () if self.has_password => (t.active, "good"),
            () if self.invite_expires_at.is_some() => (t.invited, "warn"),
            () => (t.no_password, "plain"),
        }
    }

    pub(crate) fn role_name(&self, t: &T) -> String {
        Role::of(&self.role).map_or_else(|| self.role.clone(), |role| role_name(role, t).to_owned())
    }

    /// Where the role holds, in a line.
    pub(crate) fn projects_line(&self, t: &T) -> String {
        match self.role.as_str() {
            "member" => t.own_keys.to_owned(),
            _ if self.projects.iter().any(|name| name == ALL_PROJECTS) => t.all_projects.to_owned(),
            _ => self.projects.join(", "),
        }
    }
}

pub(crate) fn role_name(role: Role, t: &T) -> &'static str {
    match role {
        Role::Owner => t.role_owner,
        Role::Admin => t.role_admin,
        Role::Billing => t.role_billing,
        Role::Viewer => t.role_viewer,
        Role::Member => t.role_member,
    }
}

/// The roles that a visitor may give.
fn roles(visit: &Visit<'_>, chosen: &str) -> Vec<Choice> {
    let t = T::of(visit.language);
    let offered = Role::ALL.into_iter().filter(|role| {
        *role != Role::Owner || visit.who.can(Action::WriteOwners) || chosen == Role::Owner.word()
    });
    Choice::list(offered.map(|role| (role.word(), role_name(role, t))), chosen)
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// All projects, and each for itself; those of `chosen` are marked.
fn projects(answers: &Answers, chosen: &[String], t: &T) -> Vec<Choice> {
    let known: Vec<Named> = answers.read::<List<Named>>("projects").map(|list| list.data).unwrap_or_default();
    let mut names: Vec<&str> = known.iter().map(|project| project.name.as_str()).collect();
    names.extend(chosen.iter().map(String::as_str).filter(|name| *name != ALL_PROJECTS));
    names.sort_unstable();
    names.dedup();
    let all = (ALL_PROJECTS, t.all_projects);
    let mut choices =
        Choice::list(std::iter::once(all).chain(names.into_iter().map(|name| (name, name))), "");
    for choice in &mut choices {
        choice.chosen = chosen.contains(&choice.value);
    }
    choices
}
