//! `sluicegate serve`: from the settings to a running gateway, and what signals do to it.

use std::{path::PathBuf, sync::Arc};

use rustix::process::nice;
use sluice_gateway::{Config, Gateway, Ledger};
use sluice_ledger::{Key, KeyHash, Limits, ModelAccess, Origin, secret};
use sluice_store::{BOOKS_NICER, Catalog, SqlStore, Store, seal::MasterKey};
use tokio::{
    net::TcpStream,
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    time::{Duration, sleep, timeout},
};
use tracing_subscriber::EnvFilter;

use super::{config_path, load, warnings};
use crate::{
    Failure, cli, complain,
    data_dir::DataDir,
    environment,
    greeting::{Greeting, KeyShown},
    random,
    settings::{self, Overrides, Secrets, Settings},
};

const MASTER_KEY_VARIABLE: &str = "SLUICEGATE_MASTER_KEY";
/// How long the start looks for an Ollama on this machine.
const OLLAMA_PROBE_MS: u64 = 200;
/// A second signal counts only so long after the first.
const INSISTED_AFTER_MS: u64 = 500;
/// Name and project of the key that the first run makes.
const FIRST_KEY_NAME: &str = "first";
const FIRST_KEY_PROJECT: &str = "default";
/// Keys with a secret of their own are told apart by this much of a random id, in hexadecimal digits.
const KEY_ID_DIGITS: usize = 24;

pub(crate) fn run(arguments: &cli::Serve) -> Result<(), Failure> {
    let path = config_path(&arguments.config);
    let overrides = Overrides {
        listen: arguments.listen,
        admin_listen: arguments.admin_listen,
        data_dir: arguments.data_dir.clone(),
    };
    let settings = load(path.as_deref(), &overrides)?;
    log_to_stderr();
    for line in warnings(&settings, path.as_deref()) {
        tracing::warn!("{line}");
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    let outcome = runtime.block_on(async {
        // First, so that no signal has its default action while the start goes on.
        let signals = Signals::listen()?;
        let mut process = Process::prepare(path, overrides, settings).await?;
        process.run(signals).await
    });
    // A second signal ends at once: what still runs is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Operational log lines go to standard error; standard output belongs to the access log.
fn log_to_stderr() {
    let filter = environment::variable("RUST_LOG").unwrap_or_else(|| "info,sqlx=warn".to_owned());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .init();
    // The message of a panic may repeat what was being worked on, which may be a caller's: only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic in this program, which is a bug in it: please report the place");
    }));
}

/// The process around the gateway.
struct Process {
    path: Option<PathBuf>,
    overrides: Overrides,
    settings: Settings,
    store: SqlStore,
    secrets: Secrets,
    first_key: FirstKey,
    ollama: bool,
    data_dir: DataDir,
}

/// What is known of the key that the first run makes.
enum FirstKey {
    /// Not stored yet: that happens when it can be shown.
    New {
        secret: String,
        key: Box<Key>,
    },
    Known {
        prefix: String,
    },
    Own,
}

/// Why the wait for a signal ended.
enum Asked {
    End,
    Reload,
}

/// The signals that mean something, taken from the start so that none is missed.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let take = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    async fn next_end(&mut self) {
        while !matches!(self.next().await, Asked::End) {}
    }

    /// Waits for a second signal to end. Supervisors send one stop more than once, microseconds apart: what comes
    /// right behind the first does not count.
    async fn insisted(&mut self) {
        sleep(Duration::from_millis(INSISTED_AFTER_MS)).await;
        let _ = timeout(Duration::ZERO, self.next_end()).await;
        self.next_end().await;
    }
}

