//! A PostgreSQL cluster that lives as long as its value.

use std::{
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Running, exists, free_port, in_path, programs, run};

/// The directory of `postgres`, `initdb` and the rest.
const VARIABLE: &str = "SLUICEGATE_TEST_POSTGRES";
/// Debian's place, one directory a version.
const DEBIAN: &str = "/usr/lib/postgresql";
const USER: &str = "sluicegate";
/// Recognisable wherever it must not appear.
const PASSWORD: &str = "canary-postgres-password";
/// The server refuses to run as root; Debian's `nobody`.
const NOBODY: u32 = 65_534;
/// A port may be taken between the moment it was free and the start.
const ATTEMPTS: usize = 5;

/// A cluster on a free port of loopback. Nothing of it is synced to the disk.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    dir: TempDir,
    port: u16,
    running: Option<Running>,
    databases: AtomicU32,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// When PostgreSQL is not to be had, with the reason.
    #[must_use]
    pub fn start() -> Self {
        let programs = programs(VARIABLE, find);
        let dir = tempfile::Builder::new().prefix("sluicegate-pg-").tempdir().expect("a directory");
        if is_root(dir.path()) {
            std::os::unix::fs::chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("a directory of nobody");
        }
        let mut made = Self { programs, dir, port: free_port(), running: None, databases: AtomicU32::new(0) };
        let password = made.dir.path().join("password");
        std::fs::write(&password, PASSWORD).expect("a file");
        let mut initdb = made.command("initdb");
        initdb.args([
            "--no-sync",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--username",
            USER,
        ]);
        initdb.arg("--pwfile").arg(&password).arg("--pgdata").arg(made.data());
        run(initdb);
        for _ in 0..ATTEMPTS {
            made.running = made.launch();
            if made.running.is_some() {
                return made;
            }
            made.port = free_port();
        }
        panic!("PostgreSQL did not start in {}", made.dir.path().display());
    }

    /// The URL of a new database with nothing in it.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// The password that its URLs carry.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Runs a statement in a database by the program `psql`.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql(&self, database: &str, statement: &str) {
        let mut psql = self.command("psql");
        psql.env("PGPASSWORD", PASSWORD).args(["--no-psqlrc", "--quiet", "--host=127.0.0.1"]);
        psql.arg(format!("--port={}", self.port)).arg(format!("--username={USER}"));
        psql.args(["--dbname", database, "--set=ON_ERROR_STOP=1", "--command", statement]);
        run(psql);
    }

    /// Stops it at once, as a crash of its host would for those who are connected.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // "Immediate shutdown": https://www.postgresql.org/docs/current/server-shutdown.html
            running.end(Signal::QUIT);
        }
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.stop();
        self.running = self.launch();
        assert!(self.running.is_some(), "PostgreSQL did not start again in {}", self.dir.path().display());
    }

    /// Freezes the server with all its processes: connections stay open, and nobody answers.
    pub fn freeze(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets a server that was frozen go on.
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    /// The postmaster first: while it is stopped it makes no more processes.
    fn signal_all(&self, signal: Signal) {
        let Some(running) = &self.running else { return };
        let postmaster = running.child.id();
        send(postmaster, signal);
        let path = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = std::fs::read_to_string(path).expect("the system tells the children of a process");
        for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
            send(child, signal);
        }
    }

    fn launch(&self) -> Option<Running> {
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-k", ""]);
        for setting in [
            "listen_addresses=127.0.0.1",
            // The machine stays up, so nothing needs the disk. Commits are written all the same before they are
            // acknowledged: a stop loses none.
            "fsync=off",
            "full_page_writes=off",
            "max_connections=300",
            "shared_buffers=32MB",
            "log_min_messages=log",
            "lc_messages=C",
        ] {
            server.args(["-c", setting]);
        }
        Running::start(server, "database system is ready to accept connections")
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// One of the programs, as somebody who is not root.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        // Not below a directory that it may not enter; and no settings of whoever runs the tests.
        command.current_dir("/").env_clear().env("PATH", &self.programs).env("LC_ALL", "C");
        if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", path);
        }
        if std::fs::metadata(self.dir.path()).is_ok_and(|dir| dir.uid() == NOBODY)
            && is_root(Path::new("/proc/self"))
        {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Who is frozen does not end either.
        self.thaw();
        self.stop();
    }
}

fn send(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // It may have ended since it was listed.
        let _ = kill_process(pid, signal);
    }
}

fn is_root(made_by_us: &Path) -> bool {
    std::fs::metadata(made_by_us).is_ok_and(|found| found.uid() == 0)
}

/// In the PATH, else the newest of Debian's.
fn find() -> Option<PathBuf> {
    // The programs are found beside the real one: a PATH may have no more than a link to it.
    let linked = in_path("initdb").and_then(|dir| std::fs::canonicalize(dir.join("initdb")).ok());
    linked.and_then(|program| exists(program.parent()?)).or_else(|| {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
            .ok()?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
            })
            .filter(|(_, dir)| dir.join("initdb").is_file())
            .collect();
        versions.sort();
        versions.pop().and_then(|(_, dir)| exists(&dir))
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn starts_stops_and_starts_again() {
        let mut postgres = Postgres::start();
        let url = postgres.database();
        assert!(url.contains(postgres.password()));
        postgres.sql("test_0", "CREATE TABLE kept (n INT)");
        let port = postgres.port;
        postgres.freeze();
        postgres.thaw();
        postgres.sql("test_0", "INSERT INTO kept VALUES (1)");
        postgres.stop();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        postgres.start_again();
        postgres.sql("test_0", "SELECT 1 / COUNT(*) FROM kept");
        drop(postgres);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
