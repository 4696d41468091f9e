//! Throw-away servers: PostgreSQL and Redis, and a browser with its driver, each in a directory of its own on a free port,
//! stopped when dropped.
//!
//! `cargo xtask test` says by variables where their programs are, and why not; without it they are looked for.

mod chromium;
mod postgres;
mod redis;

use std::{
    io::{BufRead as _, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::mpsc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

pub use self::{chromium::Chromium, postgres::Postgres, redis::Redis};
use crate::patience::LIMIT_S;

/// Where the programs of a service are: what `variable` says, else what `find` finds.
///
/// # Panics
/// When there are none, with the reason.
fn programs(variable: &str, find: impl Fn() -> Option<PathBuf>) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return PathBuf::from(path);
    }
    let reason = std::env::var(format!("{variable}_MISSING"));
    match (reason, find()) {
        (Ok(reason), _) => panic!("{variable}: {reason}"),
        (Err(_), Some(path)) => path,
        (Err(_), None) => panic!("{variable} is not set, and nothing was found: run `cargo xtask test`"),
    }
}

/// The first directory of the PATH that has `program`.
fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|dir| dir.join(program).is_file())
}

/// A port of loopback that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A server that runs.
#[derive(Debug)]
struct Running {
    child: Child,
}

impl Running {
    /// Starts a server and waits until its output says `ready`. `None`: it ended before.
    fn start(mut command: Command, ready: &'static str) -> Option<Self> {
        let (read, write) = std::io::pipe().expect("a pipe");
        command.stdin(std::process::Stdio::null());
        command.stdout(write.try_clone().expect("a pipe")).stderr(write);
        let mut running = Self { child: command.spawn().expect("a server starts") };
        // The ends that the command holds would keep the pipe open after the server has gone.
        drop(command);
        match follow(read, ready).recv_timeout(Duration::from_secs(LIMIT_S)) {
            Ok(true) => Some(running),
            _ => {
                running.end(Signal::KILL);
                None
            }
        }
    }

    /// Ends it with a signal, and waits until it has ended.
    fn end(&mut self, signal: Signal) {
        self.signal(signal);
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// Reads all that a server says, so that it never waits for a reader. Tells once whether it became ready.
fn follow(output: impl Read + Send + 'static, ready: &'static str) -> mpsc::Receiver<bool> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(ready) {
                let _ = tell.send(true);
            }
        }
        let _ = tell.send(false);
    });
    told
}

/// Runs a program to its end.
fn run(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
}

fn exists(path: &Path) -> Option<PathBuf> {
    path.exists().then(|| path.to_path_buf())
}
