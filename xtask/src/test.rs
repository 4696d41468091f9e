//! `cargo xtask test`: all tests of the workspace, with what they need prepared under `target/`.

mod browser;
mod clients;
mod node;
pub(crate) mod packages;
mod python;
mod runner;
mod services;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Outcome;

/// Runs everything; `args` go to the test runner (a filter, for instance).
pub(crate) fn run(args: &[String]) -> Outcome {
    let env = clients::prepare(&target_dir().join("test-env"));
    // First, so that the runner's summary closes the output.
    let docs = if args.is_empty() { cargo(&["test", "--doc", "--workspace", "--quiet"]) } else { Ok(()) };
    runner::run(args, &env)?;
    docs.map_err(|text| format!("examples in the documentation: {text}"))
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    // This program is target/PROFILE/xtask: the one fact that no setting can change.
    let exe = std::env::current_exe().unwrap_or_default();
    let target = exe.parent().and_then(Path::parent);
    target.map_or_else(|| crate::root().join("target"), Path::to_path_buf)
}

/// Runs one cargo command in the repository.
pub(crate) fn cargo(args: &[&str]) -> Outcome {
    let mut command = Command::new(crate::cargo());
    command.args(args).current_dir(crate::root());
    finish(command)
}

/// Runs a command to its end.
fn finish(mut command: Command) -> Outcome {
    let shown = shown(&command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}")),
        Err(error) => Err(format!("cannot run `{shown}`: {error}")),
    }
}

/// Runs a command quietly; an error carries the end of what the command said.
pub(crate) fn finish_quietly(command: &mut Command) -> Outcome {
    let shown = shown(command);
    let output = command.output().map_err(|error| format!("cannot run `{shown}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    let last = &lines[lines.len().saturating_sub(5)..];
    Err(format!("`{shown}` ended with {}: {}", output.status, last.join(" / ")))
}

fn shown(command: &Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    format!("{name} {}", args.join(" "))
}
