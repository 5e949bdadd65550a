//! A child process whose output is kept, waited on and shown when a test fails.
//!
//! Every line of the two outputs is appended to a log file and to a list in memory. A wait names the line it wants and
//! a deadline; it starts at a [`Mark`], so that what was said before an action does not answer for it. The child leads
//! a process group of its own, which is killed when the value is dropped, also by a panic, and by a guard in the group
//! when the test itself is killed: nothing outlives its test.
//!
//! Bounds: [`MAX_LINES`] lines are kept, later ones reach only the file.

mod output;

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use thiserror::Error;

use output::Output;
pub use output::{MAX_LINES, Mark};

/// How many lines of the log a failure shows.
const TAIL: usize = 60;
/// How many lines an error shows of a process that ended too soon.
const LAST_LINES: usize = 5;
/// How long a process may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a process did not do what the test wanted.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// It could not be started: is it installed, and may it be run?
    #[error("{name} could not be started")]
    Start {
        /// The name given to the process.
        name: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It did not take a command any more.
    #[error("{name} does not read its input")]
    Input {
        /// The name given to the process.
        name: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It runs and did not say what was waited for.
    #[error("{name} did not come to this in {seconds} s: {wanted}")]
    TimedOut {
        /// The name given to the process.
        name: String,
        /// What was waited for, in words.
        wanted: String,
        /// How long.
        seconds: u64,
    },
    /// It ended and did not say what was waited for.
    #[error("{name} ended before it came to this: {wanted}; it last said: {last}")]
    Ended {
        /// The name given to the process.
        name: String,
        /// What was waited for, in words.
        wanted: String,
        /// The last lines that it said.
        last: String,
    },
}

/// A running child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Arc<Output>,
    log: PathBuf,
    guard: Child,
}

impl Process {
    /// Starts a command with its outputs going to `folder/name.log`.
    ///
    /// # Errors
    /// Fails when the command cannot be started or the log not be written.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Start {
            name: name.to_owned(),
            source,
        };
        let log = folder.join(format!("{name}.log"));
        let file = File::options()
            .append(true)
            .create(true)
            .open(&log)
            .map_err(failed)?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().map_err(failed)?;
        let guard = match guard(&child) {
            Ok(guard) => guard,
            Err(error) => {
                // What cannot be guarded must not run; one that has ended is as good.
                let _ = child.kill().and_then(|()| child.wait());
                return Err(failed(error));
            }
        };
        let output = Output::new(file);
        if let Some(pipe) = child.stdout.take() {
            output.follow(pipe);
        }
        if let Some(pipe) = child.stderr.take() {
            output.follow(pipe);
        }
        output.watch(pid_of(&child));
        let input = child.stdin.take();
        Ok(Self {
            name: name.to_owned(),
            child,
            input,
            output,
            log,
            guard,
        })
    }

    /// Returns the process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns where the output is kept.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns the place in the output where a later wait should start.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.output.mark()
    }

    /// Returns the lines said since a place in the output.
    #[must_use]
    pub fn lines_since(&self, mark: Mark) -> Vec<String> {
        self.output.lines_since(mark)
    }

    /// Gives the process one line of input.
    ///
    /// # Errors
    /// Fails when it reads no more.
    pub fn say(&mut self, line: &str) -> Result<(), ProcessError> {
        self.press(&format!("{line}\n"))
    }

    /// Gives the process these keys and no more.
    ///
    /// # Errors
    /// Fails when it reads no more.
    pub fn press(&mut self, keys: &str) -> Result<(), ProcessError> {
        let written = match &mut self.input {
            Some(input) => write!(input, "{keys}").and_then(|()| input.flush()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        let failed = |source| ProcessError::Input {
            name: self.name.clone(),
            source,
        };
        written.map_err(failed)
    }

    /// Waits for a line after `from` and returns it with the place behind it.
    ///
    /// # Errors
    /// Fails when the deadline passes or the process ends before.
    pub fn wait_line(
        &self,
        from: Mark,
        within: Duration,
        wanted: &str,
        accept: impl Fn(&str) -> bool,
    ) -> Result<(Mark, String), ProcessError> {
        let deadline = Instant::now() + within;
        let missed = match self.output.wait(from, deadline, accept) {
            Ok(found) => return Ok(found),
            Err(missed) => missed,
        };
        let (name, wanted) = (self.name.clone(), wanted.to_owned());
        Err(match missed {
            output::Missed::Deadline => ProcessError::TimedOut {
                name,
                wanted,
                seconds: within.as_secs(),
            },
            output::Missed::Ended => {
                let last = self.output.last_lines(LAST_LINES);
                ProcessError::Ended { name, wanted, last }
            }
        })
    }

    /// Asks the process to read its files again.
    pub fn reload(&mut self) {
        self.signal(Signal::HUP);
    }

    /// Asks the process to end, kills it when it does not, and returns how it ended.
    ///
    /// # Errors
    /// Fails when the system does not say how it ended.
    pub fn stop(&mut self) -> std::io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        self.output.wait_end(Instant::now() + PATIENCE);
        self.kill()
    }

    /// Waits for the process to end by itself; returns nothing when it does not in time.
    ///
    /// # Errors
    /// Fails when the system does not say how it ended.
    pub fn wait_end(&mut self, within: Duration) -> std::io::Result<Option<ExitStatus>> {
        self.output.wait_end(Instant::now() + within);
        self.child.try_wait()
    }

    /// Kills the process and everything it started, at once, and returns how it ended.
    ///
    /// # Errors
    /// Fails when the system does not say how it ended.
    pub fn kill(&mut self) -> std::io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.child.wait()
    }

    /// Returns the end of the output.
    #[must_use]
    pub fn tail(&self) -> String {
        let lines = self.output.lines_since(Mark::default());
        let from = lines.len().saturating_sub(TAIL);
        format!(
            "--- {} ---\n{}",
            self.log.display(),
            lines[from..].join("\n")
        )
    }

    /// Signals the group while the child is not reaped, so that its id cannot belong to another.
    fn signal(&mut self, signal: Signal) {
        if let (Ok(None), Some(pid)) = (self.child.try_wait(), pid_of(&self.child)) {
            // The group may have ended by itself since.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show(&self.tail());
        }
        let _ = self.kill();
        // Its input ends, and it kills what is left of the group; it may have been killed with the group already.
        let _ = self.guard.wait();
    }
}

