//! A configured provider: one destination and the one credential that may go there, as a single object.

use std::{
    borrow::Cow,
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use crate::{
    credential::{Credential, Secret, Source},
    site::{self, Site},
    vendor::{Auth, VendorRow, vendor},
};

/// Where a provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `https`, not `http`.
    pub tls: bool,
    /// Name or address to connect to, lower case; an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    /// The `Host` header: with the port unless it is the scheme's own.
    pub authority: String,
    /// What comes before the path of a call, such as `/v1`; empty or beginning with `/`, never ending with one.
    pub path_prefix: String,
}

/// Why a provider cannot be made. The text names what is wrong and never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderError {
    /// No vendor has this kind.
    UnknownKind(String),
    /// The vendor has no address of its own.
    BaseUrlMissing { kind: String },
    /// The address cannot be used, and why.
    BaseUrlInvalid { base_url: String, reason: &'static str },
    /// A setting that this kind needs beside its address.
    SettingMissing { kind: String, setting: &'static str },
    /// A setting has no value that there can be, or belongs to another kind.
    SettingInvalid { setting: &'static str, reason: &'static str },
    /// The credential cannot stand in a header.
    CredentialInvalid,
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind(kind) => write!(f, "unknown kind \"{kind}\""),
            Self::BaseUrlMissing { kind } => write!(f, "kind \"{kind}\" needs a base_url"),
            Self::BaseUrlInvalid { base_url, reason } => write!(f, "base_url \"{base_url}\" {reason}"),
            Self::SettingMissing { kind, setting } => write!(f, "kind \"{kind}\" needs `{setting}`"),
            Self::SettingInvalid { setting, reason } => write!(f, "`{setting}` {reason}"),
            Self::CredentialInvalid => {
                f.write_str("the credential is empty or has a character that a header cannot carry")
            }
        }
    }
}

impl std::error::Error for ProviderError {}

/// One provider of the catalog.
#[derive(Clone, Debug)]
pub struct Provider {
    name: String,
    row: &'static VendorRow,
    endpoint: Endpoint,
    credential: Credential,
    /// For which AWS signatures are made.
    region: Option<String>,
    /// Of Azure, with the question mark of a query.
    version: Option<String>,
    /// Azure's classic API: the deployment stands in the path.
    deployments: bool,
}

impl Provider {
    /// A provider of a vendor kind, at the vendor's own address or at `base_url`.
    ///
    /// # Errors
    /// When the kind is not known or not supported, the address is missing or not usable, or the credential cannot
    /// be sent.
    pub fn new(
        name: &str,
        kind: &str,
        base_url: Option<&str>,
        credential: Credential,
    ) -> Result<Self, ProviderError> {
        Self::at(name, kind, &Site::at(base_url), credential)
    }

    /// A provider of a vendor kind at its site.
    ///
    /// # Errors
    /// As for [`Provider::new`], and when a setting of the site is missing, or is none of this kind.
    pub fn at(
        name: &str,
        kind: &str,
        site: &Site<'_>,
        credential: Credential,
    ) -> Result<Self, ProviderError> {
        let row = vendor(kind).ok_or_else(|| ProviderError::UnknownKind(kind.to_owned()))?;
        if !credential.is_sendable() {
            return Err(ProviderError::CredentialInvalid);
        }
        let endpoint = match site.url(row)? {
            Some((url, prefix)) => parse_base_url(&url, &prefix)
                .map_err(|reason| ProviderError::BaseUrlInvalid { base_url: masked(&url), reason })?,
            None if row.kind == SANDBOX => sandbox_endpoint(),
            None => return Err(ProviderError::BaseUrlMissing { kind: kind.to_owned() }),
        };
        let region = site.region.or_else(|| site::region_of(&endpoint.host)).map(str::to_owned);
        let signs = matches!(&credential.0, Secret::Source(source) if matches!(**source, Source::Aws(_)));
        if signs && region.is_none() {
            return Err(ProviderError::SettingMissing { kind: kind.to_owned(), setting: "region" });
        }
        // A base_url that names the v1 API, or a deployment, means what it says.
        let deployments = site.is_classic_azure() && endpoint.path_prefix == "/openai";
        let version = site.api_version.map(|version| format!("?api-version={version}"));
        Ok(Self { name: name.to_owned(), row, endpoint, credential, region, version, deployments })
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its vendor.
    pub fn row(&self) -> &'static VendorRow {
        self.row
    }

