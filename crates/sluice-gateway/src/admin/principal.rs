//! Who asks the admin API: the holder of the admin token, or somebody who has signed in.

use sluice_ledger::{Key, Origin};
use sluice_store::{Catalog, query::Visible, users::Role};

use super::refuse::{self, Checked};
use crate::refusal::Refusal;

/// The actor of what is done with the admin token.
const TOKEN_ACTOR: &str = "admin_token";

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// Who it is in the audit log: `admin_token`, or the id of a user.
    pub(crate) actor: String,
    /// The account; `None` for the admin token.
    pub(crate) user: Option<Person>,
    pub(crate) role: Role,
    pub(crate) projects: Scope,
    /// How a person is signed in.
    pub(crate) session: Option<Session>,
}

/// The account of a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
}

/// The session of a principal.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) hash: [u8; 32],
    /// What changes asked for by our own pages show.
    pub(crate) csrf: String,
    /// Unix milliseconds.
    pub(crate) expires_ms: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("expires_ms", &self.expires_ms).finish_non_exhaustive()
    }
}

/// The projects in which a principal may do what its role allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Only(Vec<String>),
}

impl Principal {
    /// Whoever holds the admin token.
    pub(crate) fn admin_token() -> Self {
        Self {
            actor: TOKEN_ACTOR.to_owned(),
            user: None,
            role: Role::Owner,
            projects: Scope::All,
            session: None,
        }
    }

    /// Whether nothing is kept from it because of where it belongs.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.role != Role::Member && self.projects == Scope::All
    }

    /// Whether it sees a project, by its name.
    pub(crate) fn sees_project(&self, name: &str) -> bool {
        self.role != Role::Member && self.has_project(name)
    }

    fn has_project(&self, name: &str) -> bool {
        match &self.projects {
            Scope::All => true,
            Scope::Only(list) => list.iter().any(|project| project == name),
        }
    }

    /// Whether it sees a key and all that belongs to it.
    pub(crate) fn sees_key(&self, key: &Key) -> bool {
        match self.role {
            Role::Member => self.owns(key),
            _ => self.has_project(&key.project),
        }
    }

    /// Whether a key is its own. The configuration file knows people by their addresses.
    pub(crate) fn owns(&self, key: &Key) -> bool {
        let (Some(person), Some(owner)) = (&self.user, &key.owner) else { return false };
        match key.origin {
            Origin::File => owner.trim().to_lowercase() == person.email.to_lowercase(),
            Origin::Admin | Origin::FirstRun => *owner == person.id,
        }
    }

    /// Whether it may spend what a key may spend.
    pub(super) fn may_act_as(&self, key: &Key, not_found: impl FnOnce() -> Refusal) -> Checked<()> {
        match self.role {
            _ if !self.sees_key(key) => Err(not_found()),
            Role::Owner | Role::Admin => Ok(()),
            _ if self.owns(key) => Ok(()),
            role => {
                let text = format!("The role '{}' may act as its own keys only.", role.as_str());
                Err(refuse::role(None, &text))
            }
        }
    }

    /// Whose usage and requests it sees.
    pub(crate) fn visible(&self, catalog: &Catalog) -> Visible {
        match (&self.role, &self.projects) {
            (Role::Member, _) => {
                let own = catalog.keys.iter().filter(|key| self.owns(key));
                Visible::Keys(own.map(|key| key.id.clone()).collect())
            }
            (_, Scope::Only(projects)) => Visible::Projects(projects.clone()),
            (_, Scope::All) => Visible::All,
        }
    }

    /// 403 where a patch says more than the role may change.
    pub(super) fn may_patch(&self, patch: &serde_json::Value) -> Checked<()> {
        let more = |name: &&String| self.role == Role::Billing && *name != "budget";
        match patch.as_object().and_then(|fields| fields.keys().find(more)) {
            Some(field) => Err(refuse::role(Some(field), "The role 'billing' changes nothing but 'budget'.")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_ledger::{KeyHash, Limits, ModelAccess};

    use super::*;

    fn key(project: &str, owner: Option<&str>, origin: Origin) -> Key {
        Key {
            id: "key_1".to_owned(),
            name: "n".to_owned(),
            hash: KeyHash::of("sk-x"),
            prefix: String::new(),
            project: project.to_owned(),
            models: ModelAccess::All,
            limits: Limits::default(),
            model_limits: Default::default(),
            budget: None,
            default_max_output_tokens: None,
            expires_at: None,
            owner: owner.map(str::to_owned),
            revoked: false,
            previous: None,
            created_at: None,
            origin,
        }
    }

    fn person(role: Role, projects: Scope) -> Principal {
        let user = Person { id: "user_1".to_owned(), email: "Ann@example.com".to_owned() };
        Principal { actor: user.id.clone(), user: Some(user), role, projects, session: None }
    }

    #[test]
    fn keys_are_seen_by_project_or_by_owner() {
        let only = || Scope::Only(vec!["a".to_owned()]);
        let check = |principal: &Principal, key: &Key, sees: bool| {
            assert_eq!(principal.sees_key(key), sees, "{principal:?} {key:?}");
            let catalog = Catalog { keys: vec![key.clone()], ..Catalog::default() };
            assert_eq!(principal.visible(&catalog).shows(&key.project, &key.id), sees);
        };
        let (here, there) = (key("a", None, Origin::Admin), key("b", None, Origin::Admin));
        check(&Principal::admin_token(), &there, true);
        for role in [Role::Admin, Role::Billing, Role::Viewer] {
            check(&person(role, Scope::All), &there, true);
            check(&person(role, only()), &here, true);
            check(&person(role, only()), &there, false);
        }
        for projects in [Scope::All, only()] {
            let member = person(Role::Member, projects);
            check(&member, &here, false);
            check(&member, &key("b", Some("user_1"), Origin::Admin), true);
            check(&member, &key("a", Some("user_2"), Origin::Admin), false);
            check(&member, &key("a", Some("ann@EXAMPLE.com"), Origin::File), true);
            // Through the admin API anybody may write any address.
            check(&member, &key("a", Some("ann@example.com"), Origin::Admin), false);
            check(&member, &key("a", Some("user_1"), Origin::File), false);
            assert!(!member.sees_project("a"));
        }
    }

    #[test]
    fn billing_changes_budgets_alone() {
        let check = |role, patch: &str, fine: bool| {
            let patch = serde_json::from_str(patch).unwrap();
            assert_eq!(person(role, Scope::All).may_patch(&patch).is_ok(), fine, "{patch}");
        };
        check(Role::Billing, r#"{"budget":null}"#, true);
        check(Role::Billing, r#"{"budget":null,"name":"x"}"#, false);
        check(Role::Billing, r#"{"limits":{}}"#, false);
        check(Role::Admin, r#"{"limits":{}}"#, true);
    }
}
