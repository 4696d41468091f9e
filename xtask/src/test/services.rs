//! The servers that tests start for themselves: PostgreSQL and Redis (or Valkey), as the system has them, else from
//! Debian's packages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::packages::{found_or_made, in_path, launcher, unpacked};

/// Debian's place for PostgreSQL, one directory a version.
const DEBIAN_POSTGRES: &str = "usr/lib/postgresql";
const POSTGRES_PROGRAMS: [&str; 3] = ["initdb", "postgres", "psql"];
const REDIS_PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// The directory of PostgreSQL's programs.
pub(super) fn postgres(dir: &Path) -> Result<PathBuf, String> {
    let here = || postgres_in_path().or_else(|| newest_postgres(Path::new("/")));
    found_or_made(here, "postgresql", || unpacked_postgres(dir))
}

/// The program of Redis.
pub(super) fn redis(dir: &Path) -> Result<PathBuf, String> {
    let here = || REDIS_PROGRAMS.iter().find_map(|name| Some(in_path(name)?.join(name)));
    found_or_made(here, "redis-server", || unpacked_redis(dir))
}

fn unpacked_postgres(dir: &Path) -> Result<PathBuf, String> {
    let home = dir.join("postgresql");
    let root = unpacked(&home, &["postgresql"])?;
    let programs = newest_postgres(&root).ok_or("the package postgresql has no PostgreSQL in it")?;
    POSTGRES_PROGRAMS.iter().try_for_each(|name| launcher(&home, &root, &programs.join(name), ""))?;
    Ok(home.join("bin"))
}

fn unpacked_redis(dir: &Path) -> Result<PathBuf, String> {
    let home = dir.join("redis");
    let root = unpacked(&home, &["redis-server"])?;
    launcher(&home, &root, &root.join("usr/bin/redis-server"), "")?;
    Ok(home.join("bin/redis-server"))
}

/// A PATH may have no more than links to the programs.
fn postgres_in_path() -> Option<PathBuf> {
    let initdb = fs::canonicalize(in_path("initdb")?.join("initdb")).ok()?;
    let dir = initdb.parent()?;
    POSTGRES_PROGRAMS.iter().all(|name| dir.join(name).is_file()).then(|| dir.to_path_buf())
}

fn newest_postgres(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root.join(DEBIAN_POSTGRES)).ok()?.flatten().filter_map(|entry| {
        let dir = entry.path().join("bin");
        let whole = POSTGRES_PROGRAMS.iter().all(|name| dir.join(name).is_file());
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        whole.then_some((version, dir))
    });
    versions.max().map(|(_, dir)| dir)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{super::finish_quietly, *};

    /// Needs apt's lists, its servers, and a system without the packages, or one that says so
    /// (`Dir::State::status` in the file that `APT_CONFIG` names).
    #[test]
    #[ignore = "downloads packages"]
    fn packages_are_unpacked_and_run() {
        let dir = super::super::target_dir().join("unpacked-services");
        let _ = fs::remove_dir_all(&dir);
        let postgres = unpacked_postgres(&dir).unwrap();
        for name in POSTGRES_PROGRAMS {
            finish_quietly(Command::new(postgres.join(name)).arg("--version")).unwrap();
        }
        finish_quietly(Command::new(unpacked_redis(&dir).unwrap()).arg("--version")).unwrap();
    }
}