impl Process {
    /// Makes the data directory and the store, as far as they are missing.
    async fn prepare(
        path: Option<PathBuf>,
        overrides: Overrides,
        settings: Settings,
    ) -> Result<Self, Failure> {
        let data_dir = DataDir::open(&settings.server.data_dir)?;
        let secrets = Secrets { admin_token: data_dir.admin_token()?, master_key: master_key(&data_dir)? };
        let store = match &settings.storage.database_url {
            Some(url) => SqlStore::open_postgres(url).await,
            None => SqlStore::open_sqlite(&data_dir.database()).await,
        };
        let store = store.map_err(|error| error.to_string())?;
        store.apply_file(&settings.catalog).await.map_err(|error| error.to_string())?;
        let first_key = first_key(&store).await?;
        let ollama = !settings.names_provider && is_ollama_there().await;
        Ok(Self { path, overrides, settings, store, secrets, first_key, ollama, data_dir })
    }

    /// Serves until a signal says to end.
    async fn run(&mut self, mut signals: Signals) -> Result<(), Failure> {
        let catalog = self.store.load_catalog().await.map_err(|error| error.to_string())?;
        let config = self.config(&self.settings, &catalog);
        let ledger = Ledger {
            store: self.store.clone(),
            node: self.data_dir.node_id()?,
            journal: self.data_dir.journal(),
            durability: self.settings.storage.durability,
            retention: Some(days(self.settings.storage.request_rows_days)),
        };
        let gateway = Gateway::start(&config, &ledger).await.map_err(|error| error.to_string())?;
        // This thread looks after the books; workers have threads of their own by now. Where it is not allowed, it is only
        // in their way.
        let _ = nice(BOOKS_NICER);
        // Only now: a key that is stored but was never shown is of no use to anybody.
        if let FirstKey::New { key, .. } = &self.first_key {
            self.store.insert_key(key).await.map_err(|error| error.to_string())?;
            gateway.reload(&config).await.map_err(|error| error.to_string())?;
        }
        self.greet(&gateway, self.model_to_try(&catalog).as_deref());
        while matches!(signals.next().await, Asked::Reload) {
            self.reload(&gateway).await;
        }
        tracing::info!("leaving: running requests finish first, a second signal ends at once");
        gateway.shutdown();
        let left = tokio::select! {
            () = gateway.join() => true,
            () = signals.insisted() => false,
        };
        if !left {
            return Err("ended by a second signal: running requests were cut".into());
        }
        self.store.clone().close().await;
        tracing::info!("left: every request is done");
        Ok(())
    }

    /// The settings for the gateway, with what was detected.
    fn config(&self, settings: &Settings, catalog: &Catalog) -> Config {
        // Wanted by a model it is there whether it answers now or only later.
        let wanted = catalog.models.iter().flat_map(|m| &m.targets).any(|t| t.provider == settings::OLLAMA);
        settings.config(&self.secrets, self.ollama || wanted)
    }

    /// A model that the first key can be tried on.
    fn model_to_try(&self, catalog: &Catalog) -> Option<String> {
        if self.settings.sandbox_enabled {
            return Some("sandbox/echo".to_owned());
        }
        catalog.models.first().map(|model| model.name.clone())
    }

    fn greet(&self, gateway: &Gateway, model: Option<&str>) {
        let key = match &self.first_key {
            FirstKey::New { secret, .. } => KeyShown::New(secret),
            FirstKey::Known { prefix } => KeyShown::Known { prefix },
            FirstKey::Own => KeyShown::Own,
        };
        let tls = self.settings.server.uses_tls();
        let link = gateway.sign_in_link();
        let greeting = Greeting {
            data: gateway.data_addr(),
            admin: gateway.admin_addr(),
            tls,
            admin_tls: self.settings.server.uses_admin_tls(),
            sign_in: link.as_deref(),
            key,
            model,
        };
        complain(&greeting.text());
        for one in &self.settings.detected {
            let name = &one.record.name;
            complain(&format!("provider   {name}, its key from {}: models are `{name}/…`", one.variable));
        }
        if self.ollama {
            complain(&format!(
                "provider   ollama, found on {}: models are `ollama/…`",
                settings::OLLAMA_ADDRESS
            ));
        }
    }

