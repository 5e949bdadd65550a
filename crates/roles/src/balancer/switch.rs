//! Where each connection at a VIP goes.

use std::io;
use std::net::SocketAddr;

use base::net::Transport;
use logs::{Component, Direction, Flags, Level, Record, Value};
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
            .inspect_err(|refused| {
                tracing::debug!(pool = pool.name, %refused, "refused");
                let why = || format!("{refused}: {}", pool.servers.why(wanted));
                self.tell(way, pool, Level::Warning, "none", why);
            })
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

    fn failed(&self, way: &mut Way, why: &io::Error) {
        if let Some((pool, _)) = self.at(way) {
            self.tell(way, pool, Level::Warning, "unreachable", || why.to_string());
            if let Some(member) = way.member.take() {
                pool.servers.failed(member);
            }
        }
    }

    fn taken(&self, way: &mut Way) {
        if let Some((pool, door)) = self.at(way)
            && let Some(member) = way.member
        {
            pool.servers.lock().taken(member);
            let wanted = Wanted {
                source: way.arrival.source.ip(),
                persistence: door.persistence,
            };
            let name = pool.members.get(member.0);
            let name = name.map_or("none", |(name, _)| name.as_str());
            self.tell(way, pool, Level::Info, name, || pool.servers.why(wanted));
        }
    }

    fn ended(&self, way: Way, moved: Moved) {
        if let Some((pool, _)) = self.at(&way)
            && let Some(member) = way.member
        {
            pool.servers.lock().ended(member);
            self.tell(&way, pool, Level::Verbose, "closed", || {
                let Moved { inward, outward } = moved;
                format!("{inward} bytes of the client, {outward} of the member")
            });
        }
    }
}

impl Pools {
    fn tell(
        &self,
        way: &Way,
        pool: &Pool,
        level: Level,
        decision: &str,
        why: impl FnOnce() -> String,
    ) {
        let kinds = Flags::CONNECTION.with(Flags::COMPONENT);
        let fill = |record: &mut Record| {
            record.direction = Some(Direction::In);
            record.transport = Some(Transport::Tcp);
            record.peer = Some(way.arrival.source);
            record.local = Some(way.arrival.destination);
            let member = way.member.and_then(|member| pool.members.get(member.0));
            record.peer_name = member.map(|(name, _)| name.as_str().into());
            record.decision = Some(decision.into());
            record.reason = Some(Value::new(&why()));
        };
        self.recorder
            .record(Component::Balancer, level, kinds, fill);
    }
}
