//! What authenticates us at a provider: a key that never changes, or a source of tokens and keys that do. Getting and
//! keeping those is the shell's affair; here is only what it takes.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::sigv4::AwsCredentials;

/// A secret for one provider. It never prints itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credential(pub(crate) Secret);

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Secret {
    None,
    Bearer(String),
    ApiKey(String),
    Source(Arc<Source>),
}

impl Credential {
    /// No authentication.
    pub fn none() -> Self {
        Self(Secret::None)
    }

    /// A token that goes out as `authorization: Bearer …` whatever the vendor.
    pub fn bearer(token: String) -> Self {
        Self(Secret::Bearer(token))
    }

    /// A vendor's API key; the vendor's row says how it goes out.
    pub fn api_key(key: String) -> Self {
        Self(Secret::ApiKey(key))
    }

    /// Tokens of an identity provider, or AWS keys that sign each request.
    pub fn source(source: Source) -> Self {
        Self(Secret::Source(Arc::new(source)))
    }

    /// Where its tokens or keys come from, if they change.
    pub fn token_source(&self) -> Option<&Arc<Source>> {
        match &self.0 {
            Secret::Source(source) => Some(source),
            _ => None,
        }
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        matches!(self.0, Secret::None)
    }

    /// Whether every part of it can stand in a header.
    pub(crate) fn is_sendable(&self) -> bool {
        match &self.0 {
            Secret::None => true,
            Secret::Bearer(text) | Secret::ApiKey(text) => is_visible(text),
            Secret::Source(source) => source.is_sendable(),
        }
    }
}

/// Where tokens and keys that run out come from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// OAuth access tokens of Google, shown as bearer.
    Google(GoogleSource),
    /// AWS keys; each request is signed with them.
    Aws(AwsSource),
    /// Access tokens of Microsoft Entra, shown as bearer.
    Entra(EntraApp),
}

impl Source {
    fn is_sendable(&self) -> bool {
        match self {
            Self::Google(_) => true,
            Self::Aws(source) => source.is_sendable(),
            Self::Entra(app) => {
                let id = |text: &str| {
                    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
                };
                id(&app.tenant_id) && id(&app.client_id) && is_visible(&app.client_secret)
            }
        }
    }
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b))
}

/// Where Google's access tokens come from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum GoogleSource {
    /// A service account signs for itself (a key file of type `service_account`).
    ServiceAccount {
        client_email: String,
        /// PKCS #8 in PEM.
        private_key: String,
        private_key_id: Option<String>,
        /// Where the signed assertion is exchanged for a token.
        token_uri: String,
    },
    /// A person's consent (a file of type `authorized_user`, as `gcloud auth application-default login` writes it).
    AuthorizedUser { client_id: String, client_secret: String, refresh_token: String, token_uri: String },
    /// The metadata server of the machine at this `host` or `host:port`.
    Metadata { host: String },
}

/// Google's own token endpoint.
pub const GOOGLE_TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A Google credentials file, read.
#[derive(Clone, PartialEq, Eq)]
pub struct GoogleFile {
    pub source: GoogleSource,
    /// The project that the file speaks of.
    pub project: Option<String>,
}

impl GoogleFile {
    /// Reads the JSON of a credentials file.
    ///
    /// # Errors
    /// What is wrong with it, without anything of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: serde_json::Value =
            serde_json::from_str(text).map_err(|_| "is not the JSON of a Google credentials file")?;
        let optional = |key: &str| file[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let need = |key: &str| optional(key).ok_or_else(|| format!("has no `{key}`"));
        let token_uri = optional("token_uri").unwrap_or_else(|| GOOGLE_TOKEN_URI.to_owned());
        let source = match file["type"].as_str() {
            Some("service_account") => GoogleSource::ServiceAccount {
                client_email: need("client_email")?,
                private_key: need("private_key")?,
                private_key_id: optional("private_key_id"),
                token_uri,
            },
            Some("authorized_user") => GoogleSource::AuthorizedUser {
                client_id: need("client_id")?,
                client_secret: need("client_secret")?,
                refresh_token: need("refresh_token")?,
                token_uri,
            },
            _ => return Err("is neither of type `service_account` nor of type `authorized_user`".into()),
        };
        let project = optional("project_id").or_else(|| optional("quota_project_id"));
        Ok(Self { source, project })
    }
}

