//! What a role finds on its way to a decision, for whoever asks later why it was made.
//!
//! A decision says what is done and by which rule ([`super::Why`]), to the sender often less than that on purpose. Notes
//! say what was looked at. Nobody writes any while nobody reads them.

use std::cell::{Cell, RefCell};
use std::fmt::{Display, Write as _};

/// No decision needs more words.
const LONGEST: usize = 1_000;

/// The notes of one decision.
#[derive(Default)]
pub(crate) struct Notes {
    wanted: Cell<bool>,
    text: RefCell<String>,
}

impl Notes {
    /// Begins anew.
    pub(crate) fn begin(&self, wanted: bool) {
        self.wanted.set(wanted);
        if wanted {
            self.text.borrow_mut().clear();
        }
    }

    /// Adds a note, if somebody reads it.
    pub(crate) fn add<T: Display>(&self, note: impl FnOnce() -> T) {
        if !self.wanted.get() {
            return;
        }
        let note = note();
        let mut text = self.text.borrow_mut();
        if text.len() > LONGEST {
            return;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{note}");
    }

    /// Takes what was noted.
    pub(crate) fn take(&self) -> String {
        self.text.take()
    }
}
