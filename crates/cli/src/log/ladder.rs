//! `vestibule log ladder`: the flow of a call over all machines, as a picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use ladder::text::{Look, NARROWEST, WIDEST};
use ladder::{Flow, Known, Ladder as Picture, Server, Subject, flows, picture};
use logs::{Component, Correlation, Criterion, Level, MOST_CRITERIA, Query, Record, Span, Time};
use roles::controlling::{self, Report};
use serde_json::json;
use topology::Topology;

use super::ask::{self, Ask, Whom};
use super::criteria::During;
use super::files::{Files, Origin};
use super::report;
use crate::output::{Outcome, Output, Table};

/// So many records are asked for, or taken from files.
const MOST: u32 = 100_000;
/// The width where there is no terminal.
const USUAL_WIDTH: usize = 100;
/// Handshakes so near to a flow are looked for, in microseconds.
const NEAR: std::time::Duration = std::time::Duration::from_secs(60);

/// Draw the flow of a call, a sign-in, any dialog over all machines.
#[derive(clap::Args)]
#[command(after_help = "\
The picture has a line for each participant and an arrow for each message, with what each machine decided and why. Times
are seconds since the start; clocks that differ are corrected, and said. An arrow with a gap was recorded at one end only.
Ends with 1 if there is no such flow, or a machine did not answer.

Examples:
  vestibule log ladder a84b4c76e66710                               one Call-ID, on the trial that `up` runs
  vestibule log ladder --uri alice@contoso.com --from 4h            what alice did: a list, and the last flow drawn
  vestibule log ladder --uri alice@contoso.com --flow 3 topology.toml
  vestibule log ladder a84b4c76e66710 topology.toml --message 7     a message, whole
  vestibule log ladder a84b4c76e66710 topology.toml --html call.html
  vestibule log ladder a84b4c76e66710 --from-file monday.log")]
pub(crate) struct Ladder {
    /// The Call-ID, unless --uri or --correlation says what to draw.
    call_id: Option<String>,
    #[command(flatten)]
    whom: Whom,
    /// List the flows of a user, or of any URI, and draw the last.
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// Draw what belongs to one request (corr=).
    #[arg(long, value_name = "ID", conflicts_with = "uri")]
    correlation: Option<Correlation>,
    /// Draw this one of the list.
    #[arg(long, value_name = "N", requires = "uri")]
    flow: Option<usize>,
    #[command(flatten)]
    during: During,
    #[command(flatten)]
    origin: Origin,
    /// Show one message whole, by its number in the picture.
    #[arg(long, value_name = "N")]
    message: Option<usize>,
    /// Write the picture as SVG too.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write one page too, in which messages can be read.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Columns of the picture [default: those of the terminal].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(NARROWEST as i64..=WIDEST as i64))]
    width: Option<u16>,
    /// Draw with nothing but ASCII.
    #[arg(long)]
    ascii: bool,
}

/// What is looked for.
enum Wanted {
    Call(String),
    User(String),
    Request(Correlation),
}

/// What was found out.
struct Gathered {
    records: Vec<Record>,
    known: Known,
    reports: BTreeMap<String, Report>,
    faults: Vec<String>,
}

