//! The same records with other means: their text in one file with ripgrep, a table of SQLite with FTS5.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::sample;

/// A search is made so often.
const ROUNDS: usize = 3;
/// How a field and a line end in what SQLite imports.
const FIELD: u8 = 0x1f;
const LINE: u8 = 0x1e;

/// What a peer took.
#[derive(Debug, Serialize)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) records: u64,
    pub(super) disk_mib: f64,
    /// Processor time of taking one record in; none where it is only a file.
    pub(super) cpu_us: Option<f64>,
    /// What was looked for, and the median of the rounds.
    pub(super) searches: Vec<(&'static str, f64)>,
}

/// Searches the text with ripgrep. `None` if it is not installed.
///
/// # Errors
/// It fails, or finds what is not there.
pub(super) fn ripgrep(folder: &Path, count: u64) -> anyhow::Result<Option<Peer>> {
    if Command::new("rg")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        return Ok(None);
    }
    let path = folder.join("export.txt");
    let mut out = BufWriter::new(File::create(&path)?);
    for number in 0..count {
        out.write_all(logs::line::text_of(&sample::record(number, count)).as_bytes())?;
    }
    drop(out);
    let call = sample::call_id(count / 3);
    let questions: [(&'static str, &[&str], &str, bool); 5] = [
        ("a Call-ID", &["-F"], &call, true),
        ("a rare word", &["-F"], sample::RARE, true),
        (
            "words that are nowhere, parts of them everywhere",
            &["-F"],
            sample::NOWHERE,
            false,
        ),
        ("a pattern of two fixed bytes", &[], sample::FEW_FIXED, true),
        ("a pattern without fixed words", &[], "[g-z]{30}", false),
    ];
    let mut searches = Vec::new();
    for (what, options, words, there) in questions {
        let mut millis = Vec::new();
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            let mut rg = Command::new("rg");
            rg.arg("--no-config")
                .arg("--text")
                .args(options)
                .args(["-e", words])
                .arg(&path);
            let status = rg.stdout(Stdio::null()).status()?;
            millis.push(begin.elapsed().as_secs_f64() * 1e3);
            if status.success() != there {
                bail!("ripgrep looked for {what} and ended with {status}");
            }
        }
        searches.push((what, middle(millis)));
    }
    let disk_mib = size(&path)?;
    fs::remove_file(path)?;
    Ok(Some(Peer {
        name: "ripgrep over the text",
        records: count,
        disk_mib,
        cpu_us: None,
        searches,
    }))
}

/// Puts records into SQLite, the message into FTS5 and the Call-ID into an index. `None` if it is not installed.
///
/// # Errors
/// It fails, or finds what is not there.
pub(super) fn sqlite(folder: &Path, count: u64) -> anyhow::Result<Option<Peer>> {
    if Command::new("sqlite3")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        return Ok(None);
    }
    let rows = folder.join("rows");
    let mut out = BufWriter::new(File::create(&rows)?);
    for number in 0..count {
        let record = sample::record(number, count);
        write!(out, "{}", record.time.0)?;
        out.write_all(&[FIELD])?;
        out.write_all(sample::call_id(number).as_bytes())?;
        out.write_all(&[FIELD])?;
        out.write_all(record.text.as_bytes())?;
        out.write_all(&[LINE])?;
    }
    drop(out);
    let database = folder.join("sqlite.db");
    let script = format!(
        "PRAGMA journal_mode=WAL; CREATE TEMP TABLE rows(time INTEGER, call TEXT, text TEXT);\n\
         .mode ascii\n.import {rows} rows\n.mode list\n\
         CREATE TABLE calls(call TEXT, row INTEGER);\nCREATE INDEX by_call ON calls(call);\n\
         CREATE VIRTUAL TABLE messages USING fts5(text, time UNINDEXED);\n.timer on\n\
         INSERT INTO messages(rowid, text, time) SELECT rowid, text, time FROM rows;\n\
         INSERT INTO calls SELECT call, rowid FROM rows;\n\
         SELECT count(*) FROM messages WHERE rowid = (SELECT row FROM calls WHERE call = '{call}');\n\
         SELECT count(*) FROM messages WHERE messages MATCH '{rare}';\n",
        rows = rows.display(),
        call = sample::call_id(count / 3),
        rare = sample::RARE,
    );
    let text = run(&database, &script)?;
    let times: Vec<[f64; 3]> = text.lines().filter_map(timer).collect();
    let [messages, calls, call, rare] = times.as_slice() else {
        bail!("sqlite3 told {} times, not four: {text}", times.len());
    };
    let cpu = |[_, user, system]: &[f64; 3]| user + system;
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let peer = Peer {
        name: "SQLite FTS5",
        records: count,
        disk_mib: size(&database)?,
        cpu_us: Some((cpu(messages) + cpu(calls)) * 1e6 / count as f64),
        searches: vec![("a Call-ID", call[0] * 1e3), ("a rare word", rare[0] * 1e3)],
    };
    fs::remove_file(rows)?;
    fs::remove_file(database)?;
    Ok(Some(peer))
}

fn run(database: &Path, script: &str) -> anyhow::Result<String> {
    let mut child = Command::new("sqlite3")
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("no input")?;
    input.write_all(script.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("sqlite3 ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads `Run Time: real 0.1 user 0.2 sys 0.3`, in seconds.
fn timer(line: &str) -> Option<[f64; 3]> {
    let rest = line.strip_prefix("Run Time: real ")?;
    let mut words = rest.split_whitespace();
    let real = words.next()?.parse().ok()?;
    let user = words.nth(1)?.parse().ok()?;
    let system = words.nth(1)?.parse().ok()?;
    Some([real, user, system])
}

fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn size(path: &Path) -> anyhow::Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a size on a disk")]
    Ok(fs::metadata(path)?.len() as f64 / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use super::timer;

    #[test]
    fn the_shell_of_sqlite_tells_times() {
        assert_eq!(
            timer("Run Time: real 0.5 user 0.25 sys 0.125"),
            Some([0.5, 0.25, 0.125])
        );
        assert_eq!(timer("1"), None);
    }
}
