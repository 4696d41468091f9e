//! Temporary keys of AWS: of a role, for a web identity or for other keys, of a container's agent, of an EC2 machine.

use std::path::Path;

use http::Method;
use serde_json::Value;
use sluice_chat::Failure;
use sluice_providers::{
    credential::{AwsRole, AwsSource},
    sigv4::{self, AwsCredentials, Scope, Unsigned},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Grant, Granted, parsed, refused_by_source, said, unreachable_source};
use crate::{
    bounds, clock,
    upstream::{
        Tls,
        once::{Ask, endpoint_of},
    },
};

/// How long a session with the metadata service lasts.
const SESSION_S: &str = "21600";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// Keys, and for how many milliseconds they hold.
type Keys = Result<(AwsCredentials, u64), Failure>;

pub(super) async fn grant(source: &AwsSource, tls: &Tls) -> Granted {
    keys(source, tls).await.map(|(keys, lives_ms)| (Grant::Aws(keys), lives_ms))
}

async fn keys(source: &AwsSource, tls: &Tls) -> Keys {
    match source {
        AwsSource::Keys(keys) => Ok((keys.clone(), u64::MAX)),
        AwsSource::WebIdentity { role, token_file } => {
            let token = read(token_file)?;
            let body = form("AssumeRoleWithWebIdentity", role, ("WebIdentityToken", Some(&token)));
            of_xml(&asked(tls, &Method::POST, &sts(role), &[FORM], &body).await?)
        }
        AwsSource::Role { role, from, external_id } => {
            let (own, _) = Box::pin(keys(from, tls)).await?;
            let body = form("AssumeRole", role, ("ExternalId", external_id.as_deref()));
            of_xml(&asked_signed(tls, role, &own, &body).await?)
        }
        AwsSource::Container { url, token, token_file } => {
            let read = token_file.as_deref().map(read).transpose()?;
            let token = read.or_else(|| token.clone());
            let authorization = token.as_deref().map(|token| ("authorization", token));
            let headers: Vec<_> = authorization.into_iter().collect();
            of_json(&asked(tls, &Method::GET, url, &headers, "").await?)
        }
        AwsSource::Instance { url } => {
            let url = url.trim_end_matches('/');
            let life = ("x-aws-ec2-metadata-token-ttl-seconds", SESSION_S);
            let session = asked(tls, &Method::PUT, &format!("{url}/latest/api/token"), &[life], "").await?;
            let session = one_word(&session).ok_or_else(|| refused_by_source("it opened no session"))?;
            let session = [("x-aws-ec2-metadata-token", session)];
            let roles = asked(tls, &Method::GET, &format!("{url}{ROLES}"), &session, "").await?;
            let role = one_word(&roles).ok_or_else(|| refused_by_source("the machine has no role"))?;
            let role = sluice_providers::provider::encoded_segment(role);
            of_json(&asked(tls, &Method::GET, &format!("{url}{ROLES}{role}"), &session, "").await?)
        }
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn sts(role: &AwsRole) -> String {
    format!("{}/", role.sts_url.trim_end_matches('/'))
}

/// What the security token service is asked for a role, with one more field where it has a value.
fn form(action: &str, role: &AwsRole, more: (&str, Option<&str>)) -> String {
    let fields = [
        ("Action", action),
        ("Version", "2011-06-15"),
        ("RoleArn", &role.arn),
        ("RoleSessionName", &role.session_name),
    ];
    let more = more.1.map(|value| (more.0, value));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).extend_pairs(more).finish()
}

/// Asks the security token service in the name of `keys`.
async fn asked_signed(
    tls: &Tls,
    role: &AwsRole,
    keys: &AwsCredentials,
    body: &str,
) -> Result<String, Failure> {
    let sts = sts(role);
    let url = parsed(&sts)?;
    let host = endpoint_of(&url).ok_or_else(|| unreachable_source("its address is none"))?.authority;
    let unsigned = Unsigned {
        method: "POST",
        path: url.path(),
        query: "",
        headers: &[FORM, ("host", &host)],
        body_sha256: &sigv4::body_hash([body.as_bytes()]),
    };
    let scope = Scope { region: &role.region, service: "sts" };
    let signed = sigv4::sign(keys, &scope, &unsigned, clock::unix_ms() / 1000);
    let signed = signed.iter().map(|(name, value)| (*name, value.as_str()));
    let headers: Vec<_> = [FORM].into_iter().chain(signed).collect();
    asked(tls, &Method::POST, &sts, &headers, body).await
}

async fn asked(
    tls: &Tls,
    method: &Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<String, Failure> {
    let url = parsed(url)?;
    let ask = Ask { method, url: &url, headers, body, limit_bytes: bounds::TOKEN_BYTES };
    let said = said(tls, &ask).await?;
    String::from_utf8(said.body.to_vec()).map_err(|_| refused_by_source("its answer is no text"))
}

/// A token that something else puts into a file, anew before it runs out.
fn read(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| unreachable_source(&format!("its token file cannot be read: {}", error.kind())))?;
    one_word(&text).map(str::to_owned).ok_or_else(|| unreachable_source("its token file holds no token"))
}

/// The text, where it can stand in a header.
fn one_word(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b))).then_some(text)
}

