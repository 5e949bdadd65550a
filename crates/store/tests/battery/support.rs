//! A view that is easy to compare: numbers by key, and the indexes in the order in which they came.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use store::{Index, Log, OpenError, Options, Recovery, Unreadable, View};

/// A record sets one key to one number.
pub(crate) fn set(key: u32, value: u64) -> Bytes {
    let mut record = key.to_le_bytes().to_vec();
    record.extend_from_slice(&value.to_le_bytes());
    record.into()
}

fn read(record: &[u8]) -> Result<(u32, u64), Unreadable> {
    let (key, value) = record.split_first_chunk::<4>().ok_or(Unreadable)?;
    let value = value.try_into().map_err(|_| Unreadable)?;
    Ok((u32::from_le_bytes(*key), u64::from_le_bytes(value)))
}

#[derive(Default)]
pub(crate) struct Numbers {
    state: Mutex<BTreeMap<u32, u64>>,
    applied: Mutex<Vec<u64>>,
}

impl Numbers {
    pub(crate) fn state(&self) -> BTreeMap<u32, u64> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u32, u64>> {
        self.state.lock().unwrap()
    }

    fn note(&self, index: Index) {
        self.applied.lock().unwrap().push(index.0);
    }

    pub(crate) fn applied(&self) -> Vec<u64> {
        self.applied.lock().unwrap().clone()
    }
}

impl View for Numbers {
    fn restore(
        &self,
        _index: Index,
        records: &mut dyn Iterator<Item = Bytes>,
    ) -> Result<(), Unreadable> {
        *self.locked() = records
            .map(|record| read(&record))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    fn apply(&self, index: Index, record: &[u8]) -> Result<(), Unreadable> {
        let (key, value) = read(record)?;
        self.locked().insert(key, value);
        self.note(index);
        Ok(())
    }

    fn dump(&self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.state()
            .into_iter()
            .try_for_each(|(key, value)| out(&set(key, value)))
    }
}

pub(crate) fn open(dir: &Path) -> (Log, Arc<Numbers>, Recovery) {
    open_with(dir, Options::default())
}

pub(crate) fn open_with(dir: &Path, options: Options) -> (Log, Arc<Numbers>, Recovery) {
    try_open(dir, options).unwrap()
}

pub(crate) fn try_open(
    dir: &Path,
    options: Options,
) -> Result<(Log, Arc<Numbers>, Recovery), OpenError> {
    let view = Arc::new(Numbers::default());
    let (log, recovery) = Log::open(dir, options, view.clone())?;
    Ok((log, view, recovery))
}

/// Returns the files with this extension in the order of their names.
pub(crate) fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

/// Puts a copy of one directory's files into another.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
