//! h2load as the client: one thread, a bounded time, and what it says of its run.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::process::Command;
use tokio::time::timeout;

use super::Work;
use super::peers::NAME;

/// How much longer than its window a run may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a request is tried before the load begins.
const TRIES: u32 = 50;

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) answers: f64,
    pub(super) seconds: f64,
    pub(super) failures: u64,
}

/// Waits until an address answers a request, so that what is measured is not a start.
///
/// # Errors
/// It does not after many tries.
pub(super) async fn until_answered(at: SocketAddr, work: Work) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        let one = call(at, work, &["-n", "1", "-c", "1"], Duration::ZERO).await?;
        if one.failures == 0 && one.answers > 0.0 {
            return Ok(());
        }
    }
    bail!("{at} answers nothing")
}

/// Loads an address for so long.
///
/// # Errors
/// h2load is not there, does not end, or says what is not understood.
pub(super) async fn run(at: SocketAddr, work: Work, window: Duration) -> anyhow::Result<Counted> {
    let connections = work.connections.to_string();
    if !work.closing {
        let streams = work.streams.to_string();
        let seconds = window.as_secs().to_string();
        let words = ["-c", &connections, "-m", &streams, "-D", &seconds];
        let mut counted = call(at, work, &words, window).await?;
        counted.seconds = window.as_secs_f64();
        return Ok(counted);
    }
    // h2load keeps its connections: for new ones it is started again and again.
    let (begun, mut all) = (Instant::now(), Counted::default());
    while begun.elapsed() < window {
        let words = ["-n", &connections, "-c", &connections];
        let one = call(at, work, &words, window).await?;
        all.answers += one.answers;
        all.failures += one.failures;
    }
    all.seconds = begun.elapsed().as_secs_f64();
    Ok(all)
}

async fn call(
    at: SocketAddr,
    work: Work,
    words: &[&str],
    window: Duration,
) -> anyhow::Result<Counted> {
    let mut command = Command::new("h2load");
    command
        .args(words)
        .arg(format!("--connect-to={at}"))
        .kill_on_drop(true);
    if !work.binary {
        command.arg("--h1");
    }
    command.arg(format!("https://{NAME}:{}{}", at.port(), work.path));
    let output = timeout(window + PATIENCE, command.output()).await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    read(&said).with_context(|| format!("h2load's answer is not understood: {said}"))
}

fn read(said: &str) -> Option<Counted> {
    let number = |line: &str, word: &str| -> Option<u64> {
        let (before, _) = line.split_once(word)?;
        before.trim_end().rsplit(' ').next()?.parse().ok()
    };
    let requests = said.lines().find(|line| line.starts_with("requests: "))?;
    let statuses = said
        .lines()
        .find(|line| line.starts_with("status codes: "))?;
    let good = number(statuses, " 2xx")?;
    let lost = number(requests, " failed,")? + number(requests, " errored,")?;
    let bad = number(statuses, " 3xx")? + number(statuses, " 4xx")? + number(statuses, " 5xx")?;
    #[expect(clippy::cast_precision_loss, reason = "as many as fit into a run")]
    let answers = good as f64;
    Some(Counted {
        answers,
        seconds: 0.0,
        failures: lost + bad,
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_h2load_says_is_read() {
        let said = "finished in 1.00s, 100.00 req/s, 1.0MB/s\n\
                    requests: 107 total, 107 started, 105 done, 104 succeeded, 1 failed, 2 errored, 0 timeout\n\
                    status codes: 103 2xx, 0 3xx, 1 4xx, 3 5xx\n";
        let counted = read(said).unwrap();
        assert!((counted.answers - 103.0).abs() < 0.1);
        assert_eq!(counted.failures, 7);
        assert!(read("nothing").is_none());
    }
}
