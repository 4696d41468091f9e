//! Private parts, for who counts their instructions and for nobody else.

use std::{net::Ipv4Addr, sync::Arc};

use http::HeaderMap;
use sluice_ledger::{Key, KeyHash, ModelAccess, Origin};
use sluice_store::{Catalog, seal::MasterKey};

use crate::{
    accounting::Registry,
    authenticate::by_key,
    config::{AccessLogFormat, Config},
    fleet::Healths,
    metrics::Metrics,
    snapshot::{Parts, Snapshot},
    tokens::Tokens,
};

/// Where callers are known by their keys.
#[derive(Debug)]
pub struct Door(Snapshot);

impl Door {
    /// One that knows the keys with these secrets; `None` where no snapshot can be made of them.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Option<Self> {
        let keys = secrets.into_iter().enumerate().map(|(n, secret)| key(n, &secret)).collect();
        let catalog = Catalog { keys, ..Catalog::default() };
        let (metrics, registry) = (Metrics::new(), Registry::default());
        let (healths, tokens) = (Arc::new(Healths::default()), Tokens::default());
        let parts = Parts { metrics: &metrics, registry: &registry, healths: &healths, tokens: &tokens };
        Snapshot::new(&config()?, catalog, &parts, 0).ok().map(Self)
    }

    /// Whether the caller of a request with these headers is known.
    pub fn opens(&self, headers: &HeaderMap) -> bool {
        by_key(headers, &self.0, 0, || false).is_ok()
    }
}

fn key(n: usize, secret: &str) -> Key {
    Key {
        id: format!("key_{n}"),
        name: format!("{n}"),
        hash: KeyHash::of(secret),
        prefix: String::new(),
        project: "default".to_owned(),
        models: ModelAccess::All,
        limits: Default::default(),
        model_limits: Default::default(),
        budget: None,
        default_max_output_tokens: None,
        expires_at: None,
        owner: None,
        revoked: false,
        previous: None,
        created_at: None,
        origin: Origin::File,
    }
}

fn config() -> Option<Config> {
    let nowhere = (Ipv4Addr::LOCALHOST, 0).into();
    Some(Config {
        listen: nowhere,
        admin_listen: nowhere,
        max_body_bytes: 1 << 25,
        access_log: AccessLogFormat::Off,
        shutdown_grace_ms: 0,
        tls: None,
        native_roots: false,
        sandbox_enabled: false,
        workers: None,
        admin_token: String::new(),
        master_key: Arc::new(MasterKey::from_hex(&"0".repeat(64)).ok()?),
        redis: None,
        otel: None,
        oidc: None,
        credentials: Default::default(),
        prices: None,
        detected: Vec::new(),
        settings: Arc::default(),
    })
}
