//! The foreground of a trial: starts the watchdog, waits for ENTER, and tells what becomes of the rules.
//!
//! Everything that has to happen happens in the watchdog. Should it be lost, the foreground takes the rules back itself;
//! should both be lost, `vestibule firewall status` tells of it.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _, stdin};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use anyhow::{Context as _, bail};
use roles::filtering::{Ask, Event, Folder, Order, Outcome as Ended, ask};
use runtime::signals::{Asked, Signals};
use tokio::sync::mpsc;

use super::apply::told;
use crate::output::Output;

/// How many things may be heard at once before who says them has to wait.
const HEARD: usize = 8;

/// What the foreground hears.
enum Heard {
    /// The watchdog says something.
    Event(Event),
    /// The watchdog is gone.
    Lost,
    /// Somebody confirms at the terminal.
    Enter,
}

/// Has a watchdog try rules, and returns how that ended; nothing if this terminal is gone and the trial goes on.
pub(super) fn run(folder: &Folder, order: Order, output: &Output) -> anyhow::Result<Option<Ended>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    // Before the watchdog exists, so that no signal ends the foreground unheard.
    let signals = Signals::listen().context("cannot listen for signals")?;
    let within_s = order.within_s;
    let mut watchdog = start(folder, &order)?;
    let events = watchdog.stdout.take().context("the watchdog is mute")?;
    let (say, heard) = mpsc::channel(HEARD);
    thread::spawn({
        let say = say.clone();
        move || listen(events, &say)
    });
    let foreground = Foreground {
        folder,
        within_s,
        output,
        say,
    };
    let ended = runtime.block_on(foreground.wait(heard, signals))?;
    if ended.is_some() {
        watchdog
            .wait()
            .context("the watchdog cannot be waited for")?;
    }
    Ok(ended)
}

/// Starts the watchdog and gives it its order.
fn start(folder: &Folder, order: &Order) -> anyhow::Result<Child> {
    let own = std::env::current_exe().context("cannot find this program")?;
    let mut child = Command::new(own)
        .args(["firewall", "watchdog", "--run-dir"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // It outlives this terminal and must not hold it.
        .stderr(Stdio::null())
        .spawn()
        .context("the watchdog cannot be started")?;
    let mut order = serde_json::to_vec(order)?;
    order.push(b'\n');
    let mut pipe = child.stdin.take().context("the watchdog is deaf")?;
    pipe.write_all(&order)
        .context("the watchdog takes no order")?;
    Ok(child)
}

fn listen(events: ChildStdout, say: &mpsc::Sender<Heard>) {
    for line in BufReader::new(events).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str(&line) else {
            break;
        };
        if say.blocking_send(Heard::Event(event)).is_err() {
            return;
        }
    }
    // Nobody listens any more when the trial is over.
    let _ = say.blocking_send(Heard::Lost);
}

struct Foreground<'a> {
    folder: &'a Folder,
    within_s: u64,
    output: &'a Output,
    say: mpsc::Sender<Heard>,
}

impl Foreground<'_> {
    async fn wait(
        self,
        mut heard: mpsc::Receiver<Heard>,
        mut signals: Signals,
    ) -> anyhow::Result<Option<Ended>> {
        loop {
            tokio::select! {
                // Who interrupts and then types ENTER meant the first.
                biased;
                signal = signals.next() => match signal {
                    Asked::Drain => self.ask(Ask::Rollback).await?,
                    // The terminal is gone. Whoever comes back may still confirm.
                    Asked::Reload => return Ok(None),
                },
                Some(word) = heard.recv() => match word {
                    Heard::Event(Event::Loaded) => self.invite()?,
                    Heard::Event(Event::Over(ended)) => return Ok(Some(ended)),
                    Heard::Event(Event::Refused { reason }) => bail!(reason),
                    Heard::Lost => return self.lost().await.map(Some),
                    Heard::Enter => self.ask(Ask::Confirm).await?,
                },
            }
        }
    }

    /// Says how the rules are confirmed, and listens for ENTER where there is a terminal.
    fn invite(&self) -> anyhow::Result<()> {
        let seconds = self.within_s;
        if !stdin().is_terminal() {
            return self.output.complain(format!(
                "loaded; taken back in {seconds} s unless `vestibule firewall confirm` is run"
            ));
        }
        let say = self.say.clone();
        thread::spawn(move || {
            let mut line = String::new();
            if stdin().read_line(&mut line).is_ok_and(|read| read > 0) {
                // The trial may be over.
                let _ = say.blocking_send(Heard::Enter);
            }
        });
        self.output.complain(format!(
            "Loaded. ENTER keeps the rules, Ctrl-C takes them back; so does silence, in {seconds} s."
        ))
    }

    /// Asks the watchdog to end the trial; how it does comes as an event.
    async fn ask(&self, word: Ask) -> anyhow::Result<()> {
        ask(self.folder, word).await.map(drop).or_else(|error| {
            // It may have ended the trial at this very moment, or be lost: both are heard next.
            self.output.complain(format!("{:#}", told(error)))
        })
    }

    /// The watchdog was killed: the rules are taken back here.
    async fn lost(&self) -> anyhow::Result<Ended> {
        let claim = self.folder.claim().await.map_err(told)?;
        if self.folder.pending()?.is_none() {
            bail!(
                "the watchdog is gone and no trial waits; `vestibule firewall status` shows what is loaded"
            );
        }
        claim.go_back().map_err(told)?;
        self.output.complain("the watchdog of the trial is gone")?;
        Ok(Ended::RolledBack { is_late: false })
    }
}

/// Says how a trial ended.
pub(super) fn words(ended: &Ended) -> String {
    match ended {
        Ended::Confirmed => "The new rules stay.".to_owned(),
        Ended::RolledBack { is_late: true } => {
            "Nobody confirmed the new rules in time: the old ones are loaded again.".to_owned()
        }
        Ended::RolledBack { is_late: false } => "The old rules are loaded again.".to_owned(),
        Ended::Stuck { reason } => format!("The trial did not end in order: {reason}"),
    }
}
