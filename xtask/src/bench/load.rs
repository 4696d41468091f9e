//! Drives the load generator's process.

use std::{
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, ChildStdout, Stdio},
};

use serde_json::Value;

use super::{processes::Owned, servers::Tools};

/// A load generator that is ready to run.
#[derive(Debug)]
pub(crate) struct Load {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    _process: Owned,
}

impl Load {
    /// Starts it with these arguments and waits until its connections are open and warm.
    pub(crate) fn start(tools: &Tools, args: &[String]) -> Result<Self, String> {
        let mut command = tools.on_load_core(&tools.load);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start the load: {error}"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let process = Owned(child);
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else { return Err("no pipes".to_owned()) };
        let mut load = Self { stdin, stdout: BufReader::new(stdout), _process: process };
        let line = load.line()?;
        if line == "ready" { Ok(load) } else { Err(format!("the load said {line:?}: {args:?}")) }
    }

    /// Runs it once, where failures are figures like others.
    pub(crate) fn run_failing(&mut self) -> Result<Value, String> {
        writeln!(self.stdin).map_err(|error| format!("the load is gone: {error}"))?;
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|_| format!("the load said {line:?}"))
    }

    /// Runs it once.
    pub(crate) fn run(&mut self) -> Result<Value, String> {
        let value = self.run_failing()?;
        match value["failures"].as_u64() {
            Some(failures) if failures > 0 => Err(format!("{failures} calls failed: {value}")),
            _ => Ok(value),
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(|error| format!("the load is gone: {error}"))?;
        Ok(line.trim().to_owned())
    }
}