/// Starts a shell in the group of a child that kills the group when its input ends: when this process does, in whatever
/// way. What the group is told otherwise is not for it.
fn guard(child: &Child) -> std::io::Result<Child> {
    let group = i32::try_from(child.id()).map_err(std::io::Error::other)?;
    Command::new("sh")
        .args(["-c", "trap '' HUP INT TERM; read -r line; kill -KILL 0"])
        .process_group(group)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

#[expect(
    clippy::print_stderr,
    reason = "the test harness shows this below the test that failed"
)]
fn show(tail: &str) {
    eprintln!("{tail}");
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Waits until a process has ended and leaves it to be reaped by its owner.
fn await_end(pid: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = rustix::process::waitid(WaitId::Pid(pid), options) {}
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Mark, Process, ProcessError};

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> (tempfile::TempDir, Process) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let process = Process::start("shell", command, folder.path()).unwrap();
        (folder, process)
    }

    #[test]
    fn a_line_is_found_only_behind_the_mark() {
        let (_folder, mut process) = shell("while read line; do echo \"said $line\"; done");
        process.say("one").unwrap();
        let (mark, line) = process
            .wait_line(Mark::default(), SOON, "a line", |_| true)
            .unwrap();
        assert_eq!(line, "said one");
        process.say("two").unwrap();
        let (_, line) = process.wait_line(mark, SOON, "the next", |_| true).unwrap();
        assert_eq!(line, "said two");
    }

    #[test]
    fn a_process_that_ends_is_told_from_one_that_is_silent() {
        let (_folder, process) = shell("echo gone");
        let ended = process.wait_line(Mark::default(), SOON, "a word", |line| line == "here");
        assert!(matches!(ended, Err(ProcessError::Ended { .. })));
        let (_folder, process) = shell("read line");
        let silent = process.wait_line(process.mark(), Duration::from_millis(50), "a word", |_| {
            true
        });
        assert!(matches!(silent, Err(ProcessError::TimedOut { .. })));
    }

    #[test]
    fn killing_ends_the_whole_group() {
        let (_folder, mut process) = shell("sleep 600 & echo started; wait");
        let (mark, _) = process
            .wait_line(Mark::default(), SOON, "started", |_| true)
            .unwrap();
        process.kill().unwrap();
        // The output ends only when the last process that holds it has ended.
        let ended = process.wait_line(mark, SOON, "a word", |_| false);
        assert!(matches!(ended, Err(ProcessError::Ended { .. })));
    }

    #[test]
    fn when_the_test_is_gone_the_whole_group_is() {
        let (_folder, mut process) = shell("sleep 600 & echo started; wait");
        let (mark, _) = process
            .wait_line(Mark::default(), SOON, "started", |_| true)
            .unwrap();
        // The system closes all that a process had open when it ends.
        drop(process.guard.stdin.take());
        let ended = process.wait_line(mark, SOON, "a word", |_| false);
        assert!(matches!(ended, Err(ProcessError::Ended { .. })));
    }

    #[test]
    fn a_process_that_ends_when_asked_is_not_killed() {
        let (_folder, mut process) =
            shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do read line; done");
        process
            .wait_line(Mark::default(), SOON, "ready", |line| line == "ready")
            .unwrap();
        assert_eq!(process.stop().unwrap().code(), Some(3));
    }
}
