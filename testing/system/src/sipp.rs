//! SIPp of Debian: gateways and phones that do exactly what a scenario says, many times a second.
//!
//! One run is one process at one address. It ends by itself when its calls are through, and its exit status says whether
//! every one of them went as the scenario says, without a message that the scenario does not expect. That SIPp itself was
//! kept waiting by the machine it runs on is no fault of a call: its watchdog's warnings are passed over, and it does not
//! give up for them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use thiserror::Error;

use crate::process::{Process, ProcessError};

/// How long a run may take before SIPp itself gives up; far more than any of ours needs.
const LONGEST: &str = "120s";
const PATIENCE: Duration = Duration::from_secs(130);
/// More often than its watchdog can be tripped in that time.
const PATIENT: &str = "100000";

/// Why a run of SIPp did not succeed.
#[derive(Debug, Error)]
pub enum SippError {
    /// It is not installed.
    #[error("sipp is not installed")]
    NotInstalled,
    /// Its files could not be written.
    #[error("the files of sipp could not be written")]
    Files(#[source] std::io::Error),
    /// It did not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It did not end.
    #[error("{0} did not end in time")]
    Endless(String),
    /// Calls failed, or messages came that the scenario does not expect.
    #[error("{name} failed; its log says:\n{tail}")]
    Failed {
        /// Which run.
        name: String,
        /// The end of what it wrote.
        tail: String,
    },
}

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In datagrams.
    Udp,
    /// On one connection.
    Tcp,
}

/// What SIPp does.
#[derive(Clone, Copy, Debug)]
pub enum Scenario {
    /// One that is built in, by its name.
    BuiltIn(&'static str),
    /// One of ours: a file in `testing/system/sipp`.
    Ours(&'static str),
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Names the process and its files.
    pub name: &'a str,
    /// What it does.
    pub scenario: Scenario,
    /// From which address, at the port of plain SIP.
    pub at: (Ipv4Addr, u16),
    /// Where it sends; for one that only answers, where it would.
    pub to: (Ipv4Addr, u16),
    /// How messages travel.
    pub carrier: Carrier,
    /// How many calls.
    pub calls: u32,
    /// How many a second.
    pub rate: u32,
    /// More words for its command line: the user called, keys of the scenario.
    pub words: Vec<String>,
}

/// A SIPp that runs.
#[derive(Debug)]
pub struct Sipp {
    name: String,
    process: Process,
    errors: PathBuf,
}

impl Sipp {
    /// Starts a run; its files go to `folder`.
    ///
    /// # Errors
    /// Fails when it is not installed or does not start.
    pub fn start(run: &Run<'_>, folder: &Path) -> Result<Self, SippError> {
        let program = crate::needs::program("sipp").ok_or(SippError::NotInstalled)?;
        let folder = folder.join(run.name);
        std::fs::create_dir_all(&folder).map_err(SippError::Files)?;
        let mut command = Command::new(program);
        match run.scenario {
            Scenario::BuiltIn(name) => command.args(["-sn", name]),
            Scenario::Ours(name) => {
                let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("sipp")
                    .join(name);
                command.arg("-sf").arg(file)
            }
        };
        let ((at, port), (to, to_port)) = (run.at, run.to);
        let transport = match run.carrier {
            Carrier::Udp => "u1",
            Carrier::Tcp => "t1",
        };
        command
            .args(["-i", &at.to_string(), "-mi", &at.to_string()])
            .args(["-p", &port.to_string(), "-t", transport])
            .args(["-m", &run.calls.to_string(), "-r", &run.rate.to_string()])
            .args(["-nostdin", "-timeout", LONGEST, "-timeout_error"])
            .args(["-watchdog_minor_maxtriggers", PATIENT])
            .args(["-watchdog_major_maxtriggers", PATIENT])
            .arg("-trace_err")
            .args(&run.words)
            .arg(format!("{to}:{to_port}"))
            .current_dir(&folder);
        let errors = folder.join("errors.log");
        command.arg("-error_file").arg(&errors);
        Ok(Self {
            name: run.name.to_owned(),
            process: Process::start(run.name, command, &folder)?,
            errors,
        })
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    /// Fails unless every call went as the scenario says.
    pub fn succeed(mut self) -> Result<(), SippError> {
        let ended = self.process.wait_end(PATIENCE).map_err(SippError::Files)?;
        let status = ended.ok_or_else(|| SippError::Endless(self.name.clone()))?;
        let errors = std::fs::read_to_string(&self.errors).unwrap_or_default();
        if status.success() && faults(&errors).next().is_none() {
            return Ok(());
        }
        Err(SippError::Failed {
            tail: format!("{status}\n{errors}\n{}", self.process.tail()),
            name: self.name,
        })
    }
}

/// Returns the lines of an error log that tell of a call: without its head, and without what the watchdog says of the
/// machine.
fn faults(errors: &str) -> impl Iterator<Item = &str> {
    let of_the_machine = [
        "The following events occurred:",
        "Overload warning: the minor watchdog timer",
        "Overload warning: the major watchdog timer",
        "Resetting watchdog timer trigger counts",
    ];
    errors
        .lines()
        .filter(|line| !line.trim().is_empty())
        .filter(move |line| !of_the_machine.iter().any(|known| line.contains(known)))
}

#[cfg(test)]
mod tests {
    use super::faults;

    const HEAD: &str = "sipp: The following events occurred:\n";
    const WATCHDOG: &str = "2024-05-01\t10:00:00.000000\t1714557600.000000: Overload warning: the minor watchdog timer \
                            500ms has been tripped (612), 119 trips remaining.\n";

    #[test]
    fn a_slow_machine_is_told_from_a_call_that_failed() {
        assert_eq!(faults("").count(), 0);
        assert_eq!(
            faults(&[HEAD, WATCHDOG, WATCHDOG, "\n"].concat()).count(),
            0
        );
        let failed = "2024-05-01\t10:00:01.000000\t1714557601.000000: Aborting call on unexpected message for Call-Id \
                      '1-2@127.0.0.1': while expecting '200' (index 2), received 'SIP/2.0 503 Service Unavailable\n";
        let log = [HEAD, WATCHDOG, failed, WATCHDOG].concat();
        assert_eq!(faults(&log).collect::<Vec<_>>(), [failed.trim_end()]);
        // That it gives up is more than a warning.
        let gives_up = "Overload error: the watchdog timer has tripped the major threshold of 3000ms too many times\n";
        assert_eq!(faults(gives_up).count(), 1);
    }
}
