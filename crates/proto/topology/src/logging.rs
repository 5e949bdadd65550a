//! What a checked file says of logging: the scenarios of the deployment, and how much each machine keeps.

use std::time::Duration;

use logs::Scenarios;

use crate::Topology;

/// Logging on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logging {
    /// The scenarios that can be started: the predefined ones and those of the file.
    pub scenarios: Scenarios,
    /// A trace file is finished at this size.
    pub file_size: u64,
    /// A trace file is finished at this age.
    pub file_age: Duration,
    /// Traces are removed at this age.
    pub retention: Duration,
    /// The share of the file system that traces may take, in per cent.
    pub disk_share: u8,
    /// The share of the file system for whose sake traces give way, in per cent.
    pub keep_free: u8,
    /// Bytes of records that wait to be written.
    pub queue: usize,
    /// Records a second of one component beyond which it is silenced.
    pub throttle: u32,
    /// Whether the bodies of messages are kept.
    pub bodies: bool,
}

impl Topology {
    /// Returns what is logged and how much of it is kept.
    #[must_use]
    pub const fn logging(&self) -> &Logging {
        &self.logging
    }
}
