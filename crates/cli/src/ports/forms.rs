//! The port summary in its forms: for terminals, documents and spreadsheets.

use topology::{HostLine, Line};

use super::head::Head;
use crate::output::Table;

/// Returns the table for the terminal.
pub(super) fn table(lines: &[Line], head: &Head) -> Table {
    let columns = [
        head.id,
        head.service,
        head.source,
        head.destination,
        head.note,
    ];
    let mut table = Table::new(columns).right(0);
    for line in lines {
        table.row([
            line.id.to_string(),
            line.service(),
            party(&line.source, &line.source_hosts, "\n  "),
            party(&line.destination, &line.destination_hosts, "\n  "),
            line.note.to_owned(),
        ]);
    }
    table
}

/// Returns a table of Markdown.
pub(super) fn markdown(lines: &[Line], head: &Head) -> String {
    let row = |cells: [&str; 5]| {
        let safe = cells.map(|cell| cell.replace('|', "\\|"));
        format!("| {} |", safe.join(" | "))
    };
    let mut text = vec![
        row([
            head.id,
            head.service,
            head.source,
            head.destination,
            head.note,
        ]),
        row(["---"; 5]),
    ];
    for line in lines {
        text.push(row([
            &line.id.to_string(),
            &line.service(),
            &party(&line.source, &line.source_hosts, "<br>"),
            &party(&line.destination, &line.destination_hosts, "<br>"),
            line.note,
        ]));
    }
    text.join("\n")
}

/// Returns a sheet in which hosts have columns of their own.
pub(super) fn csv(lines: &[Line], head: &Head) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let addresses = |hosts: &[HostLine]| hosts.iter().map(host).collect::<Vec<_>>().join(" ");
    writer.write_record([
        head.id,
        head.service,
        head.source,
        head.source_hosts,
        head.destination,
        head.destination_hosts,
        head.note,
    ])?;
    for line in lines {
        writer.write_record([
            &line.id.to_string(),
            &line.service(),
            &line.source,
            &addresses(&line.source_hosts),
            &line.destination,
            &addresses(&line.destination_hosts),
            line.note,
        ])?;
    }
    Ok(writer.into_inner()?)
}

/// The words for a party, then its hosts; where every machine is meant the words are enough.
fn party(words: &str, hosts: &[HostLine], separator: &str) -> String {
    const LISTED: usize = 6;
    let mut lines = vec![words.to_owned()];
    if hosts.len() <= LISTED {
        lines.extend(hosts.iter().map(host));
    }
    lines.join(separator)
}

/// Returns a host as it is printed.
pub(super) fn host(host: &HostLine) -> String {
    if host.name.is_empty() {
        host.address.clone()
    } else {
        format!("{} ({})", host.name, host.address)
    }
}
