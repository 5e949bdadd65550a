//! What a Front End remembers on its disk: a change log with a table of `sip` as its view. There are two, the bindings and
//! the messages that are kept for users who are away.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sip::{location, offline};
use store::{Index, Log, OpenError, Options, Recovery, Unreadable, View};

/// Registrations that survive the process.
pub type Bindings = Durable<location::Table>;

/// Messages for users who are away that survive the process.
pub type Messages = Durable<offline::Table>;

/// State in memory that follows from the changes of a log.
pub trait Table: Default + Send + Sync + 'static {
    /// What happens to it.
    type Change;
    /// What its records are, for people.
    const WHAT: &'static str;

    /// Applies a change that is durable.
    fn apply(&self, change: &Self::Change);
    /// Calls `each` with changes that make the table what it is.
    fn snapshot(&self, each: impl FnMut(Self::Change));
    /// Writes a change as a record.
    fn encode(change: &Self::Change) -> Vec<u8>;
    /// Reads a record.
    ///
    /// # Errors
    /// When it is no change of this version.
    fn decode(record: &[u8]) -> Result<Self::Change, sip::Unreadable>;
}

macro_rules! table {
    ($module:ident, $what:literal) => {
        impl Table for $module::Table {
            type Change = $module::Change;
            const WHAT: &'static str = $what;

            fn apply(&self, change: &Self::Change) {
                Self::apply(self, change);
            }

            fn snapshot(&self, each: impl FnMut(Self::Change)) {
                Self::snapshot(self, each);
            }

            fn encode(change: &Self::Change) -> Vec<u8> {
                change.encode()
            }

            fn decode(record: &[u8]) -> Result<Self::Change, sip::Unreadable> {
                $module::Change::decode(record)
            }
        }
    };
}

table!(location, "registrations");
table!(offline, "kept messages");

/// A table that survives the process.
pub struct Durable<T> {
    table: Arc<T>,
    log: Option<Log>,
}

struct TableView<T>(Arc<T>);

impl<T: Table> TableView<T> {
    fn take(&self, record: &[u8]) -> Result<(), Unreadable> {
        let change = T::decode(record).map_err(|_| Unreadable)?;
        self.0.apply(&change);
        Ok(())
    }
}

impl<T: Table> View for TableView<T> {
    fn restore(
        &self,
        _: Index,
        records: &mut dyn Iterator<Item = Bytes>,
    ) -> Result<(), Unreadable> {
        for record in records {
            self.take(&record)?;
        }
        Ok(())
    }

    fn apply(&self, _: Index, record: &[u8]) -> Result<(), Unreadable> {
        self.take(record)
    }

    fn dump(&self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        self.0.snapshot(|change| {
            if result.is_ok() {
                result = out(&T::encode(&change));
            }
        });
        result
    }
}

impl<T: Table> Durable<T> {
    /// Opens the table of a machine, as its last run left it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path) -> Result<(Self, Recovery), OpenError> {
        let table = Arc::new(T::default());
        let view = Arc::new(TableView(Arc::clone(&table)));
        let (log, recovery) = Log::open(folder, Options::default(), view)?;
        let log = Some(log);
        Ok((Self { table, log }, recovery))
    }

    /// Makes a table that nobody changes: for the roles that keep none.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            table: Arc::default(),
            log: None,
        }
    }

    /// Returns the table.
    #[must_use]
    pub const fn table(&self) -> &Arc<T> {
        &self.table
    }

    /// Returns what the log has done; `None` for a role that keeps none.
    #[must_use]
    pub fn log_stats(&self) -> Option<store::Stats> {
        self.log.as_ref().map(Log::stats)
    }

    /// Makes changes durable, then visible, then calls `done`.
    pub fn commit(&self, changes: &[T::Change], done: impl FnOnce(bool) + Send + 'static) {
        let Some(log) = &self.log else {
            return done(false);
        };
        let batch = changes.iter().map(|change| T::encode(change).into());
        log.append(batch.collect(), move |result| {
            if let Err(error) = &result {
                tracing::warn!(%error, what = T::WHAT, "changes could not be made durable");
            }
            done(result.is_ok());
        });
    }
}
