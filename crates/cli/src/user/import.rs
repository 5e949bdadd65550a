//! `vestibule user import`: a CSV file, line by line.
//!
//! Every line is checked by itself and all its faults are told. Good lines go to the machine in chunks, so a file of any
//! length needs little memory and fits the control socket. A line that fails leaves the others alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, bail};
use csv::StringRecord;
use directory::{Aor, PoolName};
use roles::directory_admin::{NewUser, Rules, UserReply, UserRequest};
use serde::Serialize;
use topology::Topology;

use super::master::Master;
use super::password;
use crate::output::{Outcome, Output, Table};

/// How many users go to the machine at a time; some hundred bytes each.
const CHUNK: usize = 250;
const COLUMNS: [&str; 4] = ["aor", "password", "name", "pool"];

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

/// Where the columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    aor: usize,
    password: usize,
    name: Option<usize>,
    pool: Option<usize>,
}

/// Checks lines before they are sent.
struct Reader<'a> {
    columns: Columns,
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
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let head = csv
        .headers()
        .with_context(|| format!("{name} has no first line that names the columns"))?;
    let columns = find_columns(head).with_context(|| format!("{name} cannot be imported"))?;

    let topology = master.topology().clone();
    let rules = master.rules().clone();
    let only_pool = master.only_pool();
    let mut reader = Reader {
        columns,
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
    /// Reads one line: what there is to say about it, and the user if there is nothing wrong.
    fn read(
        &mut self,
        record: csv::Result<StringRecord>,
    ) -> anyhow::Result<(Line, Option<NewUser>)> {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Ok((broken_line(error)?, None)),
        };
        let number = record.position().map_or(0, csv::Position::line);
        let mut line = Line {
            line: number,
            user: None,
            added: false,
            password: None,
            faults: Vec::new(),
        };
        let field = |column: Option<usize>| {
            column
                .and_then(|column| record.get(column))
                .unwrap_or_default()
        };
        let trimmed = |column| field(column).trim();

        let aor = Aor::parse(trimmed(Some(self.columns.aor)))
            .map_err(|error| line.faults.push(chain(&error)))
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

/// A line that is no CSV is a fault of that line; a file that cannot be read ends the import.
fn broken_line(error: csv::Error) -> anyhow::Result<Line> {
    if error.is_io_error() {
        return Err(error).context("cannot read on");
    }
    let line = error.position().map_or(0, csv::Position::line);
    Ok(Line {
        line,
        user: None,
        added: false,
        password: None,
        faults: vec!["not text in UTF-8".to_owned()],
    })
}

fn find_columns(head: &StringRecord) -> anyhow::Result<Columns> {
    let names: Vec<String> = head
        .iter()
        .map(|name| {
            name.trim()
                .trim_start_matches('\u{feff}')
                .to_ascii_lowercase()
        })
        .collect();
    if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        bail!(
            "there is no column {unknown:?}; the columns are {}",
            COLUMNS.join(", ")
        );
    }
    let find = |wanted: &str| names.iter().position(|name| name == wanted);
    let need = |wanted| find(wanted).with_context(|| format!("the column {wanted:?} is missing"));
    Ok(Columns {
        aor: need("aor")?,
        password: need("password")?,
        name: find("name"),
        pool: find("pool"),
    })
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
        UserReply::Imported(_) | UserReply::Done | UserReply::Users { .. } => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let head = StringRecord::from(vec!["\u{feff}Pool", " password", "AOR"]);
        let found = find_columns(&head).unwrap();
        assert_eq!(
            found,
            Columns {
                aor: 2,
                password: 1,
                name: None,
                pool: Some(0)
            }
        );
    }

    #[test]
    fn a_missing_and_an_unknown_column_are_named() {
        let missing = find_columns(&StringRecord::from(vec!["aor", "name"])).unwrap_err();
        assert_eq!(missing.to_string(), "the column \"password\" is missing");
        let unknown =
            find_columns(&StringRecord::from(vec!["aor", "password", "phone"])).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "there is no column \"phone\"; the columns are aor, password, name, pool"
        );
    }
}
