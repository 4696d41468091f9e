//! AWS Signature Version 4 in the `Authorization` header, as a function of key, request and time.
//!
//! Source: AWS General Reference, "Create a signed AWS API request" (canonical request, string to sign, derived key),
//! and the cases of AWS's Signature Version 4 test suite. For every service but S3 the path is encoded once more than
//! it is sent: `%3A` on the wire stands as `%253A` in what is signed.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// The name by which Bedrock's runtime is signed for. Its host name says `bedrock-runtime`.
pub const BEDROCK: &str = "bedrock";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATION: &str = "aws4_request";
const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// An access key. It never prints itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AwsCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    /// Of temporary credentials: goes along as `x-amz-security-token`, and is signed.
    pub session_token: Option<String>,
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsCredentials(..)")
    }
}

/// What a signature is good for, beside the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Such as `eu-central-1`.
    pub region: &'a str,
    /// Such as [`BEDROCK`].
    pub service: &'a str,
}

/// A request that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// The path as it goes over the wire, percent-encoded, without the query; an empty one is `/`.
    pub path: &'a str,
    /// The query as it goes over the wire, without `?`; empty where there is none.
    pub query: &'a str,
    /// The headers to be signed, names in any case. `host` must be among them; those that a proxy may change
    /// (`connection`, `user-agent`, `traceparent`) must not.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body: [`body_hash`].
    pub body_sha256: &'a [u8; 32],
}

/// SHA-256 of a body in pieces.
pub fn body_hash<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    pieces.into_iter().fold(Sha256::new(), Sha256::chain_update).finalize().into()
}

/// The headers that a signed request carries beside its own: `x-amz-date`, `x-amz-security-token` where the
/// credentials are temporary, and `authorization`. `unix_s` is the time in seconds; AWS takes it within five minutes
/// of its own clock.
pub fn sign(
    credentials: &AwsCredentials,
    scope: &Scope<'_>,
    request: &Unsigned<'_>,
    unix_s: u64,
) -> Vec<(&'static str, String)> {
    let stamp = stamp(unix_s);
    let mut ours = vec![("x-amz-date", stamp.clone())];
    ours.extend(credentials.session_token.iter().map(|token| ("x-amz-security-token", token.clone())));

    let signed = Headers::of(request.headers.iter().copied().chain(ours.iter().map(|(n, v)| (*n, &**v))));
    let day = stamp.get(..8).unwrap_or_default();
    let place = [day, scope.region, scope.service, TERMINATION].join("/");
    let canonical = sha256(canonical_request(request, &signed).as_bytes());
    let to_sign = [ALGORITHM, &stamp, &place, &hex(&canonical)].join("\n");
    let signature = hex(&hmac(&derived_key(credentials, scope, day), to_sign.as_bytes()));

    let id = &credentials.access_key_id;
    let names = signed.names();
    let authorization =
        format!("{ALGORITHM} Credential={id}/{place}, SignedHeaders={names}, Signature={signature}");
    ours.push(("authorization", authorization));
    ours
}

fn stamp(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    // Beyond the year 9999 no signature is right.
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(STAMP).unwrap_or_default()
}

fn derived_key(credentials: &AwsCredentials, scope: &Scope<'_>, day: &str) -> [u8; 32] {
    let secret = format!("AWS4{}", credentials.secret_access_key);
    let of_day = hmac(secret.as_bytes(), day.as_bytes());
    let of_region = hmac(&of_day, scope.region.as_bytes());
    let of_service = hmac(&of_region, scope.service.as_bytes());
    hmac(&of_service, TERMINATION.as_bytes())
}

fn canonical_request(request: &Unsigned<'_>, headers: &Headers) -> String {
    let path = canonical_path(request.path);
    let query = canonical_query(request.query);
    let lines: String = headers.0.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let body = hex(request.body_sha256);
    [request.method, &path, &query, &lines, &headers.names(), &body].join("\n")
}

/// Lower-case names with their values, sorted by name; values of one name joined in the order in which they came.
struct Headers(Vec<(String, String)>);

impl Headers {
    fn of<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in all {
            let name = name.to_ascii_lowercase();
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            match headers.iter_mut().find(|(other, _)| *other == name) {
                Some((_, values)) => {
                    values.push(',');
                    values.push_str(&value);
                }
                None => headers.push((name, value)),
            }
        }
        headers.sort();
        Self(headers)
    }

    fn names(&self) -> String {
        self.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
    }
}

/// The path without empty and relative segments, each segment encoded as if it were not encoded yet.
fn canonical_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            named => kept.push(named),
        }
    }
    let is_folder = kept.is_empty() || matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    let mut out = String::new();
    for segment in &kept {
        out.push('/');
        encode_into(&mut out, segment.as_bytes());
    }
    if is_folder {
        out.push('/');
    }
    out
}

/// The pairs, decoded and encoded again, sorted.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(&decoded(name)), encoded(&decoded(value)))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A text as one segment of a path or one part of a query: everything but `A-Z a-z 0-9 - . _ ~` percent-encoded,
/// in upper case.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    encode_into(&mut out, bytes);
    out
}

fn encode_into(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// What percent-encoding means; a `%` that begins none stands for itself.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = match after {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                out.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(out)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // RFC 2104: a key is filled up with zeros to the block of the hash, a longer one is hashed first.
    let mut block = [0; 64];
    match block.get_mut(..key.len()) {
        Some(start) => start.copy_from_slice(key),
        None => block[..32].copy_from_slice(&sha256(key)),
    }
    Hmac::<Sha256>::new(&block.into()).chain_update(message).finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "sigv4_tests.rs"]
mod tests;
