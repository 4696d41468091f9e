//! What the data plane knows: keys, models and providers, immutable and in memory. Made anew on every change and
//! swapped as a whole; a request sees one snapshot from its start to its end.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderValue;
use sluice_ledger::{Key, KeyHash, Origin, Price, PriceTable, Project, price_table, record::Answered};
use sluice_providers::{ModelFacts, UpstreamModel, capability, sandbox};
use sluice_routing::HedgeBudget;
use sluice_store::{Catalog, ModelCapabilities, ModelRecord, ProviderRecord, catalog::ModelOptions};

use crate::{
    accounting::{Guard, Priced, Registry},
    bounds,
    config::Config,
    console_settings::InForce,
    fleet::{Health, Healths},
    metrics::Metrics,
    metrics::TargetMetrics,
    places,
    tokens::Tokens,
    upstream::Upstream,
};

/// The name of the built-in provider.
pub(crate) const SANDBOX: &str = "sandbox";
/// What the metrics call a model that was named as `provider/model` and is no alias: its name is the caller's.
const DIRECT: &str = "(direct)";

/// Everything a request is decided on.
#[derive(Debug)]
pub(crate) struct Snapshot {
    keys: HashMap<KeyHash, Arc<KnownKey>, BuildHasherDefault<AlreadyHashed>>,
    models: BTreeMap<String, Arc<Model>>,
    upstreams: HashMap<String, Direct>,
    prices: Option<Arc<PriceTable>>,
    healths: Arc<Healths>,
    pub(crate) max_body_bytes: usize,
    /// What was set through the admin API.
    pub(crate) settings: InForce,
    /// Unix seconds at which it was made.
    pub(crate) made_at: u64,
}

/// A key and what it is held to.
#[derive(Debug)]
pub(crate) struct KnownKey {
    pub(crate) key: Arc<Key>,
    pub(crate) guard: Guard,
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
    /// One for each of its credentials.
    upstreams: Vec<Arc<Upstream>>,
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
    pub(crate) hedges: Arc<Mutex<HedgeBudget>>,
}

/// One provider's model that can answer.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) model: UpstreamModel,
    pub(crate) provider_header: HeaderValue,
    pub(crate) model_header: HeaderValue,
    pub(crate) metrics: TargetMetrics,
    /// What an answer of this target costs; `None`: nobody knows.
    pub(crate) priced: Option<Arc<Priced>>,
    /// What the books say of an answer of this target.
    pub(crate) answered: Arc<Answered>,
    /// What it can do: the table, and before it what the operator says.
    pub(crate) facts: ModelFacts,
    /// Whether anybody says what it can do.
    pub(crate) known: bool,
    /// Whether it is the operator who does.
    pub(crate) declared: bool,
    pub(crate) clocks: Clocks,
    pub(crate) place: Place,
    /// The sandbox has none.
    pub(crate) health: Option<Arc<Health>>,
}

/// Where a target stands among the targets of its model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) priority: u32,
    pub(crate) weight: u32,
    /// Targets of the same upstream model have the same number.
    pub(crate) same_model: u32,
    /// The same number in every snapshot.
    pub(crate) identity: u64,
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

/// What outlives snapshots and is part of every one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) metrics: &'a Metrics,
    pub(crate) registry: &'a Registry,
    pub(crate) healths: &'a Arc<Healths>,
    pub(crate) tokens: &'a Tokens,
}