impl Ladder {
    /// Finds the flow, draws it, and says what is missing.
    pub(crate) fn run(mut self, output: &Output) -> anyhow::Result<Outcome> {
        let wanted = self.wanted()?;
        let Some((mut gathered, listed)) = self.gather(&wanted, output)? else {
            return Ok(Outcome::Faults);
        };
        let (subject, listed) = match (&wanted, listed) {
            (Wanted::Call(id), _) => (Subject::Call(id.as_str().into()), Vec::new()),
            (Wanted::Request(id), _) => (Subject::Request(*id), Vec::new()),
            (Wanted::User(_), listed) => match self.chosen(&listed)? {
                Some(flow) => (Subject::Call(flow.call_id.clone()), listed),
                None => return self.nothing(&wanted, &gathered, output),
            },
        };
        for (name, report) in &gathered.reports {
            if let (Some(server), Some(why)) =
                (gathered.known.servers.get_mut(name), report.status.why())
            {
                server.missing = Some(why.to_owned());
            }
        }
        let drawn = Picture::draw(&gathered.records, &subject, &gathered.known);
        if drawn.rows.is_empty() {
            return self.nothing(&wanted, &gathered, output);
        }
        self.write(&drawn)?;
        self.show(&drawn, &listed, &gathered, output)?;
        for fault in &gathered.faults {
            output.complain(fault)?;
        }
        let whole = gathered.faults.is_empty() && gathered.reports.values().all(Report::is_whole);
        Ok(if whole {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }

    /// What to draw; with --uri or --correlation the first word is the topology.
    fn wanted(&mut self) -> anyhow::Result<Wanted> {
        let by_option = match (&self.uri, self.correlation) {
            (Some(uri), _) => Some(Wanted::User(uri.clone())),
            (None, Some(id)) => Some(Wanted::Request(id)),
            (None, None) => None,
        };
        match (by_option, self.call_id.take()) {
            (Some(wanted), None) => Ok(wanted),
            (Some(wanted), Some(word)) => {
                if !self.whom.take_topology(word) {
                    bail!("either a Call-ID or --uri or --correlation says what to draw");
                }
                Ok(wanted)
            }
            (None, Some(id)) => Ok(Wanted::Call(id)),
            (None, None) => bail!("say what to draw: a Call-ID, --uri URI or --correlation ID"),
        }
    }

    /// Asks the machines, or reads the files. Returns the flows to choose from too, where a user was asked for.
    fn gather(
        &self,
        wanted: &Wanted,
        output: &Output,
    ) -> anyhow::Result<Option<(Gathered, Vec<Flow>)>> {
        if let Some(files) = self.origin.files() {
            let known = match self.whom.named_topology(output)? {
                None => return Ok(None),
                Some(topology) => topology.map(|one| known(&one)).unwrap_or_default(),
            };
            let (records, faults) = self.read(files, wanted)?;
            let listed = listed(&records, wanted);
            let gathered = Gathered {
                records,
                known,
                reports: BTreeMap::new(),
                faults,
            };
            return Ok(Some((gathered, listed)));
        }
        let Some(ask) = self.whom.ready(output)? else {
            return Ok(None);
        };
        let span = self.during.span(controlling::now())?;
        ask::block_on(async {
            let mut asking = Asking {
                ask: &ask,
                reports: BTreeMap::new(),
            };
            let mut list = Vec::new();
            let criterion = match wanted {
                Wanted::Call(id) => Criterion::CallId(id.clone()),
                Wanted::Request(id) => Criterion::Correlation(*id),
                Wanted::User(uri) => {
                    let found = asking
                        .search(span, vec![Criterion::Uri(uri.clone())])
                        .await?;
                    list = listed(&found, wanted);
                    match self.chosen(&list)? {
                        Some(flow) => Criterion::CallId(flow.call_id.to_string()),
                        None => return Ok(Some((asking.done(Vec::new()), list))),
                    }
                }
            };
            let mut records = asking.search(span, vec![criterion]).await?;
            let refusals = asking.refusals(&records).await?;
            records.extend(refusals);
            Ok(Some((asking.done(records), list)))
        })
    }

    /// Reads files: everything of the flows that are asked for, and what was refused beside.
    fn read(
        &self,
        files: &[PathBuf],
        wanted: &Wanted,
    ) -> anyhow::Result<(Vec<Record>, Vec<String>)> {
        let query = Query::within(self.during.span(controlling::now())?);
        let mut files = Files::of(files, query, &self.during);
        let mut records = Vec::new();
        while let Some(record) = files.next()? {
            let is_refusal = record.component == Component::Tls && record.level <= Level::Warning;
            let may_belong = match wanted {
                Wanted::Call(id) => {
                    record.call_id.as_deref() == Some(id) || record.call_id.is_none()
                }
                Wanted::Request(id) => record.correlation == Some(*id),
                Wanted::User(_) => record.call_id.is_some() || record.correlation.is_some(),
            };
            if is_refusal || may_belong {
                records.push(record);
            }
            if records.len() > MOST as usize {
                bail!(
                    "there are more than {MOST} records of calls in these files; narrow it with --from and --to"
                );
            }
        }
        Ok((records, files.faults))
    }

    fn chosen<'a>(&self, listed: &'a [Flow]) -> anyhow::Result<Option<&'a Flow>> {
        match self.flow {
            None => Ok(listed.last()),
            Some(number) => {
                let flow = number.checked_sub(1).and_then(|place| listed.get(place));
                let flow = flow.with_context(|| {
                    format!("there is no flow {number}; there are {}", listed.len())
                })?;
                Ok(Some(flow))
            }
        }
    }

