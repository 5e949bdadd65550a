//! Other programs of the system, run for what they print, within bounds.

use std::io::{self, Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a program may take, and how much it may print on each of its outputs.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The time.
    pub time: Duration,
    /// The bytes; more is an error.
    pub answer: u64,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// With which status.
    pub status: ExitStatus,
    /// What it printed.
    pub out: String,
    /// What it printed to its error output.
    pub err: String,
}

/// Runs a program and gives it its input; `None` if it took too long and was killed.
///
/// # Errors
/// When it cannot be started, or what it prints is too long or no UTF-8.
pub fn run(command: &mut Command, input: &str, bounds: Bounds) -> io::Result<Option<Ended>> {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let input = input.to_owned();
    // A program that reads no further says why, or is killed.
    thread::spawn(move || stdin.write_all(input.as_bytes()));
    let out = collect(stdout, bounds.answer);
    let err = collect(stderr, bounds.answer);
    let ended = out.recv_timeout(bounds.time).and_then(|out| {
        let err = err.recv_timeout(bounds.time)?;
        Ok((out, err))
    });
    let Ok((Ok(out), Ok(err))) = ended else {
        child.kill()?;
        child.wait()?;
        let Ok((out, err)) = ended else {
            return Ok(None);
        };
        return Err(out
            .and(err)
            .err()
            .unwrap_or_else(|| io::ErrorKind::Other.into()));
    };
    let status = child.wait()?;
    Ok(Some(Ended { status, out, err }))
}

/// Reads a pipe to its end on a thread of its own.
fn collect(pipe: impl Read + Send + 'static, most: u64) -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = pipe.take(most + 1).read_to_string(&mut text);
        let whole = read.and_then(|_| {
            if text.len() as u64 > most {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it prints more than {most} bytes"),
                ));
            }
            Ok(text)
        });
        // Nobody waits any longer for a program that was killed.
        let _ = sender.send(whole);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, bounds: Bounds) -> io::Result<Option<Ended>> {
        run(Command::new("sh").args(["-c", script]), "in", bounds)
    }

    #[test]
    fn a_program_is_run_within_its_bounds() {
        let bounds = Bounds {
            time: Duration::from_secs(60),
            answer: 8,
        };
        let ended = shell("cat; echo no >&2; exit 3", bounds).unwrap().unwrap();
        assert_eq!((ended.out.as_str(), ended.err.as_str()), ("in", "no\n"));
        assert_eq!(ended.status.code(), Some(3));
        let error = shell("echo 123456789", bounds).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(run(&mut Command::new("no-such-program"), "", bounds).is_err());
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let bounds = Bounds {
            time: Duration::from_millis(50),
            answer: 8,
        };
        assert!(shell("exec sleep 600", bounds).unwrap().is_none());
    }
}
