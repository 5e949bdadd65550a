//! The two clocks of a process, read as a core wants them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base::{Mono, Now, UnixMillis};

/// Reads both clocks; copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self::start()
    }
}

impl Clock {
    /// Returns a clock whose monotonic origin is this moment.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            mono: self.mono(),
            wall: self.wall(),
        }
    }

    /// Reads the monotonic clock.
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono::ZERO.after(self.origin.elapsed())
    }

    /// Reads the wall clock; a clock before 1970 reads as 1970.
    #[must_use]
    pub fn wall(&self) -> UnixMillis {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Returns the moment of the operating system's clock that a monotonic time stands for.
    #[must_use]
    pub fn instant(&self, at: Mono) -> Instant {
        self.origin + at.since(Mono::ZERO)
    }
}
