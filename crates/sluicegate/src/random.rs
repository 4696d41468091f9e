//! Random bits for keys and tokens, from the operating system.

use sluice_ledger::secret;

/// 256 random bits.
///
/// # Errors
/// When the operating system has none to give.
#[expect(clippy::disallowed_methods, reason = "the binary's one source of randomness")]
fn bits() -> Result<[u8; 32], String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)
        .map_err(|error| format!("the operating system gives no random bits: {error}"))?;
    Ok(bits)
}

/// The secret of a new key.
pub(crate) fn key_secret() -> Result<String, String> {
    bits().map(secret::from_random)
}

/// 256 random bits as hexadecimal digits.
pub(crate) fn hex() -> Result<String, String> {
    Ok(bits()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
