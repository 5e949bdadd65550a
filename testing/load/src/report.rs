//! The figures as terminal tables, as Markdown between markers, and (through serde) as JSON.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, LineStyle, Table, presets};
use serde::Serialize;

use crate::machine::Machine;
use crate::message::MessageRow;
use crate::peer::Name;
use crate::rounds::Row;

/// Everything that one run found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// On what.
    pub(crate) machine: Machine,
    /// Servers under load.
    pub(crate) rows: Vec<Row>,
    /// Messages without a network.
    pub(crate) messages: Vec<MessageRow>,
    /// What could not be measured, or not to the end, and why.
    pub(crate) faults: Vec<String>,
}

/// One table: headings, the number of leading columns that hold words, lines.
struct Grid {
    headings: Vec<&'static str>,
    words: usize,
    lines: Vec<Vec<String>>,
}

/// Returns the report for a terminal.
pub(crate) fn table(report: &Report) -> String {
    let mut text = on(&report.machine);
    for grid in grids(report) {
        let _ = write!(text, "\n{}", drawn(&grid));
    }
    for line in &report.faults {
        let _ = write!(text, "\n{line}");
    }
    text
}

/// Returns the report for `BENCHMARKS.md`.
pub(crate) fn markdown(report: &Report) -> String {
    let mut text = format!("{}\n", on(&report.machine));
    for Grid {
        headings,
        words,
        lines,
    } in grids(report)
    {
        let _ = writeln!(text, "\n| {} |", headings.join(" | "));
        for column in 0..headings.len() {
            text.push_str(if column < words { "|---" } else { "|---:" });
        }
        text.push_str("|\n");
        for line in lines {
            let _ = writeln!(text, "| {} |", line.join(" | "));
        }
    }
    for line in &report.faults {
        let _ = write!(text, "\n{line}\n");
    }
    text
}

/// Puts text between the markers of one benchmark in a page; `None` if the page has none.
pub(crate) fn place(page: &str, bench: &str, text: &str) -> Option<String> {
    let begin = format!("<!-- begin: cargo xtask bench {bench} -->\n");
    let end = format!("<!-- end: cargo xtask bench {bench} -->");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{text}\n{end}{after}"))
}

/// The line that says on what a run was made.
pub(crate) fn on(machine: &Machine) -> String {
    let Machine {
        load_before,
        date,
        commit,
        processor,
        cores,
        kernel,
        system,
        kamailio,
    } = machine;
    format!(
        "{date}, commit {commit}, {processor} x {cores}, Linux {kernel}, {system}, Kamailio {kamailio}, load before {load_before}."
    )
}

fn drawn(grid: &Grid) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(grid.headings.iter());
    for column in table.column_iter_mut().skip(grid.words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.add_rows(grid.lines.iter());
    table
}

fn grids(report: &Report) -> [Grid; 2] {
    let servers = Grid {
        headings: vec![
            "work",
            "pace",
            "server",
            "CPU us",
            "low-high",
            "x kamailio",
            "x echo",
            "p50 / p99 ms",
            "units/s",
        ],
        words: 3,
        lines: report
            .rows
            .iter()
            .map(|row| cells(row, &report.rows))
            .collect(),
    };
    let messages = Grid {
        headings: vec!["message", "bytes", "ns", "messages/s", "instructions"],
        words: 1,
        lines: report.messages.iter().map(message_cells).collect(),
    };
    [servers, messages]
}

fn cells(row: &Row, all: &[Row]) -> Vec<String> {
    let failed = match row.failures {
        0 => String::new(),
        failures => format!(" ({failures} failures)"),
    };
    vec![
        row.work.to_owned(),
        row.pace.clone(),
        row.server.text().to_owned(),
        format!("{:.1}", row.cpu_us),
        format!("{:.1}-{:.1}", row.cpu_us_low, row.cpu_us_high),
        ratio(row, all, Name::Kamailio),
        ratio(row, all, Name::Echo),
        format!("{:.2} / {:.2}", row.p50_ms, row.p99_ms),
        format!("{:.0}{failed}", row.per_second),
    ]
}

/// How many times another server's cost.
fn ratio(row: &Row, all: &[Row], other: Name) -> String {
    let other = all
        .iter()
        .find(|one| one.work == row.work && one.pace == row.pace && one.server == other);
    let Some(other) = other else {
        return "-".to_owned();
    };
    format!("{:.2}", row.cpu_us / other.cpu_us)
}

fn message_cells(row: &MessageRow) -> Vec<String> {
    vec![
        row.what.to_owned(),
        row.bytes.to_string(),
        format!("{:.0}", row.nanos),
        format!("{:.0}", 1e9 / row.nanos),
        row.instructions
            .map_or_else(|| "-".to_owned(), |count| count.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Report, markdown, place, table};
    use crate::machine::Machine;
    use crate::message::MessageRow;
    use crate::peer::Name;
    use crate::rounds::Row;

    #[test]
    fn a_page_keeps_what_stands_outside_the_markers() {
        let (begin, end) = (
            "<!-- begin: cargo xtask bench sip -->\n",
            "<!-- end: cargo xtask bench sip -->",
        );
        let page = format!("head\n{begin}old\n{end}\ntail\n");
        let once = place(&page, "sip", "new").expect("markers");
        assert_eq!(once, format!("head\n{begin}\nnew\n{end}\ntail\n"));
        assert_eq!(place(&once, "sip", "new").as_deref(), Some(once.as_str()));
        assert_eq!(place("no markers", "sip", "new"), None);
    }

    #[test]
    fn ratios_compare_servers_of_the_same_setting() {
        let report = Report {
            machine: Machine::look(),
            rows: vec![
                row("a", Name::Vestibule, 20.0),
                row("a", Name::Kamailio, 50.0),
                row("b", Name::Kamailio, 5.0),
            ],
            messages: vec![MessageRow {
                what: "REGISTER: parse",
                bytes: 1168,
                nanos: 500.0,
                instructions: None,
            }],
            faults: vec!["SKIPPED: one thing".to_owned()],
        };
        let page = markdown(&report);
        assert!(
            page.contains("| a | 5000/s | vestibule | 20.0 | 19.0-21.0 | 0.40 | - |"),
            "{page}"
        );
        assert!(
            page.contains("| REGISTER: parse | 1168 | 500 | 2000000 | - |"),
            "{page}"
        );
        assert!(table(&report).contains("SKIPPED: one thing"));
    }

    fn row(work: &'static str, server: Name, cpu_us: f64) -> Row {
        Row {
            work,
            pace: "5000/s".to_owned(),
            server,
            cpu_us,
            cpu_us_low: cpu_us - 1.0,
            cpu_us_high: cpu_us + 1.0,
            p50_ms: 0.1,
            p99_ms: 0.5,
            per_second: 5000.0,
            failures: 0,
        }
    }
}
