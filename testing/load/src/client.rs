//! The load: many phones on one thread, paced or as fast as answers come, measured within one window of time.
//!
//! Stages: every phone that is not connected signs in (one after the other); all work through a warm-up; processor time of the server is
//! read; all work through the window; processor time is read again. Handshakes, first challenges and the warm-up are
//! in no figure. A phone that fails while it works is given up until the next
//! run; that, and every sign-in that has to be repeated, is counted.
//!
//! Latency counts from the moment at which the pace wanted the request to go out when the phone was still waiting for
//! its answer before, so a server that stalls cannot hide it; otherwise from the moment at which it did go out, so the
//! client's timer (1 ms) does not show.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::actor::Actor;
use crate::cpu::{Tree, used};
use crate::phone::{Fault, Target, Work};

/// How often a phone tries to sign in.
const ATTEMPTS: u32 = 3;

/// How fast requests go out, over all phones together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many requests a second.
    PerSecond(u32),
    /// Each phone sends as soon as it has its answer.
    Closed,
}

/// How much load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Phones; each has one connection and one user.
    pub(crate) phones: usize,
    /// How fast.
    pub(crate) pace: Pace,
    /// How long before measuring.
    pub(crate) warm_up: Duration,
    /// How long to measure.
    pub(crate) window: Duration,
}

/// What one run gave.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Units of work that ended within the window.
    pub(crate) units: u64,
    /// Phones that were given up and sign-ins that had to be repeated, in words.
    pub(crate) failures: Vec<String>,
    /// The server's processor time within the window.
    pub(crate) cpu: Duration,
    /// How long the window really was.
    pub(crate) window: Duration,
    /// Each unit's time, ascending.
    pub(crate) latencies: Vec<Duration>,
    /// Messages that the server passed on for these units; of a call through several machines, for each of them.
    pub(crate) passed_on: u64,
}

/// The phones of one server. They stay connected from run to run.
#[derive(Debug)]
pub(crate) struct Crowd {
    target: Target,
    work: Work,
    actors: BTreeMap<usize, Actor>,
}

impl Crowd {
    /// Gathers phones that will do this work; none is connected yet.
    pub(crate) const fn new(target: Target, work: Work) -> Self {
        Self {
            target,
            work,
            actors: BTreeMap::new(),
        }
    }

    /// Runs one load; phones that are not connected sign in first.
    ///
    /// # Errors
    /// A phone cannot sign in, or the server is gone.
    pub(crate) async fn run(&mut self, load: Load, server: &[Tree]) -> anyhow::Result<Measured> {
        let failures = self.gather(self.work.actors(load.phones)).await?;
        let start = Instant::now();
        let open = start + load.warm_up;
        let close = open + load.window;
        let mut running = JoinSet::new();
        for (number, actor) in std::mem::take(&mut self.actors) {
            let rhythm = Rhythm::new(load, self.work, number, start);
            running.spawn(keep_busy(number, actor, self.work, rhythm, open, close));
        }
        sleep_until(open).await;
        let (before, opened) = (used(server)?, Instant::now());
        sleep_until(close).await;
        let (after, closed) = (used(server)?, Instant::now());
        let mut measured = Measured {
            units: 0,
            failures,
            cpu: after.saturating_sub(before),
            window: closed - opened,
            latencies: Vec::new(),
            passed_on: 0,
        };
        while let Some(done) = running.join_next().await {
            let Done {
                number,
                actor,
                latencies,
                passed_on,
            } = done?;
            measured.latencies.extend(latencies);
            measured.passed_on += passed_on;
            match actor {
                Ok(actor) => drop(self.actors.insert(number, actor)),
                Err(fault) => measured.failures.push(fault.to_string()),
            }
        }
        measured.units = u64::try_from(measured.latencies.len())?;
        measured.latencies.sort_unstable();
        Ok(measured)
    }

    /// Ends every connection.
    pub(crate) async fn hang_up(self) {
        for actor in self.actors.into_values() {
            actor.hang_up().await;
        }
    }

    /// Signs in whoever is not connected; returns what failed on the way. A server may fail a few sign-ins: that is a
    /// figure, not the end of the run.
    async fn gather(&mut self, wanted: usize) -> anyhow::Result<Vec<String>> {
        let mut failures = Vec::new();
        for number in 0..wanted {
            let mut attempt = 1;
            while !self.actors.contains_key(&number) {
                match Actor::connect(&self.target, number, self.work).await {
                    Ok(actor) => drop(self.actors.insert(number, actor)),
                    Err(fault) if attempt == ATTEMPTS => {
                        let context = format!("phone {number} cannot sign in");
                        return Err(anyhow::Error::new(fault).context(context));
                    }
                    Err(fault) => failures.push(format!("sign-in: {fault}")),
                }
                attempt += 1;
            }
        }
        Ok(failures)
    }
}

/// How one phone came out of a run.
#[derive(Debug)]
struct Done {
    number: usize,
    actor: Result<Actor, Fault>,
    latencies: Vec<Duration>,
    passed_on: u64,
}

/// When a phone's next request is due.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    next: Instant,
    every: Option<Duration>,
}

