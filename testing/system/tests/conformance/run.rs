//! Runs the cases of an RFC against one deployment, some at a time, and tells all that failed.
//!
//! The lines that `cargo xtask conformance` reads go past the capture of the test harness, as in `system::needs`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Fault, Rfc, Site, Skipped, Verdict};

/// How many cases run at the same time: nearly all of their time is waiting for timers and answers.
const AT_ONCE: usize = 8;

/// A case that is tried; most stand in tables, some are made from data.
pub(crate) struct Trial<'a> {
    pub(crate) section: &'a str,
    pub(crate) sentence: &'a str,
    pub(crate) check: Box<dyn Fn(&Site) -> Verdict + Sync + 'a>,
}

/// Runs all cases of an RFC.
///
/// # Panics
/// Panics when one failed, with all that failed.
pub(crate) fn run(rfc: &Rfc) {
    run_with(rfc, Vec::new());
}

/// Runs all cases of an RFC and more that have a deployment of their own.
///
/// # Panics
/// Panics when one failed, with all that failed.
pub(crate) fn run_with(rfc: &Rfc, others: Vec<Trial<'_>>) {
    let cases = rfc.cases.iter().copied().flatten();
    let shared = cases.map(|case| Trial {
        section: case.section,
        sentence: case.sentence,
        check: Box::new(case.check),
    });
    let trials: Vec<Trial<'_>> = shared.chain(others).collect();
    let skipped: Vec<Skipped> = rfc.skipped.iter().copied().flatten().copied().collect();
    run_on(&Site::start(), rfc.number, &trials, &skipped);
}

/// Runs cases on a deployment that runs already.
///
/// # Panics
/// Panics when one failed, with all that failed.
pub(crate) fn run_on(site: &Site, number: u16, trials: &[Trial<'_>], skipped: &[Skipped]) {
    no_sentence_twice(number, trials);
    let failed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = try_case(trial, site) {
                        let line = format!("{} {}: {fault}", trial.section, trial.sentence);
                        failed.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    report(number, skipped, trials.len(), &failed);
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n  {}",
        failed.len(),
        trials.len(),
        failed.join("\n  ")
    );
}

/// A case that panics is a case that fails.
fn try_case(trial: &Trial<'_>, site: &Site) -> Result<(), Fault> {
    let tried = panic::catch_unwind(AssertUnwindSafe(|| (trial.check)(site)));
    tried.unwrap_or_else(|cause| {
        let words = cause
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| cause.downcast_ref::<&str>().copied());
        Err(Fault::new(words.unwrap_or("panicked")))
    })
}

fn no_sentence_twice(number: u16, trials: &[Trial<'_>]) {
    let mut seen = BTreeSet::new();
    for case in trials {
        let is_new = seen.insert((case.section, case.sentence));
        assert!(
            is_new,
            "rfc{number} {} twice: {}",
            case.section, case.sentence
        );
    }
}

fn report(number: u16, skipped: &[Skipped], cases: usize, failed: &[String]) {
    let mut lines = format!(
        "conformance rfc{}: {cases} cases, {} passed, {} skipped\n",
        number,
        cases - failed.len(),
        skipped.len()
    );
    for one in skipped {
        lines.push_str(&format!(
            "conformance rfc{} leaves out {} {}: {}\n",
            number, one.section, one.sentence, one.reason
        ));
    }
    for one in failed {
        let line = one.replace('\n', " ");
        lines.push_str(&format!("conformance rfc{number} fails {line}\n"));
    }
    // There is nobody to tell when the error output is closed.
    let _ = std::io::stderr().write_all(lines.as_bytes());
}
