//! Users and their sessions.

use super::{arg, audit, change::no_nul, has_nul, hex};
use crate::{
    ObjectKind, StoreError, document,
    engine::{Arg, Row, Statement, Tx},
    query::AuditEntry,
    statement,
    users::{Factor, Role, SessionRow, SignIn, User, UserChange, email_key},
};

const LIST: Statement = statement!("SELECT ", USER_COLUMNS, " FROM users ORDER BY email_key");
const ONE: Statement = statement!("SELECT ", USER_COLUMNS, " FROM users WHERE id = $1");
const BY_EMAIL: Statement = statement!("SELECT ", USER_COLUMNS, " FROM users WHERE email_key = $1");
const BY_INVITE: Statement = statement!("SELECT ", USER_COLUMNS, " FROM users WHERE invite_hash = $1");
const COUNT: Statement = statement!("SELECT COUNT(*) FROM users");
const OTHER_OWNERS: Statement =
    statement!("SELECT COUNT(*) FROM users WHERE role = 'owner' AND NOT disabled AND id <> $1");
/// In PostgreSQL its row is the lock that all who change users take first.
const NEXT_VERSION: Statement =
    statement!("UPDATE numbers SET value = value + 1 WHERE name = 'users_version'");
const INSERT: Statement = statement!(
    "INSERT INTO users (",
    USER_COLUMNS,
    ", email_key, totp_step) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0) \
     ON CONFLICT DO NOTHING"
);
const UPDATE: Statement = statement!(
    "UPDATE users SET email = $2, role = $3, projects_json = $4, password = $5, invite_hash = $6, \
     invite_until_ms = $7, totp = $8, recovery_json = $9, oidc_issuer = $10, oidc_subject = $11, epoch = $12, \
     disabled = $13, created_ms = $14, seen_ms = $15, email_key = $16 WHERE id = $1"
);
const TAKEN: Statement = statement!("SELECT id FROM users WHERE email_key = $1 AND id <> $2");
const DELETE: Statement = statement!("DELETE FROM users WHERE id = $1");
const DELETE_SESSIONS: Statement = statement!("DELETE FROM sessions WHERE user_id = $1");

const USE_STEP: Statement =
    statement!("UPDATE users SET totp_step = $2 WHERE id = $1 AND totp_step < $2 AND totp IS NOT NULL");
const SET_RECOVERY: Statement = statement!("UPDATE users SET recovery_json = $2 WHERE id = $1");
const SET_OIDC: Statement = statement!("UPDATE users SET oidc_issuer = $2, oidc_subject = $3 WHERE id = $1");
const SEEN: Statement = statement!("UPDATE users SET seen_ms = $2 WHERE id = $1");
const INSERT_SESSION: Statement = statement!(
    "INSERT INTO sessions (hash, user_id, epoch, created_ms, seen_ms, label) VALUES ($1, $2, $3, $4, $5, $6)"
);
const RETIRE_SESSIONS: Statement = statement!("DELETE FROM sessions WHERE created_ms < $1");
const SESSION: Statement =
    statement!("SELECT hash, user_id, epoch, created_ms, seen_ms, label FROM sessions WHERE hash = $1");
const SESSIONS: Statement = statement!(
    "SELECT hash, user_id, epoch, created_ms, seen_ms, label FROM sessions WHERE user_id = $1 \
     ORDER BY seen_ms DESC, hash"
);
const TOUCH: Statement = statement!("UPDATE sessions SET seen_ms = $2 WHERE hash = $1 AND seen_ms < $2");
const END: Statement = statement!("DELETE FROM sessions WHERE hash = $1");

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[
    LIST,
    ONE,
    BY_EMAIL,
    BY_INVITE,
    COUNT,
    OTHER_OWNERS,
    NEXT_VERSION,
    INSERT,
    UPDATE,
    TAKEN,
    DELETE,
    DELETE_SESSIONS,
    USE_STEP,
    SET_RECOVERY,
    SET_OIDC,
    SEEN,
    INSERT_SESSION,
    RETIRE_SESSIONS,
    SESSION,
    SESSIONS,
    TOUCH,
    END,
];

