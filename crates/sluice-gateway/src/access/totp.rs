//! One-time codes by time, RFC 6238 as the usual apps make them: SHA-1, six digits, thirty seconds. And recovery
//! codes, for whoever has lost the app.

use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use url::form_urlencoded::byte_serialize;

use super::sha256;

/// Length of a secret, as RFC 4226 recommends.
pub(crate) const SECRET_BYTES: usize = 20;
const STEP_S: u64 = 30;
/// Clocks may differ by so many steps.
const DRIFT: i64 = 1;
/// How many recovery codes there are, and how many random bytes make one.
pub(crate) const RECOVERY_CODES: usize = 10;
const RECOVERY_BYTES: usize = 10;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step of time for which a code is right, if it is.
pub(crate) fn step_of(code: &str, secret: &[u8], unix_ms: u64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let now = i64::try_from(unix_ms / 1_000 / STEP_S).ok()?;
    let steps = now - DRIFT..=now + DRIFT;
    // Each of them is compared, whichever is right.
    steps.fold(None, |found, step| {
        let same = sha256("one-time code", &code_at(secret, step)) == sha256("one-time code", &code);
        if same { Some(step) } else { found }
    })
}

fn code_at(secret: &[u8], step: i64) -> String {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes[bytes.len() - 1] & 15);
    let number = bytes[at..at + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// A secret as apps take it by hand.
pub(crate) fn base32(secret: &[u8]) -> String {
    let digit = |chunk: &[u8], at: usize| {
        let bits =
            chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        char::from(BASE32[usize::try_from(bits >> (35 - 5 * at) & 31).unwrap_or(0)])
    };
    secret
        .chunks(5)
        .flat_map(|chunk| (0..(chunk.len() * 8).div_ceil(5)).map(move |at| digit(chunk, at)))
        .collect()
}

/// A secret as apps take it from a picture or a link.
pub(crate) fn address(secret: &[u8], email: &str) -> String {
    let email: String = byte_serialize(email.as_bytes()).collect::<String>().replace('+', "%20");
    format!(
        "otpauth://totp/Sluicegate:{email}?secret={}&issuer=Sluicegate&algorithm=SHA1&digits=6&period={STEP_S}",
        base32(secret)
    )
}

/// A recovery code of random bits, in groups that can be copied by hand.
pub(crate) fn recovery_code(random: &[u8; 32]) -> String {
    let digits = base32(&random[..RECOVERY_BYTES]).to_lowercase();
    let groups: Vec<&str> = (0..4).map(|at| &digits[4 * at..4 * at + 4]).collect();
    groups.join("-")
}

/// The hash under which a recovery code is kept, however it was typed.
pub(crate) fn recovery_hash(code: &str) -> [u8; 32] {
    let plain: String = code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    sha256("recovery code", &plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B; the last six digits of its eight.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let check = |unix_s: u64, code: &str| {
            let step = i64::try_from(unix_s / STEP_S).unwrap();
            assert_eq!(step_of(code, b"12345678901234567890", unix_s * 1_000), Some(step), "{unix_s}");
        };
        check(59, "287082");
        check(1_111_111_109, "081804");
        check(1_111_111_111, " 050 471");
        check(1_234_567_890, "005924");
        check(2_000_000_000, "279037");
        check(20_000_000_000, "353130");
    }

    #[test]
    fn clocks_may_differ_a_little() {
        let secret = b"12345678901234567890";
        let check = |unix_s: u64, expect: Option<i64>| {
            assert_eq!(step_of("081804", secret, unix_s * 1_000), expect, "{unix_s}");
        };
        let step = 1_111_111_109 / 30;
        check(1_111_111_109 - 30, Some(step));
        check(1_111_111_109 + 30, Some(step));
        check(1_111_111_109 - 60, None);
        check(1_111_111_109 + 61, None);
        for wrong in ["", "81804", "0081804", "081805", "０８１８０４"] {
            assert_eq!(step_of(wrong, secret, 1_111_111_109_000), None, "{wrong}");
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn secrets_in_base_32() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(base32(bytes), expect);
        check(b"", "");
        check(b"f", "MY");
        check(b"fo", "MZXQ");
        check(b"foo", "MZXW6");
        check(b"foob", "MZXW6YQ");
        check(b"fooba", "MZXW6YTB");
        check(b"foobar", "MZXW6YTBOI");
        assert_eq!(
            address(b"foobar", "a b+c@example.com"),
            "otpauth://totp/Sluicegate:a%20b%2Bc%40example.com?secret=MZXW6YTBOI&issuer=Sluicegate&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn recovery_codes_are_found_however_they_are_typed() {
        let code = recovery_code(&[0xa5; 32]);
        assert_eq!(code, "uws2-ljnf-uws2-ljnf");
        assert_eq!(recovery_hash(" UWS2 ljnfuws2-LJNF"), recovery_hash(&code));
        assert_ne!(recovery_hash("uws2-ljnf-uws2-ljng"), recovery_hash(&code));
    }
}
