//! Who asks, and where else they are signed in.

pub(super) mod end;
pub(super) mod get;
pub(super) mod list;

use sluice_store::{Store, users::SessionRow};

use super::{
    call::Call,
    refuse::{self, Checked},
};

/// Sessions are called by this much of their hashes, in hexadecimal digits.
const ID_BYTES: usize = 12;

fn id(hash: &[u8; 32]) -> String {
    format!("sess_{}", crate::access::hex(&hash[..ID_BYTES]))
}

/// The sessions of whoever asks that are not over; none for the admin token.
async fn own(call: &Call) -> Checked<Vec<SessionRow>> {
    let Some(person) = &call.principal.user else { return Ok(Vec::new()) };
    let mut rows = call.store().sessions(&person.id).await.map_err(|error| refuse::store(&error))?;
    rows.retain(|row| crate::access::session::expires_ms(row) > call.unix_ms);
    Ok(rows)
}
