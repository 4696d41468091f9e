//! The servers of a benchmark: the upstream, nginx and the gateway, each started afresh and pinned.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::processes::Owned;

/// The bearer key of all calls. Not a secret: it opens a gateway that lives for seconds on loopback.
pub(crate) const KEY: &str = "sk-bench-0123456789abcdef0123456789abcdef";

/// Digits at the end of a key that number it, where there are many.
const KEY_DIGITS: usize = 8;

const LIMITS: &str = "rpm = 4_000_000_000, tpm = 1_000_000_000_000, parallel = 1_000_000";
const BUDGET: &str = "budget = { usd = 1_000_000.0, period = \"month\" }";

const PROXY_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// How many things a gateway knows beside those that are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct World {
    /// Keys, whose last eight digits number them.
    pub(crate) keys: u32,
    /// Models that nobody asks for.
    pub(crate) models: u32,
}

/// The programs that a benchmark needs.
#[derive(Debug)]
pub(crate) struct Tools {
    nginx: PathBuf,
    taskset: PathBuf,
    gateway: PathBuf,
    pub(crate) load: PathBuf,
}

impl Tools {
    pub(crate) fn find() -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if cores < 2 {
            return Err("needs two cores: one for the proxy, one for upstream and load".to_owned());
        }
        let built = crate::test::target_dir().join("dist");
        Ok(Self {
            nginx: program("nginx").ok_or("needs nginx (Debian: apt-get install nginx-light)")?,
            taskset: program("taskset").ok_or("needs taskset (Debian: apt-get install util-linux)")?,
            gateway: built.join("sluicegate"),
            load: built.join("sluice-load"),
        })
    }

    pub(crate) fn gateway(&self) -> &Path {
        &self.gateway
    }

    /// `program` on the core of the load.
    pub(crate) fn on_load_core(&self, program: &Path) -> Command {
        self.pinned(LOAD_CORE, program)
    }

    fn pinned(&self, core: &str, program: &Path) -> Command {
        let mut command = Command::new(&self.taskset);
        command.args(["-c", core]).arg(program).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

#[expect(clippy::disallowed_methods, reason = "a command-line tool looks for programs where the shell does")]
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
    std::env::split_paths(&path).chain(sbin).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    /// Of a gateway.
    pub(crate) admin: Option<SocketAddr>,
    process: Owned,
    stop: Option<Command>,
    /// It is removed with the server.
    _dir: Option<TempDir>,
}

impl Server {
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Server {
    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) -> Result<(), String> {
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            return Err("cannot end a server".to_owned());
        }
        self.process.0.wait().map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx must end its worker itself; the master's end is then awaited by `Owned`.
        if let Some(stop) = &mut self.stop
            && stop.status().is_ok_and(|status| status.success())
        {
            let _ = self.process.0.wait();
        }
    }
}

/// Starts the upstream of the benchmarks.
pub(crate) fn upstream(tools: &Tools) -> Result<Server, String> {
    let mut command = tools.on_load_core(&tools.load);
    command.arg("upstream").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot start the upstream: {error}"))?;
    let stdout = child.stdout.take();
    let process = Owned(child);
    let mut line = String::new();
    let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
    let addr = line.trim().parse().map_err(|_| format!("the upstream did not start: {read:?}"))?;
    Ok(Server { addr, admin: None, process, stop: None, _dir: None })
}

/// Starts nginx as a plain reverse proxy of `upstream`.
pub(crate) fn nginx(tools: &Tools, upstream: SocketAddr) -> Result<Server, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let addr = free_addr()?;
    let config = dir.path().join("nginx.conf");
    write(&config, &nginx_config(addr, upstream))?;
    let arguments = |command: &mut Command| {
        command.arg("-p").arg(dir.path()).arg("-c").arg(&config).arg("-e").arg(dir.path().join("error.log"));
    };
    let mut command = tools.pinned(PROXY_CORE, &tools.nginx);
    arguments(&mut command);
    let process = Owned(command.spawn().map_err(|error| format!("cannot start nginx: {error}"))?);
    let mut stop = Command::new(&tools.nginx);
    arguments(&mut stop);
    stop.args(["-s", "stop"]).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server { addr, admin: None, process, stop: Some(stop), _dir: Some(dir) };
    answering(&server, "nginx")?;
    Ok(server)
}

fn nginx_config(addr: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "daemon off; worker_processes 1; pid nginx.pid; error_log error.log crit; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u;
  scgi_temp_path s; client_body_buffer_size 256k; client_max_body_size 64m; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 300s;
  upstream model {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen {addr} backlog=4096;
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off;
      proxy_read_timeout 300s;
    }}
  }}
}}
"
    )
}

/// Starts the gateway in front of `upstream`.
pub(crate) fn gateway(tools: &Tools, upstream: SocketAddr, durability: &str) -> Result<Server, String> {
    other(tools, &tools.gateway, upstream, durability)
}

/// Starts the gateway in front of `upstream`, where it knows much.
pub(crate) fn gateway_in(tools: &Tools, upstream: SocketAddr, world: World) -> Result<Server, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    configured(&dir, upstream, "process", world)?.start(tools, &tools.gateway, Some(dir))
}

/// Starts a build of the gateway in front of `upstream`.
pub(crate) fn other(
    tools: &Tools,
    binary: &Path,
    upstream: SocketAddr,
    durability: &str,
) -> Result<Server, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    configured(&dir, upstream, durability, World::default())?.start(tools, binary, Some(dir))
}

