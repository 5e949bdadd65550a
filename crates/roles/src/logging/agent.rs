//! What is shared by a machine's roles, its operators and whoever asks how it is: the traces, and which scenarios run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use logs::redact::Bodies;
use logs::wire::{AgentStatus, Done, Refused};
use logs::{RuleError, Rules, Running, Scenarios, ThrottleOptions, Time};
use runtime::clock::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use traces::{OpenError, Options, Recorder, Recovery, Retention, Stats, Traces};

use super::audit;
use super::kept::{ChangeError, Kept};
use crate::fault::chain;

/// Where in a machine's directory the traces are.
const FOLDER: &str = "traces";
/// So many searches and collections are under way at a time.
const SEARCHES: usize = 4;

/// What a deployment chooses for its agents.
#[derive(Clone, Default)]
pub struct Settings {
    /// The scenarios that can be started.
    pub scenarios: Scenarios,
    /// How much is kept.
    pub options: Options,
    /// Whether the bodies of messages are kept.
    pub bodies: Bodies,
}

impl Settings {
    /// Takes what the topology says.
    #[must_use]
    pub fn of(logging: &topology::Logging) -> Self {
        let usual = Options::default();
        Self {
            scenarios: logging.scenarios.clone(),
            options: Options {
                queue_bytes: logging.queue,
                segment_bytes: logging.file_size,
                segment_age: logging.file_age,
                retention: Retention {
                    age: logging.retention,
                    share: logging.disk_share,
                    keep_free: logging.keep_free,
                },
                throttle: ThrottleOptions {
                    per_second: logging.throttle,
                    ..usual.throttle
                },
                ..usual
            },
            bodies: if logging.bodies {
                Bodies::Keep
            } else {
                Bodies::Drop
            },
        }
    }
}

/// The agent of one machine.
pub struct Agent {
    machine: String,
    folder: PathBuf,
    settings: Settings,
    clock: Clock,
    recorder: Recorder,
    traces: OnceLock<Arc<Traces>>,
    /// Which scenarios run, once the traces are open: the file belongs to whoever holds their folder.
    kept: Mutex<Option<Kept>>,
    wrong: Mutex<Wrong>,
    searches: Arc<Semaphore>,
    counts: Counts,
}

/// What is wrong, in words for people; empty if nothing is.
#[derive(Default)]
struct Wrong {
    /// Why nothing is traced.
    shut: Option<String>,
    /// Its ports, and why those are not open that are not.
    ports: BTreeMap<SocketAddr, Option<String>>,
    /// What was told last of the disk.
    disk: Option<String>,
}

/// What the agent counts of its own work.
#[derive(Default)]
pub(crate) struct Counts {
    followed: AtomicU64,
    refused: AtomicU64,
    strangers: AtomicU64,
}

