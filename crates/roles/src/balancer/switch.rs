//! Where each connection at a VIP goes.

use std::net::SocketAddr;

use runtime::passing::{Arrival, Moved, Onward, Switch};
use runtime::proxy_header::{self, Ends};
use web::balance::{MemberId, Tried};

use super::{DoorPlan, Pool, Pools};
use crate::relay::Wanted;

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
        let wanted = Wanted {
            source: way.arrival.source.ip(),
            persistence: door.persistence,
        };
        let chosen = pool.servers.choose(wanted, &mut way.tried);
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
        if let Some((pool, _)) = self.at(way)
            && let Some(member) = way.member.take()
        {
            pool.servers.failed(member);
        }
    }

    fn taken(&self, way: &mut Way) {
        if let Some((pool, _)) = self.at(way)
            && let Some(member) = way.member
        {
            pool.servers.lock().taken(member);
        }
    }

    fn ended(&self, way: Way, _: Moved) {
        if let Some((pool, _)) = self.at(&way)
            && let Some(member) = way.member
        {
            pool.servers.lock().ended(member);
        }
    }
}
