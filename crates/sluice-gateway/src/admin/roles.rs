//! The one table of who may do what: every path and method, every role. Within it an object is still only there for
//! those who see its project; what cannot be said of a path as a whole stands with its handler.

use http::Method;
use sluice_store::users::Role::{self, Admin, Billing, Member, Owner, Viewer};

use super::{
    What,
    principal::Principal,
    refuse::{self, Checked},
};

/// The roles that may use a path.
#[derive(Clone, Copy, Debug)]
struct Grant {
    /// In all projects.
    everywhere: &'static [Role],
    /// In some projects only.
    within: &'static [Role],
}

/// What belongs to projects and keys is shown to everybody, as far as they see those.
const ALL: Grant =
    Grant { everywhere: &[Owner, Admin, Billing, Viewer, Member], within: &[Admin, Billing, Viewer, Member] };
const ALL_BUT_MEMBERS: Grant =
    Grant { everywhere: &[Owner, Admin, Billing, Viewer], within: &[Admin, Billing, Viewer] };
const OPERATORS_READ: Grant = Grant { everywhere: &[Owner, Admin, Viewer], within: &[] };
const OPERATORS: Grant = Grant { everywhere: &[Owner, Admin], within: &[] };
const MAKE_KEYS: Grant = Grant { everywhere: &[Owner, Admin], within: &[Admin] };
const CHANGE_KEYS: Grant = Grant { everywhere: &[Owner, Admin, Billing], within: &[Admin, Billing] };
const END_KEYS: Grant = Grant { everywhere: &[Owner, Admin, Member], within: &[Admin, Member] };
const CHANGE_PROJECTS: Grant = Grant { everywhere: &[Owner, Admin, Billing], within: &[Billing] };
const AUDITORS: Grant = Grant { everywhere: &[Owner, Admin, Billing, Viewer], within: &[] };

fn grant(what: What, method: &Method) -> Grant {
    let reads = method == Method::GET || method == Method::HEAD;
    match (what, reads) {
        (
            What::Keys | What::Key | What::Usage | What::Requests | What::RequestsTail | What::Request,
            true,
        ) => ALL,
        (What::Models | What::Model, true) => ALL,
        (What::Projects | What::Project, true) => ALL_BUT_MEMBERS,
        (What::Providers | What::Provider | What::Nodes | What::Settings | What::Status, true) => {
            OPERATORS_READ
        }
        (What::Vendors, _) => OPERATORS_READ,
        // It calls the provider.
        (What::ProviderModels, _) => OPERATORS,
        (What::Audit, true) => AUDITORS,
        (What::Keys, false) => MAKE_KEYS,
        (What::Key, false) if method == Method::PATCH => CHANGE_KEYS,
        (What::Key | What::KeyRotate, _) => END_KEYS,
        (What::Project, false) if method == Method::PATCH => CHANGE_PROJECTS,
        (What::Projects | What::Project, false) => OPERATORS,
        (What::Providers | What::Provider | What::Models | What::Model, false) => OPERATORS,
        (What::ProviderTest | What::NodeWriteOff | What::Settings, _) => OPERATORS,
        (What::Users | What::User, true) => OPERATORS_READ,
        (What::Users | What::User | What::UserInvite, _) => OPERATORS,
        (What::Session | What::Sessions | What::SessionEnd, _) => ALL,
        // They take no such method.
        (
            What::Usage
            | What::Requests
            | What::RequestsTail
            | What::Status
            | What::Request
            | What::Audit
            | What::Nodes,
            false,
        ) => OPERATORS,
    }
}

/// 403 where the role may not do that, whatever the object.
pub(super) fn permit(principal: &Principal, what: What, method: &Method) -> Checked<()> {
    let Grant { everywhere, within } = grant(what, method);
    let roles = if principal.is_everywhere() { everywhere } else { within };
    if roles.contains(&principal.role) {
        return Ok(());
    }
    let role = principal.role.as_str();
    let text = match everywhere.contains(&principal.role) && principal.role != Member {
        true => format!("The role '{role}' may do this only where it is not held to some projects."),
        false => format!("The role '{role}' may not do this."),
    };
    Err(refuse::role(None, &text))
}