impl Snapshot {
    /// Joins the catalog with the credentials of the settings.
    pub(crate) fn new(
        config: &Config,
        catalog: Catalog,
        parts: &Parts<'_>,
        unix_ms: u64,
    ) -> Result<Self, SnapshotError> {
        let (metrics, healths) = (parts.metrics, Arc::clone(parts.healths));
        let mut catalog = catalog;
        for record in &config.detected {
            if catalog.providers.iter().all(|stored| stored.name != record.name) {
                catalog.providers.push(record.clone());
            }
        }
        let settings = InForce::of(&catalog.settings, config);
        let sandbox = settings.sandbox_enabled.unwrap_or(config.sandbox_enabled);
        let sandbox = sandbox && catalog.providers.iter().all(|p| p.name != SANDBOX);
        let mut upstreams = HashMap::new();
        for record in catalog.providers.iter().cloned().chain(sandbox.then(sandbox_record)) {
            let made = places::upstreams(&record, config, parts.tokens)
                .map_err(|why| SnapshotError::Provider { name: record.name.clone(), why })?;
            let metrics = metrics.target(DIRECT, &record.name);
            upstreams.insert(record.name, Direct { upstreams: made, metrics });
        }
        let prices = config.prices.clone();
        let table = Table { prices: prices.as_deref(), unix_s: unix_ms / 1000 };
        let mut models = BTreeMap::new();
        if sandbox {
            for name in sandbox::models() {
                let name = format!("{SANDBOX}/{name}");
                models
                    .insert(name.clone(), Arc::new(alias(&sandbox_model(&name), &upstreams, parts, table)?));
            }
        }
        for record in &catalog.models {
            models.insert(record.name.clone(), Arc::new(alias(record, &upstreams, parts, table)?));
        }
        let keys = known_keys(catalog.keys, &catalog.projects, parts.registry);
        let max_body_bytes = config.max_body_bytes;
        let made_at = unix_ms / 1000;
        Ok(Self { keys, models, upstreams, prices, healths, max_body_bytes, settings, made_at })
    }

    /// The key with this secret's hash, active or not.
    pub(crate) fn key(&self, hash: &KeyHash) -> Option<&Arc<KnownKey>> {
        self.keys.get(hash)
    }

    /// The key with this id, active or not.
    pub(crate) fn key_of(&self, id: &str) -> Option<&Arc<KnownKey>> {
        self.keys.values().find(|known| known.key.id == id)
    }

    /// This snapshot is about to be the one that counts: budgets that have changed hold from now on.
    pub(crate) fn publish(&self) {
        for known in self.keys.values() {
            known.guard.publish();
        }
    }

    /// The model of this name: an alias, or `provider/model` for a provider that exists.
    pub(crate) fn model(&self, name: &str) -> Option<Arc<Model>> {
        if let Some(model) = self.models.get(name) {
            return Some(Arc::clone(model));
        }
        let (provider, model) = name.split_once('/')?;
        let direct = self.upstreams.get(provider)?;
        if model.is_empty() || direct.upstreams.iter().any(|one| one.provider().is_sandbox()) {
            return None;
        }
        let options = ModelOptions::default();
        let table = Table { prices: self.prices.as_deref(), unix_s: self.made_at };
        let facts = Facts { table, price: None, unpriced_free: false, own: None, alias: None };
        let made = direct.upstreams.iter().map(|upstream| {
            let identity = identity(upstream, model);
            let place = Place { priority: 0, weight: 1, same_model: 0, identity };
            let mut target = target(upstream, model, (direct.metrics.clone(), place), &facts)?;
            target.watched(&options, &self.healths);
            Some(target)
        });
        let targets = made.collect::<Option<Vec<_>>>()?;
        Some(Arc::new(Model::new(name, targets, options, &self.healths)))
    }

    /// How many credentials a provider has; `None`: there is no such provider.
    pub(crate) fn credentials_of(&self, provider: &str) -> Option<usize> {
        self.upstreams.get(provider).map(|direct| direct.upstreams.len())
    }

    /// A provider with the first of its credentials.
    pub(crate) fn upstream(&self, provider: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.get(provider)?.upstreams.first()
    }

    /// All models that have a name of their own, in order.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }
}

impl Model {
    fn new(name: &str, targets: Vec<Target>, options: ModelOptions, healths: &Healths) -> Self {
        let percent = options.hedge_budget_percent.unwrap_or(bounds::HEDGE_PERCENT);
        let clocks = Clocks::of(&options, targets.iter().any(|target| target.facts.reasoning));
        Self { name: name.to_owned(), targets, clocks, hedges: healths.hedges(name, percent), options }
    }
}

