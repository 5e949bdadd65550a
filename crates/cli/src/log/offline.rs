//! A search in files instead of machines: what was collected, or what an earlier search has written.
//!
//! Files of one folder are read one after the other, as they are given, since those of a machine follow each other; folders are
//! merged by time, as machines are.

use std::path::PathBuf;

use logs::{Query, Record};

use super::criteria::During;
use super::files::Files;

/// What files have, oldest first.
pub(super) struct Offline {
    folders: Vec<Folder>,
}

struct Folder {
    files: Files,
    first: Option<Record>,
}

impl Offline {
    /// Begins to look for something in these files.
    pub(super) fn of(paths: &[PathBuf], query: &Query, during: &During) -> anyhow::Result<Self> {
        let mut rest: Vec<&PathBuf> = paths.iter().collect();
        let mut folders = Vec::new();
        while let Some(path) = rest.first().copied() {
            let is_beside = |other: &&PathBuf| other.parent() == path.parent();
            let (beside, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_beside);
            rest = others;
            let beside: Vec<PathBuf> = beside.into_iter().cloned().collect();
            let mut files = Files::of(&beside, query.clone(), during);
            let first = files.next()?;
            folders.push(Folder { files, first });
        }
        Ok(Self { folders })
    }

    /// Returns the next record.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Record>> {
        let waiting = self.folders.iter_mut().filter(|one| one.first.is_some());
        let oldest = waiting.min_by_key(|one| one.first.as_ref().map(|record| record.time));
        let Some(folder) = oldest else {
            return Ok(None);
        };
        let next = folder.files.next()?;
        Ok(std::mem::replace(&mut folder.first, next))
    }

    /// Returns what could not be read.
    pub(super) fn faults(&self) -> impl Iterator<Item = &String> {
        self.folders.iter().flat_map(|one| &one.files.faults)
    }
}

#[cfg(test)]
mod tests {
    use logs::{Component, Flags, Level, Span, Time, line};

    use super::*;

    #[test]
    fn files_of_a_folder_follow_each_other_and_folders_are_merged() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, times: &[u64]| {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let record = |time: &u64| {
                let (component, level) = (Component::Web, Level::Info);
                Record::new(Time(*time), name.into(), component, level, Flags::HTTP)
            };
            let text: String = times
                .iter()
                .map(|time| line::text_of(&record(time)))
                .collect();
            std::fs::write(&path, text).unwrap();
            path
        };
        let paths = [
            write("fe01/1.log", &[1, 4]),
            write("fe02/1.log", &[2, 3, 7]),
            write("fe01/2.log", &[5, 6]),
        ];
        let query = Query::within(Span::new(Time(0), Time(9)).unwrap());
        let mut offline = Offline::of(&paths, &query, &During::default()).unwrap();
        let mut times = Vec::new();
        while let Some(record) = offline.next().unwrap() {
            times.push(record.time.0);
        }
        assert_eq!(times, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(offline.faults().count(), 0);
        assert!(Offline::of(&[place.path().join("none")], &query, &During::default()).is_err());
    }
}
