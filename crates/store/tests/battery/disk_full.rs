//! A disk that takes no more.

use std::path::PathBuf;
use std::process::Command;

use store::{LogError, Options};

use crate::support::{open, open_with, set};

const DIRECTORY: &str = "STORE_TEST_FULL_DIRECTORY";

/// A child under a limit on the size of files fails in mid-write; what it had acknowledged is there afterwards.
#[test]
fn after_a_failed_write_nothing_is_acknowledged_until_the_log_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    // With the signal ignored the write itself reports the error.
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact disk_full::child_fills_the_disk --ignored --nocapture";
    let output = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let acknowledged: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("acknowledged ")?.parse().ok())
        .unwrap();

    let (log, view, recovery) = open(dir.path());
    assert_eq!(log.last().0, acknowledged);
    assert!(
        recovery.torn_bytes > 0,
        "the limit must cut a frame for this test to mean something"
    );
    assert_eq!(view.state().len() as u64, acknowledged);
    log.append_and_wait(vec![set(0, 0)]).unwrap();
}

#[test]
#[ignore = "it is the child of the test above and needs the limit on file sizes"]
fn child_fills_the_disk() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let (log, view, _) = open_with(&PathBuf::from(dir), Options::default());
    let mut acknowledged = 0;
    let error = loop {
        match log.append_and_wait((0..3).map(|key| set(acknowledged + key, 1)).collect()) {
            Ok(index) => acknowledged = u32::try_from(index.0).unwrap(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::Disk(_)), "{error}");
    assert!(
        matches!(log.append_and_wait(vec![set(0, 0)]), Err(LogError::Disk(_))),
        "a broken log takes nothing"
    );
    assert!(matches!(log.compact(), Err(LogError::Disk(_))));
    assert!(log.stats().broken);
    assert_eq!(
        view.applied().len(),
        acknowledged as usize,
        "what failed is not in the view"
    );
    println!("acknowledged {acknowledged}");
}
