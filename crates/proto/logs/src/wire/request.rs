//! What a controller asks of an agent.

use serde::{Deserialize, Serialize};

use super::{LONGEST_REQUEST, Message};
use crate::{Duration, Query, Span};

/// Which of the three ports something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// 50001: commands.
    Command,
    /// 50002: searches.
    Search,
    /// 50003: live tail and collection of files.
    Tail,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Start a scenario; answered by [`super::Answer::Running`].
    Start {
        /// Its name.
        scenario: String,
        /// For how long, if not for as long as usual.
        duration: Option<Duration>,
    },
    /// Stop a scenario; answered by [`super::Answer::Running`].
    Stop {
        /// Its name.
        scenario: String,
    },
    /// Change the end of all scenarios that have one; answered by [`super::Answer::Running`].
    Update {
        /// From now on, how long.
        duration: Duration,
    },
    /// Which scenarios run; answered by [`super::Answer::Running`].
    Show,
    /// Bring everything captured so far to the disk.
    Sync,
    /// How the agent is; answered by [`super::Answer::Status`].
    Status,
    /// Search; answered by [`super::Answer::Records`], oldest first.
    Search(Query),
    /// Send what is captured from now on and matches, as it comes; answered by [`super::Answer::Records`] and
    /// [`super::Answer::Missed`] until the controller closes the connection. The query's time does not count.
    Tail(Query),
    /// Send the trace files that have something of this time; answered by [`super::Answer::File`] and
    /// [`super::Answer::Bytes`].
    Collect(Span),
}

impl Request {
    /// Returns the port that it belongs to; on another it is refused.
    #[must_use]
    pub const fn service(&self) -> Service {
        match self {
            Self::Start { .. }
            | Self::Stop { .. }
            | Self::Update { .. }
            | Self::Show
            | Self::Sync
            | Self::Status => Service::Command,
            Self::Search(_) => Service::Search,
            Self::Tail(_) | Self::Collect(_) => Service::Tail,
        }
    }

    /// Says what is asked, for refusals and logs.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start a scenario",
            Self::Stop { .. } => "stop a scenario",
            Self::Update { .. } => "change how long scenarios run",
            Self::Show => "see which scenarios run",
            Self::Sync => "bring records to the disk",
            Self::Status => "see how an agent is",
            Self::Search(_) => "search",
            Self::Tail(_) => "follow what is captured",
            Self::Collect(_) => "collect trace files",
        }
    }
}

impl Message for Request {
    const KIND: u8 = 1;
    const LONGEST: usize = LONGEST_REQUEST;
}
