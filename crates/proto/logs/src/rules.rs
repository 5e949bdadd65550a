//! Which scenarios run on one machine, until when, and what of the events is captured because of them.
//!
//! The state is plain data: whoever keeps it writes [`Rules::save`] to a file after each change and reads it back with
//! [`Rules::load`] at the start. Definitions are looked up by name each time, so a scenario that is defined anew while it
//! runs switches at the next [`Rules::capture`].

use serde::{Deserialize, Serialize};

use crate::scenario::Scenarios;
use crate::{Component, Duration, Flags, Level, Time, UnknownName, Watch};

/// So many scenarios run at a time.
pub const MOST_AT_A_TIME: usize = 2;
/// The kept state is no longer.
const LONGEST_STATE: usize = 4 << 10;
/// How the kept state is laid out.
const VERSION: u8 = 1;

/// A scenario that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its name.
    pub scenario: String,
    /// Since when.
    pub since: Time,
    /// When it ends; never, if there is nothing here.
    pub until: Option<Time>,
    /// Who started it.
    pub by: String,
}

impl Running {
    fn set_back(&mut self, by: std::time::Duration) {
        self.since = self.since.before(by);
        self.until = self.until.map(|until| until.before(by));
    }
}

impl std::fmt::Display for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.scenario)?;
        match self.until {
            Some(until) => write!(f, " until {until}")?,
            None => write!(f, " without end")?,
        }
        write!(f, " (started by {})", self.by)
    }
}

/// Why a command cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// There is no such scenario.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// As many run as may.
    #[error(
        "{MOST_AT_A_TIME} scenarios run already: {}; stop one first",
        running.iter().map(Running::to_string).collect::<Vec<_>>().join(", ")
    )]
    Full {
        /// Those that run.
        running: Vec<Running>,
    },
    /// It runs already.
    #[error("{0} already; update its duration instead")]
    Runs(Running),
    /// It does not run.
    #[error("{0} does not run")]
    Stopped(String),
    /// No scenario with an end runs, so there is no end to change.
    #[error("no scenario that ends is running")]
    NothingEnds,
    /// The kept state cannot be read.
    #[error("the kept state of the scenarios cannot be read")]
    State,
}

/// The scenarios that run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    running: Vec<Running>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u8,
    running: Vec<Running>,
}

impl Rules {
    /// Begins as on a new machine: AlwaysOn runs, so that records from before the first fault exist.
    #[must_use]
    pub fn fresh(now: Time) -> Self {
        Self {
            running: vec![Running {
                scenario: Scenarios::ALWAYS_ON.to_owned(),
                since: now,
                until: None,
                by: "default".to_owned(),
            }],
        }
    }

    /// Returns what runs.
    #[must_use]
    pub fn running(&self) -> &[Running] {
        &self.running
    }

    /// Starts a scenario. Without a duration AlwaysOn has no end and any other four hours.
    ///
    /// # Errors
    /// There is no such scenario, it runs already, or two others do.
    pub fn start(
        &mut self,
        scenarios: &Scenarios,
        name: &str,
        duration: Option<Duration>,
        by: &str,
        now: Time,
    ) -> Result<&Running, RuleError> {
        let name = scenarios.find(name)?.name();
        self.expire(now);
        if let Some(running) = self.running.iter().find(|one| one.scenario == name) {
            return Err(RuleError::Runs(running.clone()));
        }
        if self.running.len() >= MOST_AT_A_TIME {
            return Err(RuleError::Full {
                running: self.running.clone(),
            });
        }
        let endless = name == Scenarios::ALWAYS_ON && duration.is_none();
        let until = now.after(duration.unwrap_or_default().length());
        self.running.push(Running {
            scenario: name.to_owned(),
            since: now,
            until: (!endless).then_some(until),
            by: by.chars().take(128).collect(),
        });
        self.running
            .last()
            .ok_or_else(|| RuleError::Stopped(name.to_owned()))
    }

    /// Stops a scenario; what it has captured stays.
    ///
    /// # Errors
    /// It does not run.
    pub fn stop(&mut self, name: &str, now: Time) -> Result<Running, RuleError> {
        self.expire(now);
        let place = self
            .running
            .iter()
            .position(|one| one.scenario.eq_ignore_ascii_case(name));
        place
            .map(|place| self.running.remove(place))
            .ok_or_else(|| RuleError::Stopped(name.chars().take(64).collect()))
    }

