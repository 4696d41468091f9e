//! The data directory: one process at a time, nobody else's eyes.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{Failure, random};

const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Nodes are told apart by this much of a random id, in hexadecimal digits.
const NODE_ID_DIGITS: usize = 16;

/// A data directory that this process has for itself as long as the value lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing, and takes it. One that was there keeps its mode: it may be a mounted
    /// volume, or hold more than ours.
    ///
    /// # Errors
    /// When another process has it, or it cannot be made or written.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &io::Error| format!("cannot use the data directory {}: {error}", path.display());
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(DIR_MODE).create(path).map_err(|error| failed(&error))?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .open(path.join("lock"))
            .map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(format!(
                "the data directory {} is in use by another process: stop that one, or choose another by --data-dir",
                path.display()
            )
            .into()),
            Err(TryLockError::Error(error)) => Err(failed(&error).into()),
        }
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("sluicegate.db")
    }

    /// Where the usage journal is.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The id of this node, made when it is missing. A copy of the directory is another node, and needs another one.
    pub(crate) fn node_id(&self) -> Result<String, Failure> {
        Ok(format!("node_{}", self.secret("node.id")?.chars().take(NODE_ID_DIGITS).collect::<String>()))
    }

    /// The bearer token of the admin listener; made when it is missing.
    pub(crate) fn admin_token(&self) -> Result<String, Failure> {
        self.secret("admin.token")
    }

    /// The key that will seal stored secrets; made when it is missing.
    pub(crate) fn master_key(&self) -> Result<String, Failure> {
        self.secret("master.key")
    }

    fn secret(&self, name: &str) -> Result<String, Failure> {
        let path = self.path.join(name);
        let failed = |error: &io::Error| format!("cannot use {}: {error}", path.display());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = random::hex()?;
                write_whole(&path, &format!("{made}\n")).map_err(|error| failed(&error))?;
                made
            }
            Err(error) => return Err(failed(&error).into()),
        };
        if let Err(error) = narrow(&path, FILE_MODE) {
            tracing::warn!(
                "others may be able to read {}: its mode cannot be changed: {error}",
                path.display()
            );
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(format!("{} is empty: put back what was in it, or delete it", path.display()).into());
        }
        Ok(text.to_owned())
    }
}

/// Writes a file that is there whole or not at all, whatever happens meanwhile.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(FILE_MODE).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// Takes away what the mode allows others.
fn narrow(path: &Path, mode: u32) -> io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o777 != mode {
        permissions.set_mode(mode);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn made_private_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let data = DataDir::open(&path).unwrap();
        let (token, key) = (data.admin_token().unwrap(), data.master_key().unwrap());
        assert_eq!((token.len(), key.len()), (64, 64));
        assert_ne!(token, key);
        assert_eq!(mode(&path), 0o700);
        for entry in fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap().path();
            assert_eq!(mode(&entry), 0o600, "{entry:?}");
        }
        drop(data);
        let data = DataDir::open(&path).unwrap();
        assert_eq!((data.admin_token().unwrap(), data.master_key().unwrap()), (token, key));
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let Failure(text) = DataDir::open(dir.path()).unwrap_err();
        assert!(text.contains("is in use by another process"), "{text}");
        drop(first);
        DataDir::open(dir.path()).unwrap();
    }

    #[test]
    fn wide_files_are_narrowed_and_empty_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o755, "a directory that was there is left as it is");
        let token = dir.path().join("admin.token");
        fs::write(&token, "mine\n").unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(data.admin_token().unwrap(), "mine");
        assert_eq!(mode(&token), 0o600);
        fs::write(&token, " \n").unwrap();
        let Failure(text) = data.admin_token().unwrap_err();
        assert!(text.contains("admin.token is empty"), "{text}");
    }

    #[test]
    fn what_cannot_be_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let Failure(text) = DataDir::open(&file).unwrap_err();
        assert!(text.starts_with("cannot use the data directory"), "{text}");
    }
}
