//! Looks from time to time what of our rules the kernel has loaded, and has changes of that recorded.
//!
//! ```text
//! look -> cannot look (no root, no nft) | no table of ours | it does what is planned | it does something else
//!      a record when that is not what it was; another one for packets that were stopped since the last look
//! ```
//!
//! Nothing depends on it: whatever goes wrong is a record and no more, the same trouble once. What the plan looks like in the
//! kernel is asked once, in a network namespace of its own, and only where a table of ours is loaded.
//!
//! Bounds: one look in [`EVERY`], on a thread of its own, since a look may wait for `nft` as long as [`runtime::nft`] lets it.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use firewall::loaded::{ChainComparison, Comparison, Count, Owner, Table};
use firewall::plan::{Basic, Direction, Place, Plan, Rules};
use firewall::render;
use logs::{Component, Flags, Level, Value};
use runtime::nft::{self, NftError};
use topology::{Machine, Topology};
use traces::Recorder;

use super::TABLE;
use crate::fault::chain;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(300);
/// Rules that a record names.
const TOLD: usize = 8;

/// Looks until it is dropped.
pub struct Lookout {
    /// Its end is heard by the thread.
    _end: Sender<()>,
}

/// What tells how the kernel stands.
trait Kernel: Send + 'static {
    /// Returns the table of ours; nothing if there is none.
    fn loaded(&mut self) -> Result<Option<String>, NftError>;
    /// Returns what the kernel would make of a text.
    fn rehearsed(&mut self, text: &str) -> Result<String, NftError>;
}

/// The kernel of this system.
struct Own;

impl Kernel for Own {
    fn loaded(&mut self) -> Result<Option<String>, NftError> {
        nft::listing(TABLE)
    }

    fn rehearsed(&mut self, text: &str) -> Result<String, NftError> {
        nft::rehearse(text, TABLE)
    }
}

/// How the rules of ours stand.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// They cannot be looked at; why.
    Unseen(String),
    /// None is loaded.
    Missing,
    /// What is loaded does what is planned.
    AsPlanned,
    /// It does something else; what.
    Differs(String),
}

/// Why there was nothing to compare.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Nft(#[from] NftError),
    #[error("what nft tells of the table is not understood")]
    Read(#[from] firewall::loaded::ReadError),
}

struct Watch<K> {
    kernel: K,
    recorder: Recorder,
    /// The text that loads what is planned.
    text: String,
    planned: Option<Table>,
    last: Option<Standing>,
    /// What had been stopped when it last looked, and when that was.
    stopped: Option<([Count; 2], Instant)>,
}

impl Lookout {
    /// Begins to look at the rules of a machine, at once and then from time to time.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn begin(topology: &Topology, machine: &Machine, recorder: Recorder) -> io::Result<Self> {
        let (end, ended) = channel();
        let lookout = Self { _end: end };
        let plan = Plan::of(topology);
        let Some(rules) = plan.rules(&Place::Machine(machine.fqdn.clone())) else {
            return Ok(lookout);
        };
        let watch = Watch::new(Own, rules, recorder);
        let thread = std::thread::Builder::new().name("lookout".to_owned());
        thread.spawn(move || watch.run(&ended))?;
        Ok(lookout)
    }
}

impl<K: Kernel> Watch<K> {
    fn new(kernel: K, rules: &Rules, recorder: Recorder) -> Self {
        Self {
            kernel,
            recorder,
            text: render::nft::text(rules),
            planned: None,
            last: None,
            stopped: None,
        }
    }

