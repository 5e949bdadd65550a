//! `vestibule user import`: a CSV file, line by line.
//!
//! Every line is checked by itself and all its faults are told; one that fails leaves the others alone. Good lines go to
//! the machine in chunks, which fit the control socket. What a spreadsheet or a slip of the pen does to a file (an open
//! quotation mark, a comma too many, semicolons) is told as what it is, before a wrong password is stored.

mod columns;
mod lines;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use csv::StringRecord;
use directory::{Aor, PoolName};
use roles::directory_admin::{NewUser, Rules, UserReply, UserRequest};
use serde::Serialize;
use topology::Topology;

use self::columns::{Columns, quoted};
use self::lines::LineNumbers;
use super::master::Master;
use super::password;
use crate::output::{Outcome, Output, Table};

/// How many users go to the machine at a time; some hundred bytes each.
const CHUNK: usize = 250;
/// The longest file; room for some hundred thousand users.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What came of one line.
#[derive(Debug, Serialize)]
struct Line {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Aor>,
    added: bool,
    /// Only where one was made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

/// Checks lines before they are sent.
struct Reader<'a> {
    columns: Columns,
    lines: LineNumbers<'a>,
    topology: &'a Topology,
    only_pool: Option<PoolName>,
    rules: &'a Rules,
    seen: BTreeMap<Aor, u64>,
}

pub(super) fn run(
    master: &mut Master,
    path: &Path,
    dry_run: bool,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let name = path.display();
    let bytes = read(path).with_context(|| format!("cannot read {name}"))?;
    let mut csv = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(bytes.as_slice());
    let no_text = |_| anyhow::anyhow!("{name} is not text in UTF-8");
    let columns = Columns::find(csv.headers().map_err(no_text)?)
        .with_context(|| format!("{name} cannot be imported"))?;

    let topology = master.topology().clone();
    let rules = master.rules().clone();
    let only_pool = master.only_pool();
    let mut reader = Reader {
        columns,
        lines: LineNumbers::new(&bytes),
        topology: &topology,
        only_pool,
        rules: &rules,
        seen: BTreeMap::new(),
    };
    let mut lines = Vec::new();
    let mut chunk = Vec::new();
    for record in csv.records() {
        let (line, new) = reader.read(record)?;
        lines.push(line);
        if let Some(new) = new {
            chunk.push((lines.len() - 1, new));
        }
        if chunk.len() == CHUNK {
            send(master, std::mem::take(&mut chunk), dry_run, &mut lines)?;
        }
    }
    send(master, chunk, dry_run, &mut lines)?;
    report(&lines, dry_run, output)
}

impl Reader<'_> {
    /// Says what makes a record something else than one line with a field for each column.
    fn shape(&self, record: &StringRecord) -> Vec<String> {
        let columns = self.columns.count;
        let mut faults = Vec::new();
        if record.iter().any(|field| field.contains(['\r', '\n'])) {
            faults.push(
                "a field goes on in the next line; is there a quotation mark that is not closed?"
                    .to_owned(),
            );
        } else if record.len() > columns {
            faults.push(format!(
                "{} fields for {columns} columns; put a field that holds a comma in quotation marks",
                record.len()
            ));
        }
        faults
    }

    /// Reads one line: what there is to say about it, and the user if there is nothing wrong.
    fn read(
        &mut self,
        record: csv::Result<StringRecord>,
    ) -> anyhow::Result<(Line, Option<NewUser>)> {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let number = self.lines.at(error.position());
                return Ok((Line::new(number, broken(error)?), None));
            }
        };
        let number = self.lines.at(record.position());
        let mut line = Line::new(number, self.shape(&record));
        if !line.faults.is_empty() {
            return Ok((line, None));
        }
        let field = |column: Option<usize>| {
            column
                .and_then(|column| record.get(column))
                .unwrap_or_default()
        };
        let trimmed = |column| field(column).trim();

        let address = trimmed(Some(self.columns.aor));
        let aor = Aor::parse(address)
            .map_err(|error| line.faults.push(format!("{}: {error}", quoted(address))))
            .ok();
        let home = match (trimmed(self.columns.pool), &self.only_pool) {
            ("", Some(only)) => Some(only.clone()),
            ("", None) => {
                line.faults
                    .push("no pool is named, and there are several".to_owned());
                None
            }
            (text, _) => PoolName::parse(text)
                .map_err(|error| line.faults.push(chain(&error)))
                .ok(),
        };
        let given = field(Some(self.columns.password));
        if !given.is_empty() {
            line.faults
                .extend(password::fault(given).map(str::to_owned));
        }
        line.user.clone_from(&aor);
        let (Some(aor), Some(home)) = (aor, home) else {
            return Ok((line, None));
        };
        let refusals = [self.rules.check_domain(&aor), self.rules.check_pool(&home)];
        line.faults.extend(
            refusals
                .into_iter()
                .filter_map(Result::err)
                .map(|refusal| refusal.to_string()),
        );
        if let Some(earlier) = self.seen.get(&aor) {
            line.faults
                .push(format!("line {earlier} has the same user"));
        }
        if !line.faults.is_empty() {
            return Ok((line, None));
        }
        self.seen.insert(aor.clone(), number);
        let verifiers = if given.is_empty() {
            let made_up = password::make_up()?;
            line.password = Some(made_up.to_string());
            password::verifiers(&made_up, &aor, self.topology)
        } else {
            password::verifiers(given, &aor, self.topology)
        };
        let display_name = trimmed(self.columns.name).to_owned();
        Ok((
            line,
            Some(NewUser {
                aor,
                display_name,
                home,
                verifiers,
            }),
        ))
    }
}

