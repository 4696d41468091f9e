//! Standard base64 (RFC 4648), read with a light hand: padding may be missing, white space is passed over, and the
//! alphabet for URLs counts too.

/// The bytes; `None` where a character is no part of any base64.
pub(crate) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_rfc_says_and_what_people_write() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(decoded(text.as_bytes()), expect.map(|text| text.as_bytes().to_vec()), "{text}");
        };
        check("", Some(""));
        check("Zg==", Some("f"));
        check("Zg", Some("f"));
        check("Zm9v\r\nYmFy", Some("foobar"));
        check("Pz8/", Some("???"));
        check("Pz8_", Some("???"));
        check("Zm9v!", None);
    }
}
