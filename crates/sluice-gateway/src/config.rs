//! What a gateway is started with, already checked. The binary makes it from the file and the environment; nothing
//! in this crate reads either.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

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
    /// Where spans go; `None`: nothing is traced.
    pub otel: Option<Otel>,
    /// Credentials of the providers by provider name, those of one provider equal to one another. They never leave the
    /// process.
    pub credentials: BTreeMap<String, Vec<Credential>>,
    /// Prices by kind of vendor and model that go before the bundled ones.
    pub prices: Option<Arc<PriceTable>>,
    /// Providers that are there although the database does not know them; one of the same name in it goes before.
    pub detected: Vec<ProviderRecord>,
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