    fn nothing(
        &self,
        wanted: &Wanted,
        gathered: &Gathered,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        let what = match wanted {
            Wanted::Call(id) => format!("with the Call-ID {id}"),
            Wanted::User(uri) => format!("in which {uri} takes part"),
            Wanted::Request(id) => format!("of the request {id}"),
        };
        let reports: Vec<Report> = gathered.reports.values().cloned().collect();
        if output.is_json() {
            let agents: Vec<_> = reports.iter().map(report::json).collect();
            output.json(&json!({ "flows": [], "ladder": null, "agents": agents }))?;
        } else {
            if reports.iter().any(|report| !report.is_whole()) {
                report::told(&reports, "Records", output)?;
            }
            let times = if self.origin.files().is_some() {
                ""
            } else {
                "; --from looks further back than half an hour"
            };
            output.complain(format!("no flow {what} is recorded{times}"))?;
        }
        Ok(Outcome::Faults)
    }

    fn write(&self, drawn: &Picture) -> anyhow::Result<()> {
        if let Some(path) = &self.svg {
            save(path, &picture::svg(drawn))?;
        }
        if let Some(path) = &self.html {
            save(path, &picture::html(drawn))?;
        }
        Ok(())
    }

    fn show(
        &self,
        drawn: &Picture,
        listed: &[Flow],
        gathered: &Gathered,
        output: &Output,
    ) -> anyhow::Result<()> {
        let look = self.look(output);
        if let Some(number) = self.message {
            let arrow = drawn.message(number).with_context(|| {
                format!(
                    "there is no message {number}; there are {}",
                    drawn.arrows().count()
                )
            })?;
            if output.is_json() {
                return output.json(arrow);
            }
            let text = ladder::text::message(drawn, number, look).unwrap_or_default();
            return output.line(text.trim_end());
        }
        if output.is_json() {
            let agents: Vec<_> = gathered.reports.values().map(report::json).collect();
            return output.json(&json!({ "flows": listed, "ladder": drawn, "agents": agents }));
        }
        if listed.len() > 1 {
            output.table(&list(listed))?;
            output.line("")?;
        }
        output.line(ladder::text::draw(drawn, look).trim_end())
    }

    fn look(&self, output: &Output) -> Look {
        let given = self.width.map(usize::from);
        Look {
            width: given.or_else(crate::output::width).unwrap_or(USUAL_WIDTH),
            ascii: self.ascii,
            colour: output.has_colour(),
        }
    }
}

/// Searches at those agents that have answered so far.
struct Asking<'a> {
    ask: &'a Ask,
    reports: BTreeMap<String, Report>,
}

