//! A disk in memory that fails when told to, and that can be looked at after a kill or a power loss.

use std::{
    any::Any,
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::journal::{
    disk::{Disk, DiskFile},
    locked,
};

const SECTOR_BYTES: usize = 512;

/// What a call answers instead of working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoSpace,
    Io,
    Interrupted,
    /// A write takes some bytes and says so.
    Short,
    /// A write takes some bytes, or all of them, and fails.
    Torn,
}

#[derive(Debug, Default)]
struct Plan {
    calls: usize,
    /// The number of the call that fails, how, and for how many calls.
    fault: Option<(usize, Fault, usize)>,
    /// The name of the calls that fail for as long as this is set.
    refused: &'static str,
    /// Calls so far by name.
    log: Vec<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// What a power loss leaves for certain.
    synced: Vec<u8>,
    /// Whether the name is on the disk.
    is_named: bool,
}

type Files = BTreeMap<PathBuf, Arc<Mutex<Content>>>;

#[derive(Debug, Default)]
pub(super) struct SimulatedDisk {
    files: Mutex<Files>,
    plan: Arc<Mutex<Plan>>,
    locked: Arc<AtomicBool>,
}

#[derive(Debug)]
struct SimulatedFile {
    content: Arc<Mutex<Content>>,
    plan: Arc<Mutex<Plan>>,
}

struct Lock(Arc<AtomicBool>);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Plan {
    fn call(&mut self, name: &'static str) -> Option<Fault> {
        self.calls += 1;
        self.log.push(name);
        if name == self.refused {
            return Some(Fault::Io);
        }
        let (first, fault, count) = self.fault?;
        (first..first + count).contains(&self.calls).then_some(fault)
    }
}

fn failure(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace => ErrorKind::StorageFull.into(),
        Fault::Interrupted => ErrorKind::Interrupted.into(),
        Fault::Io | Fault::Short | Fault::Torn => io::Error::other("input/output error"),
    }
}

impl SimulatedDisk {
    /// Lets `count` calls fail from the `first` one on, counted from now.
    pub(super) fn fail(&self, first: usize, fault: Fault, count: usize) {
        let mut plan = locked(&self.plan);
        plan.fault = Some((plan.calls + first, fault, count));
    }

    /// Lets every call of this name fail from now on.
    pub(super) fn refuse(&self, name: &'static str) {
        locked(&self.plan).refused = name;
    }

    pub(super) fn calls(&self) -> usize {
        locked(&self.plan).calls
    }

    pub(super) fn count(&self, name: &str) -> usize {
        locked(&self.plan).log.iter().filter(|call| **call == name).count()
    }

    /// The disk as the next process finds it after a kill.
    pub(super) fn killed(&self) -> Arc<Self> {
        self.image(|content| Some(content.bytes.clone()))
    }

    /// The disk after a power loss: each sector that was not synced may have come through, and each name.
    pub(super) fn after_power_loss(&self, mut coin: impl FnMut() -> bool) -> Arc<Self> {
        self.image(|content| {
            if !content.is_named && coin() {
                return None;
            }
            let mut image = content.synced.clone();
            image.resize(content.bytes.len(), 0);
            for (old, new) in image.chunks_mut(SECTOR_BYTES).zip(content.bytes.chunks(SECTOR_BYTES)) {
                if old != new && coin() {
                    old.copy_from_slice(new);
                }
            }
            Some(image)
        })
    }

    fn image(&self, mut of: impl FnMut(&Content) -> Option<Vec<u8>>) -> Arc<Self> {
        let mut files = Files::new();
        for (path, content) in locked(&self.files).iter() {
            if let Some(bytes) = of(&locked(content)) {
                let content = Content { synced: bytes.clone(), bytes, is_named: true };
                files.insert(path.clone(), Arc::new(Mutex::new(content)));
            }
        }
        Arc::new(Self { files: Mutex::new(files), ..Self::default() })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        locked(&self.files).keys().map(name).collect()
    }

    /// Changes the bytes of a file behind everybody's back.
    pub(super) fn edit(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
        edit(&mut locked(locked(&self.files).get(path).unwrap()).bytes);
    }

    fn find(&self, path: &Path) -> io::Result<Arc<Mutex<Content>>> {
        locked(&self.files).get(path).cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn call(&self, name: &'static str) -> io::Result<()> {
        locked(&self.plan).call(name).map_or(Ok(()), |fault| Err(failure(fault)))
    }

    fn file(&self, content: Arc<Mutex<Content>>) -> Arc<dyn DiskFile> {
        Arc::new(SimulatedFile { content, plan: Arc::clone(&self.plan) })
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.call("create_dir")
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.call("lock")?;
        if self.locked.swap(true, Ordering::Relaxed) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Lock(Arc::clone(&self.locked))))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<(String, u64)>> {
        self.call("list")?;
        let entry = |(path, content): (&PathBuf, &Arc<Mutex<Content>>)| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, locked(content).bytes.len() as u64)
        };
        Ok(locked(&self.files).iter().map(entry).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.call("create")?;
        let content = Arc::new(Mutex::new(Content::default()));
        match locked(&self.files).entry(path.to_owned()) {
            std::collections::btree_map::Entry::Occupied(_) => Err(ErrorKind::AlreadyExists.into()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(Arc::clone(&content));
                Ok(self.file(content))
            }
        }
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.call("open")?;
        Ok(self.file(self.find(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call("rename")?;
        let content = self.find(from)?;
        let mut files = locked(&self.files);
        files.remove(from);
        files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call("remove")?;
        locked(&self.files).remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.call("sync_dir")?;
        locked(&self.files).values().for_each(|content| locked(content).is_named = true);
        Ok(())
    }
}

impl DiskFile for SimulatedFile {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        locked(&self.plan).call("allocate").map_or(Ok(()), |fault| Err(failure(fault)))?;
        locked(&self.content).bytes.resize(bytes as usize, 0);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let fault = locked(&self.plan).call("write");
        let taken = match fault {
            None => bytes.len(),
            Some(Fault::Short) => bytes.len().div_ceil(2),
            // Now and then all of it is there, and still it is an error.
            Some(Fault::Torn) if locked(&self.plan).calls.is_multiple_of(2) => bytes.len(),
            Some(Fault::Torn) => bytes.len() / 2,
            Some(fault) => return Err(failure(fault)),
        };
        let mut content = locked(&self.content);
        let offset = offset as usize;
        let length = content.bytes.len().max(offset + taken);
        content.bytes.resize(length, 0);
        content.bytes[offset..offset + taken].copy_from_slice(&bytes[..taken]);
        if fault == Some(Fault::Torn) { Err(failure(Fault::Torn)) } else { Ok(taken) }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let fault = locked(&self.plan).call("read");
        let most = match fault {
            None => buffer.len(),
            Some(Fault::Short) => buffer.len().div_ceil(2),
            Some(fault) => return Err(failure(fault)),
        };
        let content = locked(&self.content);
        let rest = content.bytes.get(offset as usize..).unwrap_or_default();
        let length = most.min(rest.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn sync(&self) -> io::Result<()> {
        locked(&self.plan).call("sync").map_or(Ok(()), |fault| Err(failure(fault)))?;
        let mut content = locked(&self.content);
        content.synced = content.bytes.clone();
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(locked(&self.content).bytes.len() as u64)
    }
}
