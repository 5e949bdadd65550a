//! Runs the cases of an RFC against one deployment, some at a time, and tells all that failed.
//!
//! The lines that `cargo xtask conformance` reads go past the capture of the test harness, as in `system::needs`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Case, Fault, Rfc, Site};

/// How many cases run at the same time: nearly all of their time is waiting for timers and answers.
const AT_ONCE: usize = 8;

/// Runs all cases of an RFC.
///
/// # Panics
/// Panics when one failed, with all that failed.
pub(crate) fn run(rfc: &Rfc) {
    let cases: Vec<&Case> = rfc.cases.iter().copied().flatten().collect();
    no_sentence_twice(rfc.number, &cases);
    let site = Site::start();
    let failed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = try_case(case, &site) {
                        let line = format!("{} {}: {fault}", case.section, case.sentence);
                        failed.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    report(rfc, cases.len(), failed.len());
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n  {}",
        failed.len(),
        cases.len(),
        failed.join("\n  ")
    );
}

/// A case that panics is a case that fails.
fn try_case(case: &Case, site: &Site) -> Result<(), Fault> {
    let tried = panic::catch_unwind(AssertUnwindSafe(|| (case.check)(site)));
    tried.unwrap_or_else(|cause| {
        let words = cause
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| cause.downcast_ref::<&str>().copied());
        Err(Fault::new(words.unwrap_or("panicked")))
    })
}

fn no_sentence_twice(number: u16, cases: &[&Case]) {
    let mut seen = BTreeSet::new();
    for case in cases {
        let is_new = seen.insert((case.section, case.sentence));
        assert!(
            is_new,
            "rfc{number} {} twice: {}",
            case.section, case.sentence
        );
    }
}

fn report(rfc: &Rfc, cases: usize, failed: usize) {
    let skipped = rfc.skipped.iter().copied().flatten();
    let mut lines = format!(
        "conformance rfc{}: {cases} cases, {} passed, {} skipped\n",
        rfc.number,
        cases - failed,
        skipped.clone().count()
    );
    for one in skipped {
        lines.push_str(&format!(
            "conformance rfc{} leaves out {} {}: {}\n",
            rfc.number, one.section, one.sentence, one.reason
        ));
    }
    // There is nobody to tell when the error output is closed.
    let _ = std::io::stderr().write_all(lines.as_bytes());
}
