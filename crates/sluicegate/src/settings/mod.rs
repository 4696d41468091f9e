//! The configuration file and what it means: TOML in, checked values out, or every error at once with its place.
//!
//! Nothing here reads a file or the environment: both are arguments.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use sluice_gateway::config::{Config, Oidc, Otel};
use sluice_ledger::PriceTable;
use sluice_providers::Credential;
use sluice_store::{Catalog, ProviderRecord, seal::MasterKey};
use toml::de::DeTable;

mod chain;
mod credentials;
mod detect;
mod dollars;
mod expand;
mod keys;
mod listed;
mod models;
mod otel;
mod problem;
mod providers;
mod reader;
mod server;
mod show;
#[cfg(test)]
mod tests;
mod unique;

pub(crate) use chain::{Surroundings, complete};
pub(crate) use detect::{OLLAMA, OLLAMA_ADDRESS, record as detected_record};
pub(crate) use problem::Problem;
pub(crate) use server::{Server, Storage, parse_address};
pub(crate) use show::show;

use reader::{Effective, Reader, Section};

/// What the command line says, which goes before the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) admin_listen: Option<SocketAddr>,
    pub(crate) data_dir: Option<PathBuf>,
}

/// What of the data directory the gateway works with.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    pub(crate) admin_token: String,
    pub(crate) master_key: Arc<MasterKey>,
}

/// Everything that was configured, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) storage: Storage,
    /// Where spans go.
    pub(crate) otel: Option<Otel>,
    /// Whose accounts people may sign in by.
    pub(crate) oidc: Option<Oidc>,
    pub(crate) sandbox_enabled: bool,
    /// Keys, projects, providers and models that the file owns.
    pub(crate) catalog: Catalog,
    /// Providers that the environment brought; empty when the file names any.
    pub(crate) detected: Vec<detect::Detected>,
    /// Whether the file names a provider.
    pub(crate) names_provider: bool,
    pub(crate) warnings: Vec<Problem>,
    /// What is in the file of prices; read by whoever may read files.
    pub(crate) prices: Option<Arc<PriceTable>>,
    /// What providers of the file want for credentials, and what was found.
    wanted: BTreeMap<String, credentials::Wanted>,
    credentials: BTreeMap<String, Vec<Credential>>,
    effective: Vec<Effective>,
    /// What the command line says, by the names of the settings.
    spoken: Vec<(&'static str, String)>,
    /// Every key that the file was asked for.
    #[cfg(test)]
    asked: std::collections::BTreeSet<String>,
}

impl Settings {
    /// The gateway's part. `ollama`: one was found on this machine, or is wanted.
    pub(crate) fn config(&self, secrets: &Secrets, ollama: bool) -> Config {
        let server = self.server.clone();
        let mut credentials = self.credentials.clone();
        for detected in &self.detected {
            credentials.insert(detected.record.name.clone(), vec![detected.credential.clone()]);
        }
        Config {
            listen: server.listen,
            admin_listen: server.admin_listen,
            max_body_bytes: server.max_body_bytes,
            access_log: server.access_log,
            shutdown_grace_ms: server.shutdown_grace_ms,
            tls: server.tls,
            native_roots: server.native_roots,
            sandbox_enabled: self.sandbox_enabled,
            workers: server.workers,
            admin_token: secrets.admin_token.clone(),
            master_key: Arc::clone(&secrets.master_key),
            redis: self.storage.redis.clone(),
            otel: self.otel.clone(),
            oidc: self.oidc.clone(),
            credentials,
            prices: self.prices.clone(),
            detected: self.detected_records(ollama),
            settings: listed::listed(self).into(),
        }
    }

    /// Providers that are there without being in the database.
    fn detected_records(&self, ollama: bool) -> Vec<ProviderRecord> {
        if self.names_provider {
            return Vec::new();
        }
        let found = ollama.then(|| detected_record(OLLAMA));
        self.detected.iter().map(|one| one.record.clone()).chain(found).collect()
    }
}