impl Rhythm {
    /// Phones take turns: the first requests are spread evenly over one period.
    fn new(load: Load, work: Work, number: usize, start: Instant) -> Self {
        let Pace::PerSecond(rate) = load.pace else {
            return Self {
                next: start,
                every: None,
            };
        };
        let actors = work.actors(load.phones).max(1);
        let actors = u32::try_from(actors).unwrap_or(u32::MAX);
        let every = Duration::from_secs(1) * actors * work.exchanges() / rate.max(1);
        let turn = u32::try_from(number).unwrap_or(0);
        Self {
            next: start + every / actors * turn,
            every: Some(every),
        }
    }

    /// Waits until the next request is due; returns from when its latency counts.
    async fn due(&mut self) -> Instant {
        let Some(every) = self.every else {
            return Instant::now();
        };
        let due = self.next;
        self.next += every;
        if due <= Instant::now() {
            return due;
        }
        sleep_until(due).await;
        Instant::now()
    }
}

async fn keep_busy(
    number: usize,
    mut actor: Actor,
    work: Work,
    mut rhythm: Rhythm,
    open: Instant,
    close: Instant,
) -> Done {
    let (mut latencies, mut passed_on) = (Vec::new(), 0);
    let actor = loop {
        let began = rhythm.due().await;
        if began >= close {
            break Ok(actor);
        }
        let messages = match actor.work(work).await {
            Ok(messages) => messages,
            Err(fault) => break Err(fault),
        };
        let ended = Instant::now();
        if ended >= open && ended < close {
            latencies.push(ended - began);
            passed_on += messages;
        }
    };
    Done {
        number,
        actor,
        latencies,
        passed_on,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use rustls::pki_types::ServerName;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsAcceptor;

    use super::{Crowd, Load, Measured, Pace};
    use crate::cpu::Tree;
    use crate::phone::{Target, Work};
    use crate::tls;

    const CHALLENGE: &str = "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest \
        realm=\"load.example\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\nContent-Length: 0\r\n\r\n";
    const OK: &str = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    const BUSY: &str = "SIP/2.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    const LOAD: Load = Load {
        phones: 4,
        pace: Pace::PerSecond(400),
        warm_up: Duration::from_millis(50),
        window: Duration::from_millis(400),
    };

    #[tokio::test]
    async fn a_paced_load_does_the_units_that_the_pace_asks_for() {
        let (target, _files) = server(OK).await;
        let measured = run(target, LOAD).await;
        let measured = measured.expect("the server answers");
        assert_eq!(measured.failures, Vec::<String>::new());
        // 400 requests a second are 200 units; a busy machine may lose some of the 80 at the end of the window.
        assert!(
            (1..=81).contains(&measured.units),
            "{} units",
            measured.units
        );
        assert!(measured.latencies.is_sorted());
    }

    #[tokio::test]
    async fn phones_that_are_refused_are_given_up_and_counted() {
        let (target, _files) = server(BUSY).await;
        let load = Load {
            pace: Pace::Closed,
            ..LOAD
        };
        let measured = run(target, load).await;
        let measured = measured.expect("connections are accepted");
        assert_eq!(measured.units, 0);
        assert_eq!(measured.failures, ["the answer was 503, expected 200"; 4]);
    }

    #[tokio::test]
    async fn a_load_against_nobody_is_an_error() {
        let (target, _files) = server(OK).await;
        let nobody = Target {
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
            ..target
        };
        assert!(run(nobody, LOAD).await.is_err());
    }

    async fn run(target: Target, load: Load) -> anyhow::Result<Measured> {
        let mut crowd = Crowd::new(target, Work::Register);
        let measured = crowd.run(load, &[Tree::of(std::process::id())]).await;
        crowd.hang_up().await;
        measured
    }

    /// A registrar that takes any credentials and then gives this answer.
    async fn server(answer: &'static str) -> (Target, TempDir) {
        let below = tempfile::tempdir().expect("a directory");
        let files = tls::make(below.path(), "load.example").expect("a certificate");
        let acceptor = TlsAcceptor::from(tls::server(&files).expect("a configuration"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let target = Target {
            addr: listener.local_addr().expect("bound"),
            name: ServerName::try_from("load.example").expect("a name"),
            tls: tls::client(&files.certificate).expect("a configuration"),
            domain: "load.example".to_owned(),
            password: "secret".to_owned(),
            callee: None,
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), answer));
            }
        });
        (target, below)
    }

    async fn serve(stream: TcpStream, acceptor: TlsAcceptor, answer: &str) -> std::io::Result<()> {
        let mut stream = acceptor.accept(stream).await?;
        let mut request = Vec::new();
        while stream.read_buf(&mut request).await? > 0 {
            if !request.ends_with(b"\r\n\r\n") {
                continue;
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            request.clear();
            let reply = if text.contains("\r\nAuthorization: Digest username=\"load") {
                // The start line and 18 header lines, and the empty line at the end.
                assert_eq!(text.lines().count(), 20, "{text}");
                assert!(
                    (1100..1500).contains(&text.len()),
                    "{} bytes: {text}",
                    text.len()
                );
                answer
            } else {
                CHALLENGE
            };
            stream.write_all(reply.as_bytes()).await?;
            stream.flush().await?;
        }
        Ok(())
    }
}
