//! What commands say: tables and lines for people, JSON for programs.
//!
//! Answers go to standard output, what is wrong to standard error. Colour is used only on a terminal and never where
//! `NO_COLOR` is set. A reader that goes away (`| head`) ends the output, not the command.

mod mark;
mod table;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;

pub(crate) use mark::Mark;
pub(crate) use table::Table;

/// A language of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl From<Lang> for topology::flows::Lang {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::En,
            Lang::Ko => Self::Ko,
        }
    }
}

/// How a command that could be carried out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Done,
    /// What was looked at is not in order.
    Faults,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Faults => Self::from(1),
        }
    }
}

/// Where and how a command speaks.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    lang: Lang,
    colour_out: bool,
    colour_err: bool,
    terminal_err: bool,
}

impl Output {
    /// Decides on colour by looking at the terminal and the environment.
    pub(crate) fn new(json: bool, lang: Lang) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json,
            lang,
            colour_out: wanted && io::stdout().is_terminal(),
            colour_err: wanted && io::stderr().is_terminal(),
            terminal_err: io::stderr().is_terminal(),
        }
    }

    /// Tells whether JSON is wanted.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Returns the language that is wanted.
    pub(crate) fn lang(&self) -> Lang {
        self.lang
    }

    /// Tells whether standard output takes colour.
    pub(crate) fn has_colour(&self) -> bool {
        self.colour_out
    }

    /// Tells whether standard error takes colour.
    pub(crate) fn has_error_colour(&self) -> bool {
        self.colour_err
    }

    /// Prints a value as JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(&self, value: &T) -> anyhow::Result<()> {
        self.line(serde_json::to_string_pretty(value)?)
    }

    /// Prints a table, as wide as the terminal.
    pub(crate) fn table(&self, table: &Table) -> anyhow::Result<()> {
        self.line(table.to_text(self.colour_out))
    }

    /// Prints a line.
    pub(crate) fn line(&self, text: impl Display) -> anyhow::Result<()> {
        quiet_if_gone(writeln!(io::stdout().lock(), "{text}"))
    }

    /// Puts a word in front of a text that begins in the same column everywhere, in colour where there is any.
    pub(crate) fn marked(
        &self,
        mark: Mark,
        word: &str,
        width: usize,
        text: impl Display,
    ) -> String {
        mark.before(word, width, text, self.colour_out)
    }

    /// Prints bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        quiet_if_gone(io::stdout().lock().write_all(bytes))
    }

    /// Prints a line to standard error.
    pub(crate) fn complain(&self, text: impl Display) -> anyhow::Result<()> {
        quiet_if_gone(writeln!(io::stderr().lock(), "{text}"))
    }

    /// Shows how far long work has come, on a terminal only: each text takes the place of the one before.
    pub(crate) fn progress(&self, text: impl Display) {
        if self.terminal_err {
            // Who cannot see it misses nothing that is said again.
            drop(write!(io::stderr().lock(), "\r\x1b[K{text}"));
        }
    }

    /// Tells why a command could not be carried out, with all causes.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let error_word = Mark::Wrong.painted("error", self.colour_err);
        // There is nowhere left to complain if standard error is gone.
        drop(writeln!(io::stderr().lock(), "{error_word}: {error:#}"));
    }
}

/// Returns the columns of the terminal, if there is one; `COLUMNS`, if exported, counts before its size.
pub(crate) fn width() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok();
    let columns = columns.and_then(|text| text.parse().ok());
    columns.or_else(|| comfy_table::Table::new().width().map(usize::from))
}

fn quiet_if_gone(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
