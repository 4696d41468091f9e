//! A Redis (or Valkey) that lives as long as its value.

use std::{path::PathBuf, process::Command};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Running, exists, free_port, in_path, programs};
use crate::tls::Identity;

/// The server's program.
const VARIABLE: &str = "SLUICEGATE_TEST_REDIS";
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];
/// A port may be taken between the moment it was free and the start.
const ATTEMPTS: usize = 5;

/// A server on a free port of loopback that keeps nothing.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    dir: TempDir,
    port: u16,
    tls: bool,
    running: Option<Running>,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    /// When Redis is not to be had, with the reason.
    #[must_use]
    pub fn start() -> Self {
        Self::begin(None)
    }

    /// Starts one that speaks TLS alone, as the `identity` of `localhost`.
    ///
    /// # Panics
    /// As [`Redis::start`].
    #[must_use]
    pub fn start_tls(identity: &Identity) -> Self {
        Self::begin(Some(identity))
    }

    fn begin(identity: Option<&Identity>) -> Self {
        let find = || NAMES.iter().find_map(|name| exists(&in_path(name)?.join(name)));
        let program = programs(VARIABLE, find);
        let dir = tempfile::Builder::new().prefix("sluicegate-redis-").tempdir().expect("a directory");
        if let Some(identity) = identity {
            std::fs::write(dir.path().join("cert.pem"), &identity.cert_pem)
                .expect("the certificate is written");
            std::fs::write(dir.path().join("key.pem"), &identity.key_pem).expect("its key is written");
        }
        let tls = identity.is_some();
        let mut made = Self { program, dir, port: free_port(), tls, running: None };
        for _ in 0..ATTEMPTS {
            made.running = made.launch();
            if made.running.is_some() {
                return made;
            }
            made.port = free_port();
        }
        panic!("Redis did not start in {}", made.dir.path().display());
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        match self.tls {
            true => format!("rediss://localhost:{}", self.port),
            false => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Stops it at once.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.end(Signal::KILL);
        }
    }

    /// Starts it again on the same port, with nothing of what it held.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.stop();
        self.running = self.launch();
        assert!(self.running.is_some(), "Redis did not start again on port {}", self.port);
    }

    /// Makes it silent: it keeps its connections and takes new ones, and answers none.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        self.running.as_ref().expect("it runs").signal(Signal::STOP);
    }

    /// Ends [`Redis::pause`].
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume(&self) {
        self.running.as_ref().expect("it runs").signal(Signal::CONT);
    }

    fn launch(&self) -> Option<Running> {
        let mut server = Command::new(&self.program);
        let path = |name: &str| self.dir.path().join(name);
        if self.tls {
            server.args(["--port", "0", "--tls-auth-clients", "no", "--tls-port"]).arg(self.port.to_string());
            server.arg("--tls-cert-file").arg(path("cert.pem")).arg("--tls-key-file").arg(path("key.pem"));
        } else {
            server.arg("--port").arg(self.port.to_string());
        }
        server.arg("--dir").arg(self.dir.path());
        server.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        Running::start(server, "eady to accept connections")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };

    use super::*;

    #[test]
    fn starts_stops_and_starts_again() {
        let mut redis = Redis::start();
        let ping = |port: u16| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
            stream.write_all(b"PING\r\n").ok()?;
            let mut pong = [0; 5];
            stream.read_exact(&mut pong).ok()?;
            Some(pong)
        };
        assert_eq!(ping(redis.port), Some(*b"+PONG"));
        redis.stop();
        assert_eq!(ping(redis.port), None);
        redis.start_again();
        assert_eq!(ping(redis.port), Some(*b"+PONG"));
    }
}
