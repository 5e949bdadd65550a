//! `vestibule log export`: records for other people's programs: Wireshark, HOMER, collectors of OpenTelemetry.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use export::{Message, hep, otlp, pcapng};
use logs::Record;
use roles::controlling::{self, Following, Heard, Report, Results};
use roles::exporting::{Believed, Hep, Otlp};
use runtime::signals::Signals;
use serde_json::json;
use tokio::time::timeout;

use super::ask::{self, Whom};
use super::criteria::Criteria;
use super::files::{Files, Origin};
use super::report;
use crate::output::{Outcome, Output};

/// What is gathered for a collector leaves at the latest after this time.
const SOON: Duration = Duration::from_secs(1);
/// The number that HOMER knows us by, unless its operator has given out another.
const CAPTURE_ID: u32 = 2001;
/// A file is written in pieces of this size.
const PIECE: usize = 64 << 10;
/// The longest key of a collector, in bytes.
const LONGEST_KEY: u64 = 256;

/// Export records to Wireshark (pcapng), HOMER (HEP) or a collector of OpenTelemetry (OTLP).
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("where").required(true).args(["pcapng", "hep", "otlp"])), after_help = "\
Packets are made of SIP messages that were recorded with both addresses, whatever they travelled in; how many records are
none is said. Credentials are starred and bodies are missing, as in every record. OTLP takes every record.
Ends with 1 if a machine did not answer to its end, or a collector did not want some of the records.

Examples:
  vestibule log export topology.toml --uri alice@contoso.com --from 1h --pcapng alice.pcapng
  vestibule log export --follow --pcapng - | wireshark -k -i -          the trial that `up` runs, live
  vestibule log export topology.toml --follow --hep 10.0.0.60:9060
  vestibule log export topology.toml --level warning --from 1d --otlp https://logs.contoso.net:4318
  vestibule log export --from-file monday.log --pcapng monday.pcapng")]
pub(crate) struct Export {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    criteria: Criteria,
    #[command(flatten)]
    origin: Origin,
    /// Write a capture file, which must not be there yet; - is standard output.
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// Send HEP version 3 to a collector.
    #[arg(long, value_name = "HOST:PORT")]
    hep: Option<String>,
    /// Append lines of JSON to a file, or post them to http://HOST:PORT or https://HOST:PORT.
    #[arg(long, value_name = "FILE|URL")]
    otlp: Option<String>,
    /// Go on with what the machines capture from now on, until Ctrl-C.
    #[arg(long, conflicts_with_all = ["from_file", "from", "to"])]
    follow: bool,
    /// Send HEP over TCP.
    #[arg(long, requires = "hep")]
    tcp: bool,
    /// The number that the collector of HEP knows us by.
    #[arg(long, value_name = "N", requires = "hep", default_value_t = CAPTURE_ID)]
    capture_id: u32,
    /// A file with the key that the collector of HEP wants to see.
    #[arg(long, value_name = "FILE", requires = "hep")]
    key_file: Option<PathBuf>,
    /// Packets of HEP a second at most.
    #[arg(long, value_name = "N", requires = "hep", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// A file with the authorities that may vouch for the collector of OTLP [default: those of the system].
    #[arg(long, value_name = "FILE", requires = "otlp")]
    ca: Option<PathBuf>,
}

/// Where records come from.
enum From {
    Files(Box<Files>),
    Search(Box<Results>),
    Tail(Box<Following>),
}

/// Where they go.
enum To {
    Pcapng {
        capture: pcapng::Capture,
        out: Box<dyn Write>,
        bytes: Vec<u8>,
        is_live: bool,
    },
    Hep(Box<Hep>),
    Otlp {
        batch: otlp::Batch,
        place: Place,
    },
}

enum Place {
    File(File),
    Url(Otlp),
}

/// What came of it.
#[derive(Default)]
struct Tally {
    records: u64,
    exported: u64,
    /// What else there is to say.
    notes: Vec<String>,
    /// Whether somebody did not want all of it.
    is_short: bool,
    reports: Vec<Report>,
    is_gone: bool,
}

