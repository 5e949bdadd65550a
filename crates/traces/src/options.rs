//! How much may be kept, where and for how long.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::Valve;
use logs::ThrottleOptions;

/// What a deployment chooses. The defaults are those of the original where it has them.
#[derive(Clone)]
pub struct Options {
    /// Bytes of records that wait for the writer; what comes on top is dropped.
    pub queue_bytes: usize,
    /// A file is finished when its compressed records take so much room.
    pub segment_bytes: u64,
    /// A file is finished when it is so old.
    pub segment_age: Duration,
    /// What is kept.
    pub retention: Retention,
    /// When a component is silenced.
    pub throttle: ThrottleOptions,
    /// Who tells how much room there is.
    pub space: Arc<dyn Space>,
    /// Shut while more records wait than the writer takes in a moment; who makes records asks it first.
    pub valve: Arc<Valve>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_bytes: 16 << 20,
            segment_bytes: 32 << 20,
            segment_age: Duration::from_secs(3600),
            retention: Retention::default(),
            throttle: ThrottleOptions::default(),
            space: Arc::new(Disk),
            valve: Arc::default(),
        }
    }
}

/// What is kept of finished files. Both shares are of the whole file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Files whose last record is older are removed.
    pub age: Duration,
    /// All files together take no more than this share, in per cent.
    pub share: u8,
    /// Files give way when less than this share is free, in per cent, down to a tenth of what they may take: a disk that
    /// others fill costs history, but not all of it.
    pub keep_free: u8,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(14 * 86_400),
            share: 20,
            keep_free: 5,
        }
    }
}

/// The room of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that an ordinary process may still use.
    pub free: u64,
}

/// Tells how much room there is.
pub trait Space: Send + Sync {
    /// Returns the room of the file system that a directory is on.
    ///
    /// # Errors
    /// The operating system does not tell.
    fn of(&self, dir: &Path) -> io::Result<Room>;
}

/// The file system itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Space for Disk {
    fn of(&self, dir: &Path) -> io::Result<Room> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(Room {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}
