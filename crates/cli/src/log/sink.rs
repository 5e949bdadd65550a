//! Where records go: standard output or a file, in one of three forms.
//!
//! What is written is written by another thread, so that a reader that takes its time (a pager) holds up the agents and not
//! the connections. A reader that goes away ends the search quietly. A file is appended to, as the original does, never cut;
//! it ends with a whole record, and is on the disk when the command ends.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use logs::Record;
use tokio::task::JoinHandle;

use super::people::People;

/// So much is gathered before it is written, unless there is nothing more to gather.
const GATHERED: usize = 64 << 10;

/// A form of records.
pub(super) enum Form {
    /// One line for people, or a few.
    People(People),
    /// One line of JSON.
    Json,
    /// The text form, as it is stored and searched.
    Text,
}

/// Where records go.
pub(super) struct Sink {
    form: Form,
    to: To,
    gathered: String,
    /// What is being written; who gives up waiting for it may come back.
    writing: Option<JoinHandle<io::Result<()>>>,
    /// Whether the reader has gone.
    gone: bool,
}

#[derive(Clone)]
enum To {
    Out,
    File(Arc<File>, PathBuf),
}

impl Sink {
    /// Writes to standard output.
    pub(super) const fn out(form: Form) -> Self {
        Self {
            form,
            to: To::Out,
            gathered: String::new(),
            writing: None,
            gone: false,
        }
    }

    /// Appends to a file, which only its owner may read if it is made here: logs tell who spoke with whom.
    pub(super) fn file(path: &Path, form: Form) -> anyhow::Result<Self> {
        let shown = path.display();
        let opened = OpenOptions::new()
            .append(true)
            .read(true)
            .create(true)
            .mode(0o600)
            .open(path);
        let mut file = opened.with_context(|| format!("cannot write to {shown}"))?;
        let torn = ends_in_a_line(&mut file).with_context(|| format!("cannot read {shown}"))?;
        let gathered = if torn { "\n".to_owned() } else { String::new() };
        Ok(Self {
            form,
            to: To::File(Arc::new(file), path.to_owned()),
            gathered,
            writing: None,
            gone: false,
        })
    }

    /// Tells whether nobody reads what is written.
    pub(super) const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Tells whether records go to standard output.
    pub(super) const fn is_out(&self) -> bool {
        matches!(self.to, To::Out)
    }

    /// Adds a line that is no record.
    pub(super) fn add_line(&mut self, line: &str) {
        self.gathered.push_str(line);
        self.gathered.push('\n');
    }

    /// Tells whether there is nothing to write.
    pub(super) const fn is_idle(&self) -> bool {
        self.gathered.is_empty() && self.writing.is_none()
    }

    /// Leaves what is not written yet: its reader takes nothing.
    pub(super) const fn give_up(&mut self) {
        self.gone = true;
    }

    /// Adds a record, whose text form is this; it may be written later.
    pub(super) async fn put(&mut self, record: &Record, text: &str) -> anyhow::Result<()> {
        match &self.form {
            Form::People(people) => people.write(record, &mut self.gathered),
            Form::Json => self.add_line(&record.to_json()),
            Form::Text => self.gathered.push_str(text),
        }
        if self.gathered.len() >= GATHERED {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes what was gathered.
    pub(super) async fn flush(&mut self) -> anyhow::Result<()> {
        self.written().await?;
        if !self.gathered.is_empty() {
            let (text, to) = (std::mem::take(&mut self.gathered), self.to.clone());
            let writing = tokio::task::spawn_blocking(move || to.write(text.as_bytes()));
            self.writing = Some(writing);
        }
        self.written().await
    }

    /// Waits for what is being written.
    async fn written(&mut self) -> anyhow::Result<()> {
        let Some(writing) = &mut self.writing else {
            return Ok(());
        };
        let written = writing.await;
        self.writing = None;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            written => written.with_context(|| self.to.fault()),
        }
    }

    /// Writes what is left, to the disk if it is a file.
    pub(super) async fn end(&mut self) -> anyhow::Result<()> {
        self.flush().await?;
        if let To::File(file, _) = &self.to {
            match file.sync_all() {
                // A pipe or a terminal has no disk behind it.
                Err(error) if error.kind() != ErrorKind::InvalidInput => {
                    return Err(error).with_context(|| self.to.fault());
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

impl To {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Out => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::File(file, _) => (&mut &**file).write_all(bytes),
        }
    }

    fn fault(&self) -> String {
        match self {
            Self::Out => "standard output takes no more".to_owned(),
            Self::File(_, path) => format!(
                "{} takes no more; what was written to it before is there",
                path.display()
            ),
        }
    }
}

/// Tells whether a file ends within a line, as after a disk that was full: a record would begin in the middle of it.
fn ends_in_a_line(file: &mut File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