/// Where AWS keys come from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum AwsSource {
    /// Written down.
    Keys(AwsCredentials),
    /// A token of Kubernetes or another identity provider, exchanged for the keys of a role.
    WebIdentity {
        role: AwsRole,
        /// Holds the token; read anew each time, as it is replaced before it runs out.
        token_file: PathBuf,
    },
    /// The keys of a role that other keys may take.
    Role {
        role: AwsRole,
        from: Box<AwsSource>,
        /// What the role's owner wants to be told, where it is another's role.
        external_id: Option<String>,
    },
    /// The agent of a container (ECS, EKS Pod Identity).
    Container {
        url: String,
        /// Shown as `authorization`.
        token: Option<String>,
        /// Holds that token instead; read anew each time.
        token_file: Option<PathBuf>,
    },
    /// The metadata service of an EC2 machine, version 2, at this address without a path.
    Instance { url: String },
}

impl AwsSource {
    fn is_sendable(&self) -> bool {
        match self {
            Self::Keys(keys) => {
                let token = keys.session_token.as_deref();
                [&keys.access_key_id, &keys.secret_access_key].into_iter().all(|text| is_visible(text))
                    && token.is_none_or(is_visible)
            }
            Self::Role { from, .. } => from.is_sendable(),
            Self::WebIdentity { .. } | Self::Container { .. } | Self::Instance { .. } => true,
        }
    }
}

/// A role of AWS, and where its keys are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AwsRole {
    pub arn: String,
    pub session_name: String,
    /// The security token service, without a path.
    pub sts_url: String,
    /// The region in which it is.
    pub region: String,
}

/// An application of Microsoft Entra that signs in with a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntraApp {
    pub tenant_id: String,
    pub client_id: String,
    pub client_secret: String,
    /// Where tenants sign in, without a path; [`ENTRA_AUTHORITY`] in the public cloud.
    pub authority: String,
}

/// Where tenants of the public cloud sign in.
pub const ENTRA_AUTHORITY: &str = "https://login.microsoftonline.com";

/// What holds a secret prints its name alone.
macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

hidden!(Credential, Source, GoogleSource, GoogleFile, AwsSource, EntraApp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_files() {
        let check = |text: &str, expect: Result<Option<&str>, &str>| {
            let found = GoogleFile::parse(text);
            let found = found.as_ref().map(|file| file.project.as_deref()).map_err(String::as_str);
            assert_eq!(found, expect, "{text}");
        };
        check(
            r#"{"type":"service_account","project_id":"p","client_email":"a@b","private_key":"k"}"#,
            Ok(Some("p")),
        );
        check(
            r#"{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}"#,
            Ok(None),
        );
        check(r#"{"type":"service_account","private_key":"k"}"#, Err("has no `client_email`"));
        check(
            r#"{"type":"service_account","client_email":"","private_key":"k"}"#,
            Err("has no `client_email`"),
        );
        let other = "is neither of type `service_account` nor of type `authorized_user`";
        check(r#"{"type":"external_account"}"#, Err(other));
        check("[]", Err(other));
        check("secret", Err("is not the JSON of a Google credentials file"));
    }

    #[test]
    fn tokens_go_where_the_file_says() {
        let text =
            r#"{"type":"service_account","client_email":"a@b","private_key":"k","token_uri":"http://h/t"}"#;
        let GoogleSource::ServiceAccount { token_uri, .. } = GoogleFile::parse(text).unwrap().source else {
            panic!("another source")
        };
        assert_eq!(token_uri, "http://h/t");
    }

    #[test]
    fn nothing_secret_prints_itself() {
        let keys = AwsCredentials {
            access_key_id: "canary-a".into(),
            secret_access_key: "canary-b".into(),
            session_token: Some("canary-c".into()),
        };
        let source = Source::Aws(AwsSource::Keys(keys.clone()));
        let shown = format!("{keys:?} {source:?} {:?}", Credential::source(source.clone()));
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_cannot_be_sent() {
        let aws = |id: &str, secret: &str, token: Option<&str>| {
            Credential::source(Source::Aws(AwsSource::Keys(AwsCredentials {
                access_key_id: id.into(),
                secret_access_key: secret.into(),
                session_token: token.map(str::to_owned),
            })))
        };
        let entra = |tenant_id: &str, client_secret: &str| {
            Credential::source(Source::Entra(EntraApp {
                tenant_id: tenant_id.into(),
                client_id: "c".into(),
                client_secret: client_secret.into(),
                authority: ENTRA_AUTHORITY.into(),
            }))
        };
        let check = |credential: Credential, fine: bool| assert_eq!(credential.is_sendable(), fine);
        check(aws("AKID", "s/+=", None), true);
        check(aws("AKID", "s", Some("t")), true);
        check(aws("AK ID", "s", None), false);
        check(aws("AKID", "", None), false);
        check(aws("AKID", "s", Some("a\r\nb: c")), false);
        check(entra("contoso.onmicrosoft.com", "s~."), true);
        check(entra("../x", "s"), false);
        check(entra("t", "a b"), false);
    }
}