    fn run(mut self, ended: &Receiver<()>) {
        loop {
            self.look();
            if ended.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn look(&mut self) {
        let kinds = Flags::SECURITY.with(Flags::DIAG);
        if !self
            .recorder
            .wants(Component::Firewall, Level::Warning, kinds)
        {
            return;
        }
        let standing = self.stand().unwrap_or_else(|error| {
            self.stopped = None;
            Standing::Unseen(chain(&error))
        });
        if self.last.as_ref() != Some(&standing) {
            self.tell(&standing);
            self.last = Some(standing);
        }
    }

    fn stand(&mut self) -> Result<Standing, LookError> {
        let Some(loaded) = self.kernel.loaded()? else {
            self.stopped = None;
            return Ok(Standing::Missing);
        };
        let loaded = Table::read(&loaded)?;
        let planned = match self.planned.take() {
            Some(planned) => planned,
            None => Table::read(&self.kernel.rehearsed(&self.text)?)?,
        };
        let comparison = Comparison::of(&planned, &loaded);
        let standing = if comparison.is_same() {
            Standing::AsPlanned
        } else {
            Standing::Differs(differences(&comparison))
        };
        let stopped = [
            stopped(&comparison, |way| way != Some(Direction::Out)),
            stopped(&comparison, |way| way == Some(Direction::Out)),
        ];
        self.count(stopped);
        self.planned = Some(planned);
        Ok(standing)
    }

    fn tell(&self, standing: &Standing) {
        // Whoever filters elsewhere, or not at all, has decided that; what goes away while we run was not expected.
        let (level, decision, reason) = match standing {
            Standing::Unseen(why) => (Level::Info, "unseen", why.as_str()),
            Standing::Missing if self.last.is_none() => {
                (Level::Info, "missing", "no rules of ours are loaded")
            }
            Standing::Missing => (Level::Warning, "missing", "our rules are loaded no more"),
            Standing::AsPlanned => (Level::Info, "as_planned", "the rules do what is planned"),
            Standing::Differs(what) => (Level::Warning, "differs", what.as_str()),
        };
        let kinds = Flags::SECURITY.with(Flags::DIAG);
        self.recorder
            .record(Component::Firewall, level, kinds, |record| {
                record.decision = Some(decision.into());
                record.reason = Some(Value::new(reason));
            });
    }

    /// Records how much was stopped since the last look, unless that is nothing, or the counters began anew.
    fn count(&mut self, stopped: [Count; 2]) {
        let now = Instant::now();
        let Some((before, since)) = self.stopped.replace((stopped, now)) else {
            return;
        };
        let [Some(dropped), Some(rejected)] = [0, 1].map(|way: usize| {
            let (now, before) = (stopped.get(way)?, before.get(way)?);
            now.packets.checked_sub(before.packets)
        }) else {
            return;
        };
        if dropped + rejected == 0 {
            return;
        }
        let kinds = Flags::SECURITY.with(Flags::CONNECTION);
        self.recorder
            .record(Component::Firewall, Level::Info, kinds, |record| {
                record.decision = Some("stopped".into());
                let seconds = now.duration_since(since).as_secs();
                let reason = format!(
                    "{dropped} packets to us dropped and {rejected} of ours rejected within {seconds} s"
                );
                record.reason = Some(Value::new(&reason));
            });
    }
}

/// Says in what a loaded table differs from the plan.
fn differences(comparison: &Comparison<'_>) -> String {
    let mut all = comparison.chains.iter().flat_map(of_chain);
    let mut text = all.by_ref().take(TOLD).collect::<Vec<_>>().join("; ");
    let more = all.count();
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

fn of_chain(chain: &ChainComparison<'_>) -> Vec<String> {
    let way = chain
        .direction
        .map_or(chain.name, |direction| direction.name());
    let mut all = Vec::new();
    if !chain.is_hung {
        all.push(format!("{way}: the chain is not where it should be"));
    }
    let missing = chain.pairs.iter().filter(|pair| pair.loaded.is_none());
    all.extend(missing.map(|pair| format!("{way}: missing: {}", pair.planned.comment)));
    let beyond = chain.beyond.iter();
    all.extend(beyond.map(|rule| format!("{way}: not planned: {}", rule.words())));
    if chain.is_reordered {
        all.push(format!("{way}: rules stand in another order"));
    }
    all
}

/// What the last rule of these chains has counted.
fn stopped(comparison: &Comparison<'_>, of: impl Fn(Option<Direction>) -> bool) -> Count {
    let chains = comparison.chains.iter().filter(|it| of(it.direction));
    let pairs = chains.flat_map(|chain| &chain.pairs);
    pairs
        .filter(|pair| pair.planned.owner == Owner::Basic(Basic::Rest))
        .filter_map(|pair| pair.loaded?.count)
        .fold(Count::default(), |all, one| all + one)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use traces::Notebook;

    use super::*;

    /// Says one thing after the other, in words that a real kernel has found.
    struct Script(Vec<Result<Option<String>, NftError>>);

    impl Kernel for Script {
        fn loaded(&mut self) -> Result<Option<String>, NftError> {
            self.0.remove(0)
        }

        fn rehearsed(&mut self, text: &str) -> Result<String, NftError> {
            Own.rehearsed(text)
        }
    }

    fn rules() -> Rules {
        let text = include_str!("../../../../examples/reference.toml");
        let topology = Topology::parse(text, "sample").unwrap();
        let machine = topology.view("edge01.contoso.net").unwrap().machine;
        let plan = Plan::of(&topology);
        plan.rules(&Place::Machine(machine.fqdn)).unwrap().clone()
    }

    /// Looks as often as the script has something to say; returns decisions and reasons.
    fn looked(script: Vec<Result<Option<String>, NftError>>) -> Vec<(String, String, Level)> {
        let folder = tempfile::tempdir().unwrap();
        let notebook = Notebook::open(folder.path()).unwrap();
        let times = script.len();
        let mut watch = Watch::new(Script(script), &rules(), notebook.recorder());
        (0..times).for_each(|_| watch.look());
        let word = |word: Option<Value>| word.unwrap().to_string();
        let records = notebook.records().into_iter();
        records
            .map(|record| (word(record.decision), word(record.reason), record.level))
            .collect()
    }

    #[test]
    fn who_cannot_look_is_told_once() {
        let told = looked(vec![
            Err(NftError::NotRoot),
            Err(NftError::NotRoot),
            Ok(None),
        ]);
        let words: Vec<&str> = told.iter().map(|(word, ..)| word.as_str()).collect();
        assert_eq!(words, ["unseen", "missing"]);
        assert!(told[0].1.contains("root"), "{told:?}");
    }

    #[test]
    fn changes_of_what_is_loaded_are_told_and_what_was_stopped_meanwhile() {
        let text = render::nft::text(&rules());
        // The kernel itself says how what is loaded looks, where it filters nothing.
        let Ok(loaded) = nft::rehearse(&text, TABLE) else {
            // There is nobody to tell when the error output is closed.
            let _ = writeln!(
                io::stderr(),
                "SKIPPED filtering::lookout: needs root, nft and unshare"
            );
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "cannot rehearse"
            );
            return;
        };
        let counted = loaded.replace("\"packets\": 0", "\"packets\": 7");
        let (before, last) = text.rsplit_once("basic rest").unwrap();
        let altered = format!("{before}something else{last}");
        let altered = altered.replace("ct state invalid", "ct state new,invalid");
        let altered = nft::rehearse(&altered, TABLE).unwrap();
        let told = looked(vec![
            Ok(Some(loaded.clone())),
            Ok(Some(counted)),
            Ok(Some(loaded)),
            Ok(Some(altered)),
            Ok(None),
        ]);
        let words: Vec<&str> = told.iter().map(|(word, ..)| word.as_str()).collect();
        assert_eq!(
            words,
            ["as_planned", "stopped", "differs", "missing"],
            "{told:?}"
        );
        assert!(
            told[1]
                .1
                .starts_with("7 packets to us dropped and 7 of ours"),
            "{told:?}"
        );
        assert!(told[2].1.contains("not planned: "), "{told:?}");
        assert_eq!(told[3].2, Level::Warning);
    }
}
