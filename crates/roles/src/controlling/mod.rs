//! The controller: asks the agents of many machines the same thing at the same time, and puts together what they answer.
//!
//! ```text
//! Target (machine, where)  --+
//! Controller (operator)      +--> one task and one connection for each agent --> command: a reply of each
//! Request                  --+                                                   search: Results, oldest first
//!                                                                                follow: Following, as they come
//!                                                                                collect: files in a folder
//! ```
//!
//! Nothing depends on all agents answering, and silence is seen: there is a [`Report`] for each, which says whether all
//! of its answer is there and if not, why.
//!
//! Invariants
//! - An agent proves the name of its machine before it is asked anything, and speaks of that machine only: a record that
//!   names another is counted and left out, so that a machine that was taken over cannot tell tales of others.
//! - What agents say for people is cleaned before it is shown.
//!
//! Bounds: [`Pace`]; one connection for each agent. An agent whose share of [`Pace::waiting`] is full is not read from until
//! what it gave is taken.

mod collect;
mod command;
mod follow;
mod link;
mod report;
mod results;
mod source;
mod target;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use logs::Time;
use runtime::tls::examine::Guise;
use runtime::tls::{CredentialsError, Store};
use tokio::sync::Semaphore;

pub use collect::{Collected, Kept};
pub use command::{Reply, Said};
pub use follow::{Following, Heard};
pub use report::Report;
pub use results::Results;
pub use source::Found;
pub use target::Target;

/// How patient the controller is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a connection may take, and its handshake.
    pub patience: Duration,
    /// How long an agent that was asked may be silent.
    pub silence: Duration,
    /// How long is waited for one agent in all. Time in which nobody wanted to hear more does not count.
    pub whole: Duration,
    /// How many connections are being made at a time.
    pub at_once: usize,
    /// How many bytes of results wait in all, as text, for agents that are slower or for whoever reads them. All agents
    /// have the same share, at least one frame.
    pub waiting: usize,
}

impl Default for Pace {
    /// A lost packet is sent again within three seconds; a search that has to read every file may find nothing for a while.
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(3),
            silence: Duration::from_secs(30),
            whole: Duration::from_secs(300),
            at_once: 64,
            waiting: 64 << 20,
        }
    }
}

/// Asks agents in the name of an operator.
pub struct Controller {
    guise: Guise,
    pace: Pace,
    connecting: Semaphore,
}

impl Controller {
    /// Takes the certificate of an operator from its folder.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn new(operator: &Path, pace: Pace) -> Result<Arc<Self>, CredentialsError> {
        let store = Store::open(operator)?;
        Ok(Arc::new(Self {
            guise: Guise::server(&store),
            pace,
            connecting: Semaphore::new(pace.at_once.max(1)),
        }))
    }
}

/// The wall clock, to the microsecond.
#[must_use]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Time::ZERO.after(since.unwrap_or_default())
}
