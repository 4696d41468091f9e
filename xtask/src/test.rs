//! `cargo xtask test`: all tests of the workspace, with what they need prepared under `target/`.

mod python;
mod runner;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Outcome;

/// Tells the tests which Python has the SDKs.
const PYTHON_VARIABLE: &str = "SLUICEGATE_TEST_PYTHON";
/// Tells them why there is none: they fail with this text.
const NO_PYTHON_VARIABLE: &str = "SLUICEGATE_TEST_NO_PYTHON";

/// Runs everything; `args` go to the test runner (a filter, for instance).
pub(crate) fn run(args: &[String]) -> Outcome {
    let mut env: Vec<(&str, String)> = Vec::new();
    match python::prepare(&target_dir().join("test-env")) {
        Ok(python) => env.push((PYTHON_VARIABLE, python.display().to_string())),
        Err(reason) => {
            eprintln!("no Python with the SDKs, the tests that need it will fail: {reason}");
            env.push((NO_PYTHON_VARIABLE, reason));
        }
    }
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
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    command.args(args).current_dir(crate::root());
    finish(command)
}

/// Runs a command to its end.
fn finish(mut command: Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let shown = format!("{name} {}", args.join(" "));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}")),
        Err(error) => Err(format!("cannot run `{shown}`: {error}")),
    }
}
