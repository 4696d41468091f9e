//! What the data plane knows: keys, models and providers, immutable and in memory. Made anew on every change and
//! swapped as a whole; a request sees one snapshot from its start to its end.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use sluice_ledger::{Key, KeyHash, Origin};
use sluice_providers::{Credential, Provider, UpstreamModel, sandbox};
use sluice_store::{Catalog, ModelRecord, ProviderRecord, catalog::ModelOptions};

use crate::{bounds, config::Config, metrics::Metrics, metrics::TargetMetrics, upstream::Upstream};

/// The name of the built-in provider.
pub(crate) const SANDBOX: &str = "sandbox";
/// What the metrics call a model that was named as `provider/model` and is no alias: its name is the caller's.
const DIRECT: &str = "(direct)";

/// Everything a request is decided on.
#[derive(Debug)]
pub(crate) struct Snapshot {
    keys: HashMap<KeyHash, Arc<Key>, BuildHasherDefault<AlreadyHashed>>,
    models: BTreeMap<String, Arc<Model>>,
    upstreams: HashMap<String, Direct>,
    pub(crate) max_body_bytes: usize,
    /// Unix seconds at which it was made.
    pub(crate) made_at: u64,
}

/// Takes the first bytes of a SHA-256 for its hash: nobody can choose them.
#[derive(Clone, Copy, Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    /// The length, which is always the same.
    fn write_usize(&mut self, _: usize) {}
}

/// A provider whose models may be asked for as `provider/model`.
#[derive(Debug)]
struct Direct {
    upstream: Arc<Upstream>,
    metrics: TargetMetrics,
}

/// A model as callers name it.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    /// In the order in which they are tried.
    pub(crate) targets: Vec<Target>,
    pub(crate) clocks: Clocks,
    pub(crate) options: ModelOptions,
}

/// One provider's model that can answer.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) model: UpstreamModel,
    pub(crate) provider_header: HeaderValue,
    pub(crate) model_header: HeaderValue,
    pub(crate) metrics: TargetMetrics,
}

/// The clocks of calls to one model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    pub(crate) connect: Duration,
    pub(crate) first_token: Duration,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
}

/// Why no snapshot can be made of a catalog.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("provider `{name}`: {why}")]
    Provider { name: String, why: String },
    #[error("model `{model}`: target names the provider `{provider}`, which does not exist")]
    UnknownProvider { model: String, provider: String },
    #[error("model `{model}`: {what} has characters that a response header can not carry")]
    Unspeakable { model: String, what: String },
}

impl Snapshot {
    /// Joins the catalog with the credentials of the settings.
    pub(crate) fn new(
        config: &Config,
        catalog: Catalog,
        metrics: &Metrics,
        unix_ms: u64,
    ) -> Result<Self, SnapshotError> {
        let sandbox = config.sandbox_enabled && catalog.providers.iter().all(|p| p.name != SANDBOX);
        let mut upstreams = HashMap::new();
        for record in catalog.providers.iter().cloned().chain(sandbox.then(sandbox_record)) {
            let upstream = Arc::new(upstream(&record, config)?);
            let metrics = metrics.target(DIRECT, &record.name);
            upstreams.insert(record.name, Direct { upstream, metrics });
        }
        let mut models = BTreeMap::new();
        if sandbox {
            for name in sandbox::models() {
                let name = format!("{SANDBOX}/{name}");
                models.insert(name.clone(), Arc::new(alias(&sandbox_model(&name), &upstreams, metrics)?));
            }
        }
        for record in &catalog.models {
            models.insert(record.name.clone(), Arc::new(alias(record, &upstreams, metrics)?));
        }
        let keys = catalog.keys.into_iter().map(|key| (key.hash, Arc::new(key))).collect();
        let max_body_bytes = config.max_body_bytes;
        Ok(Self { keys, models, upstreams, max_body_bytes, made_at: unix_ms / 1000 })
    }

