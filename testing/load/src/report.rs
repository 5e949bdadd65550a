//! The figures as terminal tables, as Markdown between markers, and (through serde) as JSON.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, LineStyle, Table, presets};
use serde::Serialize;

use crate::machine::Machine;
use crate::memory::MemoryRow;
use crate::message::MessageRow;
use crate::peer::Name;
use crate::rounds::Row;

/// The work that is passed on, not answered: its rows have a table of their own.
pub(crate) const CALL: &str = "call";

/// Transactions of a call: INVITE and BYE.
const TRANSACTIONS: f64 = 2.0;

/// Everything that one run found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// On what.
    pub(crate) machine: Machine,
    /// Servers under load.
    pub(crate) rows: Vec<Row>,
    /// Phones that are signed in and silent.
    pub(crate) memory: Vec<MemoryRow>,
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

fn grids(report: &Report) -> [Grid; 4] {
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
            .filter(|row| row.work != CALL)
            .map(|row| cells(row, &report.rows))
            .collect(),
    };
    let calls = Grid {
        headings: vec![
            "a call through",
            "pace",
            "CPU us",
            "low-high",
            "messages passed on",
            "CPU us each",
            "x kamailio",
            "transactions / CPU s",
            "p50 / p99 ms",
            "calls/s",
        ],
        words: 2,
        lines: report
            .rows
            .iter()
            .filter(|row| row.work == CALL)
            .map(|row| call_cells(row, &report.rows))
            .collect(),
    };
    let memory = Grid {
        headings: vec![
            "idle phones at",
            "phones",
            "MiB before",
            "MiB after",
            "KiB each",
        ],
        words: 1,
        lines: report.memory.iter().map(memory_cells).collect(),
    };
    let messages = Grid {
        headings: vec!["message", "bytes", "ns", "messages/s", "instructions"],
        words: 1,
        lines: report.messages.iter().map(message_cells).collect(),
    };
    [servers, calls, memory, messages]
}

fn cells(row: &Row, all: &[Row]) -> Vec<String> {
    vec![
        row.work.to_owned(),
        row.pace.clone(),
        row.server.text().to_owned(),
        format!("{:.1}", row.cpu_us),
        format!("{:.1}-{:.1}", row.cpu_us_low, row.cpu_us_high),
        ratio(row, all, Name::Kamailio),
        ratio(row, all, Name::Echo),
        format!("{:.2} / {:.2}", row.p50_ms, row.p99_ms),
        pace_held(row),
    ]
}

/// Units a second, and what failed.
fn pace_held(row: &Row) -> String {
    match row.failures {
        0 => format!("{:.0}", row.per_second),
        failures => format!("{:.0} ({failures} failures)", row.per_second),
    }
}

fn call_cells(row: &Row, all: &[Row]) -> Vec<String> {
    let each = |row: &Row| row.cpu_us / row.passed_on;
    let kamailio = same_setting(row, all, Name::Kamailio);
    vec![
        row.server.text().to_owned(),
        row.pace.clone(),
        format!("{:.1}", row.cpu_us),
        format!("{:.1}-{:.1}", row.cpu_us_low, row.cpu_us_high),
        format!("{:.0}", row.passed_on),
        format!("{:.1}", each(row)),
        kamailio.map_or_else(
            || "-".to_owned(),
            |other| format!("{:.2}", each(row) / each(other)),
        ),
        format!("{:.0}", TRANSACTIONS * 1e6 / row.cpu_us),
        format!("{:.2} / {:.2}", row.p50_ms, row.p99_ms),
        pace_held(row),
    ]
}

fn memory_cells(row: &MemoryRow) -> Vec<String> {
    let mebibytes = |bytes: u64| format!("{}.{}", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024);
    vec![
        row.server.text().to_owned(),
        row.phones.to_string(),
        mebibytes(row.before),
        mebibytes(row.after),
        format!("{}.{}", row.each() >> 10, row.each() % 1024 * 10 / 1024),
    ]
}

/// Another server's figures for the same work at the same pace.
fn same_setting<'r>(row: &Row, all: &'r [Row], server: Name) -> Option<&'r Row> {
    all.iter()
        .find(|one| one.work == row.work && one.pace == row.pace && one.server == server)
}

/// How many times another server's cost.
fn ratio(row: &Row, all: &[Row], other: Name) -> String {
    same_setting(row, all, other).map_or_else(
        || "-".to_owned(),
        |other| format!("{:.2}", row.cpu_us / other.cpu_us),
    )
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
    use crate::memory::MemoryRow;
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
                row("call", Name::Vestibule, 60.0),
                row("call", Name::Kamailio, 240.0),
            ],
            messages: vec![MessageRow {
                what: "REGISTER: parse",
                bytes: 1168,
                nanos: 500.0,
                instructions: None,
            }],
            memory: vec![MemoryRow {
                server: Name::Vestibule,
                phones: 100,
                before: 10 << 20,
                after: (10 << 20) + 100 * 1536,
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
        assert!(
            page.contains(
                "| vestibule | 5000/s | 60.0 | 59.0-61.0 | 6 | 10.0 | 0.25 | 33333 | 0.10 / 0.50 | 5000 |"
            ),
            "{page}"
        );
        assert!(
            page.contains("| vestibule | 100 | 10.0 | 10.1 | 1.5 |"),
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
            passed_on: 6.0,
            failures: 0,
        }
    }
}
