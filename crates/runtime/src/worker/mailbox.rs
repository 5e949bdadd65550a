//! How other threads reach a worker: a bounded queue of letters.

use std::fmt;
use std::sync::Arc;

use base::net::{Effect, Event, WorkerId};
use tokio::sync::mpsc;

use super::stats::Stats;

/// What travels between threads.
#[derive(Debug)]
pub(crate) enum Letter<I> {
    /// For the machine.
    Input(I),
    /// From another worker's machine, about a flow of ours.
    Effect(WorkerId, Effect),
    /// From another worker, for our machine.
    Event(Event),
}

/// The mailbox is full or its worker is gone; the input was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker's mailbox is full or closed")]
pub struct Full;

/// Brings inputs to one worker's machine, from any thread.
pub struct Mailbox<I> {
    sender: mpsc::Sender<Letter<I>>,
    stats: Arc<Stats>,
}

impl<I> Mailbox<I> {
    pub(crate) fn new(sender: mpsc::Sender<Letter<I>>, stats: Arc<Stats>) -> Self {
        Self { sender, stats }
    }

    /// Hands an input over without waiting.
    ///
    /// # Errors
    /// When the mailbox is full or the worker has ended.
    pub fn post(&self, input: I) -> Result<(), Full> {
        self.send(Letter::Input(input))
    }

    /// Tells whether the worker still reads it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Hands an input over, waiting for room.
    ///
    /// # Errors
    /// When the worker has ended.
    pub async fn deliver(&self, input: I) -> Result<(), Full> {
        self.sender
            .send(Letter::Input(input))
            .await
            .map_err(|_| Full)
    }

    pub(crate) fn send(&self, letter: Letter<I>) -> Result<(), Full> {
        self.sender.try_send(letter).map_err(|_| {
            self.stats.mailbox_full.add(1);
            Full
        })
    }
}

impl<I> Clone for Mailbox<I> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            stats: Arc::clone(&self.stats),
        }
    }
}

impl<I> fmt::Debug for Mailbox<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("room", &self.sender.capacity())
            .finish_non_exhaustive()
    }
}
