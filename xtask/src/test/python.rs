//! A Python environment of our own with the official SDK, made once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What is installed. A change here makes the environment anew.
const PACKAGES: &[&str] = &["openai>=3,<4"];

/// The interpreter of an environment below `dir`, made when it is not there yet.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, String> {
    let python = dir.join("python/bin/python");
    let stamp = dir.join("python.installed");
    let wanted = PACKAGES.join("\n");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    // A half-made one from an interrupted run is of no use.
    let _ = fs::remove_dir_all(dir.join("python"));
    fs::create_dir_all(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    eprintln!("preparing a Python environment in {}", dir.display());
    virtual_environment(dir, &python).or_else(|reason| {
        eprintln!("{reason}; trying a plain directory of packages");
        plain_directory(dir, &python)
    })?;
    run(Command::new(&python).args(["-c", "import openai"]))?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}

fn virtual_environment(dir: &Path, python: &Path) -> Result<(), String> {
    run(Command::new("python3").args(["-m", "venv"]).arg(dir.join("python")))?;
    run(Command::new(python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))
}

/// For systems whose Python comes without `venv`: a launcher that adds the packages to the path.
fn plain_directory(dir: &Path, python: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(dir.join("python"));
    let packages = dir.join("python/packages");
    let pip = ["-m", "pip", "install", "--quiet", "--target"];
    run(Command::new("python3").args(pip).arg(&packages).args(PACKAGES))?;
    let launcher = format!("#!/bin/sh\nPYTHONPATH='{}' exec python3 \"$@\"\n", packages.display());
    fs::create_dir_all(dir.join("python/bin")).map_err(|error| error.to_string())?;
    fs::write(python, launcher).map_err(|error| error.to_string())?;
    run(Command::new("chmod").arg("+x").arg(python))
}

/// Runs quietly; an error carries the end of what the command said.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(5).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(format!("{name} ended with {}: {}", output.status, last.join(" / ")))
}