impl Export {
    /// Exports what is found, and says what could not be.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let mut query = self.criteria.query(controlling::now())?;
        let files = self.origin.files();
        let ask = match files {
            None => match self.whom.ready(output)? {
                Some(ask) => Some(ask),
                None => return Ok(Outcome::Faults),
            },
            Some(_) => {
                query.machines = self.whom.machines_of_files()?;
                None
            }
        };
        // Files and what comes from now on have no limit of their own.
        let limit = self.criteria.limit();
        let limit = if files.is_some() || self.follow {
            limit
        } else {
            Some(query.limit)
        };
        let tally = ask::block_on(async {
            let mut signals = Signals::listen()?;
            let mut to = self.target().await?;
            let mut from = match (&ask, files) {
                (Some(ask), _) if self.follow => {
                    From::Tail(Box::new(ask.controller.follow(&ask.targets, &query)))
                }
                (Some(ask), _) => {
                    From::Search(Box::new(ask.controller.search(&ask.targets, &query)))
                }
                (None, paths) => {
                    let files = Files::of(paths.unwrap_or_default(), query, self.criteria.during());
                    From::Files(Box::new(files))
                }
            };
            let mut tally = Tally::default();
            tokio::select! {
                passed = pass(&mut from, &mut to, limit, &mut tally) => passed?,
                _ = signals.next() => tally.is_short |= !self.follow,
            }
            to.end(&mut tally).await?;
            from.end(&mut tally);
            Ok(tally)
        })?;
        tally.tell(output)
    }

    async fn target(&self) -> anyhow::Result<To> {
        if let Some(place) = &self.hep {
            let sender = hep::Sender {
                id: self.capture_id,
                key: self.key()?,
            };
            let hep = Hep::to(place, self.tcp, sender, self.rate).await?;
            return Ok(To::Hep(Box::new(hep)));
        }
        if let Some(place) = &self.otlp {
            let batch = otlp::Batch::default();
            let believed = self.ca.clone().map_or(Believed::System, Believed::File);
            let place = if place.contains("://") {
                Place::Url(Otlp::to(place, &believed)?)
            } else {
                Place::File(open(
                    Path::new(place),
                    OpenOptions::new().append(true).create(true),
                )?)
            };
            return Ok(To::Otlp { batch, place });
        }
        let path = self.pcapng.as_deref().unwrap_or_else(|| Path::new("-"));
        let out: Box<dyn Write> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(open(path, OpenOptions::new().write(true).create_new(true))?)
        };
        let mut bytes = Vec::new();
        let capture = pcapng::Capture::begin(&mut bytes);
        Ok(To::Pcapng {
            capture,
            out,
            bytes,
            is_live: self.follow,
        })
    }

    /// The key is read from a file: what stands on a command line can be seen by everybody on the machine.
    fn key(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.key_file else {
            return Ok(None);
        };
        let reading = || format!("cannot read the key in {}", path.display());
        let file = File::open(path).with_context(reading)?;
        let mut key = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, LONGEST_KEY + 1), &mut key)
            .with_context(reading)?;
        let key = key.trim().to_owned();
        if key.is_empty() || key.len() as u64 >= LONGEST_KEY {
            bail!("{} has no key of 1 to {LONGEST_KEY} bytes", path.display());
        }
        Ok(Some(key))
    }
}

/// Opens a file that only its owner may read if it is made here: logs tell who spoke with whom.
fn open(path: &Path, how: &mut OpenOptions) -> anyhow::Result<File> {
    let opened = how.mode(0o600).open(path);
    opened.with_context(|| format!("cannot write {}", path.display()))
}

async fn pass(
    from: &mut From,
    to: &mut To,
    limit: Option<u32>,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    loop {
        if limit.is_some_and(|limit| tally.records >= limit.into()) {
            tally
                .notes
                .push("as many as --limit allows; there may be more".to_owned());
            return Ok(());
        }
        let next = match timeout(SOON, from.next()).await {
            Ok(next) => next?,
            // Nothing has come for a while: what was gathered leaves.
            Err(_) => {
                to.flush(tally).await?;
                continue;
            }
        };
        let Some(record) = next else {
            return Ok(());
        };
        tally.records += 1;
        to.put(&record, tally).await?;
        if tally.is_gone {
            return Ok(());
        }
    }
}

impl From {
    async fn next(&mut self) -> anyhow::Result<Option<Record>> {
        match self {
            Self::Files(files) => files.next(),
            Self::Search(results) => Ok(results.next().await.map(|found| found.record)),
            Self::Tail(following) => loop {
                match following.next().await {
                    None => return Ok(None),
                    Some(Heard::Record(found)) => return Ok(Some(found.record)),
                    Some(Heard::Listening(_) | Heard::Missed(..) | Heard::Ended(_)) => {}
                }
            },
        }
    }