/// Reads the text of a configuration file; an empty text is the configuration of a first run.
///
/// # Errors
/// Every problem of the file, in its order.
pub(crate) fn read(
    source: &str,
    overrides: &Overrides,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, Vec<Problem>> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let reader = Reader::new(source, env);
    let (table, errors) = DeTable::parse_recoverable(source);
    for error in &errors {
        let offset = error.span().map_or(source.len(), |span| span.start);
        reader.problem(offset, "", format!("this is not TOML: {}", error.message()));
    }
    let root = Section::new(&reader, String::new(), 0, table.get_ref());
    let read = everything(root, overrides, env);
    let mut findings = reader.into_findings();
    if !errors.is_empty() {
        one_cause_a_line(&mut findings.problems);
    }
    match read {
        Some(mut settings) if findings.problems.is_empty() => {
            settings.warnings = findings.warnings;
            settings.effective = findings.effective;
            #[cfg(test)]
            settings.asked.clone_from(&findings.asked);
            Ok(settings)
        }
        _ => Err(findings.problems),
    }
}

/// Where the file is not TOML what was read on that line means nothing: only that is told of it.
fn one_cause_a_line(problems: &mut Vec<Problem>) {
    let bad: Vec<usize> =
        problems.iter().filter(|problem| is_syntax(problem)).map(|problem| problem.line).collect();
    problems.retain(|problem| is_syntax(problem) || !bad.contains(&problem.line));
}

fn is_syntax(problem: &Problem) -> bool {
    problem.path.is_empty() && problem.text.starts_with("this is not TOML")
}

/// Reads every table. `None` only after an error.
fn everything(
    root: Section<'_>,
    overrides: &Overrides,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<Settings> {
    let server = server::server(&root);
    let storage = server::storage(&root);
    let otel = otel::otel(&root);
    let oidc = server::oidc(&root);
    let sandbox_enabled = server::sandbox(&root);
    let providers = providers::providers(&root);
    let detected = if providers.any { Vec::new() } else { detect::from_environment(env) };
    let names = match providers.any {
        true => providers.names.iter().map(|name| (name.value.as_str(), name.shown.as_str())).collect(),
        false => detected
            .iter()
            .map(|one| one.record.name.as_str())
            .chain([OLLAMA])
            .map(|name| (name, name))
            .collect(),
    };
    let known = models::KnownProviders { names, sandbox_enabled };
    let models = models::models(&root, &known);
    let projects = keys::projects(&root);
    let keys = keys::keys(&root, &projects);
    let projects = projects.into_iter().map(|(project, _)| project).collect();
    let server = server.map(|server| overridden(server, overrides));
    if server.as_ref().is_some_and(|server| server::collide(server.listen, server.admin_listen)) {
        // Which one it is may have come from a variable.
        let text = "listen and admin_listen are the same address";
        root.reader.problem(root.get("server").map_or(0, |value| value.offset()), "server", text);
    }
    root.finish();
    Some(Settings {
        server: server?,
        storage,
        otel,
        oidc,
        sandbox_enabled,
        catalog: Catalog { keys, projects, providers: providers.records, models, ..Catalog::default() },
        detected,
        names_provider: providers.any,
        warnings: Vec::new(),
        prices: None,
        wanted: providers.wanted,
        credentials: BTreeMap::new(),
        effective: Vec::new(),
        spoken: spoken(overrides),
        #[cfg(test)]
        asked: std::collections::BTreeSet::new(),
    })
}

fn spoken(overrides: &Overrides) -> Vec<(&'static str, String)> {
    let Overrides { listen, admin_listen, data_dir } = overrides;
    let said = [
        listen.map(|address| address.to_string()),
        admin_listen.map(|address| address.to_string()),
        data_dir.as_ref().map(|path| path.display().to_string()),
    ];
    listed::COMMAND_LINE.into_iter().zip(said).filter_map(|(name, said)| Some((name, said?))).collect()
}

fn overridden(mut server: Server, overrides: &Overrides) -> Server {
    server.listen = overrides.listen.unwrap_or(server.listen);
    server.admin_listen = overrides.admin_listen.unwrap_or(server.admin_listen);
    if let Some(data_dir) = &overrides.data_dir {
        server.data_dir.clone_from(data_dir);
    }
    server
}
