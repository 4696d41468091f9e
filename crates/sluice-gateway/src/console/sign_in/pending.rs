//! What goes to the browser and comes back unread and unchanged: sealed with the master key, so that whichever node
//! gets it back knows it.

use sluice_store::seal::Binding;

use crate::{
    access::{hex, random_bits},
    refusal::Refusal,
    worker::Shared,
};

/// For how long the second step of a sign-in may take.
const STEP_MS: u64 = 5 * 60_000;

/// No provider is of these kinds.
fn of_step() -> Binding<'static> {
    Binding { provider: "", kind: "sign-in", host: "" }
}

/// To what the secret of a user's one-time codes is bound.
pub(super) fn of_totp(user: &str) -> Binding<'_> {
    Binding { provider: user, kind: "totp", host: "" }
}

/// Seals something for one place.
pub(super) fn seal(shared: &Shared, secret: &[u8], place: &Binding<'_>) -> Result<Vec<u8>, Refusal> {
    let mut nonce = [0; 24];
    let bits = random_bits().map_err(|error| {
        tracing::error!(error, "the operating system gives no random bits");
        Refusal::internal()
    })?;
    nonce.copy_from_slice(&bits[..24]);
    shared.config.load().master_key.seal(secret, place, nonce).map_err(|error| {
        tracing::error!(%error, "something of a sign-in could not be sealed");
        Refusal::internal()
    })
}

/// Opens what [`seal`] made for the same place.
pub(super) fn open(shared: &Shared, sealed: &[u8], place: &Binding<'_>) -> Option<Vec<u8>> {
    let opened = shared.config.load().master_key.open(sealed, place);
    opened.ok().map(|secret| secret.to_vec())
}

/// Says that the password was right; the code is still to come.
pub(super) fn step(shared: &Shared, (user, epoch): (&str, i64), unix_ms: u64) -> Result<String, Refusal> {
    let text = format!("{epoch} {} {user}", unix_ms.saturating_add(STEP_MS));
    Ok(hex(&seal(shared, text.as_bytes(), &of_step())?))
}

/// Whose password was right: id and epoch. `None`: too long ago, or not ours.
pub(super) fn of(shared: &Shared, text: &str, unix_ms: u64) -> Option<(String, i64)> {
    let text = String::from_utf8(open(shared, &unhex(text)?, &of_step())?).ok()?;
    let mut parts = text.splitn(3, ' ');
    let (epoch, until, user) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    (unix_ms < until).then(|| (user.to_owned(), epoch))
}

/// What belongs to a sign-in by an account elsewhere, while somebody is there.
fn of_flow() -> Binding<'static> {
    Binding { provider: "", kind: "oidc", host: "" }
}

/// Seals it for a cookie.
pub(super) fn seal_flow(shared: &Shared, text: &str) -> Result<String, Refusal> {
    Ok(hex(&seal(shared, text.as_bytes(), &of_flow())?))
}

/// Opens what [`seal_flow`] made.
pub(super) fn open_flow(shared: &Shared, text: &str) -> Option<String> {
    String::from_utf8(open(shared, &unhex(text)?, &of_flow())?).ok()
}

/// Bytes of hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
