//! `[server]` and the tables that stand alone: `[sandbox]`, `[database]`, `[redis]`, `[accounting]`, `[oidc]`,
//! `[retention]`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use sluice_gateway::config::{AccessLogFormat, Oidc, TlsFiles};
use sluice_store::{journal::Durability, shared_limits};
use url::Url;

use super::reader::{Section, Text, Value, quoted};

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_ADMIN_LISTEN: &str = "127.0.0.1:8081";
const DEFAULT_DATA_DIR: &str = "./sluicegate-data";
const DEFAULT_MAX_BODY_BYTES: u64 = 32 * 1024 * 1024;
const MAX_MAX_BODY_BYTES: u64 = 1024 * 1024 * 1024;
const MAX_GRACE_MS: u64 = 600_000;
const MAX_WORKERS: u64 = 1024;
const MAX_RETENTION_DAYS: u64 = 36_500;

/// The values of `[server]`.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(super) max_body_bytes: usize,
    pub(super) access_log: AccessLogFormat,
    pub(super) shutdown_grace_ms: u64,
    pub(super) native_roots: bool,
    pub(super) workers: Option<usize>,
    pub(super) tls: Option<TlsFiles>,
}

impl Server {
    /// Whether the API is served over TLS.
    pub(crate) fn uses_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Where the certificate is.
    pub(crate) fn certificate(&self) -> Option<&Path> {
        self.tls.as_ref().map(|files| files.cert.as_path())
    }

    /// Whether the admin listener speaks TLS too: where others could read along.
    pub(crate) fn uses_admin_tls(&self) -> bool {
        self.tls.is_some() && !self.admin_listen.ip().is_loopback()
    }

    /// The settings that differ in `later` and are only looked at when the process starts.
    pub(crate) fn fixed_at_start(&self, later: &Self) -> Vec<&'static str> {
        let differs = [
            ("listen", self.listen != later.listen),
            ("admin_listen", self.admin_listen != later.admin_listen),
            ("data_dir", self.data_dir != later.data_dir),
            ("access_log", self.access_log != later.access_log),
            ("shutdown_grace_ms", self.shutdown_grace_ms != later.shutdown_grace_ms),
            ("native_roots", self.native_roots != later.native_roots),
            ("workers", self.workers != later.workers),
            ("tls", self.tls.is_some() != later.tls.is_some()),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// Reads `[server]`; `None` stands for a missing table.
pub(super) fn server(root: &Section<'_>) -> Option<Server> {
    let empty = toml::de::DeTable::new();
    let section = root
        .section("server")
        .unwrap_or_else(|| Section::new(root.reader, "server".to_owned(), root.offset, &empty));
    let listen = address(&section, "listen", DEFAULT_LISTEN);
    let admin_listen = address(&section, "admin_listen", DEFAULT_ADMIN_LISTEN);
    let data_dir = text_or(&section, "data_dir", DEFAULT_DATA_DIR);
    if let Some(text) = data_dir.as_ref().filter(|text| text.value.is_empty()) {
        section.reader.problem(text.offset, &text.path, "must not be empty");
    }
    let max_body_bytes =
        section.integer_or("max_body_bytes", 1..MAX_MAX_BODY_BYTES + 1, DEFAULT_MAX_BODY_BYTES);
    let access_log = access_log(&section);
    let shutdown_grace_ms = section.integer_or("shutdown_grace_ms", 0..MAX_GRACE_MS + 1, 0);
    let native_roots = section.flag_or("native_roots", false);
    let workers =
        section.integer("workers", 1..MAX_WORKERS + 1).and_then(|number| usize::try_from(number).ok());
    let tls = section.section("tls").and_then(tls);
    section.finish();
    Some(Server {
        listen: listen?,
        admin_listen: admin_listen?,
        data_dir: PathBuf::from(data_dir?.value),
        max_body_bytes: usize::try_from(max_body_bytes).ok()?,
        access_log,
        shutdown_grace_ms,
        native_roots,
        workers,
        tls,
    })
}

/// A string with a default; `None` only after an error.
fn text_or(section: &Section<'_>, key: &'static str, default: &str) -> Option<Text> {
    match section.get(key) {
        Some(value) => value.text(),
        None => {
            let path = section.path_of(key);
            section.reader.note(path.clone(), quoted(default), true);
            let value = default.to_owned();
            Some(Text { shown: value.clone(), value, path, offset: section.offset })
        }
    }
}

fn address(section: &Section<'_>, key: &'static str, default: &str) -> Option<SocketAddr> {
    let text = text_or(section, key, default)?;
    let address = address_of(&text.value);
    if address.is_none() {
        section.reader.problem(text.offset, &text.path, not_an_address(&text.shown));
    }
    address
}

/// Reads where to listen.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    address_of(text).ok_or_else(|| not_an_address(text))
}

fn address_of(text: &str) -> Option<SocketAddr> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().ok()
}

fn not_an_address(shown: &str) -> String {
    format!("must be an IP address and a port such as `127.0.0.1:8080` or `[::]:8080`, not `{shown}`")
}

/// Whether two listeners cannot both have their place.
pub(super) fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_ip
}

fn access_log(section: &Section<'_>) -> AccessLogFormat {
    const WORDS: &[(&str, AccessLogFormat)] =
        &[("json", AccessLogFormat::Json), ("text", AccessLogFormat::Text), ("off", AccessLogFormat::Off)];
    let set = section.word("access_log", WORDS);
    if set.is_none() {
        section.reader.note(section.path_of("access_log"), quoted("json"), true);
    }
    set.unwrap_or(AccessLogFormat::Json)
}

