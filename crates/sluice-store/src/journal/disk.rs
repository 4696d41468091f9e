//! What the journal asks of a disk, so that tests can let it fail and let it lose power.

use std::{
    any::Any,
    fmt::Debug,
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

/// A directory of files. Nothing it says is on the disk for good before [`sync_dir`](Disk::sync_dir) (names) and
/// [`DiskFile::sync`] (contents) have returned.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Makes the directory and those above it, for this user alone; fine if it is there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Locks the file, made if missing, against other processes until the answer is dropped.
    /// [`ErrorKind::WouldBlock`] where another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
    /// Names and lengths of the files.
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>>;
    /// Makes an empty file that only this user can read; fails if it is there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Waits until the names of the directory are on the disk.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// One file.
pub trait DiskFile: Debug + Send + Sync {
    /// Makes the file so long, filled with zeros, on blocks that it then has for certain.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// One write at an offset; returns how many bytes were taken.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// One read at an offset; returns how many bytes came, 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Waits until everything that was written before is on the disk. After an error nobody knows what is.
    fn sync(&self) -> io::Result<()>;
    fn length(&self) -> io::Result<u64>;
}

/// Writes all of `bytes`; an interrupted or short write goes on where it stopped.
pub(super) fn write_all(file: &dyn DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(taken) => {
                bytes = bytes.get(taken..).unwrap_or_default();
                offset += taken as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `buffer` from `offset` on.
pub(super) fn read_all(file: &dyn DiskFile, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(came) => {
                buffer = buffer.get_mut(came..).unwrap_or_default();
                offset += came as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a whole file into `buffer`, replacing what was in it.
pub(super) fn read_file(disk: &dyn Disk, path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.length()?).map_err(|_| ErrorKind::FileTooLarge)?;
    buffer.resize(length, 0);
    read_all(&*file, buffer, 0)
}

/// Replaces a small file: afterwards there is the old one or the new one, whole.
pub(super) fn replace_file(disk: &dyn Disk, path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match disk.remove(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&fresh)?;
    write_all(&*file, text.as_bytes(), 0)?;
    file.sync()?;
    disk.rename(&fresh, path)?;
    disk.sync_dir(path.parent().unwrap_or(path))
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let file = fs::File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        file.try_lock()?;
        Ok(Box::new(file))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                files.push((name, entry.metadata()?.len()));
            }
        }
        Ok(files)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = fs::File::options().create_new(true).read(true).write(true).mode(0o600).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(fs::File::open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        use rustix::{fs::FallocateFlags, io::Errno};
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            // A file system without it: zeros that are written have their blocks too.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
                let mut offset = 0;
                while offset < bytes {
                    let part = usize::try_from(bytes - offset).unwrap_or(ZEROS.len()).min(ZEROS.len());
                    write_all(self, &ZEROS[..part], offset)?;
                    offset += part as u64;
                }
                Ok(())
            }
            other => Ok(other?),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
