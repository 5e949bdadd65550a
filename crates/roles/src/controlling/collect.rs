//! Trace files of several machines, copied into a folder: a folder for each machine, named as the machine.
//!
//! A file appears under its name when it is whole, and takes no other's place: one that is there with the same bytes stays,
//! another one of the same name stands beside it with a number.
//!
//! Bounds: a file of [`LARGEST`] bytes, [`MOST`] files of a machine.

use std::fs::{DirBuilder, File};
use std::io::{self, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logs::wire::{Answer, Done, Request};
use logs::{SourceStatus, Span};
use tempfile::NamedTempFile;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::link::{Link, Lost, clean, unasked};
use super::{Controller, Report, Target, now};

/// No trace file is larger.
const LARGEST: u64 = 1 << 30;
/// More files are not taken from one machine at a time.
const MOST: u64 = 100_000;
/// How the name of a trace file ends.
const ENDING: &str = ".trace.zst";
/// So many files of one name stand beside each other.
const BESIDE: u32 = 100;

/// What was collected from an agent.
#[derive(Clone, Debug)]
pub struct Collected {
    /// How it answered; what it gave are files.
    pub report: Report,
    /// The files, whole ones only.
    pub files: Vec<Kept>,
}

/// A file that was collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it was there already.
    pub was_there: bool,
}

impl Controller {
    /// Copies the trace files of a time from all of these machines into a folder, which is made if it is not there.
    /// `told` hears of each machine that is done.
    pub async fn collect(
        self: &Arc<Self>,
        targets: &[Target],
        span: Span,
        folder: &Path,
        mut told: impl FnMut(&Collected),
    ) -> Vec<Collected> {
        let mut asking = JoinSet::new();
        for (place, target) in targets.iter().enumerate() {
            let (own, target) = (Arc::clone(self), target.clone());
            let folder = folder.join(&*target.machine);
            asking.spawn(async move { (place, own.collect_one(target, span, &folder).await) });
        }
        let mut all: Vec<Option<Collected>> = targets.iter().map(|_| None).collect();
        while let Some(ended) = asking.join_next().await {
            if let Ok((place, collected)) = ended {
                told(&collected);
                if let Some(kept) = all.get_mut(place) {
                    *kept = Some(collected);
                }
            }
        }
        let all = all.into_iter().zip(targets);
        all.map(|(one, target)| one.unwrap_or_else(|| nothing_of(target)))
            .collect()
    }

    async fn collect_one(&self, target: Target, span: Span, folder: &Path) -> Collected {
        let (began, asked) = (Instant::now(), now());
        let mut collected = Collected {
            report: Report::of(Arc::clone(&target.machine)),
            files: Vec::new(),
        };
        let report = &mut collected.report;
        match self.ask(&target, &Request::Collect(span)).await {
            Ok(mut link) => match take(&mut link, folder, &mut collected.files).await {
                Ok(done) => {
                    report.status = SourceStatus::Answered;
                    report.damaged = done.damaged;
                    report.skew = Link::skew(&done, asked);
                }
                Err(lost) => report.status = link.lost(lost),
            },
            Err(lost) => report.status = lost.into(),
        }
        report.took = began.elapsed();
        report.given = collected.files.len() as u64;
        collected
    }
}

async fn take(link: &mut Link, folder: &Path, kept: &mut Vec<Kept>) -> Result<Done, Lost> {
    let mut coming: Option<Coming> = None;
    let mut number = 0;
    loop {
        match link.next().await? {
            Answer::File { name, size } if coming.is_none() => {
                number += 1;
                if number > MOST || size > LARGEST {
                    return Err(broken("it gives more or larger files than any agent keeps"));
                }
                coming = Some(Coming::begin(folder, &name, size)?);
            }
            Answer::Bytes(bytes) => match &mut coming {
                Some(file) => file.add(&bytes)?,
                None => return Err(unasked()),
            },
            Answer::Done(done) if coming.is_none() => return Ok(done),
            Answer::File { .. } | Answer::Done(_) => {
                return Err(broken("a file came without its end"));
            }
            Answer::Running(_)
            | Answer::Status(_)
            | Answer::Records(_)
            | Answer::Missed(_)
            | Answer::Refused(_) => return Err(unasked()),
        }
        if let Some(whole) = coming.take_if(|file| file.left == 0) {
            kept.push(whole.keep()?);
        }
    }
}

/// A file of which bytes are still to come. What is not kept is gone with it.
struct Coming {
    file: NamedTempFile,
    folder: PathBuf,
    name: String,
    size: u64,
    left: u64,
}

impl Coming {
    fn begin(folder: &Path, name: &str, size: u64) -> Result<Self, Lost> {
        let stem = name.strip_suffix(ENDING).unwrap_or_default();
        let is_digit = |byte: u8| byte.is_ascii_digit();
        if !(1..=20).contains(&stem.len()) || !stem.bytes().all(is_digit) {
            let name = clean(name);
            return Err(broken(&format!("{name:?} is no name of a trace file")));
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| unwritten(folder, &error))?;
        let file = NamedTempFile::with_prefix_in(".coming-", folder);
        Ok(Self {
            file: file.map_err(|error| unwritten(folder, &error))?,
            folder: folder.to_owned(),
            name: stem.to_owned(),
            size,
            left: size,
        })
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let length = bytes.len() as u64;
        let left = self.left.checked_sub(length);
        self.left = left.ok_or_else(|| broken("a file is longer than was said"))?;
        let written = self.file.write_all(bytes);
        written.map_err(|error| unwritten(&self.folder, &error))
    }

    fn keep(self) -> Result<Kept, Lost> {
        let folder = self.folder.clone();
        self.keep_beside()
            .map_err(|error| unwritten(&folder, &error))
    }

    fn keep_beside(self) -> io::Result<Kept> {
        let mut file = self.file;
        file.as_file().sync_all()?;
        for number in 1..=BESIDE {
            let beside = if number == 1 {
                String::new()
            } else {
                format!("-{number}")
            };
            let path = self.folder.join(format!("{}{beside}{ENDING}", self.name));
            let kept = |path, was_there| Kept {
                path,
                bytes: self.size,
                was_there,
            };
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(kept(path, false)),
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => file = error.file,
                Err(error) => return Err(error.error),
            }
            if is_same(file.path(), &path)? {
                return Ok(kept(path, true));
            }
        }
        let why = format!("there are {BESIDE} files of the name {} already", self.name);
        Err(io::Error::new(ErrorKind::AlreadyExists, why))
    }
}

/// Tells whether two files have the same bytes.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one).bytes(), BufReader::new(other).bytes());
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(true),
            (one, other) if one == other => {}
            (_, _) => return Ok(false),
        }
    }
}

fn broken(why: &str) -> Lost {
    Lost::Broken(why.to_owned())
}

fn unwritten(folder: &Path, error: &io::Error) -> Lost {
    Lost::Broken(format!(
        "cannot write to {} here: {error}",
        folder.display()
    ))
}

fn nothing_of(target: &Target) -> Collected {
    let mut report = Report::of(Arc::clone(&target.machine));
    report.status = SourceStatus::Unreachable("asking it ended here without a word".to_owned());
    Collected {
        report,
        files: Vec::new(),
    }
}
