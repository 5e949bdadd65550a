//! Scenarios: a question's name, and whom one has to listen to for an answer.

use serde::{Deserialize, Serialize};

use crate::{Component, Flags, Level, UnknownName};

/// Names are at most so long.
const LONGEST_NAME: usize = 48;
/// One deployment defines at most so many of its own.
const MOST: usize = 64;

/// What is listened to in one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Which one.
    pub component: Component,
    /// Records of this level and graver ones.
    pub level: Level,
    /// Of these kinds.
    pub flags: Flags,
}

impl Watch {
    /// Listens to a component.
    #[must_use]
    pub const fn of(component: Component, level: Level, flags: Flags) -> Self {
        Self {
            component,
            level,
            flags,
        }
    }
}

/// A named set of watches, at most one for each component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    name: String,
    watches: Vec<Watch>,
}

/// Why a scenario cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Its name is empty, too long or has signs that names do not have.
    #[error("{0:?} is no name for a scenario; take up to 48 letters, digits, `-` and `_`")]
    Name(String),
    /// It listens to nobody.
    #[error("the scenario {0} listens to no component")]
    Empty(String),
    /// It names a component twice.
    #[error("the scenario {scenario} names {component} twice")]
    Twice {
        /// The scenario.
        scenario: String,
        /// The component.
        component: Component,
    },
    /// Two of one name.
    #[error("there are two scenarios {0}; case does not tell them apart")]
    Taken(String),
    /// Too many.
    #[error("{0} scenarios are too many; define at most {MOST}")]
    TooMany(usize),
}

impl Scenario {
    /// Makes a scenario.
    ///
    /// # Errors
    /// Its name is none, it listens to nobody or to one component twice.
    pub fn new(name: &str, watches: Vec<Watch>) -> Result<Self, ScenarioError> {
        let is_sign = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_sign) {
            let name = name.chars().take(LONGEST_NAME).collect();
            return Err(ScenarioError::Name(name));
        }
        if watches.is_empty() {
            return Err(ScenarioError::Empty(name.to_owned()));
        }
        let mut seen = Vec::new();
        for watch in &watches {
            if seen.contains(&watch.component) {
                return Err(ScenarioError::Twice {
                    scenario: name.to_owned(),
                    component: watch.component,
                });
            }
            seen.push(watch.component);
        }
        Ok(Self {
            name: name.to_owned(),
            watches,
        })
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whom it listens to.
    #[must_use]
    pub fn watches(&self) -> &[Watch] {
        &self.watches
    }
}

/// All scenarios that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenarios(Vec<Scenario>);

impl Scenarios {
    /// The one that runs for ever, so that records from before a fault exist.
    pub const ALWAYS_ON: &'static str = "AlwaysOn";

    /// Takes those of a deployment beside the predefined ones; one with the name of a predefined one takes its place.
    ///
    /// # Errors
    /// Two of them have one name, or they are too many.
    pub fn with(own: Vec<Scenario>) -> Result<Self, ScenarioError> {
        if own.len() > MOST {
            return Err(ScenarioError::TooMany(own.len()));
        }
        let mut all = Self(Vec::new());
        for scenario in own {
            if all.find(scenario.name()).is_ok() {
                return Err(ScenarioError::Taken(scenario.name));
            }
            all.0.push(scenario);
        }
        for scenario in predefined() {
            if all.find(scenario.name()).is_err() {
                all.0.push(scenario);
            }
        }
        all.0.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Returns all of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Scenario> {
        self.0.iter()
    }

    /// Finds one by its name, in any case.
    ///
    /// # Errors
    /// There is none; the error names those that there are.
    pub fn find(&self, name: &str) -> Result<&Scenario, UnknownName> {
        let found = self
            .0
            .iter()
            .find(|one| one.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|one| one.name.as_str()).collect();
            UnknownName::of("scenario", name, &known)
        })
    }
}

impl Default for Scenarios {
    fn default() -> Self {
        let mut all = predefined();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Self(all)
    }
}

