//! Handshakes under way at a listener, counted apart from those who have come in.

use std::collections::VecDeque;

use tokio::task::{AbortHandle, JoinSet};

/// Handshakes in the order in which they began. When there are too many the oldest gives way, so that strangers who begin
/// and never finish keep nobody out.
pub(crate) struct Handshakes<T> {
    most: usize,
    running: JoinSet<Option<T>>,
    order: VecDeque<AbortHandle>,
}

impl<T: Send + 'static> Handshakes<T> {
    /// None yet, and never more than so many.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            running: JoinSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Begins one.
    pub(crate) fn begin(&mut self, handshake: impl Future<Output = Option<T>> + Send + 'static) {
        self.order.retain(|handle| !handle.is_finished());
        if self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        self.order.push_back(self.running.spawn(handshake));
    }

    /// Waits for the next to end: with somebody who is proven, or without. Nothing if none is under way.
    pub(crate) async fn next(&mut self) -> Option<Option<T>> {
        let ended = self.running.join_next().await?;
        Some(ended.ok().flatten())
    }
}