impl Asking<'_> {
    async fn search(
        &mut self,
        span: Span,
        criteria: Vec<Criterion>,
    ) -> anyhow::Result<Vec<Record>> {
        let mut query = Query::within(span);
        query.criteria = criteria;
        self.run(query).await
    }

    /// Looks for refused handshakes of the phones in these records, near in time.
    async fn refusals(&mut self, records: &[Record]) -> anyhow::Result<Vec<Record>> {
        let times = || records.iter().map(|record| record.time);
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
            return Ok(Vec::new());
        };
        let machines: BTreeSet<IpAddr> = self
            .ask
            .topology
            .machines()
            .iter()
            .map(|one| one.address)
            .collect();
        let peers: BTreeSet<IpAddr> = records
            .iter()
            .filter_map(|record| record.peer.map(|peer| peer.ip()))
            .filter(|peer| !machines.contains(peer))
            .collect();
        if peers.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = Query::within(Span::new(first.before(NEAR), last.after(NEAR))?);
        query.components = vec![Component::Tls];
        query.level = Level::Warning;
        query.criteria = peers
            .into_iter()
            .take(MOST_CRITERIA)
            .map(Criterion::Ip)
            .collect();
        self.run(query).await
    }

    async fn run(&mut self, mut query: Query) -> anyhow::Result<Vec<Record>> {
        query.limit = MOST;
        query.check()?;
        let is_there = |machine: &str| {
            self.reports
                .get(machine)
                .is_none_or(|one| one.status.is_whole())
        };
        let targets = self.ask.targets.iter().filter(|one| is_there(&one.machine));
        let targets: Vec<_> = targets.cloned().collect();
        let mut results = self.ask.controller.search(&targets, &query);
        let mut records = Vec::new();
        while let Some(found) = results.next().await {
            records.push(found.record);
        }
        for mut report in results.finish() {
            // A machine is asked several times; one answer that is not whole counts for all.
            let before = self.reports.remove(&*report.machine);
            if let Some(before) = before {
                report.given += before.given;
                if !before.is_whole() {
                    report.status = before.status;
                }
            }
            self.reports.insert(report.machine.to_string(), report);
        }
        Ok(records)
    }

    fn done(self, records: Vec<Record>) -> Gathered {
        Gathered {
            records,
            known: known(&self.ask.topology),
            reports: self.reports,
            faults: Vec::new(),
        }
    }
}

/// The flows in which a user takes part; others that stand in the same files are none.
fn listed(records: &[Record], wanted: &Wanted) -> Vec<Flow> {
    let Wanted::User(uri) = wanted else {
        return Vec::new();
    };
    let everything = Span::new(Time::ZERO, Time::ZERO);
    let Ok(mut query) = everything.map(Query::within) else {
        return Vec::new();
    };
    query.criteria = vec![Criterion::Uri(uri.clone())];
    let text = |record: &Record| logs::line::text_of(record);
    let is_theirs = |record: &&Record| logs::matches_whenever(&query, record, &text(record));
    let theirs: BTreeSet<_> = records
        .iter()
        .filter(is_theirs)
        .filter_map(|record| record.call_id.clone())
        .collect();
    let in_one = |record: &&Record| {
        record
            .call_id
            .as_ref()
            .is_some_and(|id| theirs.contains(id))
    };
    flows(records.iter().filter(in_one))
}

fn list(flows: &[Flow]) -> Table {
    let head = [
        "No.", "Began", "What", "From", "To", "Answer", "Records", "Call-ID",
    ];
    let mut table = Table::new(head).right(0).right(6);
    for (place, flow) in flows.iter().enumerate() {
        let began = flow.began.to_string();
        let began = began
            .split('.')
            .next()
            .unwrap_or_default()
            .replace('T', " ");
        table.row([
            (place + 1).to_string(),
            began,
            flow.method.clone(),
            flow.from.clone(),
            flow.to.clone(),
            flow.answer.clone().unwrap_or_default(),
            flow.records.to_string(),
            flow.call_id.to_string(),
        ]);
    }
    table
}

/// Who is who in a deployment.
fn known(topology: &Topology) -> Known {
    let servers = topology.machines().iter().map(|machine| {
        let role = topology
            .pools_at(machine)
            .map(|pool| pool.role)
            .min_by_key(|role| place(*role));
        let addresses = [Some(machine.address), machine.external, machine.published];
        let server = Server {
            role,
            addresses: addresses.into_iter().flatten().collect(),
            missing: None,
        };
        (machine.fqdn.to_string(), server)
    });
    Known {
        servers: servers.collect(),
        gateways: topology
            .gateways()
            .iter()
            .map(|one| one.fqdn.to_string())
            .collect(),
    }
}

/// How near to the outside a role is.
const fn place(role: base::net::Role) -> u8 {
    use base::net::Role;
    match role {
        Role::Edge => 0,
        Role::Director => 1,
        Role::FrontEnd => 2,
        Role::ReverseProxy => 3,
        Role::LoadBalancer => 4,
        Role::Dns => 5,
    }
}

/// Writes a file that only its owner may read: logs tell who spoke with whom.
fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}