/// A predefined scenario: its name, what is listened to closely, and what besides.
type Row = (&'static str, &'static [Component], &'static [Component]);

const PREDEFINED: [Row; 9] = {
    use Component as C;
    [
        (
            "Authentication",
            &[C::Authentication, C::Tls, C::SipStack, C::Web, C::Guard],
            &[C::Directory],
        ),
        (
            "SignIn",
            &[
                C::SipStack,
                C::Registrar,
                C::Authentication,
                C::Routing,
                C::Edge,
                C::Tls,
                C::Names,
            ],
            &[C::Directory, C::Guard],
        ),
        (
            "IMAndPresence",
            &[C::SipStack, C::Presence, C::Messaging, C::Routing],
            &[C::Registrar],
        ),
        (
            "IncomingAndOutgoingCall",
            &[
                C::SipStack,
                C::Routing,
                C::Edge,
                C::Registrar,
                C::Federation,
            ],
            &[C::Health],
        ),
        (
            "Federation",
            &[C::Federation, C::Edge, C::Tls, C::Resolver, C::SipStack],
            &[],
        ),
        (
            "Web",
            &[
                C::Web,
                C::ReverseProxy,
                C::Balancer,
                C::Tls,
                C::Authentication,
            ],
            &[],
        ),
        (
            "Balancing",
            &[C::Balancer, C::Health, C::Names, C::Routing],
            &[],
        ),
        ("UserReplicator", &[C::Directory, C::Tls], &[C::Process]),
        ("Firewall", &[C::Firewall, C::Guard], &[C::Process]),
    ]
};

/// Returns the scenarios that every deployment has.
#[must_use]
pub fn predefined() -> Vec<Scenario> {
    let watch = |level| move |component: &Component| Watch::of(*component, level, Flags::ALL);
    let always_on = Scenario {
        name: Scenarios::ALWAYS_ON.to_owned(),
        watches: Component::ALL.iter().map(watch(Level::Info)).collect(),
    };
    let others = PREDEFINED.iter().map(|(name, closely, besides)| {
        let closely = closely.iter().map(watch(Level::Verbose));
        Scenario {
            name: (*name).to_owned(),
            watches: closely
                .chain(besides.iter().map(watch(Level::Info)))
                .collect(),
        }
    });
    std::iter::once(always_on).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::{Scenario, ScenarioError, Scenarios, Watch};
    use crate::{Component, Flags, Level};

    const WATCH: Watch = Watch::of(Component::Web, Level::Info, Flags::ALL);

    #[test]
    fn predefined_ones_are_as_strict_as_others() {
        for scenario in super::predefined() {
            let again = Scenario::new(scenario.name(), scenario.watches().to_vec());
            assert_eq!(again, Ok(scenario));
        }
        assert_eq!(Scenarios::with(Vec::new()), Ok(Scenarios::default()));
    }

    #[test]
    fn a_deployment_adds_its_own_and_replaces_predefined_ones() {
        let own = ["Lunch", "web"].map(|name| Scenario::new(name, vec![WATCH]).unwrap());
        let all = Scenarios::with(own.to_vec()).unwrap();
        assert_eq!(all.find("LUNCH").unwrap().watches(), [WATCH]);
        assert_eq!(all.find("Web").unwrap().watches(), [WATCH]);
        let error = all.find("SignOn").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("SignIn"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let new = |name, watches| Scenario::new(name, watches).unwrap_err();
        assert_eq!(new("", vec![WATCH]), ScenarioError::Name(String::new()));
        assert!(matches!(new("a b", vec![WATCH]), ScenarioError::Name(_)));
        assert!(matches!(new("a", vec![]), ScenarioError::Empty(_)));
        assert!(matches!(
            new("a", vec![WATCH, WATCH]),
            ScenarioError::Twice { .. }
        ));
        let twice = ["a", "A"].map(|name| Scenario::new(name, vec![WATCH]).unwrap());
        assert!(matches!(
            Scenarios::with(twice.to_vec()),
            Err(ScenarioError::Taken(_))
        ));
    }
}
