//! A network of one machine's own: a network namespace of the kernel.
//!
//! It has no name anywhere: it is held by a descriptor of this process and by the processes started in it, so it is gone
//! when they are, however they end. [`Namespace::enter`] takes a thread there; what that thread opens, and the processes
//! that it starts, stay there. Everything else of this harness works in it unchanged.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::panic::resume_unwind;
use std::process::{Command, Output, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// Makes an empty one, whose loopback is up. Needs root.
    ///
    /// # Errors
    /// Fails when the system makes none.
    pub fn new() -> io::Result<Self> {
        // A child is in it before it says so, and stays until its link is opened.
        let mut child = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && echo in && read -r line",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut word = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut word)?;
        }
        let link = File::open(format!("/proc/{}/ns/net", child.id()));
        drop(child.stdin.take());
        child.wait()?;
        match word.trim_end() {
            "in" => link.map(Self),
            _ => Err(io::Error::other("the system made no network namespace")),
        }
    }

    /// Returns where another process of the same user finds it, as long as this value lives.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Does something on a thread that is in this network; a panic there is one here.
    ///
    /// # Panics
    /// When the system does not let the thread in.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.0.as_fd(), kind).expect("a namespace of our own");
            act()
        };
        thread::scope(|scope| {
            let ended = scope.spawn(inside).join();
            ended.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Runs a program there to its end, with this on its standard input.
    ///
    /// # Errors
    /// Fails when it cannot be run; with its own words when it fails.
    pub fn run<W: AsRef<OsStr> + Sync>(
        &self,
        program: &str,
        words: &[W],
        input: &str,
    ) -> io::Result<Output> {
        let child = self.enter(|| {
            Command::new(program)
                .args(words)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        });
        let mut child = child?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("{program}: {}", said.trim_end())))
    }
}