impl Line {
    fn new(line: u64, faults: Vec<String>) -> Self {
        Self {
            line,
            user: None,
            added: false,
            password: None,
            faults,
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        bail!(
            "it is longer than {} MiB; import it in parts",
            LONGEST >> 20
        );
    }
    Ok(bytes)
}

/// A line that is no text is a fault of that line; anything else would be a fault of the reader.
fn broken(error: csv::Error) -> anyhow::Result<Vec<String>> {
    if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) {
        return Ok(vec!["not text in UTF-8".to_owned()]);
    }
    Err(error).context("cannot read on")
}

/// Sends users to the machine and notes what came of each.
fn send(
    master: &mut Master,
    chunk: Vec<(usize, NewUser)>,
    dry_run: bool,
    lines: &mut [Line],
) -> anyhow::Result<()> {
    if chunk.is_empty() {
        return Ok(());
    }
    let (places, users): (Vec<usize>, Vec<NewUser>) = chunk.into_iter().unzip();
    let outcomes = match master.ask(UserRequest::Import { users, dry_run })? {
        UserReply::Imported(outcomes) if outcomes.len() == places.len() => outcomes,
        UserReply::Refused(refusal) => vec![Some(refusal); places.len()],
        UserReply::Imported(_)
        | UserReply::Done
        | UserReply::Users { .. }
        | UserReply::Contacts(_) => {
            bail!("the machine answered something else than was asked")
        }
    };
    for (place, outcome) in places.into_iter().zip(outcomes) {
        let Some(line) = lines.get_mut(place) else {
            continue;
        };
        line.added = outcome.is_none() && !dry_run;
        if let Some(refusal) = outcome {
            line.faults.push(refusal.to_string());
        }
        if !line.added {
            line.password = None;
        }
    }
    Ok(())
}

fn report(lines: &[Line], dry_run: bool, output: &Output) -> anyhow::Result<Outcome> {
    let faulty = lines.iter().filter(|line| !line.faults.is_empty()).count();
    if output.is_json() {
        output.json(lines)?;
    } else {
        let mut table = Table::new(["Line", "User", "Outcome"]).right(0);
        for line in lines {
            let user = line
                .user
                .as_ref()
                .map_or_else(String::new, ToString::to_string);
            table.row([line.line.to_string(), user, outcome(line, dry_run)]);
        }
        output.table(&table)?;
        let verb = if dry_run { "would be added" } else { "added" };
        output.line(format_args!(
            "{} {verb}, {faulty} with faults",
            lines.len() - faulty
        ))?;
    }
    Ok(if faulty == 0 {
        Outcome::Done
    } else {
        Outcome::Faults
    })
}

fn outcome(line: &Line, dry_run: bool) -> String {
    if !line.faults.is_empty() {
        return line.faults.join("\n");
    }
    match &line.password {
        Some(password) => format!("added, password {password}"),
        None if dry_run => "would be added".to_owned(),
        None => "added".to_owned(),
    }
}

/// An error with its cause on one line.
fn chain(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