impl Target {
    /// Gives it its clocks and the health that it has in every snapshot.
    fn watched(&mut self, options: &ModelOptions, healths: &Healths) {
        self.clocks = Clocks::of(options, self.facts.reasoning);
        if !self.upstream.provider().is_sandbox() {
            let provider = self.upstream.provider().name();
            self.health = Some(healths.target(provider, self.upstream.identity(), self.model.name()));
        }
    }
}

impl Clocks {
    fn of(options: &ModelOptions, reasoning: bool) -> Self {
        let ms = |set: Option<u64>, default: u64| Duration::from_millis(set.unwrap_or(default));
        let first_token = if reasoning { bounds::FIRST_TOKEN_REASONING_MS } else { bounds::FIRST_TOKEN_MS };
        Self {
            connect: ms(options.connect_ms, bounds::CONNECT_MS),
            first_token: ms(options.first_token_ms, first_token),
            idle: ms(options.idle_ms, bounds::IDLE_MS),
            total: ms(options.total_ms, bounds::TOTAL_MS),
        }
    }
}

/// Keys by every hash that may be used for them.
fn known_keys(
    keys: Vec<Key>,
    projects: &[Project],
    registry: &Registry,
) -> HashMap<KeyHash, Arc<KnownKey>, BuildHasherDefault<AlreadyHashed>> {
    let projects: HashMap<&str, &Project> = projects.iter().map(|p| (p.name.as_str(), p)).collect();
    let mut known = HashMap::default();
    for key in keys {
        let guard = registry.guard(&key, projects.get(key.project.as_str()).copied());
        let key = Arc::new(KnownKey { key: Arc::new(key), guard });
        if let Some((before, _)) = key.key.previous {
            known.insert(before, Arc::clone(&key));
        }
        known.insert(key.key.hash, key);
    }
    known
}

fn alias(
    record: &ModelRecord,
    upstreams: &HashMap<String, Direct>,
    parts: &Parts<'_>,
    table: Table<'_>,
) -> Result<Model, SnapshotError> {
    let mut records: Vec<_> = record.targets.iter().collect();
    records.sort_by_key(|target| target.priority);
    let mut targets: Vec<Target> = Vec::with_capacity(records.len());
    for t in records {
        let direct = upstreams.get(&t.provider).ok_or_else(|| SnapshotError::UnknownProvider {
            model: record.name.clone(),
            provider: t.provider.clone(),
        })?;
        let metrics = parts.metrics.target(&record.name, &t.provider);
        let equal = targets.iter().find(|other| other.model.name() == t.model);
        let number = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        let place = Place {
            priority: t.priority,
            weight: share(t.weight, direct.upstreams.len()),
            same_model: equal.map_or(number, |equal| equal.place.same_model),
            identity: 0,
        };
        let facts = Facts {
            table,
            price: record.price.as_ref(),
            unpriced_free: record.options.unpriced_free,
            own: Some(&t.capabilities),
            alias: Some(&record.options.capabilities),
        };
        for upstream in &direct.upstreams {
            let place = Place { identity: identity(upstream, &t.model), ..place };
            let target = target(upstream, &t.model, (metrics.clone(), place), &facts);
            let mut target = target.ok_or_else(|| SnapshotError::Unspeakable {
                model: record.name.clone(),
                what: format!("the target `{}`", t.model),
            })?;
            target.watched(&record.options, parts.healths);
            targets.push(target);
        }
    }
    Ok(Model::new(&record.name, targets, record.options.clone(), parts.healths))
}

/// A number for a target that stays the same as long as it does.
fn identity(upstream: &Upstream, model: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (upstream.identity(), upstream.provider().name(), model).hash(&mut hasher);
    hasher.finish()
}

