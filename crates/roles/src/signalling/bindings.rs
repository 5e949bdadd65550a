//! The bindings of a pool on disk: the change log with the table of `sip` as its view.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sip::location::{Change, Locations, Table};
use store::{Index, Log, OpenError, Options, Recovery, Unreadable, View};

/// Bindings that survive the process.
pub struct Bindings {
    table: Arc<Table>,
    log: Option<Log>,
}

struct TableView(Arc<Table>);

impl View for TableView {
    fn restore(
        &self,
        _: Index,
        records: &mut dyn Iterator<Item = Bytes>,
    ) -> Result<(), Unreadable> {
        for record in records {
            self.0
                .apply(&Change::decode(&record).map_err(|_| Unreadable)?);
        }
        Ok(())
    }

    fn apply(&self, _: Index, record: &[u8]) -> Result<(), Unreadable> {
        self.0
            .apply(&Change::decode(record).map_err(|_| Unreadable)?);
        Ok(())
    }

    fn dump(&self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        self.0.snapshot(|change| {
            if result.is_ok() {
                result = out(&change.encode());
            }
        });
        result
    }
}

impl Bindings {
    /// Opens the bindings of a machine, as its last run left them.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path) -> Result<(Self, Recovery), OpenError> {
        let table = Arc::new(Table::default());
        let view = Arc::new(TableView(Arc::clone(&table)));
        let (log, recovery) = Log::open(folder, Options::default(), view)?;
        Ok((
            Self {
                table,
                log: Some(log),
            },
            recovery,
        ))
    }

    /// Makes bindings that nobody changes: for the roles that keep none.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            table: Arc::default(),
            log: None,
        }
    }

    /// Returns the read side.
    #[must_use]
    pub fn table(&self) -> Arc<dyn Locations> {
        Arc::clone(&self.table) as Arc<dyn Locations>
    }

    /// Returns how many users have bindings, and how many bindings there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.table.counts()
    }

    /// Returns what the log has done; `None` for a role that keeps none.
    #[must_use]
    pub fn log_stats(&self) -> Option<store::Stats> {
        self.log.as_ref().map(Log::stats)
    }

    /// Makes changes durable, then visible, then calls `done`.
    pub fn commit(&self, changes: &[Change], done: impl FnOnce(bool) + Send + 'static) {
        let Some(log) = &self.log else {
            return done(false);
        };
        let batch = changes
            .iter()
            .map(|change| Bytes::from(change.encode()))
            .collect();
        log.append(batch, move |result| {
            if let Err(error) = &result {
                tracing::warn!(%error, "registrations could not be made durable");
            }
            done(result.is_ok());
        });
    }
}
