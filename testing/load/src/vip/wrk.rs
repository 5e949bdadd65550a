//! wrk as the client: one thread, a bounded time, and what it says of its run.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Command;
use tokio::time::timeout;

use super::Work;
use crate::figures::Round;
use crate::place::LARGE;

const MIB: f64 = 1_048_576.0;
/// How much longer than its window a run may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a request is tried before the load begins; a member that was down warms up for ten seconds.
const TRIES: u32 = 30;

/// What wrk counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    requests: f64,
    seconds: f64,
    failures: u64,
}

impl Counted {
    /// What a round of this work found.
    pub(super) fn round(&self, work: Work, used: Duration) -> Round {
        Round {
            used,
            units: self.units(work),
            seconds: self.seconds,
            failures: self.failures,
        }
    }

    /// Units of the work that were done.
    fn units(&self, work: Work) -> f64 {
        if work.path == "/large" {
            #[expect(clippy::cast_precision_loss, reason = "some MiB")]
            let each = LARGE as f64 / MIB;
            self.requests * each
        } else {
            self.requests
        }
    }
}

/// Waits until an address answers a request, so that what is measured is not a start.
///
/// # Errors
/// It does not within a time.
pub(super) async fn until_answered(at: SocketAddr, work: Work) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        if run(at, work, Duration::from_secs(1)).await.is_ok() {
            return Ok(());
        }
    }
    bail!("{at} answers nothing")
}

/// Loads an address for so long.
///
/// # Errors
/// wrk is not there, does not end, or nothing was answered.
pub(super) async fn run(at: SocketAddr, work: Work, window: Duration) -> anyhow::Result<Counted> {
    let mut command = Command::new("wrk");
    command
        .args(["-t", "1", "-c", &work.connections.to_string()])
        .args(["-d", &format!("{}s", window.as_secs())])
        .arg(format!("http://{at}{}", work.path))
        .kill_on_drop(true);
    if work.closing {
        command.args(["-H", "Connection: close"]);
    }
    let output = timeout(window + PATIENCE, command.output()).await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("wrk ended with {}: {said}", output.status);
    }
    read(&said).with_context(|| format!("wrk's answer is not understood: {said}"))
}

fn read(said: &str) -> Option<Counted> {
    let line = said.lines().find(|line| line.contains(" requests in "))?;
    let (requests, rest) = line.trim().split_once(" requests in ")?;
    let (seconds, _) = rest.split_once("s,")?;
    let numbers = |line: &str| -> u64 {
        let words = line.split(|sign: char| !sign.is_ascii_digit());
        words.filter_map(|word| word.parse::<u64>().ok()).sum()
    };
    let mut lines = said.lines();
    let failed = lines
        .clone()
        .find(|line| line.contains("Socket errors"))
        .map_or(0, numbers);
    let refused = lines
        .find(|line| line.contains("Non-2xx"))
        .map_or(0, |line| line.rsplit(' ').next().map_or(0, numbers));
    let counted = Counted {
        requests: requests.parse().ok()?,
        seconds: seconds.parse().ok()?,
        failures: failed + refused,
    };
    (counted.requests > 0.0).then_some(counted)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "Running 4s test @ http://127.0.0.1:80/\n  1 threads and 2 connections\n  \
                    1234 requests in 4.01s, 1.00MB read\n  Socket errors: connect 1, read 2, write 0, timeout 3\n  \
                    Non-2xx or 3xx responses: 4\nRequests/sec: 307.73\n";
        let counted = read(said).unwrap();
        assert!((counted.requests - 1234.0).abs() < 0.1 && (counted.seconds - 4.01).abs() < 0.001);
        assert_eq!(counted.failures, 10);
        assert!(read("nothing").is_none());
    }
}