    /// Changes the end of all scenarios that have one.
    ///
    /// # Errors
    /// None of those that run has an end.
    pub fn update(&mut self, duration: Duration, now: Time) -> Result<(), RuleError> {
        self.expire(now);
        let mut found = false;
        for until in self.running.iter_mut().filter_map(|one| one.until.as_mut()) {
            *until = now.after(duration.length());
            found = true;
        }
        found.then_some(()).ok_or(RuleError::NothingEnds)
    }

    /// Ends what is over and returns it.
    pub fn expire(&mut self, now: Time) -> Vec<Running> {
        let over = |one: &Running| one.until.is_some_and(|until| until <= now);
        let (ended, running) = self.running.drain(..).partition(over);
        self.running = running;
        ended
    }

    /// Moves beginnings and ends as the clock was moved, so that each runs as long as was asked for.
    pub fn set_back(&mut self, by: std::time::Duration) {
        self.running.iter_mut().for_each(|one| one.set_back(by));
    }

    /// Returns when the next one ends.
    #[must_use]
    pub fn next_end(&self) -> Option<Time> {
        self.running.iter().filter_map(|one| one.until).min()
    }

    /// Says what is captured. A scenario that is defined no more captures nothing.
    #[must_use]
    pub fn capture(&self, scenarios: &Scenarios) -> Capture {
        let mut capture = Capture::default();
        for (slots, running) in capture.slots.iter_mut().zip(&self.running) {
            let Ok(scenario) = scenarios.find(&running.scenario) else {
                continue;
            };
            for watch in scenario.watches() {
                if let Some(slot) = slots.get_mut(watch.component as usize) {
                    *slot = Some((watch.level, watch.flags));
                }
            }
        }
        capture
    }

    /// Returns the state as it is kept: JSON, which an operator can read.
    #[must_use]
    pub fn save(&self) -> String {
        let kept = Kept {
            version: VERSION,
            running: self.running.clone(),
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Takes the state back; what is over by `now` ends.
    ///
    /// # Errors
    /// It cannot be read, or no state can be so.
    pub fn load(text: &str, now: Time) -> Result<Self, RuleError> {
        if text.len() > LONGEST_STATE {
            return Err(RuleError::State);
        }
        let kept: Kept = serde_json::from_str(text).map_err(|_| RuleError::State)?;
        if kept.version != VERSION || kept.running.len() > MOST_AT_A_TIME {
            return Err(RuleError::State);
        }
        let mut rules = Self {
            running: kept.running,
        };
        // What began in the future did so under another clock.
        for one in &mut rules.running {
            one.set_back(one.since.since(now));
        }
        rules.expire(now);
        Ok(rules)
    }
}

/// One component's share of a running scenario.
type Slot = Option<(Level, Flags)>;
const COMPONENTS: usize = Component::ALL.len();

/// What is captured: small and plain, made anew after each change, asked before a record is even made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    slots: [[Slot; COMPONENTS]; MOST_AT_A_TIME],
}

impl Capture {
    /// Captures everything; for tools and tests.
    #[must_use]
    pub const fn everything() -> Self {
        Self {
            slots: [[Some((Level::Debug, Flags::ALL)); COMPONENTS]; MOST_AT_A_TIME],
        }
    }

    /// Tells whether a record of this kind is wanted. One without flags is wanted by its level alone.
    #[must_use]
    pub fn wants(&self, component: Component, level: Level, flags: Flags) -> bool {
        self.slots.iter().any(|slots| {
            let slot = slots.get(component as usize).copied().flatten();
            slot.is_some_and(|(least, kinds)| {
                level <= least && (flags == Flags::NONE || flags.meets(kinds))
            })
        })
    }

