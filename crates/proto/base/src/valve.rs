//! Whether somebody who takes things in can take more: a sign that whoever offers looks at before making them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Open while there is room. Shared by those who offer and the one who takes; a new one is open.
///
/// What it turns away was never made, so all that is left of it is a count.
#[derive(Debug, Default)]
pub struct Valve {
    shut: AtomicBool,
    turned_away: AtomicU64,
}

impl Valve {
    /// Tells whether there is room.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.shut.load(Ordering::Relaxed)
    }

    /// Tells whether one more thing may be made, and counts it if it may not.
    #[must_use]
    pub fn admits(&self) -> bool {
        let open = self.is_open();
        if !open {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        open
    }

    /// Opens or shuts it.
    pub fn set(&self, open: bool) {
        if self.is_open() != open {
            self.shut.store(!open, Ordering::Relaxed);
        }
    }

    /// Returns how many things were turned away.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Valve;

    #[test]
    fn what_is_not_admitted_is_counted() {
        let valve = Valve::default();
        assert!(valve.admits());
        valve.set(false);
        assert!(!valve.admits() && !valve.admits() && !valve.is_open());
        valve.set(true);
        assert!(valve.admits());
        assert_eq!(valve.turned_away(), 2);
    }
}
