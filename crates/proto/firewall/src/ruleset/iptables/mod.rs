//! Reads `iptables-save` and `ip6tables-save`, with or without counters, alone or one after the other.
//!
//! Whether lines are of IPv4 or IPv6 follows from the program that signed the text, else from its addresses. A module
//! or a target that the model does not have is kept by name.

mod line;
mod module;
mod rule;
mod target;

use super::{Base, Chain, Fault, Hook, MOST_RULES, Note, Ruleset};
use crate::Family;
use crate::ruleset::fault::LineFault;

/// Reads a ruleset.
///
/// # Errors
/// Fails with the line when one cannot be read, or when the text ends within a table.
pub fn read(text: &str) -> Result<Ruleset, Fault> {
    let mut reading = Reading {
        family: family_of(text),
        table: None,
        chains: Vec::new(),
        rules: 0,
        notes: Vec::new(),
    };
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        reading
            .line(number, line.trim())
            .map_err(|why| Fault::Line { line: number, why })?;
        if reading.rules > MOST_RULES {
            return Err(Fault::TooManyRules { most: MOST_RULES });
        }
    }
    if reading.table.is_some() {
        return Err(Fault::Line {
            line: last,
            why: LineFault::NoCommit,
        });
    }
    Ruleset::new(reading.chains, reading.notes)
}

struct Reading {
    family: Family,
    /// The table that lines belong to, and where its chains begin.
    table: Option<(String, usize)>,
    chains: Vec<Chain>,
    rules: usize,
    notes: Vec<Note>,
}

impl Reading {
    fn line(&mut self, number: usize, line: &str) -> Result<(), LineFault> {
        if let Some(comment) = line.strip_prefix('#') {
            self.family = signed(comment).unwrap_or(self.family);
            return Ok(());
        }
        match line.chars().next() {
            None => Ok(()),
            Some('*') => self.begin(line.trim_start_matches('*')),
            Some(':') => self.chain(line.trim_start_matches(':')),
            Some('-' | '[') => self.rule(number, line),
            _ if line == "COMMIT" => {
                self.table = None;
                Ok(())
            }
            _ => Err(LineFault::Unknown),
        }
    }

    fn begin(&mut self, table: &str) -> Result<(), LineFault> {
        if hooks(table).is_empty() {
            return Err(LineFault::UnknownTable(table.to_owned()));
        }
        self.table = Some((table.to_owned(), self.chains.len()));
        Ok(())
    }

    fn chain(&mut self, line: &str) -> Result<(), LineFault> {
        let (table, _) = self.table.as_ref().ok_or(LineFault::NoTable)?;
        let mut words = line.split_whitespace();
        let (name, policy) = (words.next().unwrap_or_default(), words.next());
        let place = hooks(table).iter().find(|(chain, ..)| *chain == name);
        let base = place.map(|(_, hook, priority)| Base {
            hook: *hook,
            priority: *priority,
            translates: table == "nat",
            accepts: policy != Some("DROP"),
        });
        self.chains.push(Chain {
            table: self.table_name(table),
            families: vec![self.family],
            name: name.to_owned(),
            base,
            rules: Vec::new(),
        });
        Ok(())
    }

    fn rule(&mut self, number: usize, line: &str) -> Result<(), LineFault> {
        let (_, first) = self.table.as_ref().ok_or(LineFault::NoTable)?;
        let words = line::words(line)?;
        let (counted, words) = line::counted(&words);
        let [append, name, words @ ..] = words else {
            return Err(LineFault::Unknown);
        };
        if append != "-A" && append != "--append" {
            return Err(LineFault::Unknown);
        }
        let own = self.chains.get_mut(*first..).unwrap_or_default();
        let chain = own.iter_mut().find(|chain| chain.name == *name);
        let chain = chain.ok_or_else(|| LineFault::UnknownChain(name.clone()))?;
        let mut rule = rule::of(self.family, words, &mut self.notes)?;
        rule.at = format!("line {number}");
        rule.text = line::without_counters(line).to_owned();
        rule.counted = counted;
        chain.rules.push(rule);
        self.rules += 1;
        Ok(())
    }

    fn table_name(&self, table: &str) -> String {
        match self.family {
            Family::V4 => format!("ip {table}"),
            Family::V6 => format!("ip6 {table}"),
        }
    }
}

/// The chains of a table that the system calls, with their hooks and priorities.
fn hooks(table: &str) -> &'static [(&'static str, Hook, i64)] {
    match table {
        "filter" => &[
            ("INPUT", Hook::Input, 0),
            ("FORWARD", Hook::Forward, 0),
            ("OUTPUT", Hook::Output, 0),
        ],
        "nat" => &[
            ("PREROUTING", Hook::Prerouting, -100),
            ("INPUT", Hook::Input, 100),
            ("OUTPUT", Hook::Output, -100),
            ("POSTROUTING", Hook::Postrouting, 100),
        ],
        "mangle" => &[
            ("PREROUTING", Hook::Prerouting, -150),
            ("INPUT", Hook::Input, -150),
            ("FORWARD", Hook::Forward, -150),
            ("OUTPUT", Hook::Output, -150),
            ("POSTROUTING", Hook::Postrouting, -150),
        ],
        "raw" => &[
            ("PREROUTING", Hook::Prerouting, -300),
            ("OUTPUT", Hook::Output, -300),
        ],
        "security" => &[
            ("INPUT", Hook::Input, 50),
            ("FORWARD", Hook::Forward, 50),
            ("OUTPUT", Hook::Output, 50),
        ],
        _ => &[],
    }
}

/// The family of the program that signed a comment.
fn signed(comment: &str) -> Option<Family> {
    if comment.contains("ip6tables-save") {
        Some(Family::V6)
    } else if comment.contains("iptables-save") {
        Some(Family::V4)
    } else {
        None
    }
}

/// The family of a text that nobody signed: IPv6 if an address of a rule is.
fn family_of(text: &str) -> Family {
    let is_v6 = |line: &str| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| !matches!(*word, "-s" | "-d"));
        line.contains("ipv6-icmp") || words.nth(1).is_some_and(|address| address.contains(':'))
    };
    if text.lines().any(is_v6) {
        Family::V6
    } else {
        Family::V4
    }
}
