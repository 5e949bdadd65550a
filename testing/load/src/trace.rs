//! `load trace`: what it costs a SIP server to be traced, and what is lost of the records.
//!
//! The same server three times, each a process of its own, in the same rounds: nothing captured, what is captured when
//! nobody says anything (AlwaysOn), and every message with its text and every step (with SignIn). At half of what
//! the machine bears nothing may be lost; unpaced the server and its load take all there is, and what is lost is told.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use logs::{Rules, Scenarios, Time};

use crate::client::{Crowd, Load, Measured, Pace};
use crate::figures::{Figures, Options, Round, Row};
use crate::machine::Machine;
use crate::ours::{self, Cores};
use crate::peer::Server;
use crate::phone::Work;
use crate::print::note;
use crate::scrape::{self, Records};

const PHONES: usize = 100;
const WARM_UP: Duration = Duration::from_millis(300);
/// How long the writer may take for what it has been given.
const SETTLE: Duration = Duration::from_millis(300);

/// What is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    /// Nothing.
    Off,
    /// What a machine captures on which nobody has said anything.
    AlwaysOn,
    /// Every message with its text, every step.
    All,
}

impl Capture {
    const EVERY: [Self; 3] = [Self::Off, Self::AlwaysOn, Self::All];

    const fn text(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::AlwaysOn => "AlwaysOn",
            Self::All => "everything",
        }
    }

    /// The state that a machine finds of its scenarios.
    ///
    /// # Errors
    /// Never for these scenarios.
    pub(crate) fn state(self) -> anyhow::Result<String> {
        let now = Time::ZERO.after(SystemTime::UNIX_EPOCH.elapsed()?);
        let mut rules = Rules::fresh(now);
        match self {
            Self::Off => drop(rules.stop(Scenarios::ALWAYS_ON, now)?),
            Self::AlwaysOn => {}
            Self::All => drop(rules.start(&Scenarios::default(), "SignIn", None, "load", now)?),
        }
        Ok(rules.save())
    }
}

/// One kind of work: at a pace, as it is called.
struct Setting {
    work: Work,
    paces: [(&'static str, Pace); 2],
}

const SETTINGS: [Setting; 3] = [
    Setting {
        work: Work::Redirect,
        paces: [
            ("REGISTER -> 301, 5000/s", Pace::PerSecond(5_000)),
            ("REGISTER -> 301, unpaced", Pace::Closed),
        ],
    },
    Setting {
        work: Work::Register,
        paces: [
            ("REGISTER -> 401 -> 200, 2000/s", Pace::PerSecond(2_000)),
            ("REGISTER -> 401 -> 200, unpaced", Pace::Closed),
        ],
    },
    Setting {
        work: Work::Call,
        paces: [
            ("call, 1000/s", Pace::PerSecond(1_000)),
            ("call, unpaced", Pace::Closed),
        ],
    },
];

struct Contender {
    capture: Capture,
    server: Server,
    crowd: Crowd,
    rounds: Vec<Measured>,
    records: Records,
}

/// Measures and reports.
///
/// # Errors
/// The program was not built, or does not do the work.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let below = tempfile::tempdir()?;
    let mut figures = Figures {
        machine: Machine::look(),
        rows: Vec::new(),
        faults: Vec::new(),
    };
    for setting in &SETTINGS {
        contest(setting, &options, below.path(), &mut figures).await?;
    }
    figures.print("trace", &[Capture::Off.text()], &options)
}

async fn contest(
    setting: &Setting,
    options: &Options,
    below: &Path,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut contenders = Vec::new();
    for capture in Capture::EVERY {
        let started = ours::start_traced(setting.work, Cores::All, capture, below).await?;
        let Some(server) = started else {
            bail!("vestibule is not built beside this program (cargo build --release)");
        };
        contenders.push(Contender {
            capture,
            crowd: Crowd::new(server.target.clone(), setting.work),
            server,
            rounds: Vec::new(),
            records: Records::default(),
        });
    }
    let (rounds, window) = options.rounds();
    for (title, pace) in setting.paces {
        let load = Load {
            phones: PHONES,
            pace,
            warm_up: WARM_UP,
            window,
        };
        for round in 1..=rounds {
            note(&format!("{title}: round {round} of {rounds}"));
            for one in &mut contenders {
                one.round(load).await?;
            }
        }
        for one in &mut contenders {
            one.report(title, figures);
        }
    }
    for one in contenders {
        one.crowd.hang_up().await;
        one.server.stop().await;
    }
    Ok(())
}

impl Contender {
    async fn round(&mut self, load: Load) -> anyhow::Result<()> {
        let before = scrape::all(&self.server.pages).await?;
        let measured = self.crowd.run(load, &self.server.trees()).await?;
        tokio::time::sleep(SETTLE).await;
        self.records += scrape::all(&self.server.pages).await? - before;
        self.rounds.push(measured);
        Ok(())
    }

    fn report(&mut self, title: &'static str, figures: &mut Figures) {
        let rounds = std::mem::take(&mut self.rounds);
        let Records { kept, dropped } = std::mem::take(&mut self.records);
        let all: Vec<Round> = rounds.iter().map(round_of).collect();
        let name = self.capture.text();
        figures.rows.push(Row::of(title, name, &all));
        if self.capture != Capture::Off {
            figures.faults.push(format!(
                "{title}, {name}: {kept} records kept, {dropped} dropped and counted."
            ));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run stay far below 2^52"
)]
fn round_of(measured: &Measured) -> Round {
    Round {
        used: measured.cpu,
        units: measured.units as f64,
        seconds: measured.window.as_secs_f64(),
        failures: measured.failures.len() as u64,
    }
}
