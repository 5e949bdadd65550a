//! What a report looks like on a terminal: the rows with their verdicts, why some fail, what came through beyond
//! them, the matrix.

use std::net::IpAddr;

use firewall::matrix::{Cell, Outcome, Report, Run, Words};

use crate::output::{Output, Table};

/// How many tries that went wrong are told; JSON has all of them.
const TOLD: usize = 40;

pub(super) fn print(report: &Report, output: &Output) -> anyhow::Result<()> {
    if output.is_json() {
        return output.json(report);
    }
    let words = Words::new(output.lang().into());
    output.table(&rows(report, words))?;
    wrong(report, words, output)?;
    if !report.beyond.is_empty() {
        output.line(format_args!("\n{}:", words.beyond()))?;
        for why in &report.beyond {
            output.line(format_args!("  {why}"))?;
        }
    }
    output.line("")?;
    output.table(&matrix(report, words))?;
    output.line(words.legend())?;
    for run in &report.runs {
        output.line(words.run(run))?;
    }
    output.line(words.whole(report))
}

/// Tells each wanted try that went wrong, once, with the rows that it stands for.
fn wrong(report: &Report, words: Words, output: &Output) -> anyhow::Result<()> {
    let wrong: Vec<&Outcome> = report
        .tries
        .iter()
        .filter(|one| one.is_wrong() && one.wanted)
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    output.line(format_args!("\n{}:", words.because()))?;
    for one in wrong.iter().take(TOLD) {
        let flows: Vec<String> = one.flows.iter().map(ToString::to_string).collect();
        output.line(format_args!("  {}: {}", flows.join(", "), one.sentence()))?;
    }
    if let Some(more) = wrong.len().checked_sub(TOLD).filter(|more| *more > 0) {
        output.line(format_args!("  ... +{more} (--json)"))?;
    }
    Ok(())
}

fn rows(report: &Report, words: Words) -> Table {
    let mut table = Table::new(words.head()).right(0);
    for row in &report.rows {
        table.row([
            row.flow.to_string(),
            row.service.clone(),
            row.source.clone(),
            row.destination.clone(),
            words.counted(row),
        ]);
    }
    table
}

fn matrix(report: &Report, words: Words) -> Table {
    let names = report
        .targets
        .iter()
        .map(|name| short(name, &report.targets));
    let head = std::iter::once(words.from_to()).chain(names);
    let mut table = Table::new(head);
    for Run { from, .. } in &report.runs {
        let cells = report.targets.iter().map(|target| {
            let mut cells = report.cells.iter();
            let cell = cells.find(|cell| cell.from == *from && cell.to == *target);
            cell.map(Cell::text).unwrap_or_default()
        });
        let name = short(from, &report.targets).to_owned();
        table.row(std::iter::once(name).chain(cells));
    }
    table
}

/// The first label of a name, where no other begins with the same; an address as it is.
fn short<'a>(name: &'a str, all: &[String]) -> &'a str {
    if name.parse::<IpAddr>().is_ok() {
        return name;
    }
    let label = |name: &'a str| name.split('.').next().unwrap_or(name);
    let own = label(name);
    let same = |other: &&String| other.split('.').next() == Some(own) && **other != name;
    if all.iter().any(|other| same(&other)) {
        name
    } else {
        own
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn names_are_shortened_as_far_as_they_stay_apart() {
        let all = [
            "fe01.contoso.net",
            "fe01.fabrikam.net",
            "dir01.contoso.net",
            "10.0.0.123",
        ];
        let all = all.map(str::to_owned);
        let found: Vec<&str> = all.iter().map(|name| short(name, &all)).collect();
        assert_eq!(
            found,
            [
                "fe01.contoso.net",
                "fe01.fabrikam.net",
                "dir01",
                "10.0.0.123"
            ]
        );
        assert_eq!(short("client", &all), "client");
    }
}
