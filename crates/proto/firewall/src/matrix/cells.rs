//! The matrix: from each vantage to each target, what came of all tries together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::found::Verdict;
use super::outcome::Outcome;
use super::report::Run;

/// From one vantage to one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// From where.
    pub from: String,
    /// To whom.
    pub to: String,
    /// The worst of the tries.
    pub verdict: Verdict,
    /// Wanted tries that were answered.
    pub answered: usize,
    /// Unwanted tries that were stopped.
    pub stopped: usize,
    /// Tries that went wrong, or could not be made.
    pub failed: usize,
}

impl Cell {
    /// Returns what stands in a picture of it: `✗2 ✓3`, or a dot where nothing is wanted and everything was stopped.
    #[must_use]
    pub fn text(&self) -> String {
        let counts = [("✗", self.failed), ("✓", self.answered)];
        let parts = counts.iter().filter(|(_, count)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(mark, count)| format!("{mark}{count}"))
            .collect();
        if parts.is_empty() {
            "·".to_owned()
        } else {
            parts.join(" ")
        }
    }
}

/// Sums up the tries by vantage and target, in the order of both lists; where nothing was tried there is no cell.
pub(super) fn cells(runs: &[Run], targets: &[String], tries: &[Outcome]) -> Vec<Cell> {
    let mut found: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for one in tries {
        let cell = found.entry((&one.from, &one.to));
        cell.or_insert_with(|| Cell::between(&one.from, &one.to))
            .take(one);
    }
    let pairs = runs
        .iter()
        .flat_map(|run| targets.iter().map(move |target| (&*run.from, &**target)));
    pairs.filter_map(|pair| found.remove(&pair)).collect()
}

impl Cell {
    fn between(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            verdict: Verdict::Pass,
            answered: 0,
            stopped: 0,
            failed: 0,
        }
    }

    fn take(&mut self, one: &Outcome) {
        self.verdict = self.verdict.max(one.verdict);
        let count = match (one.verdict, one.wanted) {
            (Verdict::Pass, true) => &mut self.answered,
            (Verdict::Pass, false) => &mut self.stopped,
            (Verdict::Untried | Verdict::Fail, _) => &mut self.failed,
        };
        *count += 1;
    }
}
