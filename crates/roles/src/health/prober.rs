//! Carries out what the core asks for: connects, asks, tells.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::health::{Action, Finding, Health, Input, MemberId, Pace};
use base::net::{Hop, Transport};
use base::random::Random;
use base::{Machine as _, Step};
use runtime::clock::Clock;
use runtime::proxy_header;
use runtime::tls::Store;
use runtime::tls::stream::{connect_plainly, connect_saying};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::board::{Board, Reporter};
use super::options;
use crate::fault::chain;

/// How many words of those who use members wait; more are dropped.
pub const REPORTS: usize = 1024;
/// For a machine without members, which has nothing to wait for.
const NEVER: Duration = Duration::from_secs(3600);

/// Asks the members of a [`Board`] for ever, as one task.
pub struct Prober {
    board: Arc<Board>,
    health: Health,
    pace: Pace,
    tls: Arc<Store>,
    from: IpAddr,
    clock: Clock,
    random: Random,
    reports: mpsc::Receiver<Input>,
    reporter: mpsc::Sender<Input>,
    under_way: JoinSet<Answer>,
}

/// What came of one question.
struct Answer {
    member: MemberId,
    ticket: u64,
    found: Result<Finding, String>,
}

impl Prober {
    /// Prepares to ask the members of a board, from one address of ours and with the machine's certificate.
    #[must_use]
    pub fn new(
        board: Arc<Board>,
        pace: Pace,
        tls: Arc<Store>,
        from: IpAddr,
        clock: Clock,
        seed: [u8; 32],
    ) -> Self {
        let mut random = Random::new(seed);
        let mut own = [0; 32];
        random.fill(&mut own);
        let (reporter, reports) = mpsc::channel(REPORTS);
        Self {
            health: Health::new(board.members().len(), pace, own, clock.now()),
            board,
            pace,
            tls,
            from,
            clock,
            random,
            reports,
            reporter,
            under_way: JoinSet::new(),
        }
    }

    /// Returns what is believed of the members.
    #[must_use]
    pub const fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Returns a way to tell what became of members that were used.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        Reporter {
            board: Arc::clone(&self.board),
            sender: self.reporter.clone(),
        }
    }

    /// Asks for ever; dropping the future gives up the questions under way.
    pub async fn run(mut self) {
        loop {
            let deadline = self.carry_out();
            let input = tokio::select! {
                Some(answer) = self.under_way.join_next() => match answer {
                    Ok(answer) => Some(self.take(answer)),
                    // A task that panicked leaves its question unanswered, which the core notices.
                    Err(_) => None,
                },
                Some(report) = self.reports.recv() => Some(report),
                () = sleep_until(deadline) => None,
            };
            let now = self.clock.now();
            match input {
                Some(input) => self.health.handle(now, input),
                None => self.health.tick(now),
            }
        }
    }

    /// Does what the core wants; returns when it wants to be called next.
    fn carry_out(&mut self) -> tokio::time::Instant {
        loop {
            match self.health.poll() {
                Step::Do(Action::Probe { member, ticket }) => self.ask(member, ticket),
                Step::Do(Action::Changed { member, standing }) => {
                    self.board.changed(member, standing, self.clock.now());
                }
                Step::Wait(Some(until)) => return self.clock.instant(until).into(),
                Step::Wait(None) => return tokio::time::Instant::now() + NEVER,
            }
        }
    }

    fn ask(&mut self, member: MemberId, ticket: u64) {
        let Some(watched) = self.board.members().get(member.0) else {
            return;
        };
        let (hop, tls, from) = (watched.hop.clone(), Arc::clone(&self.tls), self.from);
        let first = watched.is_told.then(proxy_header::own).unwrap_or_default();
        let (patience, number) = (self.pace.patience, self.random.next_u64());
        let ports = watched.ports.clone();
        self.under_way.spawn(async move {
            let asked = timeout(patience, async {
                let found = ask(&first, &hop, from, &tls, patience, number).await?;
                for port in ports {
                    knock(&hop, port, from, patience).await?;
                }
                Ok(found)
            });
            let found = asked.await.unwrap_or_else(|_| {
                let waited = patience.as_secs_f32();
                Err(format!("no answer within {waited} s"))
            });
            Answer {
                member,
                ticket,
                found,
            }
        });
    }

    fn take(&self, answer: Answer) -> Input {
        let Answer {
            member,
            ticket,
            found,
        } = answer;
        let (finding, fault) = match found {
            Ok(finding) => (finding, None),
            Err(fault) => (Finding::Failed, Some(fault)),
        };
        self.board.answered(member, fault);
        Input::Probed {
            member,
            ticket,
            finding,
        }
    }
}

/// Sees whether a member takes connections on a port to which others are passed on; it hears that nobody is.
async fn knock(hop: &Hop, port: u16, from: IpAddr, patience: Duration) -> Result<(), String> {
    let mut hop = hop.clone();
    hop.addr.set_port(port);
    let knocked = connect_plainly(&[], &hop, Some(from), patience).await;
    let mut stream = knocked.map_err(|error| chain(&error))?;
    // Whether it reads this does not matter: it has taken the connection.
    let _ = stream.write_all(&proxy_header::own()).await;
    Ok(())
}

/// Asks one member, as a server of the deployment.
async fn ask(
    first: &[u8],
    hop: &Hop,
    from: IpAddr,
    tls: &Store,
    patience: Duration,
    number: u64,
) -> Result<Finding, String> {
    let connected = connect_saying(first, hop, Some(from), tls, patience).await;
    let mut stream = connected.map_err(|error| chain(&error))?;
    let status = options::ask(&mut stream, &hop.name, number, Transport::Tls).await;
    // The answer is what counts; the other side closes too if this does not get through.
    let _ = stream.shutdown().await;
    match status.map_err(|error| chain(&error))? {
        200 => Ok(Finding::Well),
        503 => Ok(Finding::Draining),
        other => Err(format!("OPTIONS was answered {other}")),
    }
}