    /// The key with this secret's hash, active or not.
    pub(crate) fn key(&self, hash: &KeyHash) -> Option<&Arc<Key>> {
        self.keys.get(hash).filter(|key| key.hash.matches(hash))
    }

    /// The model of this name: an alias, or `provider/model` for a provider that exists.
    pub(crate) fn model(&self, name: &str) -> Option<Arc<Model>> {
        if let Some(model) = self.models.get(name) {
            return Some(Arc::clone(model));
        }
        let (provider, model) = name.split_once('/')?;
        let direct = self.upstreams.get(provider)?;
        if model.is_empty() || direct.upstream.provider().is_sandbox() {
            return None;
        }
        let target = target(&direct.upstream, model, direct.metrics.clone())?;
        let options = ModelOptions::default();
        let clocks = Clocks::of(&options);
        Some(Arc::new(Model { name: name.to_owned(), targets: vec![target], clocks, options }))
    }

    /// All models that have a name of their own, in order.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }
}

impl Clocks {
    fn of(options: &ModelOptions) -> Self {
        let ms = |set: Option<u64>, default: u64| Duration::from_millis(set.unwrap_or(default));
        Self {
            connect: ms(options.connect_ms, bounds::CONNECT_MS),
            first_token: ms(options.first_token_ms, bounds::FIRST_TOKEN_MS),
            idle: ms(options.idle_ms, bounds::IDLE_MS),
            total: ms(options.total_ms, bounds::TOTAL_MS),
        }
    }
}

fn upstream(record: &ProviderRecord, config: &Config) -> Result<Upstream, SnapshotError> {
    let fail = |why: String| SnapshotError::Provider { name: record.name.clone(), why };
    let credential = config.credentials.get(&record.name).cloned().unwrap_or_else(Credential::none);
    let provider = Provider::new(&record.name, &record.kind, record.base_url.as_deref(), credential)
        .map_err(|e| fail(e.to_string()))?;
    Upstream::new(provider, record).map_err(fail)
}

fn alias(
    record: &ModelRecord,
    upstreams: &HashMap<String, Direct>,
    metrics: &Metrics,
) -> Result<Model, SnapshotError> {
    let mut records: Vec<_> = record.targets.iter().collect();
    records.sort_by_key(|target| target.priority);
    let mut targets = Vec::with_capacity(records.len());
    for t in records {
        let direct = upstreams.get(&t.provider).ok_or_else(|| SnapshotError::UnknownProvider {
            model: record.name.clone(),
            provider: t.provider.clone(),
        })?;
        let metrics = metrics.target(&record.name, &t.provider);
        targets.push(target(&direct.upstream, &t.model, metrics).ok_or_else(|| {
            SnapshotError::Unspeakable {
                model: record.name.clone(),
                what: format!("the target `{}`", t.model),
            }
        })?);
    }
    let options = record.options.clone();
    Ok(Model { name: record.name.clone(), targets, clocks: Clocks::of(&options), options })
}

fn target(upstream: &Arc<Upstream>, model: &str, metrics: TargetMetrics) -> Option<Target> {
    Some(Target {
        provider_header: HeaderValue::from_str(upstream.provider().name()).ok()?,
        model_header: HeaderValue::from_str(model).ok()?,
        upstream: Arc::clone(upstream),
        model: UpstreamModel::new(model),
        metrics,
    })
}

fn sandbox_record() -> ProviderRecord {
    ProviderRecord {
        name: SANDBOX.to_owned(),
        kind: SANDBOX.to_owned(),
        base_url: None,
        options: Default::default(),
        sealed: None,
        origin: Origin::File,
    }
}

fn sandbox_model(name: &str) -> ModelRecord {
    let model = name.strip_prefix("sandbox/").unwrap_or(name).to_owned();
    ModelRecord {
        name: name.to_owned(),
        targets: vec![sluice_store::TargetRecord {
            provider: SANDBOX.to_owned(),
            model,
            weight: 1,
            priority: 0,
            capabilities: Default::default(),
        }],
        price: None,
        options: ModelOptions::default(),
        origin: Origin::File,
    }
}
