//! The program that counts: from the PATH, else from Debian's package, as the servers of the tests are had.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::test::{finish_quietly, packages};

const NAME: &str = "valgrind";

pub(super) fn find() -> Result<PathBuf, String> {
    let here = || Some(packages::in_path(NAME)?.join(NAME));
    let home = crate::test::target_dir().join("test-env").join(NAME);
    let found = packages::found_or_made(here, NAME, || unpacked(&home));
    found.map_err(|reason| format!("valgrind cannot be had (Debian: apt-get install valgrind): {reason}"))
}

fn unpacked(home: &Path) -> Result<PathBuf, String> {
    let root = packages::unpacked(home, &[NAME])?;
    // What the package has in the PATH is a script that knows only the installed place.
    let (program, tools) = (root.join("usr/bin/valgrind.bin"), root.join("usr/libexec/valgrind"));
    packages::launcher(home, &root, &program, &format!("VALGRIND_LIB='{}' ", tools.display()))?;
    let launcher = home.join("bin/valgrind.bin");
    finish_quietly(Command::new(&launcher).args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "true",
    ]))?;
    Ok(launcher)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs apt's lists, its servers, and a system without the package, or one that says so (`Dir::State::status` in
    /// the file that `APT_CONFIG` names).
    #[test]
    #[ignore = "downloads packages"]
    fn the_package_is_unpacked_and_counts() {
        let home = crate::test::target_dir().join("unpacked-valgrind");
        let _ = std::fs::remove_dir_all(&home);
        unpacked(&home).unwrap();
    }
}
