//! The names of the deployment, answered over UDP and TCP (port summary row 17).
//!
//! Wiring only: what is answered is decided in `dns`, what exists in `topology`. It resolves nothing for anybody.
//!
//! - [`zone`] turns what a machine knows of the topology into a [`dns::Zone`].
//! - [`bind`] opens what the flow table names; [`serve()`] answers on it until it is dropped.
//! - [`Names`] is what both share with the rest of the machine: the zone, which can be replaced, and the counters.
//!
//! Invariants: the face on which a query arrives chooses what is seen; a query is answered from one whole zone, also
//! while the zone is replaced.
//!
//! Bounds: one query at a time on each UDP socket, what arrives meanwhile waits in the system's buffer and is lost when
//! that is full; [`serve::CONNECTIONS_MAX`] TCP connections over all sockets, each for [`serve::CONNECTION_TIME`] and
//! with one query at a time (RFC 7766 section 6.2). Records: 1,000 answers and 20 refusals a second, the next of which says how
//! many were left out.

pub mod ask;
mod counters;
mod listen;
pub mod serve;
mod told;
mod zone;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base::Mono;
use base::random::Random;
use dns::{Health, Query, Rates, Verdict, Zone};
use traces::Recorder;

pub use counters::Counters;
pub use listen::{BindError, Listening, Socket, bind};
pub use serve::serve;
pub use zone::{data, zone};

use told::Told;

/// What is answered, and what was.
pub struct Names {
    zone: ArcSwap<Zone>,
    health: Arc<dyn Health + Send + Sync>,
    counters: Counters,
    told: Told,
}

impl Names {
    /// Begins with a zone; `health` is asked anew for each answer and must not wait.
    #[must_use]
    pub fn new(zone: Zone, health: Arc<dyn Health + Send + Sync>) -> Self {
        Self {
            zone: ArcSwap::from_pointee(zone),
            health,
            counters: Counters::default(),
            told: Told::default(),
        }
    }

    /// Has answers recorded.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        let told = Told::by(recorder);
        Self { told, ..self }
    }

    /// Puts another zone in the place of the one before; answers under way are finished from the old one.
    pub fn replace(&self, zone: Zone) {
        self.zone.store(Arc::new(zone));
    }

    /// Returns what was counted.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Answers a datagram as far as the rates allow, and counts it; `None` if nothing goes back.
    fn answer_at(
        &self,
        query: Query<'_>,
        (from, now): (SocketAddr, Mono),
        rates: &mut Rates,
        random: &mut Random,
    ) -> Option<Vec<u8>> {
        let reply = self.zone.load().answer(query, &*self.health, random);
        self.counters.take(query.transport, &reply);
        let reply = reply.ok()?;
        let verdict = rates.judge(now, from.ip(), &reply);
        self.told.answered(&query, (from, now), &reply, verdict);
        match verdict {
            Verdict::Send => Some(reply.bytes),
            Verdict::Slip => {
                self.counters.slipped.one_more();
                dns::cut(query.bytes)
            }
            Verdict::Drop => {
                self.counters.limited.one_more();
                None
            }
        }
    }

    /// Answers a query and counts it; `None` if nothing goes back.
    fn answer(
        &self,
        query: Query<'_>,
        (from, now): (SocketAddr, Mono),
        random: &mut Random,
    ) -> Option<Vec<u8>> {
        let reply = self.zone.load().answer(query, &*self.health, random);
        self.counters.take(query.transport, &reply);
        let reply = reply.ok()?;
        self.told
            .answered(&query, (from, now), &reply, Verdict::Send);
        Some(reply.bytes)
    }
}

#[cfg(test)]
mod tests;
