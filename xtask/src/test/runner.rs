//! The test runner: nextest from the PATH, else installed under `target/tools`, else plain `cargo test`.

use std::{path::PathBuf, process::Command};

use super::{cargo, finish, target_dir};
use crate::Outcome;

pub(super) fn run(args: &[String], env: &[(String, String)]) -> Outcome {
    let mut command = match nextest() {
        Some(program) => {
            let mut command = Command::new(program);
            // The first argument is what cargo itself would pass.
            command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
            command
        }
        None => {
            eprintln!("cargo-nextest cannot be had: falling back to cargo test");
            let mut command = Command::new(crate::cargo());
            command.args(["test", "--workspace", "--no-fail-fast"]);
            command
        }
    };
    command.args(args).current_dir(crate::root());
    command.envs(env.iter().map(|(name, value)| (name, value)));
    finish(command)
}

fn nextest() -> Option<PathBuf> {
    let tools = target_dir().join("tools");
    let own = tools.join("bin/cargo-nextest");
    let known = [PathBuf::from("cargo-nextest"), own.clone()];
    if let Some(found) = known.into_iter().find(answers) {
        return Some(found);
    }
    eprintln!("cargo-nextest is missing: installing it into {}", tools.display());
    let root = tools.display().to_string();
    cargo(&["install", "cargo-nextest", "--locked", "--quiet", "--root", &root]).ok()?;
    Some(own).filter(answers)
}

fn answers(program: &PathBuf) -> bool {
    let output = Command::new(program).args(["nextest", "--version"]).output();
    output.is_ok_and(|output| output.status.success())
}
