//! Where each connection at a VIP goes.

use std::net::SocketAddr;

use runtime::passing::{Arrival, Moved, Onward, Switch};
use runtime::proxy_header::{self, Ends};
use web::balance::{MemberId, Tried};

use super::{DoorPlan, Pool, Pools};

/// A connection on its way.
pub struct Way {
    arrival: Arrival,
    tried: Tried,
    member: Option<MemberId>,
}

impl Pools {
    fn at(&self, way: &Way) -> Option<(&Pool, DoorPlan)> {
        let door = *self.doors.get(way.arrival.door)?;
        Some((self.pools.get(door.pool)?, door))
    }
}

impl Switch for Pools {
    type Way = Way;

    fn begin(&self, arrival: Arrival) -> Way {
        Way {
            arrival,
            tried: Tried::default(),
            member: None,
        }
    }

    fn next(&self, way: &mut Way) -> Option<Onward> {
        let (pool, door) = self.at(way)?;
        let now = self.clock.now().mono;
        let source = way.arrival.source.ip();
        let chosen = pool
            .lock()
            .choose(now, source, door.persistence, &mut way.tried);
        let member = chosen
            .inspect_err(|refused| tracing::debug!(pool = pool.name, %refused, "refused"))
            .ok()?;
        way.member = Some(member);
        let (_, address) = pool.members.get(member.0)?;
        Some(Onward {
            to: SocketAddr::new(*address, door.port),
            from: Some(self.own),
            header: proxy_header::write(&Ends {
                source: way.arrival.source,
                destination: way.arrival.destination,
            }),
        })
    }

    fn failed(&self, way: &mut Way) {
        let now = self.clock.now().mono;
        if let Some((pool, _)) = self.at(way)
            && let Some(member) = way.member.take()
        {
            pool.lock().failed(now, member);
            let address = pool.members.get(member.0).map(|(_, address)| *address);
            if let (Some(address), Some(told)) = (address, self.failures.get()) {
                told(address);
            }
        }
    }

    fn taken(&self, way: &mut Way) {
        if let Some((pool, _)) = self.at(way)
            && let Some(member) = way.member
        {
            pool.lock().taken(member);
        }
    }

    fn ended(&self, way: Way, _: Moved) {
        if let Some((pool, _)) = self.at(&way)
            && let Some(member) = way.member
        {
            pool.lock().ended(member);
        }
    }
}