fn tls(section: Section<'_>) -> Option<TlsFiles> {
    let cert = section.need("cert").and_then(|value| value.text());
    let key = section.need("key").and_then(|value| value.text());
    for text in [&cert, &key].into_iter().flatten().filter(|text| text.value.is_empty()) {
        section.reader.problem(text.offset, &text.path, "must be the path of a PEM file");
    }
    section.finish();
    Some(TlsFiles { cert: cert?.value.into(), key: key?.value.into() })
}

/// Reads `[sandbox]`: whether it is there.
pub(super) fn sandbox(root: &Section<'_>) -> bool {
    let Some(section) = root.section("sandbox") else {
        root.reader.note("sandbox.enabled".to_owned(), "true".to_owned(), true);
        return true;
    };
    let enabled = section.flag_or("enabled", true);
    section.finish();
    enabled
}

/// Where the books are kept, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    /// PostgreSQL; `None`: SQLite in the data directory. May carry a password.
    pub(crate) database_url: Option<String>,
    /// Where several nodes share their limits. May carry a password.
    redis_url: Option<String>,
    /// What it says.
    pub(crate) redis: Option<shared_limits::Server>,
    pub(crate) durability: Durability,
    /// Prices that go before the bundled ones.
    pub(crate) prices: Option<PathBuf>,
    pub(crate) request_rows_days: u64,
}

const DEFAULT_RETENTION_DAYS: u64 = 90;

/// Reads `[database]`, `[redis]`, `[accounting]` and `[retention]`.
pub(super) fn storage(root: &Section<'_>) -> Storage {
    const POSTGRES: &[&str] = &["postgres", "postgresql"];
    const DURABILITY: &[(&str, Durability)] =
        &[("process", Durability::Process), ("power", Durability::Power)];
    let url = |key: &'static str, schemes: &[&str]| {
        let section = root.section(key)?;
        let url = section.need("url").and_then(|value| checked_url(&value, schemes));
        section.finish();
        url
    };
    let database_url = url("database", POSTGRES);
    let (redis_url, redis) = redis(root).unzip();
    let empty = toml::de::DeTable::new();
    let table = |key: &'static str| {
        root.section(key).unwrap_or_else(|| Section::new(root.reader, key.to_owned(), root.offset, &empty))
    };
    let accounting = table("accounting");
    let durability = accounting.word("durability", DURABILITY);
    if durability.is_none() {
        root.reader.note(accounting.path_of("durability"), quoted("process"), true);
    }
    let prices = accounting.text("prices");
    if let Some(text) = prices.as_ref().filter(|text| text.value.is_empty()) {
        root.reader.problem(text.offset, &text.path, "must be the path of a file with prices");
    }
    accounting.finish();
    let retention = table("retention");
    let request_rows_days =
        retention.integer_or("request_rows_days", 1..MAX_RETENTION_DAYS + 1, DEFAULT_RETENTION_DAYS);
    retention.finish();
    Storage {
        database_url,
        redis_url,
        redis,
        durability: durability.unwrap_or(Durability::Process),
        request_rows_days,
        prices: prices.map(|text| text.value.into()),
    }
}

impl Storage {
    /// The settings that differ in `later` and are only looked at when the process starts.
    pub(crate) fn fixed_at_start(&self, later: &Self) -> Vec<&'static str> {
        let differs = [
            ("database.url", self.database_url != later.database_url),
            ("redis.url", self.redis_url != later.redis_url),
            ("accounting.durability", self.durability != later.durability),
            ("retention.request_rows_days", self.request_rows_days != later.request_rows_days),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// The URL of Redis, and what it says.
fn redis(root: &Section<'_>) -> Option<(String, shared_limits::Server)> {
    const REDIS: &[&str] = &["redis", "rediss"];
    let section = root.section("redis")?;
    let redis = section.need("url").and_then(|value| {
        let url = checked_url(&value, REDIS)?;
        match shared_limits::Server::parse(&url) {
            Ok(server) => Some((url, server)),
            Err(error) => {
                value.fail(error.reason());
                None
            }
        }
    });
    section.finish();
    redis
}

/// Reads `[oidc]`; `None`: people sign in by password.
pub(super) fn oidc(root: &Section<'_>) -> Option<Oidc> {
    const HTTP: &[&str] = &["http", "https"];
    let section = root.section("oidc")?;
    let issuer = section.need("issuer").and_then(|value| checked_url(&value, HTTP));
    if issuer.as_deref().is_some_and(|issuer| issuer.starts_with("http:")) {
        let text = "is not https: whoever is on the way there can sign in as anybody";
        section.reader.warning(section.offset, "oidc.issuer", text);
    }
    let not_empty = |text: Option<Text>| {
        let text = text?;
        if text.value.is_empty() {
            section.reader.problem(text.offset, &text.path, "must not be empty");
        }
        Some(text.value)
    };
    let client_id = not_empty(section.need("client_id").and_then(|value| value.text()));
    let client_secret = not_empty(section.need("client_secret").and_then(|value| value.secret()));
    section.finish();
    Some(Oidc { issuer: issuer?, client_id: client_id?, client_secret: client_secret? })
}

/// A URL that may carry a password: it is not shown.
pub(super) fn checked_url(value: &Value<'_>, schemes: &[&str]) -> Option<String> {
    let text = value.secret()?;
    let list = schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(" or ");
    match Url::parse(&text.value) {
        Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => Some(text.value),
        _ => {
            value.fail(format!("must be a URL that begins with {list} and names a host"));
            None
        }
    }
}