/// What each credential of a provider has of the weight of a target there.
fn share(weight: u32, credentials: usize) -> u32 {
    let credentials = u32::try_from(credentials).unwrap_or(u32::MAX).max(1);
    (weight.saturating_mul(WHOLE_WEIGHT) / credentials).max(1)
}

/// A weight of 1, in parts: up to twelve credentials share it evenly.
const WHOLE_WEIGHT: u32 = 27_720;

/// An operator's own prices, and the moment for which they are asked.
#[derive(Clone, Copy, Debug)]
struct Table<'a> {
    prices: Option<&'a PriceTable>,
    unix_s: u64,
}

impl Table<'_> {
    /// The operator's price, else the bundled one.
    fn price(&self, kind: &str, model: &str) -> Option<Priced> {
        let unix_s = i64::try_from(self.unix_s).unwrap_or(i64::MAX);
        let own = self.prices.and_then(|table| table.lookup(kind, model, unix_s));
        let found = own.or_else(|| price_table::bundled(kind, model))?;
        Some(Priced { price: found.price, version: found.version.into() })
    }
}

/// What settings say about a target; what they do not say the bundled tables may.
#[derive(Clone, Copy, Debug)]
struct Facts<'a> {
    table: Table<'a>,
    price: Option<&'a Price>,
    unpriced_free: bool,
    own: Option<&'a ModelCapabilities>,
    alias: Option<&'a ModelCapabilities>,
}

impl Facts<'_> {
    fn number(&self, of: fn(&ModelCapabilities) -> Option<u64>) -> Option<u64> {
        self.own.and_then(of).or_else(|| self.alias.and_then(of))
    }
}

/// The price of a target: the alias's own, else that of the tables. The sandbox is free unless the alias says otherwise.
fn priced(upstream: &Upstream, model: &str, facts: &Facts<'_>) -> Option<Arc<Priced>> {
    let provider = upstream.provider();
    if let Some(price) = facts.price {
        return Some(Arc::new(Priced::configured(*price)));
    }
    if provider.is_sandbox() {
        return Some(Arc::new(Priced::free()));
    }
    match facts.table.price(&provider.row().kind, model) {
        Some(found) => Some(Arc::new(found)),
        None => facts.unpriced_free.then(|| Arc::new(Priced::free())),
    }
}

fn target(
    upstream: &Arc<Upstream>,
    model: &str,
    (metrics, place): (TargetMetrics, Place),
    facts: &Facts<'_>,
) -> Option<Target> {
    let in_table = capability::facts(&upstream.provider().row().kind, model);
    let mut of_model = in_table.unwrap_or_default();
    let own = facts.own.and_then(|own| own.capabilities.as_deref());
    let said = own.or_else(|| facts.alias.and_then(|alias| alias.capabilities.as_deref()));
    if let Some(words) = said {
        of_model.set_flags(words);
    }
    of_model.context_length = facts.number(|c| c.context_length).or(of_model.context_length);
    of_model.max_output_tokens = facts.number(|c| c.max_output_tokens).or(of_model.max_output_tokens);
    let priced = priced(upstream, model, facts);
    let answered = Answered {
        provider: upstream.provider().name().to_owned(),
        upstream_model: model.to_owned(),
        price_version: priced.as_ref().map(|priced| (*priced.version).to_owned()).unwrap_or_default(),
    };
    Some(Target {
        facts: of_model,
        known: in_table.is_some() || said.is_some(),
        declared: said.is_some(),
        priced,
        answered: Arc::new(answered),
        provider_header: HeaderValue::from_str(upstream.provider().name()).ok()?,
        model_header: HeaderValue::from_str(model).ok()?,
        upstream: Arc::clone(upstream),
        model: UpstreamModel::new(model),
        metrics,
        clocks: Clocks::of(&ModelOptions::default(), of_model.reasoning),
        place,
        health: None,
    })
}

pub(crate) fn sandbox_record() -> ProviderRecord {
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
