//! The interfaces that rules can tell apart.
//!
//! Rules name interfaces (`eth0`) and beginnings of names (`eth*`). Two interfaces that are in none or in the same of
//! these are the same to the rules, so one of each kind is enough: none at all, `lo`, each one that is named, one for
//! each beginning, and one that stands for all others.

use std::collections::BTreeSet;

use crate::packet::ANOTHER_INTERFACE;

use super::fields::MOST_INTERFACES;

/// An interface in the words of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// The name, or its beginning.
    pub name: String,
    /// Whether any name that begins so is meant.
    pub begins: bool,
}

impl Pattern {
    /// Returns the interface of one name.
    #[must_use]
    pub fn exact(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            begins: false,
        }
    }

    /// Returns all interfaces whose names begin so.
    #[must_use]
    pub fn beginning(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            begins: true,
        }
    }

    /// Tells whether an interface is meant.
    #[must_use]
    pub fn fits(&self, interface: &str) -> bool {
        if self.begins {
            interface.starts_with(&self.name)
        } else {
            interface == self.name
        }
    }
}

/// One interface of each kind; its place in the list is its number.
#[derive(Clone, Debug)]
pub struct Interfaces {
    names: Vec<String>,
    /// Beginnings of names, each with the interface that stands for it.
    beginnings: Vec<(Pattern, String)>,
}

impl Interfaces {
    /// Returns one of each kind that these patterns tell apart. `None` if they are more than can be told apart.
    #[must_use]
    pub fn of(patterns: &BTreeSet<Pattern>) -> Option<Self> {
        let mut names = vec![String::new(), "lo".to_owned()];
        let exact = patterns.iter().filter(|pattern| !pattern.begins);
        names.extend(exact.map(|pattern| pattern.name.clone()));
        let beginnings: Vec<(Pattern, String)> = patterns
            .iter()
            .filter(|pattern| pattern.begins && !pattern.name.is_empty())
            .filter_map(|pattern| Some((pattern.clone(), one_of(pattern, patterns)?)))
            .collect();
        names.extend(beginnings.iter().map(|(_, name)| name.clone()));
        names.push(ANOTHER_INTERFACE.to_owned());
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        (names.len() <= MOST_INTERFACES).then_some(Self { names, beginnings })
    }

    /// Returns the name of each, in the order of their numbers.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the number of a name, or of the one that is the same to the rules.
    #[must_use]
    pub fn number(&self, name: &str) -> usize {
        let listed = |name: &str| self.names.iter().position(|known| known == name);
        let fitting = self
            .beginnings
            .iter()
            .filter(|(pattern, _)| pattern.fits(name));
        let longest = fitting.max_by_key(|(pattern, _)| pattern.name.len());
        listed(name)
            .or_else(|| listed(&longest?.1))
            .unwrap_or_else(|| self.names.len().saturating_sub(1))
    }

    /// Returns the numbers of those that a pattern means, ascending.
    #[must_use]
    pub fn fitting(&self, pattern: &Pattern) -> Vec<usize> {
        let all = self.names.iter().enumerate();
        let fitting = all.filter(|(_, name)| pattern.fits(name));
        fitting.map(|(number, _)| number).collect()
    }
}

/// An interface that begins so, and is meant by no longer pattern.
fn one_of(beginning: &Pattern, patterns: &BTreeSet<Pattern>) -> Option<String> {
    let longer = |name: &str| {
        let others = patterns.iter().filter(|other| *other != beginning);
        let mut longer =
            others.filter(|other| !other.begins || other.name.len() > beginning.name.len());
        longer.any(|other| other.fits(name))
    };
    let mut tries = (0..=patterns.len()).map(|n| format!("{}{n}", beginning.name));
    tries.find(|name| !longer(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_interface_of_each_kind_is_enough() {
        let patterns = [
            Pattern::exact("eth0"),
            Pattern::beginning("eth"),
            Pattern::beginning("eth1"),
            Pattern::beginning("wg"),
        ];
        let interfaces = Interfaces::of(&patterns.iter().cloned().collect()).unwrap();
        let names = ["", "lo", "eth0", "eth2", "eth10", "wg0", ANOTHER_INTERFACE];
        assert_eq!(interfaces.names(), names);
        assert_eq!(interfaces.fitting(&patterns[1]), [2, 3, 4]);
        assert_eq!(
            interfaces.fitting(&Pattern::beginning("")),
            [0, 1, 2, 3, 4, 5, 6]
        );
        assert_eq!(interfaces.number("tun7"), 6);
        assert_eq!(interfaces.number("eth7"), 3);
        assert_eq!(interfaces.number("eth17"), 4);
    }

    #[test]
    fn too_many_names_are_refused() {
        let many = (0..2000)
            .map(|n| Pattern::exact(&format!("if{n}")))
            .collect();
        assert!(Interfaces::of(&many).is_none());
    }
}