    fn end(self, tally: &mut Tally) {
        match self {
            Self::Files(files) => {
                tally.is_short |= !files.faults.is_empty();
                tally.notes.extend(files.faults);
            }
            Self::Search(results) => tally.reports = results.finish(),
            Self::Tail(following) => tally.reports = following.finish(),
        }
    }
}

impl To {
    async fn put(&mut self, record: &Record, tally: &mut Tally) -> anyhow::Result<()> {
        let is_full = match self {
            Self::Pcapng {
                capture,
                bytes,
                is_live,
                ..
            } => {
                tally.exported += u64::from(capture.add(record, bytes));
                *is_live || bytes.len() >= PIECE
            }
            Self::Hep(hep) => {
                if let Some(message) = Message::of(record) {
                    hep.send(&message).await?;
                    tally.exported += 1;
                }
                false
            }
            Self::Otlp { batch, .. } => {
                batch.add(record);
                batch.is_full()
            }
        };
        if is_full {
            self.flush(tally).await?;
        }
        Ok(())
    }

    async fn flush(&mut self, tally: &mut Tally) -> anyhow::Result<()> {
        match self {
            Self::Pcapng { out, bytes, .. } => {
                match out.write_all(bytes).and_then(|()| out.flush()) {
                    Ok(()) => bytes.clear(),
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => tally.is_gone = true,
                    Err(error) => return Err(error).context("the capture takes no more"),
                }
            }
            Self::Otlp { batch, place } if !batch.is_empty() => {
                let records = batch.len() as u64;
                let json = batch.take();
                let unwanted = match place {
                    Place::Url(collector) => collector.post(json).await?,
                    Place::File(file) => {
                        let written = file.write_all(format!("{json}\n").as_bytes());
                        written.context("the file takes no more")?;
                        0
                    }
                };
                tally.exported += records.saturating_sub(unwanted);
                if unwanted > 0 {
                    tally.is_short = true;
                    tally.notes.push(format!(
                        "the collector did not want {unwanted} of {records} records"
                    ));
                }
            }
            Self::Otlp { .. } | Self::Hep(_) => {}
        }
        Ok(())
    }

    async fn end(mut self, tally: &mut Tally) -> anyhow::Result<()> {
        self.flush(tally).await?;
        match self {
            Self::Pcapng { capture, .. } => {
                let lost = capture.decisions_lost();
                tally.exported = tally.exported.saturating_sub(lost);
                if lost > 0 {
                    tally.notes.push(format!(
                        "{lost} decisions have no message that they could be a comment of"
                    ));
                }
            }
            Self::Hep(hep) => {
                let (_, cut) = hep.finish().await?;
                if cut > 0 {
                    tally.notes.push(format!(
                        "{cut} messages are longer than a packet; their end is missing"
                    ));
                }
            }
            Self::Otlp {
                place: Place::File(file),
                ..
            } => {
                let synced = file.sync_all();
                synced
                    .or_else(no_disk)
                    .context("the file is not safely written")?;
            }
            Self::Otlp { .. } => {}
        }
        Ok(())
    }
}

/// A pipe has no disk behind it.
fn no_disk(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::InvalidInput {
        return Ok(());
    }
    Err(error)
}

impl Tally {
    fn tell(&self, output: &Output) -> anyhow::Result<Outcome> {
        let left = self.records.saturating_sub(self.exported);
        if output.is_json() {
            let agents: Vec<_> = self.reports.iter().map(report::json).collect();
            let said = json!({
                "records": self.records,
                "exported": self.exported,
                "notes": self.notes,
                "agents": agents,
            });
            // Standard output may be the capture.
            output.complain(said)?;
        } else {
            if !self.reports.is_empty() {
                report::told(&self.reports, "Records", output)?;
            }
            for note in &self.notes {
                output.complain(note)?;
            }
            let rest = match left {
                0 => String::new(),
                1 => "; 1 could not be".to_owned(),
                left => format!("; {left} could not be"),
            };
            output.complain(format!(
                "{} of {} records exported{rest}",
                self.exported, self.records
            ))?;
        }
        let whole = !self.is_short && self.reports.iter().all(Report::is_whole);
        Ok(if whole {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }
}
