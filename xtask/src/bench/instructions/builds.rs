//! The parts as this checkout and as another commit have them, both built alike, in one target directory of their own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::root;

const PACKAGE: &str = "sluice-instructions";

/// A build of the parts.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) binary: PathBuf,
    /// The commit, for who reads the table.
    pub(super) name: String,
}

pub(super) fn of_this_checkout() -> Result<Built, String> {
    let changed = git(&["status", "--porcelain"]).map_or(true, |text| !text.trim().is_empty());
    let tree = git(&["rev-parse", "HEAD^{tree}"]).ok().filter(|_| !changed);
    // The next change is likely to be compared with this very tree.
    let kept = kept(tree.as_deref().map_or("changed", str::trim));
    build(&root(), &kept)?;
    Ok(Built { binary: kept, name: "this checkout".to_owned() })
}

/// Of a commit, once for each tree.
pub(super) fn of_commit(commit: &str) -> Result<Built, String> {
    let tree = git(&["rev-parse", "--verify", "--quiet", &format!("{commit}^{{tree}}")])
        .map_err(|_| format!("there is no commit `{commit}` here"))?;
    let short = git(&["rev-parse", "--short", &format!("{commit}^{{commit}}")])?.trim().to_owned();
    let binary = kept(tree.trim());
    if !binary.is_file() {
        git(&["cat-file", "-e", &format!("{commit}:crates/{PACKAGE}/Cargo.toml")])
            .map_err(|_| format!("{short} has no package {PACKAGE}: it is older than these counts"))?;
        let place = checked_out(commit)?;
        let built = build(&place, &binary);
        let removed = remove(&place);
        built.map_err(|text| format!("{short} does not build: {text}"))?;
        removed?;
    }
    Ok(Built { binary, name: short })
}

/// Forgets builds of other trees.
pub(super) fn keep_only(wanted: &[Option<&Built>]) {
    let kept = fs::read_dir(place().join("kept")).into_iter().flatten().flatten().map(|entry| entry.path());
    for file in kept.filter(|file| !wanted.iter().flatten().any(|built| built.binary == *file)) {
        // One that stays costs some megabytes.
        let _ = fs::remove_file(file);
    }
}

fn place() -> PathBuf {
    crate::test::target_dir().join("instructions")
}

/// Where the build of a tree by this compiler is kept.
fn kept(tree: &str) -> PathBuf {
    let said = Command::new("rustc").arg("--version").current_dir(root()).output();
    let version = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    let version: String =
        version.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    place().join("kept").join(format!("{tree}-{}", version.trim_matches('-')))
}

/// All in one piece a crate: how a build is cut would show in the counts.
fn build(checkout: &Path, kept: &Path) -> Result<(), String> {
    let target = place();
    eprintln!("building {PACKAGE} of {}", checkout.display());
    let mut cargo = Command::new(crate::cargo());
    cargo.args(["build", "--release", "--quiet", "--locked", "--package", PACKAGE]).current_dir(checkout);
    cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    cargo.env("CARGO_INCREMENTAL", "0");
    finish(&mut cargo)?;
    let built = target.join("release").join(PACKAGE);
    let failed = |error| format!("cannot copy {}: {error}", built.display());
    fs::create_dir_all(target.join("kept")).map_err(failed)?;
    fs::copy(&built, kept).map_err(failed)?;
    Ok(())
}

/// A checkout of a commit. It is always at the same place, so that it takes the place of the last one among what cargo
/// has built; and its files are new, so that cargo sees that they are others.
fn checked_out(commit: &str) -> Result<PathBuf, String> {
    let place = place().join("base");
    remove(&place)?;
    let path = place.to_str().ok_or("the path of the target directory is not UTF-8")?;
    git(&["worktree", "add", "--quiet", "--force", "--detach", path, commit])?;
    Ok(place)
}

fn remove(checkout: &Path) -> Result<(), String> {
    if !checkout.exists() {
        return Ok(());
    }
    let path = checkout.to_str().ok_or("the path of the target directory is not UTF-8")?;
    // git may have forgotten it.
    let removed = git(&["worktree", "remove", "--force", path]);
    match removed {
        Err(_) if checkout.exists() => fs::remove_dir_all(checkout)
            .map_err(|error| format!("cannot remove {}: {error}", checkout.display())),
        _ => Ok(()),
    }
}

pub(super) fn git(args: &[&str]) -> Result<String, String> {
    finish(Command::new("git").args(args).current_dir(root())).map(|(out, _)| out)
}

/// Runs a command to its end; what it said on both outputs.
pub(super) fn finish(command: &mut Command) -> Result<(String, String), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|error| format!("cannot start {name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, said) = (text(&done.stdout), text(&done.stderr));
    if done.status.success() { Ok((out, said)) } else { Err(format!("{name} failed: {}", said.trim())) }
}