/// A gateway that is ready to be started, more than once.
#[derive(Debug)]
pub(crate) struct Configured {
    addr: SocketAddr,
    admin: SocketAddr,
    dir: PathBuf,
}

/// Writes the configuration of a gateway to a directory.
pub(crate) fn configured(
    dir: &TempDir,
    upstream: SocketAddr,
    durability: &str,
    world: World,
) -> Result<Configured, String> {
    let (addr, admin) = (free_addr()?, free_addr()?);
    let text = gateway_config(addr, admin, upstream, durability) + &more_of(world);
    write(&dir.path().join("sluicegate.toml"), &text)?;
    Ok(Configured { addr, admin, dir: dir.path().to_path_buf() })
}

impl Configured {
    /// Starts it and waits until it takes connections.
    pub(crate) fn start(&self, tools: &Tools, binary: &Path, dir: Option<TempDir>) -> Result<Server, String> {
        let log = |name: &str| {
            let file = File::create(self.dir.join(name)).map_err(|error| error.to_string())?;
            Ok::<_, String>(Stdio::from(file))
        };
        let mut command = tools.pinned(PROXY_CORE, binary);
        command.arg("serve").arg("--config").arg(self.dir.join("sluicegate.toml")).current_dir(&self.dir);
        command.stdout(log("stdout.log")?).stderr(log("stderr.log")?);
        let process = Owned(command.spawn().map_err(|error| format!("cannot start the gateway: {error}"))?);
        let server = Server { addr: self.addr, admin: Some(self.admin), process, stop: None, _dir: dir };
        answering(&server, "the gateway").map_err(|text| {
            let said = fs::read_to_string(self.dir.join("stderr.log"));
            format!("{text}: {said:?}")
        })?;
        Ok(server)
    }
}

/// The configuration of more keys, with limits and a budget of each, and of more models.
fn more_of(world: World) -> String {
    let mut text = String::new();
    let secret = &KEY[..KEY.len() - KEY_DIGITS];
    for n in 0..world.keys {
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "[[keys]]\nname = \"bench-{n}\"\nsecret = \"{secret}{n:08}\"\nmodels = [\"*\"]\n\
             project = \"bench\"\nlimits = {{ {LIMITS} }}\n{BUDGET}\n"
        );
    }
    for n in 0..world.models {
        let _ = write!(
            text,
            "[[models]]\nname = \"other-{n}\"\ntargets = [{{ provider = \"bench\", model = \"small\" }}]\n\
             price = {{ input = 0.15, output = 0.6 }}\n"
        );
    }
    text
}

/// Everything is on: prices, limits of the key, of its project and of a model, budgets, the journal, the access log.
fn gateway_config(addr: SocketAddr, admin: SocketAddr, upstream: SocketAddr, durability: &str) -> String {
    const MODELS: [(&str, &str, &str); 8] = [
        ("small", "bench", "small"),
        ("burst", "bench", "burst"),
        ("paced", "bench", "paced"),
        ("talk", "bench", "talk"),
        ("idle", "bench", "idle"),
        ("normalised", "vllm", "burst"),
        ("translated-anthropic", "anthropic", "burst"),
        ("translated-gemini", "gemini", "burst"),
    ];
    const PROVIDERS: [(&str, &str, &str); 4] = [
        ("bench", "openai-compatible", "/v1"),
        ("vllm", "vllm", "/v1"),
        ("anthropic", "anthropic", "/v1"),
        ("gemini", "gemini", "/v1beta"),
    ];
    let models = MODELS.map(|(name, provider, model)| {
        format!(
            "[[models]]\nname = \"{name}\"\ntargets = [{{ provider = \"{provider}\", model = \"{model}\" }}]\n\
             price = {{ input = 0.15, output = 0.6 }}\ntimeouts = {{ idle_ms = 300000 }}\n"
        )
    });
    let providers = PROVIDERS.map(|(name, kind, prefix)| {
        format!(
            "[[providers]]\nname = \"{name}\"\nkind = \"{kind}\"\n\
             base_url = \"http://{upstream}{prefix}\"\napi_key = \"upstream-key\"\n"
        )
    });
    let (models, providers) = (models.concat(), providers.concat());
    format!(
        "[server]\nlisten = \"{addr}\"\nadmin_listen = \"{admin}\"\ndata_dir = \"data\"\naccess_log = \"json\"\n\
         [accounting]\ndurability = \"{durability}\"\n\
         {providers}{models}\
         [[projects]]\nname = \"bench\"\nlimits = {{ {LIMITS} }}\n{BUDGET}\n\
         [[keys]]\nname = \"bench\"\nsecret = \"{KEY}\"\nmodels = [\"*\"]\nproject = \"bench\"\n\
         limits = {{ {LIMITS} }}\nmodel_limits = {{ \"small\" = {{ {LIMITS} }} }}\n{BUDGET}\n"
    )
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn free_addr() -> Result<SocketAddr, String> {
    let any = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    any.map_err(|error| format!("no free port: {error}"))
}

/// Waits until the server takes connections.
#[expect(clippy::disallowed_methods, reason = "a benchmark waits for servers that announce nothing")]
fn answering(server: &Server, name: &str) -> Result<(), String> {
    for _ in 0..20_000 {
        if TcpStream::connect(server.addr).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(format!("{name} does not listen on {}", server.addr))
}
