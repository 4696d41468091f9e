//! What a gateway is started with, already checked. The binary makes it from the file and the environment; nothing
//! in this crate reads either.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use serde_json::Value;
use sluice_ledger::PriceTable;
use sluice_providers::Credential;
use sluice_store::{ProviderRecord, seal::MasterKey, shared_limits};
use url::Url;

/// Settings of one gateway process.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    pub max_body_bytes: usize,
    pub access_log: AccessLogFormat,
    /// Time between failing readiness and closing the listener at SIGTERM, in milliseconds.
    pub shutdown_grace_ms: u64,
    pub tls: Option<TlsFiles>,
    /// Whether the system's root certificates are trusted beside the bundled ones.
    pub native_roots: bool,
    pub sandbox_enabled: bool,
    /// Number of workers; `None`: one per core that this process may use.
    pub workers: Option<usize>,
    /// Bearer token of the admin listener.
    pub admin_token: String,
    /// Seals the credentials that are stored; the same on every node of one database.
    pub master_key: Arc<MasterKey>,
    /// Where limits are counted together with other nodes; `None`: this node counts for itself.
    pub redis: Option<shared_limits::Server>,
    /// Whose accounts people may sign in to the console by.
    pub oidc: Option<Oidc>,
    /// Where spans go; `None`: nothing is traced.
    pub otel: Option<Otel>,
    /// Credentials of the providers by provider name, those of one provider equal to one another. They never leave the
    /// process.
    pub credentials: BTreeMap<String, Vec<Credential>>,
    /// Prices by kind of vendor and model that go before the bundled ones.
    pub prices: Option<Arc<PriceTable>>,
    /// Providers that are there although the database does not know them; one of the same name in it goes before.
    pub detected: Vec<ProviderRecord>,
    /// What there is to set, and what is set, to be shown. No secret is in it.
    pub settings: Arc<[Setting]>,
}

impl Config {
    /// Whether the configuration file, the environment or the command line names this setting.
    pub(crate) fn owns(&self, name: &str) -> bool {
        self.settings.iter().any(|setting| setting.name == name && setting.source != Source::Default)
    }
}

/// A setting as the admin API shows it.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its table and its key: `server.listen`.
    pub name: String,
    /// Its table as the configuration file has it: `[server]`.
    pub section: String,
    /// What it is for, in Markdown.
    pub text: String,
    /// As the reference of settings says: `string`, `integer`, `boolean`, `secret`, `table`.
    pub kind: String,
    /// What is in force; null where nothing is, and for secrets.
    pub value: Value,
    /// What is in force where nobody sets it.
    pub default: Value,
    pub is_secret: bool,
    pub source: Source,
    /// Whether a change takes a restart.
    pub needs_restart: bool,
    /// All that it may be, where there are few.
    pub words: Vec<String>,
    /// The smallest and the largest value.
    pub range: Option<(i64, i64)>,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File,
    /// A variable that the configuration file names.
    Environment,
    CommandLine,
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::CommandLine => "command_line",
        }
    }
}

/// A provider of OpenID Connect.
#[derive(Clone, PartialEq, Eq)]
pub struct Oidc {
    /// Exactly as the provider calls itself.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A collector of spans, over OTLP/HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Otel {
    /// `http` or `https`, without a user name; `/v1/traces` is added to a path that does not end in it.
    pub endpoint: Url,
    /// Lower-case names and values, which may be secret.
    pub headers: Vec<(String, String)>,
    /// The `service.name` of the spans.
    pub service_name: String,
    /// How many of a hundred requests are traced whose callers do not say whether.
    pub sample_percent: u64,
}

impl std::fmt::Debug for Otel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otel").field("service_name", &self.service_name).finish_non_exhaustive()
    }
}

/// Certificate chain and private key of the data listener, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Form of the access log, one line a request on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    Json,
    Text,
    Off,
}