const KIND: ObjectKind = ObjectKind::User;

pub(super) async fn list(tx: &mut Tx) -> Result<Vec<User>, StoreError> {
    tx.rows(&LIST, &[]).await?.iter().map(read).collect()
}

pub(super) async fn one(tx: &mut Tx, id: &str) -> Result<Option<User>, StoreError> {
    by(tx, &ONE, id).await
}

pub(super) async fn by_email(tx: &mut Tx, email: &str) -> Result<Option<User>, StoreError> {
    by(tx, &BY_EMAIL, &email_key(email)).await
}

pub(super) async fn by_invite(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<User>, StoreError> {
    tx.row(&BY_INVITE, &[Arg::Bytes(hash)]).await?.as_ref().map(read).transpose()
}

async fn by(tx: &mut Tx, statement: &Statement, text: &str) -> Result<Option<User>, StoreError> {
    if has_nul(text) {
        return Ok(None);
    }
    tx.row(statement, &[Arg::Text(text)]).await?.as_ref().map(read).transpose()
}

pub(super) async fn any(tx: &mut Tx) -> Result<bool, StoreError> {
    tx.row(&COUNT, &[]).await?.map_or(Ok(false), |row| Ok(row.int(0)? > 0))
}

pub(super) async fn change(
    mut tx: Tx,
    change: &UserChange,
    audit: &AuditEntry,
    unix_ms: u64,
) -> Result<(), StoreError> {
    tx.execute(&NEXT_VERSION, &[]).await?;
    match change {
        UserChange::InsertFirst(user) => {
            if any(&mut tx).await? {
                return Err(StoreError::Stale { kind: KIND, name: user.email.clone() });
            }
            insert(&mut tx, user).await?;
        }
        UserChange::Insert(user) => insert(&mut tx, user).await?,
        UserChange::Update { before, after } => update(&mut tx, before, after).await?,
        UserChange::Delete(id) => {
            let stored = one(&mut tx, id).await?.ok_or_else(|| not_found(id))?;
            leaves_an_owner(&mut tx, &stored, None).await?;
            tx.execute(&DELETE_SESSIONS, &[Arg::Text(id)]).await?;
            tx.execute(&DELETE, &[Arg::Text(id)]).await?;
        }
    }
    audit::append(&mut tx, audit, unix_ms).await?;
    tx.commit().await
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound { kind: KIND, name: id.to_owned() }
}

fn taken(user: &User) -> StoreError {
    StoreError::DuplicateName { kind: KIND, name: user.email.clone() }
}

async fn insert(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    let columns = Columns::new(user)?;
    match tx.execute(&INSERT, &columns.args(user)).await? {
        0 => Err(taken(user)),
        _ => Ok(()),
    }
}

async fn update(tx: &mut Tx, before: &User, after: &User) -> Result<(), StoreError> {
    let stored = one(tx, &before.id).await?.ok_or_else(|| not_found(&before.id))?;
    let seen_ms = stored.seen_ms;
    if (User { seen_ms, ..before.clone() }) != stored || before.id != after.id {
        return Err(StoreError::Stale { kind: KIND, name: before.email.clone() });
    }
    leaves_an_owner(tx, &stored, Some(after)).await?;
    let after = User { seen_ms, ..after.clone() };
    let columns = Columns::new(&after)?;
    if tx.row(&TAKEN, &[Arg::Text(&columns.key), Arg::Text(&after.id)]).await?.is_some() {
        return Err(taken(&after));
    }
    tx.execute(&UPDATE, &columns.args(&after)).await?;
    if after.epoch != stored.epoch {
        tx.execute(&DELETE_SESSIONS, &[Arg::Text(&after.id)]).await?;
    }
    Ok(())
}

/// Somebody must always be able to do everything.
async fn leaves_an_owner(tx: &mut Tx, before: &User, after: Option<&User>) -> Result<(), StoreError> {
    let owns = |user: &User| user.role == Role::Owner && !user.disabled;
    if !owns(before) || after.is_some_and(owns) {
        return Ok(());
    }
    let others = tx.row(&OTHER_OWNERS, &[Arg::Text(&before.id)]).await?.map_or(Ok(0), |row| row.int(0))?;
    if others > 0 {
        return Ok(());
    }
    let by = "this installation: it is the last owner, make another one first".to_owned();
    Err(StoreError::InUse { kind: KIND, name: before.email.clone(), by })
}

/// Whether somebody is signed in from now on: not where the account has changed meanwhile, or what may be used once
/// was used before.
pub(super) async fn sign_in(
    mut tx: Tx,
    sign_in: &SignIn,
    audit: &AuditEntry,
    unix_ms: u64,
) -> Result<bool, StoreError> {
    let SignIn { session, factor, retire_before_ms } = sign_in;
    tx.execute(&NEXT_VERSION, &[]).await?;
    let Some(user) = one(&mut tx, &session.user).await? else { return Ok(false) };
    if user.disabled || user.epoch != session.epoch || !used(&mut tx, &user, factor).await? {
        return Ok(false);
    }
    no_nul(KIND, &user.email, [&session.label])?;
    tx.execute(&RETIRE_SESSIONS, &[arg(*retire_before_ms)]).await?;
    let args = [
        Arg::Bytes(&session.hash),
        Arg::Text(&session.user),
        Arg::Int(session.epoch),
        arg(session.created_ms),
        arg(session.seen_ms),
        Arg::Text(&session.label),
    ];
    tx.execute(&INSERT_SESSION, &args).await?;
    tx.execute(&SEEN, &[Arg::Text(&user.id), arg(unix_ms)]).await?;
    audit::append(&mut tx, audit, unix_ms).await?;
    tx.commit().await?;
    Ok(true)
}

async fn used(tx: &mut Tx, user: &User, factor: &Factor) -> Result<bool, StoreError> {
    let id = Arg::Text(&user.id);
    match factor {
        Factor::None => Ok(true),
        Factor::Step(step) => Ok(tx.execute(&USE_STEP, &[id, Arg::Int(*step)]).await? == 1),
        Factor::Recovery(code) => {
            let left: Vec<[u8; 32]> = user.recovery.iter().filter(|hash| *hash != code).copied().collect();
            if left.len() == user.recovery.len() {
                return Ok(false);
            }
            tx.execute(&SET_RECOVERY, &[id, Arg::Text(&write_hashes(&left))]).await?;
            Ok(true)
        }
        Factor::Oidc(issuer, subject) => {
            let theirs = (issuer.clone(), subject.clone());
            if user.oidc.as_ref().is_some_and(|known| *known != theirs) {
                return Ok(false);
            }
            no_nul(KIND, &user.email, [issuer, subject])?;
            tx.execute(&SET_OIDC, &[id, Arg::Text(issuer), Arg::Text(subject)]).await?;
            Ok(true)
        }
    }
}

/// A session and whose it is; `None` where it is over or was never there.
pub(super) async fn session(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<(SessionRow, User)>, StoreError> {
    let Some(row) = tx.row(&SESSION, &[Arg::Bytes(hash)]).await? else { return Ok(None) };
    let session = read_session(&row)?;
    let user = one(tx, &session.user).await?;
    Ok(user.filter(|user| user.epoch == session.epoch && !user.disabled).map(|user| (session, user)))
}

pub(super) async fn sessions(tx: &mut Tx, user: &str) -> Result<Vec<SessionRow>, StoreError> {
    if has_nul(user) {
        return Ok(Vec::new());
    }
    tx.rows(&SESSIONS, &[Arg::Text(user)]).await?.iter().map(read_session).collect()
}

pub(super) async fn touch(mut tx: Tx, hash: &[u8; 32], unix_ms: u64) -> Result<(), StoreError> {
    tx.execute(&TOUCH, &[Arg::Bytes(hash), arg(unix_ms)]).await?;
    tx.commit().await
}

pub(super) async fn end(mut tx: Tx, hash: &[u8; 32]) -> Result<(), StoreError> {
    tx.execute(&END, &[Arg::Bytes(hash)]).await?;
    tx.commit().await
}

/// What the columns of a user hold that is not in it as it is.
struct Columns {
    key: String,
    projects: Option<String>,
    recovery: String,
}

impl Columns {
    fn new(user: &User) -> Result<Self, StoreError> {
        let oidc = user.oidc.iter().flat_map(|(issuer, subject)| [issuer, subject]);
        let projects = user.projects.iter().flatten();
        no_nul(
            KIND,
            &user.email,
            [&user.id, &user.email].into_iter().chain(&user.password).chain(oidc).chain(projects),
        )?;
        Ok(Self {
            key: email_key(&user.email),
            projects: user.projects.as_ref().map(document::write),
            recovery: write_hashes(&user.recovery),
        })
    }

    fn args<'a>(&'a self, user: &'a User) -> [Arg<'a>; 16] {
        let oidc = user.oidc.as_ref();
        [
            Arg::Text(&user.id),
            Arg::Text(&user.email),
            Arg::Text(user.role.as_str()),
            Arg::MaybeText(self.projects.as_deref()),
            Arg::MaybeText(user.password.as_deref()),
            Arg::MaybeBytes(user.invite.as_ref().map(|(hash, _)| hash.as_slice())),
            Arg::MaybeInt(user.invite.map(|(_, until)| super::int(until))),
            Arg::MaybeBytes(user.totp.as_deref()),
            Arg::Text(&self.recovery),
            Arg::MaybeText(oidc.map(|(issuer, _)| issuer.as_str())),
            Arg::MaybeText(oidc.map(|(_, subject)| subject.as_str())),
            Arg::Int(user.epoch),
            Arg::Bool(user.disabled),
            arg(user.created_ms),
            Arg::MaybeInt(user.seen_ms.map(super::int)),
            Arg::Text(&self.key),
        ]
    }
}

/// In the order of `USER_COLUMNS`.
fn read(row: &Row) -> Result<User, StoreError> {
    let email = row.text(1)?;
    let corrupt = |reason: String| StoreError::Corrupt { kind: KIND, name: email.clone(), reason };
    let role = row.text(2)?;
    let invite = match (row.maybe_bytes(5)?, row.maybe_int(6)?) {
        (Some(hash), Some(until)) => {
            let hash = hash
                .try_into()
                .map_err(|_| corrupt("the hash of its invitation is not 32 bytes".to_owned()))?;
            Some((hash, u64::try_from(until).unwrap_or(0)))
        }
        _ => None,
    };
    let projects = row.maybe_text(3)?.as_deref().map(document::read).transpose();
    let oidc = row.maybe_text(9)?.zip(row.maybe_text(10)?);
    Ok(User {
        id: row.text(0)?,
        role: Role::from_text(&role).ok_or_else(|| corrupt(format!("`{role}` is not a role")))?,
        projects: projects.map_err(&corrupt)?,
        password: row.maybe_text(4)?,
        invite,
        totp: row.maybe_bytes(7)?,
        recovery: read_hashes(&row.text(8)?).map_err(&corrupt)?,
        oidc,
        epoch: row.int(11)?,
        disabled: row.bool(12)?,
        created_ms: row.count(13)?,
        seen_ms: row.maybe_int(14)?.and_then(|ms| u64::try_from(ms).ok()),
        email,
    })
}

fn read_session(row: &Row) -> Result<SessionRow, StoreError> {
    let hash = row.bytes(0)?.try_into();
    Ok(SessionRow {
        hash: hash.map_err(|_| StoreError::Engine("the hash of a session is not 32 bytes".to_owned()))?,
        user: row.text(1)?,
        epoch: row.int(2)?,
        created_ms: row.count(3)?,
        seen_ms: row.count(4)?,
        label: row.text(5)?,
    })
}

fn write_hashes(hashes: &[[u8; 32]]) -> String {
    document::write(&hashes.iter().map(|hash| hex(hash)).collect::<Vec<_>>())
}

fn read_hashes(text: &str) -> Result<Vec<[u8; 32]>, String> {
    let texts: Vec<String> = document::read(text)?;
    texts.iter().map(|text| read_hash(text).ok_or_else(|| format!("`{text}` is not a hash"))).collect()
}

fn read_hash(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> =
        digits?.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect();
    (text.len() == 64).then(|| bytes.try_into().ok()).flatten()
}
