//! Signals, logs and limits of the process.

use std::time::Duration;

use runtime::logging::{Format, LoggingError, init};
use runtime::process::raise_open_files;
use runtime::signals::{Asked, Signals};
use rustix::process::{Signal, getpid, kill_process};
use tokio::time::timeout;

#[tokio::test]
async fn signals_ask_for_a_drain_or_a_reload() {
    let mut signals = Signals::listen().unwrap();
    for (signal, asked) in [
        (Signal::HUP, Asked::Reload),
        (Signal::TERM, Asked::Drain),
        (Signal::INT, Asked::Drain),
    ] {
        kill_process(getpid(), signal).unwrap();
        assert_eq!(
            timeout(Duration::from_secs(5), signals.next()).await,
            Ok(asked)
        );
    }
}

#[test]
fn a_bad_filter_is_refused_and_logging_is_set_up_once() {
    assert!(matches!(
        init("info,=", Format::Text),
        Err(LoggingError::Filter { .. })
    ));
    init("info,runtime=debug", Format::Json).unwrap();
    assert!(matches!(
        init("info", Format::Text),
        Err(LoggingError::Twice)
    ));
}

#[test]
fn the_bound_on_open_files_can_be_raised_again_and_again() {
    assert_eq!(raise_open_files(), raise_open_files());
}
