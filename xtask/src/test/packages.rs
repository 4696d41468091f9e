//! Programs that the system has, else from Debian's packages: installed by root, unpacked under `target/test-env` by
//! everybody else.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use super::finish_quietly;

/// Only one at a time may ask apt.
pub(super) static APT: Mutex<()> = Mutex::new(());

/// The program as `here` finds it, else from a package: installed by root, unpacked by everybody else.
pub(crate) fn found_or_made(
    here: impl Fn() -> Option<PathBuf>,
    package: &str,
    unpack: impl Fn() -> Result<PathBuf, String>,
) -> Result<PathBuf, String> {
    if let Some(found) = here() {
        return Ok(found);
    }
    let _one = APT.lock();
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        eprintln!("installing the package {package}");
        let _ = finish_quietly(Command::new("apt-get").args(["update", "--quiet"]));
        let mut install = Command::new("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive");
        install.args(["install", "--yes", "--quiet", "--no-install-recommends", package]);
        match finish_quietly(&mut install) {
            Ok(()) => {
                return here().ok_or_else(|| format!("the package {package} is installed, but not found"));
            }
            Err(reason) => eprintln!("{reason}; unpacking it"),
        }
    }
    unpack()
}

/// Unpacks packages, and those that they need and the system has not, below `home`. Returns the root of what they are.
pub(crate) fn unpacked(home: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let (root, archives, done) = (home.join("root"), home.join("archives"), home.join("unpacked"));
    let names = packages.join(" ");
    if fs::read_to_string(&done).is_ok_and(|text| text == names) {
        return Ok(root);
    }
    eprintln!("unpacking the packages {names} in {}", home.display());
    // A half-made one from an interrupted run is of no use.
    let _ = fs::remove_dir_all(home);
    let failed = |error: std::io::Error| format!("cannot fill {}: {error}", home.display());
    fs::create_dir_all(&archives).map_err(failed)?;
    let mut simulated = Command::new("apt-get");
    let plan = simulated.args(["install", "--simulate", "--no-install-recommends"]).args(packages).output();
    let plan = plan.map_err(|error| format!("cannot run apt-get: {error}"))?;
    let text = String::from_utf8_lossy(&plan.stdout);
    let missing: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next()).collect();
    if missing.is_empty() {
        let said = String::from_utf8_lossy(&plan.stderr);
        return Err(format!("apt-get does not say how to install {names}: {}", said.trim()));
    }
    finish_quietly(
        Command::new("apt-get").args(["download", "--quiet"]).args(missing).current_dir(&archives),
    )?;
    for archive in fs::read_dir(&archives).map_err(failed)? {
        let archive = archive.map_err(failed)?.path();
        finish_quietly(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(&root))?;
    }
    fs::remove_dir_all(&archives).map_err(failed)?;
    fs::write(done, names).map_err(failed)?;
    Ok(root)
}

/// A program that runs the unpacked one with the libraries that came with it, and `more` variables.
pub(crate) fn launcher(home: &Path, root: &Path, program: &Path, more: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot fill {}: {error}", home.display());
    if !program.is_file() {
        return Err(format!("there is no {} in the packages", program.display()));
    }
    let inside = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut libraries: Vec<String> = Vec::new();
    for base in ["usr/lib", "lib"].map(|base| root.join(base)) {
        // The directory of the architecture, such as x86_64-linux-gnu, and those of single packages in it.
        for multiarch in inside(&base).filter(|path| path.to_string_lossy().contains("-linux-gnu")) {
            let deeper = inside(&multiarch).filter(|path| path.is_dir());
            libraries.extend(
                std::iter::once(multiarch.clone()).chain(deeper).map(|path| path.display().to_string()),
            );
        }
    }
    let text = format!(
        "#!/bin/sh\n{more}LD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.join(":"),
        program.display()
    );
    let path = home.join("bin").join(program.file_name().unwrap_or_default());
    fs::create_dir_all(home.join("bin")).map_err(failed)?;
    fs::write(&path, text).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)
}

#[expect(clippy::disallowed_methods, reason = "a tool of the repository looks for programs")]
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|dir| dir.join(program).is_file())
}
