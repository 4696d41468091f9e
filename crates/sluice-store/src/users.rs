//! People who sign in to the console: what they may do, and how they prove who they are.

/// What a person may do; within which projects is said beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but owners and providers on internal networks.
    Admin,
    /// Reads what was spent, and changes budgets.
    Billing,
    /// Reads what an admin reads.
    Viewer,
    /// Has keys, and sees what belongs to them.
    Member,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Billing, Self::Viewer, Self::Member];

    /// As the API and the database write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Billing => "billing",
            Self::Viewer => "viewer",
            Self::Member => "member",
        }
    }

    /// Reads what [`Role::as_str`] writes.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: String,
    /// As it was written; two users never have the same in other letters, see [`email_key`].
    pub email: String,
    pub role: Role,
    /// Names of the projects in which the role holds; `None`: all.
    pub projects: Option<Vec<String>>,
    /// A password hash in PHC form; `None`: nobody signs in by password.
    pub password: Option<String>,
    /// The hash of the token of a link by which a password can be set, and until when, in Unix milliseconds.
    pub invite: Option<([u8; 32], u64)>,
    /// The sealed secret of one-time codes.
    pub totp: Option<Vec<u8>>,
    /// Hashes of recovery codes that were not used.
    pub recovery: Vec<[u8; 32]>,
    /// Issuer and subject of the account that was used elsewhere.
    pub oidc: Option<(String, String)>,
    /// Sessions of another epoch are over.
    pub epoch: i64,
    pub disabled: bool,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// When the newest session began.
    pub seen_ms: Option<u64>,
}

/// An address as it is compared with others.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// One change of the users.
#[derive(Clone, Debug)]
pub enum UserChange {
    /// Only while there is no user.
    InsertFirst(Box<User>),
    Insert(Box<User>),
    /// Only if it still is as `before`, but for `seen_ms`.
    Update {
        before: Box<User>,
        after: Box<User>,
    },
    /// By its id; its sessions go with it.
    Delete(String),
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of what the browser shows.
    pub hash: [u8; 32],
    pub user: String,
    /// The epoch of the user in which it began.
    pub epoch: i64,
    /// Unix milliseconds.
    pub created_ms: u64,
    pub seen_ms: u64,
    /// What the browser calls itself.
    pub label: String,
}

/// What is used up by a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Factor {
    None,
    /// The step of time of a one-time code: it, and those before it, are not taken again.
    Step(i64),
    /// The hash of a recovery code.
    Recovery([u8; 32]),
    /// The account elsewhere, which is the user's from now on: issuer and subject.
    Oidc(String, String),
}

/// A sign-in that has succeeded but for what must not be used twice.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub session: SessionRow,
    pub factor: Factor,
    /// Sessions that began before are removed, in Unix milliseconds.
    pub retire_before_ms: u64,
}
