//! The lines that a process has said, and waiting for one.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::process::Pid;

/// How many lines of a process are kept in memory.
pub const MAX_LINES: usize = 200_000;

/// A place in the output of a process; the default is its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

/// Why no line was found.
pub(super) enum Missed {
    Deadline,
    Ended,
}

#[derive(Debug)]
struct Said {
    lines: Vec<String>,
    file: File,
    open_pipes: usize,
    ended: bool,
}

/// What a process has said so far, filled by one thread per pipe.
#[derive(Debug)]
pub(super) struct Output {
    said: Mutex<Said>,
    changed: Condvar,
}

impl Output {
    pub(super) fn new(file: File) -> Arc<Self> {
        let said = Said {
            lines: Vec::new(),
            file,
            open_pipes: 0,
            ended: false,
        };
        Arc::new(Self {
            said: Mutex::new(said),
            changed: Condvar::new(),
        })
    }

    /// Takes the lines of one pipe until it is closed.
    pub(super) fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static) {
        self.lock().open_pipes += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                output.take(&String::from_utf8_lossy(&line));
            }
            output.lock().open_pipes -= 1;
            output.changed.notify_all();
        });
    }

    /// Notes the end of the process itself; a pipe may be held open longer by what it started.
    pub(super) fn watch(self: &Arc<Self>, pid: Option<Pid>) {
        let output = Arc::clone(self);
        thread::spawn(move || {
            if let Some(pid) = pid {
                super::await_end(pid);
            }
            output.lock().ended = true;
            output.changed.notify_all();
        });
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.lock().lines.len())
    }

    pub(super) fn lines_since(&self, mark: Mark) -> Vec<String> {
        self.lock()
            .lines
            .get(mark.0..)
            .map(<[String]>::to_vec)
            .unwrap_or_default()
    }

    /// Returns the last lines, as one text.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let said = self.lock();
        let from = said.lines.len().saturating_sub(count);
        said.lines.get(from..).unwrap_or_default().join(" | ")
    }

    /// Returns the first acceptable line at or behind `from`, and the place behind it.
    pub(super) fn wait(
        &self,
        from: Mark,
        deadline: Instant,
        accept: impl Fn(&str) -> bool,
    ) -> Result<(Mark, String), Missed> {
        let mut next = from.0;
        let mut said = self.lock();
        loop {
            let fresh = said.lines.get(next..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|line| accept(line)) {
                return Ok((Mark(next + at + 1), fresh[at].clone()));
            }
            next = said.lines.len().max(next);
            if said.ended && said.open_pipes == 0 {
                return Err(Missed::Ended);
            }
            said = self.wait_for_more(said, deadline).ok_or(Missed::Deadline)?;
        }
    }

    /// Returns when the process has ended or the deadline has passed.
    pub(super) fn wait_end(&self, deadline: Instant) {
        let mut said = self.lock();
        while !said.ended {
            let Some(woken) = self.wait_for_more(said, deadline) else {
                return;
            };
            said = woken;
        }
    }

    /// Waits for a change; returns nothing when the deadline has passed.
    fn wait_for_more<'a>(
        &self,
        said: MutexGuard<'a, Said>,
        deadline: Instant,
    ) -> Option<MutexGuard<'a, Said>> {
        let left = deadline.checked_duration_since(Instant::now())?;
        let woken = self.changed.wait_timeout(said, left);
        Some(woken.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn take(&self, line: &str) {
        let line = without_colour(line);
        let mut said = self.lock();
        // The list in memory is what tests read; a full disk only costs the file.
        let _ = writeln!(said.file, "{line}");
        if said.lines.len() < MAX_LINES {
            said.lines.push(line);
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes terminal control sequences and carriage returns.
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.peek() == Some(&'[') {
            // A sequence ends with its first letter.
            while characters.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
        } else if character != '\r' {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::without_colour;

    #[test]
    fn colours_and_carriage_returns_are_removed() {
        assert_eq!(
            without_colour("\u{1b}[36;1m#\u{1b}[0m Via: x\r"),
            "# Via: x"
        );
    }
}