    /// Where it is. Of the sandbox this is a name that resolves nowhere.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it answers from the request alone, without a connection.
    pub fn is_sandbox(&self) -> bool {
        self.row.kind == SANDBOX
    }

    /// The headers that authenticate us there and never change: lower-case names and their values.
    pub fn auth_headers(&self) -> Vec<(String, String)> {
        let bearer = |token: &str| vec![("authorization".to_owned(), format!("Bearer {token}"))];
        match (self.row.auth, &self.credential.0) {
            (Auth::None, _) | (_, Secret::None | Secret::Source(_)) => Vec::new(),
            (Auth::ApiKeyHeader, Secret::ApiKey(key)) => vec![("api-key".to_owned(), key.clone())],
            (Auth::XApiKeyHeader, Secret::ApiKey(key)) => vec![("x-api-key".to_owned(), key.clone())],
            (Auth::XGoogApiKeyHeader, Secret::ApiKey(key)) => {
                vec![("x-goog-api-key".to_owned(), key.clone())]
            }
            (_, Secret::ApiKey(token) | Secret::Bearer(token)) => bearer(token),
        }
    }

    /// Where the tokens or keys come from that authenticate us there, where those change.
    pub fn source(&self) -> Option<&Arc<Source>> {
        self.credential.token_source()
    }

    /// A number that is the same for the same place and credential, within one process. It is made of the credential,
    /// so it is not for showing.
    pub fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Endpoint { tls, host, port, .. } = &self.endpoint;
        (tls, host, port, &self.credential).hash(&mut hasher);
        hasher.finish()
    }

    /// Whether it has a credential that goes out.
    pub fn has_credential(&self) -> bool {
        self.source().is_some() || !self.auth_headers().is_empty()
    }

    /// The AWS region that requests are signed for.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The path of a call: `/chat/completions` becomes `/v1/chat/completions`. `call_path` is encoded already and may
    /// have a query.
    pub fn path(&self, call_path: &str) -> String {
        format!("{}{call_path}{}", self.endpoint.path_prefix, self.version.as_deref().unwrap_or_default())
    }

    /// The path of a call for `model`, which some providers want to see in it.
    pub fn path_for(&self, call_path: &str, model: &str) -> String {
        match self.deployments {
            true => self.path(&format!("/deployments/{}{call_path}", encoded_segment(model))),
            false => self.path(call_path),
        }
    }

    /// Whether paths are the same for every model.
    pub fn has_fixed_paths(&self) -> bool {
        !self.deployments
    }
}

/// Percent-encodes one segment of a path: everything but the unreserved characters of RFC 3986.
pub fn encoded_segment(text: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(out)
}

const SANDBOX: &str = "sandbox";

fn sandbox_endpoint() -> Endpoint {
    // RFC 6761 keeps `.invalid` from ever resolving.
    let host = "sandbox.invalid".to_owned();
    Endpoint { tls: false, port: 80, authority: host.clone(), host, path_prefix: String::new() }
}

/// The address without anything that stands before an `@` or after a `?`: it may be a secret.
fn masked(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…@{}", &url[..scheme], &url[at + 1..]),
        (None, Some(at)) => format!("…@{}", &url[at + 1..]),
        _ => url.to_owned(),
    }
}