fn of_json(text: &str) -> Keys {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    granted(|name| value[name].as_str(), "Token")
}

/// STS answers in XML; the values of these elements have nothing that XML escapes.
fn of_xml(text: &str) -> Keys {
    let element = |name: &str| {
        let (_, after) = text.split_once(&format!("<{name}>"))?;
        after.split_once(&format!("</{name}>")).map(|(value, _)| value.trim())
    };
    granted(element, "SessionToken")
}

fn granted<'a>(part: impl Fn(&str) -> Option<&'a str>, token: &str) -> Keys {
    let need =
        |name: &str| part(name).and_then(one_word).ok_or_else(|| refused_by_source("its answer has no keys"));
    let keys = AwsCredentials {
        access_key_id: need("AccessKeyId")?.to_owned(),
        secret_access_key: need("SecretAccessKey")?.to_owned(),
        session_token: Some(need(token)?.to_owned()),
    };
    let expires = part("Expiration").and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let now_s = i64::try_from(clock::unix_ms() / 1000).unwrap_or(i64::MAX);
    let left_s = match expires {
        Some(at) => u64::try_from(at.unix_timestamp().saturating_sub(now_s)).unwrap_or(0),
        None => bounds::TOKEN_LIFE_S,
    };
    Ok((keys, left_s.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &Keys, expect: Option<(&str, &str, Option<&str>)>) {
        let found = match found {
            Ok((keys, left)) => {
                assert!(*left > 1_000_000_000);
                let token = keys.session_token.as_deref();
                Some((keys.access_key_id.as_str(), keys.secret_access_key.as_str(), token))
            }
            Err(_) => None,
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn answers() {
        let json = r#"{"Code":"Success","AccessKeyId":"A","SecretAccessKey":"s/+=","Token":"t","Expiration":"2999-01-01T00:00:00Z"}"#;
        check(&of_json(json), Some(("A", "s/+=", Some("t"))));
        check(&of_json(r#"{"Code":"Failed"}"#), None);
        check(&of_json("no"), None);
        let xml = "<R><Credentials><AccessKeyId>A</AccessKeyId>\n<SecretAccessKey>s/+=</SecretAccessKey>\
                   <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></R>";
        check(&of_xml(xml), Some(("A", "s/+=", Some("t"))));
        check(&of_xml("<AccessKeyId>A</AccessKeyId>"), None);
        check(&of_xml(&xml.replace(">t<", ">t\r\nx: y<")), None);
    }

    #[test]
    fn what_has_run_out_holds_no_longer() {
        let old =
            r#"{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t","Expiration":"2020-01-01T00:00:00Z"}"#;
        assert_eq!(of_json(old).unwrap().1, 0);
    }
}
