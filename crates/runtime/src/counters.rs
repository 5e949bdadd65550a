//! Counters that many threads change and an exporter reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that anybody may change at any time.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Takes away.
    pub fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    /// Returns it as it is at the moment.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Makes a struct of counters: `counters! { /// Doc. Name; field: Counter, "Help."; ... }`.
#[macro_export]
macro_rules! counters {
    ($(#[$doc:meta])* $vis:vis $type:ident; $($name:ident: $kind:ident, $help:literal;)*) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        $vis struct $type {
            $(#[doc = $help] pub(crate) $name: $crate::counters::Count,)*
        }

        impl $type {
            /// Returns every number with its name, kind and meaning, for an exporter.
            #[must_use]
            pub fn each(&self) -> Vec<(&'static str, $crate::metrics::Kind, &'static str, u64)> {
                vec![$((stringify!($name), $crate::metrics::Kind::$kind, $help, self.$name.read()),)*]
            }
        }
    };
}