fn parse_base_url(url: &str, default_prefix: &str) -> Result<Endpoint, &'static str> {
    if !url.bytes().all(|b| (0x21..=0x7e).contains(&b)) || url.contains('\\') {
        return Err("has a character that a URL cannot carry");
    }
    let (scheme, rest) = url.split_once("://").ok_or("must begin with http:// or https://")?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err("must begin with http:// or https://"),
    };
    if rest.contains('?') {
        return Err("must not have a query");
    }
    if rest.contains('#') {
        return Err("must not have a fragment");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("must not contain a user name or a password");
    }
    let (host, bracketed, port) = split_port(authority)?;
    let own_port = if tls { 443 } else { 80 };
    let port = port.unwrap_or(own_port);
    let shown = if bracketed { format!("[{host}]") } else { host.clone() };
    let authority = if port == own_port { shown } else { format!("{shown}:{port}") };
    let path = path.trim_end_matches('/');
    if path.split('/').any(|segment| segment == ".." || segment == ".") {
        return Err("must not have . or .. in its path");
    }
    let path_prefix = if path.is_empty() { default_prefix } else { path }.to_owned();
    Ok(Endpoint { tls, host, port, authority, path_prefix })
}

/// Host (lower case, without brackets), whether it was an IPv6 address in brackets, and the port.
fn split_port(authority: &str) -> Result<(String, bool, Option<u16>), &'static str> {
    let (host, port, bracketed) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("has a bracket that is not closed")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| "has no valid address in its brackets")?;
            let port = after.strip_prefix(':');
            if port.is_none() && !after.is_empty() {
                return Err("has no valid port");
            }
            (host, port, true)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port), false),
            None => (authority, None, false),
        },
    };
    if host.is_empty() {
        return Err("has no host");
    }
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !bracketed && !host.bytes().all(name) {
        return Err("has no valid host name");
    }
    let port = match port {
        None => None,
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => match text.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err("has no valid port"),
        },
        Some(_) => return Err("has no valid port"),
    };
    Ok((host.to_ascii_lowercase(), bracketed, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, base_url: &str, expect: Result<&str, &str>) {
        let got = Provider::new("p", kind, Some(base_url), Credential::none());
        let got = got.map(|p| {
            let e = p.endpoint();
            format!("{} {}:{} {} {}", e.tls, e.host, e.port, e.authority, p.path("/chat/completions"))
        });
        match (got, expect) {
            (Ok(got), Ok(expect)) => assert_eq!(got, expect, "{base_url}"),
            (Err(got), Err(expect)) => assert_eq!(got.to_string(), expect, "{base_url}"),
            (got, _) => panic!("{base_url}: {got:?}"),
        }
    }

    #[test]
    fn base_urls() {
        let ok = |url, expect| check("openai-compatible", url, Ok(expect));
        ok("https://api.example.com/v1", "true api.example.com:443 api.example.com /v1/chat/completions");
        ok("https://API.example.com/v1/", "true api.example.com:443 api.example.com /v1/chat/completions");
        ok("https://api.example.com", "true api.example.com:443 api.example.com /v1/chat/completions");
        ok("http://10.0.0.1:8000/", "false 10.0.0.1:8000 10.0.0.1:8000 /v1/chat/completions");
        ok("http://h:80/a/b", "false h:80 h /a/b/chat/completions");
        ok("HTTPS://h:443", "true h:443 h /v1/chat/completions");
        ok("http://[::1]:9/x", "false ::1:9 [::1]:9 /x/chat/completions");
        ok("https://[2001:DB8::1]", "true 2001:db8::1:443 [2001:db8::1] /v1/chat/completions");
        check(
            "azure",
            "https://r.openai.azure.com",
            Ok("true r.openai.azure.com:443 r.openai.azure.com /openai/v1/chat/completions"),
        );
        for url in ["http://h:11434", "http://h:11434/v1", "http://h:11434/v1/"] {
            check("ollama", url, Ok("false h:11434 h:11434 /chat/completions"));
        }
        check("ollama", "https://h/ollama/v1", Ok("true h:443 h /ollama/chat/completions"));
        let bad = |url, expect| check("openai-compatible", url, Err(expect));
        bad("api.example.com", "base_url \"api.example.com\" must begin with http:// or https://");
        bad("ftp://h", "base_url \"ftp://h\" must begin with http:// or https://");
        bad("http://u:secret@h/v1", "base_url \"http://…@h/v1\" must not contain a user name or a password");
        bad("http://h/v1?key=secret", "base_url \"http://h/v1\" must not have a query");
        bad("http://h/v1#x", "base_url \"http://h/v1\" must not have a fragment");
        bad("http://", "base_url \"http://\" has no host");
        bad("http://:80", "base_url \"http://:80\" has no host");
        bad("http://h:", "base_url \"http://h:\" has no valid port");
        bad("http://h:0", "base_url \"http://h:0\" has no valid port");
        bad("http://h:70000", "base_url \"http://h:70000\" has no valid port");
        bad("http://h:+80", "base_url \"http://h:+80\" has no valid port");
        bad("http://[::1", "base_url \"http://[::1\" has a bracket that is not closed");
        bad("http://[::x]", "base_url \"http://[::x]\" has no valid address in its brackets");
        bad("http://h\\@i/", "base_url \"http://…@i/\" has a character that a URL cannot carry");
        bad("http://h%2f", "base_url \"http://h%2f\" has no valid host name");
        bad("http://h /", "base_url \"http://h /\" has a character that a URL cannot carry");
        bad("http://h/v1/../admin", "base_url \"http://h/v1/../admin\" must not have . or .. in its path");
    }

    #[test]
    fn kinds_and_addresses() {
        let check = |kind: &str, expect: Result<&str, &str>| {
            let got = Provider::new("p", kind, None, Credential::none());
            let got = got.map(|p| p.endpoint().authority.clone()).map_err(|e| e.to_string());
            assert_eq!(got.as_deref().map_err(|e| &**e), expect);
        };
        check("openai", Ok("api.openai.com"));
        check("ollama", Ok("127.0.0.1:11434"));
        check("sandbox", Ok("sandbox.invalid"));
        check("openai-compatible", Err("kind \"openai-compatible\" needs a base_url"));
        check("gemini", Ok("generativelanguage.googleapis.com"));
        check("anthropic", Ok("api.anthropic.com"));
        check("opennai", Err("unknown kind \"opennai\""));
    }

    #[test]
    fn every_row_with_an_address_makes_a_provider() {
        for row in crate::vendors().iter().filter(|row| row.base_url.is_some()) {
            let provider = Provider::new("p", &row.kind, None, Credential::none()).unwrap();
            assert_eq!(provider.endpoint().path_prefix, row.default_prefix, "{}", row.kind);
        }
    }

    #[test]
    fn credentials_go_out_as_the_vendor_wants_them() {
        let check = |kind: &str, credential: Credential, expect: &[(&str, &str)]| {
            let provider = Provider::new("p", kind, Some("http://h"), credential).unwrap();
            let got = provider.auth_headers();
            assert_eq!(got.iter().map(|(n, v)| (&**n, &**v)).collect::<Vec<_>>(), expect, "{kind}");
        };
        check("openai", Credential::api_key("k".into()), &[("authorization", "Bearer k")]);
        check("azure", Credential::api_key("k".into()), &[("api-key", "k")]);
        check("azure", Credential::bearer("t".into()), &[("authorization", "Bearer t")]);
        check("gemini", Credential::api_key("k".into()), &[("x-goog-api-key", "k")]);
        check("gemini", Credential::bearer("t".into()), &[("authorization", "Bearer t")]);
        check("vllm", Credential::none(), &[]);
        check("sandbox", Credential::api_key("k".into()), &[]);
    }

    #[test]
    fn credentials_that_would_break_a_header_are_refused_and_never_shown() {
        for secret in ["", "a\r\nx: y", "a b", "naïve"] {
            let got = Provider::new("p", "openai", None, Credential::api_key(secret.to_owned()));
            assert_eq!(got.unwrap_err(), ProviderError::CredentialInvalid);
        }
        let provider = Provider::new("p", "openai", None, Credential::api_key("s3cret".to_owned())).unwrap();
        assert!(!format!("{provider:?}").contains("s3cret"));
    }
}
