//! What can go wrong with the store. Every text says what to do about it.

use std::path::PathBuf;

/// The kinds of objects in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    Key,
    Project,
    Provider,
    Model,
    Node,
    User,
}

impl std::fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Project => "project",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Node => "node",
            Self::User => "user",
        })
    }
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database file cannot be made or opened.
    #[error("cannot open the database {path}: {reason}")]
    Open { path: PathBuf, reason: String },
    /// A later release has changed the schema.
    #[error(
        "the database {path} was written by a newer release (schema {found}, this one knows {known}): \
         use that release, or a copy of the database made before the upgrade"
    )]
    NewerSchema { path: PathBuf, found: i64, known: i64 },
    /// A migration that was applied is not the one that this release has under its number.
    #[error("the schema of the database {path} is not one that was released: {reason}")]
    ForeignSchema { path: PathBuf, reason: String },
    /// The file names an object that was made elsewhere.
    #[error(
        "the {kind} `{name}` of the configuration file was already made elsewhere: \
         rename it in the file, or delete the other one first"
    )]
    OwnedElsewhere { kind: ObjectKind, name: String },
    /// Two objects of one name.
    #[error("there is already a {kind} named `{name}`: choose another name")]
    DuplicateName { kind: ObjectKind, name: String },
    /// Two keys with one secret.
    #[error(
        "the secret of the key `{name}` is already that of the key `{other}`: every key needs its own secret"
    )]
    DuplicateSecret { name: String, other: String },
    /// There is no such object.
    #[error("there is no {kind} `{name}`")]
    NotFound { kind: ObjectKind, name: String },
    /// A change names an object that is not there.
    #[error("the {kind} `{name}` does not exist")]
    Missing { kind: ObjectKind, name: String },
    /// The object has changed since it was read.
    #[error("the {kind} `{name}` was changed by somebody else in the meantime: read it again")]
    Stale { kind: ObjectKind, name: String },
    /// The configuration file owns it.
    #[error("the {kind} `{name}` is owned by the configuration file: change it there")]
    OwnedByFile { kind: ObjectKind, name: String },
    /// Others need it.
    #[error("the {kind} `{name}` is in use by {by}")]
    InUse { kind: ObjectKind, name: String, by: String },
    /// A newer run of this node writes.
    #[error(
        "another process has taken over as the node `{node}`: its data directory must not be used twice, \
         and a copy of it needs its `node.id` removed"
    )]
    Superseded { node: String },
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Away(String),
    /// A row that cannot be read back.
    #[error("the {kind} `{name}` in the database cannot be read: {reason}")]
    Corrupt { kind: ObjectKind, name: String, reason: String },
    /// A number that the database cannot hold.
    #[error("the {kind} `{name}` has a number that is too large: {field}")]
    TooLarge { kind: ObjectKind, name: String, field: &'static str },
    /// A text that not every database can hold.
    #[error("the {kind} `{}` has a text with a NUL character: leave it out", name.escape_debug())]
    Nul { kind: ObjectKind, name: String },
    /// A name is what others know an object by.
    #[error("the {kind} `{name}` cannot be renamed: make another one")]
    Renamed { kind: ObjectKind, name: String },
    /// A node and the database do not agree on what was leased: a fault of the program, never of its user.
    #[error("the lease of `{account}` is at change {stored}, not ready for {asked}: restart this node")]
    LeaseOutOfStep { account: String, stored: i64, asked: i64 },
    /// Another process held the database for longer than the wait.
    #[error("the database is in use by another process: stop it, or try again")]
    Busy,
    /// Anything else that the engine reports.
    #[error("the database failed: {0}")]
    Engine(String),
}
