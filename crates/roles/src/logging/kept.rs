//! Which scenarios run, as it is kept beside the traces: it survives the end of the process however that comes.
//!
//! The file is replaced as a whole before a command is answered. One that cannot be read is moved aside, for whoever wants
//! to know what was in it, and the rules begin anew.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{Mono, Now};
use logs::{Capture, RuleError, Rules, Running, Scenarios, Time};
use runtime::disk;

/// The name of the file, in the folder of the traces.
const FILE: &str = "scenarios.json";
/// What a damaged one is moved to.
const ASIDE: &str = "scenarios.json.damaged";
/// A clock that is slewed falls behind by less than this between two looks.
const SET_BACK: Duration = Duration::from_secs(2);

/// The rules and their file.
pub(super) struct Kept {
    rules: Rules,
    path: PathBuf,
    /// Both clocks when they were looked at last.
    seen: (Mono, Time),
}

/// Why a command about scenarios is not followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    /// The rules do not allow it.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// It cannot be kept.
    #[error(
        "nothing was changed, since it cannot be written to {}: {source}; see to the disk and try again",
        path.display()
    )]
    Disk {
        /// Where it was to be kept.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What a look at the clock has brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Scenarios that are over.
    pub(super) over: Vec<Running>,
    /// How far the clock was set back.
    pub(super) set_back: Option<Duration>,
}

impl Kept {
    /// Takes up what was kept in a folder. Says what is wrong with it, if the rules have to begin anew for that.
    pub(super) fn read(folder: &Path, now: Now) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let wall = Time::from(now.wall);
        let (rules, damage) = match std::fs::read_to_string(&path) {
            Ok(text) => match Rules::load(&text, wall) {
                Ok(rules) => (rules, None),
                Err(error) => (Rules::fresh(wall), Some(error.to_string())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Rules::fresh(wall), None),
            Err(error) => (Rules::fresh(wall), Some(error.to_string())),
        };
        let damage = damage.map(|why| move_aside(&path, &folder.join(ASIDE), &why));
        let seen = (now.mono, wall);
        (Self { rules, path, seen }, damage)
    }

    /// Returns what runs.
    pub(super) fn running(&self) -> &[Running] {
        self.rules.running()
    }

    /// Returns what is captured.
    pub(super) fn capture(&self, scenarios: &Scenarios) -> Capture {
        self.rules.capture(scenarios)
    }

    /// Changes the rules, and keeps them; they stay as they were if either cannot be.
    pub(super) fn change(
        &mut self,
        change: impl FnOnce(&mut Rules) -> Result<(), RuleError>,
    ) -> Result<(), ChangeError> {
        let mut rules = self.rules.clone();
        change(&mut rules)?;
        self.write(&rules)?;
        self.rules = rules;
        Ok(())
    }

    /// Ends what is over. The file need not know at once: whoever reads it ends it too.
    pub(super) fn look_at_clock(&mut self, now: Now) -> Ended {
        let wall = Time::from(now.wall);
        let (mono, last) = std::mem::replace(&mut self.seen, (now.mono, wall));
        let back = last.after(now.mono.since(mono)).since(wall);
        let set_back = (back >= SET_BACK).then_some(back);
        if let Some(back) = set_back {
            self.rules.set_back(back);
        }
        let over = self.rules.expire(wall);
        let is_news = set_back.is_some() || !over.is_empty();
        if is_news && let Err(error) = self.write(&self.rules) {
            tracing::warn!(%error, "which scenarios run is not kept");
        }
        Ended { over, set_back }
    }

    fn write(&self, rules: &Rules) -> Result<(), ChangeError> {
        let written = disk::write_private(&self.path, rules.save().as_bytes());
        written.map_err(|source| ChangeError::Disk {
            path: self.path.clone(),
            source,
        })
    }
}

fn move_aside(path: &Path, aside: &Path, why: &str) -> String {
    let moved = match std::fs::rename(path, aside) {
        Ok(()) => format!("it is {} from here on", aside.display()),
        Err(error) => format!("nor can it be moved aside: {error}"),
    };
    format!("{}: {why}; {moved}, and AlwaysOn runs", path.display())
}

#[cfg(test)]
mod tests {
    use base::UnixMillis;

    use super::*;

    fn at(mono: u64, wall: u64) -> Now {
        Now {
            mono: Mono::ZERO.after(Duration::from_secs(mono)),
            wall: UnixMillis(wall * 1000),
        }
    }

    fn start(kept: &mut Kept, name: &str, now: Now) -> Result<(), ChangeError> {
        let (scenarios, now) = (Scenarios::default(), Time::from(now.wall));
        kept.change(|rules| rules.start(&scenarios, name, None, "ann", now).map(drop))
    }

    fn names(kept: &Kept) -> Vec<&str> {
        kept.running().iter().map(|one| &*one.scenario).collect()
    }

    #[test]
    fn what_runs_is_there_again_and_damage_is_moved_aside_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let now = at(0, 1_000_000);
        let (mut kept, damage) = Kept::read(dir.path(), now);
        assert_eq!(damage, None);
        start(&mut kept, "Web", now).unwrap();
        let (again, damage) = Kept::read(dir.path(), now);
        assert_eq!((names(&again), damage), (vec!["AlwaysOn", "Web"], None));
        std::fs::write(dir.path().join(FILE), [0xff, 0x00]).unwrap();
        let (fresh, damage) = Kept::read(dir.path(), now);
        assert_eq!(names(&fresh), ["AlwaysOn"]);
        assert!(damage.unwrap().contains(ASIDE));
        assert_eq!(std::fs::read(dir.path().join(ASIDE)).unwrap(), [0xff, 0x00]);
        assert_eq!(Kept::read(dir.path(), now).1, None);
    }

    #[test]
    fn a_change_that_cannot_be_kept_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("traces");
        std::fs::create_dir(&folder).unwrap();
        let now = at(0, 1_000_000);
        let (mut kept, _) = Kept::read(&folder, now);
        std::fs::remove_dir(&folder).unwrap();
        let error = start(&mut kept, "Web", now).unwrap_err().to_string();
        assert!(error.contains("nothing was changed"), "{error}");
        assert_eq!(names(&kept), ["AlwaysOn"]);
    }

    #[test]
    fn a_clock_that_is_set_back_takes_the_ends_along() {
        let dir = tempfile::tempdir().unwrap();
        let (mut kept, _) = Kept::read(dir.path(), at(0, 1_000_000));
        start(&mut kept, "Web", at(0, 1_000_000)).unwrap();
        assert_eq!(kept.look_at_clock(at(60, 1_000_060)), Ended::default());
        // A second of slewing is nothing; a day back is.
        assert_eq!(kept.look_at_clock(at(61, 1_000_060)), Ended::default());
        let ended = kept.look_at_clock(at(3600, 917_200));
        assert_eq!(ended.set_back, Some(Duration::from_secs(86_400 - 1)));
        assert!(ended.over.is_empty());
        let ended = kept.look_at_clock(at(4 * 3600 + 2, 928_003));
        assert_eq!(ended.over.len(), 1, "four hours after it began");
        assert_eq!(names(&kept), ["AlwaysOn"]);
        assert_eq!(
            names(&Kept::read(dir.path(), at(0, 928_003)).0),
            ["AlwaysOn"]
        );
    }
}