impl Counts {
    pub(super) fn command(&self, is_followed: bool) {
        let counter = if is_followed {
            &self.followed
        } else {
            &self.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stranger(&self) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns commands that were followed, such that were refused, and connections that did not come in.
    pub(crate) fn all(&self) -> [u64; 3] {
        [&self.followed, &self.refused, &self.strangers].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Agent {
    /// Opens the traces in a machine's directory and begins to capture; if they cannot be opened, it is tried again at each
    /// [`Self::look_after`].
    #[must_use]
    pub fn open(machine: &str, folder: &Path, settings: Settings, clock: Clock) -> Self {
        let agent = Self {
            machine: machine.to_owned(),
            folder: folder.join(FOLDER),
            recorder: Recorder::waiting(
                machine,
                settings.bodies,
                Arc::clone(&settings.options.valve),
            ),
            settings,
            clock,
            traces: OnceLock::new(),
            kept: Mutex::default(),
            wrong: Mutex::default(),
            searches: Arc::new(Semaphore::new(SEARCHES)),
            counts: Counts::default(),
        };
        agent.try_opening();
        agent
    }

    /// Returns what the roles of the machine record with.
    #[must_use]
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(super) fn traces(&self) -> Option<&Arc<Traces>> {
        self.traces.get()
    }

    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Opens the traces, if they are not open.
    pub(super) fn try_opening(&self) {
        if self.traces.get().is_some() {
            return;
        }
        let options = self.settings.options.clone();
        match Traces::open(&self.folder, &self.machine, options) {
            Ok((traces, recovery)) => self.opened(Arc::new(traces), &recovery),
            Err(error) => self.not_opened(&error),
        }
    }

    fn opened(&self, traces: Arc<Traces>, recovery: &Recovery) {
        let (kept, damage) = Kept::read(&self.folder, self.clock.now());
        self.recorder.attach(Arc::clone(&traces));
        self.recorder.set(kept.capture(&self.settings.scenarios));
        *self.kept() = Some(kept);
        let before = self.wrong().shut.take();
        audit::opened(&self.recorder, recovery, before.as_deref());
        if let Some(damage) = damage {
            audit::trouble(&self.recorder, &damage);
        }
        // Last, so that whoever finds traces finds the rules too.
        let _open = self.traces.set(traces);
    }

    fn not_opened(&self, error: &OpenError) {
        let why = format!(
            "nothing is traced: {}; it is tried again every {} s",
            chain(error),
            super::RETRY.as_secs()
        );
        let mut wrong = self.wrong();
        if wrong.shut.as_ref() != Some(&why) {
            tracing::error!(machine = self.machine, why);
            wrong.shut = Some(why);
        }
    }

    /// Says why nothing is traced.
    pub(super) fn why_shut(&self) -> String {
        let shut = self.wrong().shut.clone();
        shut.unwrap_or_else(|| "nothing is traced".to_owned())
    }

    /// Does what is due: ends scenarios whose time is over, tries to open what could not be opened, records trouble.
    pub(super) fn look_after(&self) {
        self.try_opening();
        let ended = {
            let mut kept = self.kept();
            let Some(kept) = kept.as_mut() else { return };
            let ended = kept.look_at_clock(self.clock.now());
            if !ended.over.is_empty() {
                self.recorder.set(kept.capture(&self.settings.scenarios));
            }
            ended
        };
        for scenario in &ended.over {
            audit::over(&self.recorder, scenario);
        }
        if let Some(by) = ended.set_back {
            audit::set_back(&self.recorder, by);
        }
        let disk = self.traces().and_then(|traces| traces.stats().trouble);
        let mut wrong = self.wrong();
        if wrong.disk != disk {
            wrong.disk.clone_from(&disk);
            drop(wrong);
            let what = disk.map_or_else(
                || "traces can be written again".to_owned(),
                |why| self.about_disk(&why),
            );
            audit::trouble(&self.recorder, &what);
        }
    }

    fn about_disk(&self, why: &str) -> String {
        format!(
            "traces cannot be written to {}: {why}; records are dropped until it takes them again",
            self.folder.display()
        )
    }

    /// Changes which scenarios run.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut Rules, &Scenarios, Time) -> Result<(), RuleError>,
    ) -> Result<(), ChangeError> {
        let mut kept = self.kept();
        let Some(kept) = kept.as_mut() else {
            return Ok(());
        };
        let now = Time::from(self.clock.wall());
        let scenarios = &self.settings.scenarios;
        kept.change(|rules| change(rules, scenarios, now))?;
        self.recorder.set(kept.capture(scenarios));
        Ok(())
    }

    /// Returns which scenarios run.
    pub(super) fn running(&self) -> Vec<Running> {
        let now = Time::from(self.clock.wall());
        let kept = self.kept();
        let running = kept.as_ref().map(Kept::running).unwrap_or_default();
        let is_over = |one: &&Running| one.until.is_some_and(|until| until <= now);
        running
            .iter()
            .filter(|one| !is_over(one))
            .cloned()
            .collect()
    }

    /// Takes a place for a search; there are only so many.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let place = Arc::clone(&self.searches).try_acquire_owned();
        place.map_err(|_| Refused::Busy)
    }

    /// Ends an answer that has given so much.
    pub(super) fn done(&self, given: u64) -> Done {
        Done {
            now: Time::from(self.clock.wall()),
            given,
            ..Done::default()
        }
    }

    /// Takes note of what is wrong with a port, or that nothing is; tells whether that is news.
    pub(super) fn about_port(&self, at: SocketAddr, why: Option<&str>) -> bool {
        let why = why.map(str::to_owned);
        let before = self.wrong().ports.insert(at, why.clone());
        before.is_none_or(|before| before != why)
    }

    /// Tells whether a port of the agent is open.
    #[must_use]
    pub fn listens(&self, at: SocketAddr) -> bool {
        matches!(self.wrong().ports.get(&at), Some(None))
    }

    /// Returns how the agent is.
    #[must_use]
    pub fn status(&self) -> AgentStatus {
        let stats = self.stats();
        AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: Time::from(self.clock.wall()),
            kept: stats.kept,
            dropped: stats.dropped_full + stats.dropped_throttled + stats.dropped_disk,
            trouble: self.trouble(&stats),
            files: u64::try_from(stats.files).unwrap_or(u64::MAX),
            bytes: stats.bytes,
            bytes_max: stats.bytes_max,
            free: stats.room.free,
            oldest: stats.oldest,
            running: self.running(),
            silenced: stats.silenced,
        }
    }

    /// Returns how the traces are; all zero if they are not open.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.traces()
            .map(|traces| traces.stats())
            .unwrap_or_default()
    }

    fn trouble(&self, stats: &Stats) -> Option<String> {
        let wrong = self.wrong();
        let disk = stats.trouble.as_ref().map(|why| self.about_disk(why));
        let ports = wrong.ports.values().flatten().cloned();
        let all: Vec<String> = wrong
            .shut
            .clone()
            .into_iter()
            .chain(disk)
            .chain(ports)
            .collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self) -> MutexGuard<'_, Wrong> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