    /// Says the same as watches, for whoever shows it.
    #[must_use]
    pub fn watches(&self) -> Vec<Watch> {
        let slots = self.slots.iter();
        let pairs = slots.flat_map(|slots| Component::ALL.iter().zip(slots));
        pairs
            .filter_map(|(component, slot)| {
                slot.map(|(level, flags)| Watch::of(*component, level, flags))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{RuleError, Rules};
    use crate::{Component, Duration, Flags, Level, Scenario, Scenarios, Time, Watch};

    const MINUTE: u64 = 60_000_000;

    fn start(rules: &mut Rules, name: &str, now: u64) -> Result<(), RuleError> {
        let scenarios = Scenarios::default();
        rules
            .start(&scenarios, name, None, "ann", Time(now))
            .map(drop)
    }

    #[test]
    fn a_third_scenario_is_refused_with_what_runs() {
        let mut rules = Rules::fresh(Time(0));
        start(&mut rules, "signin", 0).unwrap();
        let error = start(&mut rules, "Web", MINUTE).unwrap_err();
        assert_eq!(
            error.to_string(),
            "2 scenarios run already: AlwaysOn without end (started by default), \
             SignIn until 1970-01-01T04:00:00.000000Z (started by ann); stop one first"
        );
        assert!(matches!(
            start(&mut rules, "SignIn", 0),
            Err(RuleError::Runs(_))
        ));
        assert!(matches!(
            start(&mut rules, "Sign", 0),
            Err(RuleError::Unknown(_))
        ));
        rules.stop("SIGNIN", Time(0)).unwrap();
        start(&mut rules, "Web", MINUTE).unwrap();
    }

    #[test]
    fn a_scenario_ends_with_its_time_and_alwayson_does_not() {
        let mut rules = Rules::fresh(Time(0));
        start(&mut rules, "Web", 0).unwrap();
        assert_eq!(rules.next_end(), Some(Time(240 * MINUTE)));
        rules.update("8:00".parse().unwrap(), Time(MINUTE)).unwrap();
        assert!(rules.expire(Time(480 * MINUTE)).is_empty());
        assert_eq!(rules.expire(Time(481 * MINUTE)).len(), 1);
        assert_eq!(rules.running().len(), 1);
        let error = rules.update(Duration::default(), Time(0)).unwrap_err();
        assert_eq!(error, RuleError::NothingEnds);
        assert!(matches!(
            rules.stop("Web", Time(0)),
            Err(RuleError::Stopped(_))
        ));
    }

    #[test]
    fn the_state_survives_a_restart_without_what_is_over() {
        let mut rules = Rules::fresh(Time(0));
        start(&mut rules, "Web", 0).unwrap();
        assert_eq!(Rules::load(&rules.save(), Time(MINUTE)), Ok(rules.clone()));
        let later = Rules::load(&rules.save(), Time(300 * MINUTE)).unwrap();
        assert_eq!(later, Rules::fresh(Time(0)));
        for text in [
            "",
            "{}",
            "{\"version\":2,\"running\":[]}",
            &" ".repeat(5000),
        ] {
            assert_eq!(Rules::load(text, Time(0)), Err(RuleError::State));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_lets_nothing_run_longer() {
        let mut rules = Rules::fresh(Time(0));
        start(&mut rules, "Web", 600 * MINUTE).unwrap();
        let mut again = Rules::load(&rules.save(), Time(60 * MINUTE)).unwrap();
        assert_eq!(again.next_end(), Some(Time(300 * MINUTE)));
        assert_eq!(again.running()[1].since, Time(60 * MINUTE));
        again.set_back(std::time::Duration::from_secs(30 * 60));
        assert_eq!(again.next_end(), Some(Time(270 * MINUTE)));
    }

    #[test]
    fn what_is_captured_is_what_either_scenario_watches() {
        let own = Scenario::new(
            "Own",
            vec![Watch::of(Component::Edge, Level::Debug, Flags::SECURITY)],
        );
        let scenarios = Scenarios::with(vec![own.unwrap()]).unwrap();
        let mut rules = Rules::fresh(Time(0));
        rules
            .start(&scenarios, "Own", None, "ann", Time(0))
            .unwrap();
        let capture = rules.capture(&scenarios);
        let wants = |level, flags| capture.wants(Component::Edge, level, flags);
        assert!(wants(Level::Info, Flags::DIAG), "by AlwaysOn");
        assert!(wants(Level::Debug, Flags::SECURITY), "by the other");
        assert!(
            !wants(Level::Debug, Flags::DIAG),
            "by neither: they do not add up"
        );
        assert!(wants(Level::Debug, Flags::NONE));
        assert!(!capture.wants(Component::Web, Level::Debug, Flags::NONE));
        let redefined = rules.capture(&Scenarios::default());
        assert!(!redefined.wants(Component::Edge, Level::Debug, Flags::SECURITY));
    }
}
