//! Trying flows from this machine, or as a stranger: connections, handshakes and questions, as [`firewall::matrix`] lists
//! them, and what came of each.
//!
//! Nothing here judges, and nothing that is asked changes anything on the other side. Outcomes are told apart as finely as the
//! system tells them: `runtime::reach` for connections, `runtime::tls::examine` for handshakes.
//!
//! Bounds: [`Pace`].

mod agent;
mod attempt;
mod questions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::random::Random;
use firewall::matrix::{Found, Try};
use runtime::tls::examine::Guise;
use runtime::tls::{CredentialsError, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// How patient tries are.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long each step of a try may take: connecting, the handshake, an answer.
    pub patience: Duration,
    /// How many tries are under way at a time.
    pub at_once: usize,
    /// How long all of them may take; what is left then counts as not tried.
    pub whole: Duration,
}

impl Default for Pace {
    /// Long enough for a lost packet to be sent again, which takes the system one second.
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(3),
            at_once: 128,
            whole: Duration::from_secs(600),
        }
    }
}

/// As whom it is tried.
pub struct Identity {
    /// With the certificate of a machine: as a server, and as one that asks web sites.
    machine: Option<(Guise, Guise)>,
    /// Without one: as a phone or stranger, and as a browser.
    stranger: (Guise, Guise),
}

impl Identity {
    /// A machine with a certificate; strangers are played with the authorities that the machine believes.
    ///
    /// # Errors
    /// When its folder cannot be used.
    pub fn machine(folder: &Path) -> Result<Self, CredentialsError> {
        let store = Store::open(folder)?;
        let own = (Guise::server(&store), Guise::web(&store));
        let stranger = Self::stranger(&folder.join("ca.pem"))?.stranger;
        Ok(Self {
            machine: Some(own),
            stranger,
        })
    }

    /// Somebody without a certificate, who believes the authorities in a file.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn stranger(authorities: &Path) -> Result<Self, CredentialsError> {
        let plain = Guise::stranger(authorities)?;
        let browser = plain.of_a_browser();
        Ok(Self {
            machine: None,
            stranger: (plain, browser),
        })
    }
}

/// Makes tries.
pub struct Prober {
    identity: Identity,
    pace: Pace,
}

impl Prober {
    /// Prepares.
    #[must_use]
    pub fn new(identity: Identity, pace: Pace) -> Arc<Self> {
        Arc::new(Self { identity, pace })
    }

    /// Makes all tries, several at a time; returns what each found, in their order. `told` hears of each that ends.
    pub async fn carry_out(
        self: &Arc<Self>,
        tries: &[Try],
        seed: [u8; 32],
        mut told: impl FnMut(),
    ) -> Vec<Found> {
        let deadline = Instant::now() + self.pace.whole;
        let mut random = Random::new(seed);
        let mut waiting = tries.iter().cloned().enumerate();
        let mut running: JoinSet<(usize, Found)> = JoinSet::new();
        let mut found = BTreeMap::new();
        loop {
            while running.len() < self.pace.at_once.max(1)
                && let Some((place, one)) = waiting.next()
            {
                let (own, number) = (Arc::clone(self), random.next_u64());
                running.spawn(async move { (place, own.make(&one, number).await) });
            }
            match timeout_at(deadline, running.join_next()).await {
                Ok(Some(ended)) => {
                    // A task that panicked leaves its try without a result, which is told below.
                    found.extend(ended);
                    told();
                }
                Ok(None) | Err(_) => break,
            }
        }
        let mut taken = |place| found.remove(&place).unwrap_or_else(over);
        (0..tries.len()).map(&mut taken).collect()
    }
}

fn over() -> Found {
    Found::Untried {
        reason: "the time for all tries was over".to_owned(),
    }
}
