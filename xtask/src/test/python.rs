//! Python environments of our own with the clients, each made once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{clients::programs, finish_quietly};

/// The packages of one environment: what is asked for, and the exact versions that were tested.
struct Packages {
    wanted: PathBuf,
    tested: PathBuf,
}

/// The interpreter of the environment `name` below `dir`, made when it is not there yet or its packages changed. It is
/// good when it can run `proof`.
pub(super) fn prepare(dir: &Path, name: &str, proof: &str) -> Result<PathBuf, String> {
    let lists = programs().join("python");
    let packages =
        Packages { wanted: lists.join(format!("{name}.txt")), tested: lists.join(format!("{name}.lock")) };
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let stamp_text = read(&packages.wanted)? + &read(&packages.tested)?;
    let home = dir.join(format!("python-{name}"));
    let python = home.join("bin/python");
    let stamp = home.join("installed");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == stamp_text) {
        return Ok(python);
    }
    fs::create_dir_all(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    eprintln!("preparing Python with {name} in {}", home.display());
    virtual_environment(&home, &python, &packages).or_else(|reason| {
        eprintln!("{reason}; trying a plain directory of packages");
        plain_directory(&home, &python, &packages)
    })?;
    finish_quietly(Command::new(&python).args(["-c", proof]))?;
    fs::write(&stamp, stamp_text).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}

fn virtual_environment(home: &Path, python: &Path, packages: &Packages) -> Result<(), String> {
    // A half-made one from an interrupted run is of no use.
    let _ = fs::remove_dir_all(home);
    finish_quietly(Command::new("python3").args(["-m", "venv"]).arg(home))?;
    install(|| Command::new(python), &[], packages)
}

/// For systems whose Python comes without `venv`: a launcher that adds the packages to the path.
fn plain_directory(home: &Path, python: &Path, packages: &Packages) -> Result<(), String> {
    let _ = fs::remove_dir_all(home);
    let folder = home.join("packages").display().to_string();
    install(|| Command::new("python3"), &["--target", &folder], packages)?;
    let launcher = format!("#!/bin/sh\nPYTHONPATH='{folder}' exec python3 \"$@\"\n");
    fs::create_dir_all(home.join("bin")).map_err(|error| error.to_string())?;
    fs::write(python, launcher).map_err(|error| error.to_string())?;
    finish_quietly(Command::new("chmod").arg("+x").arg(python))
}

/// Installs the tested versions; where they cannot be had (another Python), those that fit what is asked for.
fn install(python: impl Fn() -> Command, args: &[&str], packages: &Packages) -> Result<(), String> {
    let pip = || {
        let mut command = python();
        command.args(["-m", "pip", "install", "--quiet", "--prefer-binary", "--disable-pip-version-check"]);
        command.args(args).arg("--requirement").arg(&packages.wanted);
        command
    };
    finish_quietly(pip().arg("--constraint").arg(&packages.tested)).or_else(|reason| {
        eprintln!("not with the tested versions ({reason}); trying others");
        finish_quietly(&mut pip())
    })
}
