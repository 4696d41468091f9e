//! The real binary as a child process.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

use crate::patience::within;

/// The lines that a process has written so far, standard output and standard error together.
#[derive(Clone, Debug)]
pub struct Lines {
    all: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

impl Lines {
    fn new() -> Self {
        Self { all: Arc::default(), count: watch::Sender::new(0) }
    }

    fn follow(&self, from: impl AsyncRead + Send + Unpin + 'static) {
        let lines = self.clone();
        tokio::spawn(async move {
            let mut reader = BufReader::new(from).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                let mut all = lines.all.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(line);
                lines.count.send_replace(all.len());
            }
        });
    }

    /// Everything so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<String> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line, past or future, of which `pick` makes something.
    pub async fn find<T>(&self, name: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let mut count = self.count.subscribe();
        let search = async {
            let mut next = 0;
            loop {
                let seen = self.so_far();
                if let Some(found) = seen[next..].iter().find_map(|line| pick(line)) {
                    return found;
                }
                next = seen.len();
                // The sender lives in `self`, so this cannot fail.
                let _ = count.wait_for(|&n| n > next).await;
            }
        };
        match tokio::time::timeout(std::time::Duration::from_secs(crate::patience::LIMIT_S), search).await {
            Ok(found) => found,
            Err(_) => panic!("no line for {name} among:\n{}", self.so_far().join("\n")),
        }
    }
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    config: Option<String>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    admin_listen: String,
    dir: Arc<TempDir>,
}

impl Launch {
    /// `binary` with nothing configured, in a directory of its own that goes when the last of its users goes.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let dir = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let admin_listen = "127.0.0.1:0".to_owned();
        Self { binary: binary.into(), config: None, env: Vec::new(), args: Vec::new(), admin_listen, dir }
    }

    /// Puts `config` into a file and starts with it. `{dir}` in it becomes the directory.
    #[must_use]
    pub fn config(mut self, config: &str) -> Self {
        let config = config.replace("{dir}", &self.dir.path().display().to_string());
        std::fs::write(self.config_path(), &config).expect("the config is written");
        self.config = Some(config);
        self
    }

    /// Sets one variable. The child gets these and `PATH`, nothing else.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Where `serve` has its admin listener: somewhere else than on a free port of loopback.
    #[must_use]
    pub fn admin_listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.admin_listen);
        self
    }

    /// The directory it runs in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where [`Launch::config`] puts the file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.dir.path().join("sluicegate.toml")
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(subcommand).env_clear().current_dir(self.dir.path()).kill_on_drop(true);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if self.config.is_some() {
            command.arg("--config").arg(self.config_path());
        }
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a subcommand to its end.
    pub async fn run(&self, subcommand: &str) -> Output {
        within(subcommand, self.command(subcommand).output()).await.expect("the binary runs")
    }

    /// Starts `serve` on free ports and waits until it says where it listens.
    pub async fn serve(&self) -> Gateway {
        let mut command = self.command("serve");
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", &self.admin_listen]);
        if self.config.is_none() {
            command.arg("--data-dir").arg(self.dir.path().join("data"));
        }
        let mut child = command.spawn().expect("the binary starts");
        let lines = Lines::new();
        lines.follow(child.stdout.take().expect("piped"));
        lines.follow(child.stderr.take().expect("piped"));
        let data = lines.find("the data address", |line| address(line, "listening on ")).await;
        let admin = lines.find("the admin address", |line| address(line, "admin on ")).await;
        Gateway { child, data, admin, lines, dir: Arc::clone(&self.dir) }
    }
}

/// The address in a line such as `listening on http://127.0.0.1:8080`.
fn address(line: &str, label: &str) -> Option<SocketAddr> {
    let url = line.split_once(label)?.1;
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let end = host.find(|c: char| !c.is_ascii_alphanumeric() && !".:[]".contains(c)).unwrap_or(host.len());
    host[..end].parse().ok()
}

/// A running gateway. It is killed, by its process id, when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    /// Address of the data plane.
    pub data: SocketAddr,
    /// Address of the admin listener.
    pub admin: SocketAddr,
    /// What it wrote.
    pub lines: Lines,
    dir: Arc<TempDir>,
}

impl Gateway {
    /// The directory it runs in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The base URL for SDKs, with `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.data)
    }

    /// Its process id; `None` when it is gone.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to read its file again (SIGHUP).
    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("the gateway runs");
        let pid = Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id");
        kill_process(pid, signal).expect("the signal is delivered");
    }

    /// Whether the process still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the child can be asked").is_none()
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the end of the gateway", self.child.wait()).await.expect("the child can be awaited")
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.start_kill().expect("the gateway runs");
        self.ended().await;
    }

    /// The access log line (JSON) of the request with this `x-request-id`.
    pub async fn access_line(&self, request_id: &str) -> Value {
        let name = format!("request {request_id}");
        self.lines
            .find(&name, |line| {
                let value: Value = serde_json::from_str(line).ok()?;
                (value["request_id"] == request_id && value.get("status").is_some()).then_some(value)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Option<&str>) {
        assert_eq!(address(line, "listening on "), expect.map(|a| a.parse().unwrap()), "{line}");
    }

    #[test]
    fn addresses_are_found_in_lines() {
        check("listening on http://127.0.0.1:8080", Some("127.0.0.1:8080"));
        check("INFO sluicegate: listening on https://127.0.0.1:1/v1 now", Some("127.0.0.1:1"));
        check("admin on http://127.0.0.1:8080", None);
        check("listening on nothing", None);
    }
}