    /// Reads the file again. On any error everything stays as it is.
    async fn reload(&mut self, gateway: &Gateway) {
        let Some(path) = self.path.clone() else {
            tracing::info!("SIGHUP: there is no configuration file to read again");
            return;
        };
        match self.try_reload(gateway, &path).await {
            Ok(()) => {
                gateway.file_was_read(None);
                tracing::info!(file = %path.display(), "the configuration file was read again and is in force")
            }
            Err(Failure(text)) => {
                gateway.file_was_read(Some(text.clone()));
                tracing::error!("the configuration file was not taken, nothing has changed: {text}");
            }
        }
    }

    async fn try_reload(&mut self, gateway: &Gateway, path: &std::path::Path) -> Result<(), Failure> {
        let settings = load(Some(path), &self.overrides)?;
        for line in warnings(&settings, Some(path)) {
            tracing::warn!("{line}");
        }
        for setting in self.settings.server.fixed_at_start(&settings.server) {
            tracing::warn!("server.{setting} has changed: it takes a restart to act");
        }
        for setting in self.settings.storage.fixed_at_start(&settings.storage) {
            tracing::warn!("{setting} has changed: it takes a restart to act");
        }
        if settings.otel != self.settings.otel {
            tracing::warn!("otel has changed: it takes a restart to act");
        }
        if !settings.names_provider && self.settings.names_provider {
            self.ollama = is_ollama_there().await;
        }
        self.store.apply_file(&settings.catalog).await.map_err(|error| error.to_string())?;
        let taken = match self.store.load_catalog().await {
            Ok(catalog) => gateway
                .reload(&self.config(&settings, &catalog))
                .await
                .map_err(|error| Failure(error.to_string())),
            Err(error) => Err(Failure(error.to_string())),
        };
        if let Err(failure) = taken {
            self.store.apply_file(&self.settings.catalog).await.map_err(|error| error.to_string())?;
            return Err(failure);
        }
        self.settings = settings;
        Ok(())
    }
}

/// The key that seals stored secrets. Several nodes share one: then it comes from outside.
fn master_key(data_dir: &DataDir) -> Result<Arc<MasterKey>, Failure> {
    let given = environment::variable(MASTER_KEY_VARIABLE).filter(|key| !key.is_empty());
    let (text, place) = match given {
        Some(text) => (text, MASTER_KEY_VARIABLE),
        None => (data_dir.master_key()?, "master.key of the data directory"),
    };
    let key = MasterKey::from_hex(&text).map_err(|error| format!("{place}: {error}"))?;
    Ok(Arc::new(key))
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(86_400))
}

/// The first key, made in memory when there is none of any origin.
async fn first_key(store: &SqlStore) -> Result<FirstKey, Failure> {
    let keys = store.load_catalog().await.map_err(|error| error.to_string())?.keys;
    if let Some(key) = keys.iter().find(|key| key.origin == Origin::FirstRun && !key.revoked) {
        return Ok(FirstKey::Known { prefix: key.prefix.clone() });
    }
    if !keys.is_empty() {
        return Ok(FirstKey::Own);
    }
    let secret = random::key_secret()?;
    let key = Box::new(new_first_key(&secret)?);
    Ok(FirstKey::New { secret, key })
}

fn new_first_key(secret: &str) -> Result<Key, Failure> {
    let mut id = random::hex()?;
    id.truncate(KEY_ID_DIGITS);
    Ok(Key {
        id: format!("key_{id}"),
        name: FIRST_KEY_NAME.to_owned(),
        hash: KeyHash::of(secret),
        prefix: secret::shown_prefix(secret),
        project: FIRST_KEY_PROJECT.to_owned(),
        models: ModelAccess::All,
        limits: Limits::default(),
        model_limits: Default::default(),
        budget: None,
        default_max_output_tokens: None,
        expires_at: None,
        owner: None,
        revoked: false,
        previous: None,
        created_at: None,
        origin: Origin::FirstRun,
    })
}

/// Whether something accepts connections where an Ollama listens.
async fn is_ollama_there() -> bool {
    let probe = TcpStream::connect(settings::OLLAMA_ADDRESS);
    matches!(timeout(Duration::from_millis(OLLAMA_PROBE_MS), probe).await, Ok(Ok(_)))
}
