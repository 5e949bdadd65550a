//! The network interfaces of a machine, and what the group of each has to let pass.

use crate::plan::{Admit, Basic, Chain, Direction, Plan, Rules, Zone};
use crate::render::words;
use crate::{AddressSet, Family};

/// The addresses of one network interface.
pub(super) struct Face {
    pub(super) word: &'static str,
    addresses: [AddressSet; 2],
}

/// Returns the faces of a machine that its rules are for: the one that faces inside, then the one that faces outside.
pub(super) fn of(plan: &Plan, rules: &Rules) -> Vec<Face> {
    let own = Family::ALL.map(|family| {
        let mut own = AddressSet::empty(family);
        for chain in &rules.chains {
            for admit in chain.admits.iter().filter(|admit| admit.family == family) {
                own = own.union(here(chain.direction, admit));
            }
        }
        own
    });
    let outer = |set: &AddressSet| {
        plan.zones()
            .set(Zone::External, set.family())
            .intersection(set)
    };
    let [v4, v6] = &own;
    let outside = [outer(v4), outer(v6)];
    let [outer_v4, outer_v6] = &outside;
    let inside = [v4.difference(outer_v4), v6.difference(outer_v6)];
    let faces = [("inside", inside), ("outside", outside)]
        .map(|(word, addresses)| Face { word, addresses });
    let used = |face: &Face| face.addresses.iter().any(|set| !set.is_empty());
    faces.into_iter().filter(used).collect()
}

/// The end of a rule that is this machine.
const fn here(direction: Direction, admit: &Admit) -> &AddressSet {
    match direction {
        Direction::In | Direction::Through => &admit.destinations,
        Direction::Out => &admit.sources,
    }
}

/// One rule of a group before it has a name.
pub(super) struct Rule {
    pub(super) family: Family,
    pub(super) description: String,
    pub(super) protocol: &'static str,
    pub(super) from: i32,
    pub(super) to: i32,
    pub(super) peer: String,
}

/// Returns the rules of one direction of a group.
pub(super) fn rules(plan: &Plan, chain: &Chain, face: &Face) -> Vec<Rule> {
    let mut all = basics(face);
    for admit in &chain.admits {
        all.extend(flow(plan, chain.direction, admit, face));
    }
    distinct(all)
}

/// Each rule once, with what it is for: AWS refuses a second one that differs in its description alone.
fn distinct(rules: Vec<Rule>) -> Vec<Rule> {
    let mut found: Vec<Rule> = Vec::with_capacity(rules.len());
    for rule in rules {
        let what = |r: &Rule| (r.family, r.protocol, r.from, r.to, r.peer.clone());
        match found.iter_mut().find(|other| what(other) == what(&rule)) {
            Some(other) if !other.description.contains(&rule.description) => {
                other.description = format!("{}; {}", other.description, rule.description);
            }
            Some(_) => {}
            None => found.push(rule),
        }
    }
    found
}

/// What belongs to no flow and is not already how security groups work: errors, and echo.
fn basics(face: &Face) -> Vec<Rule> {
    let mut found = Vec::new();
    for set in face.addresses.iter().filter(|set| !set.is_empty()) {
        let family = set.family();
        let (protocol, peer) = match family {
            Family::V4 => ("icmp", "0.0.0.0/0"),
            Family::V6 => ("icmpv6", "::/0"),
        };
        for basic in [Basic::Errors, Basic::Echo] {
            found.extend(basic.messages(family).iter().map(|kind| Rule {
                family,
                description: format!("basic {}", basic.name()),
                protocol,
                from: i32::from(*kind),
                // Every code of the type.
                to: -1,
                peer: peer.to_owned(),
            }));
        }
    }
    found
}

/// The rules of a face for one rule of the plan: one for each network of the peers and each range of ports.
fn flow(plan: &Plan, direction: Direction, admit: &Admit, face: &Face) -> Vec<Rule> {
    let own = here(direction, admit);
    if face
        .addresses
        .iter()
        .all(|set| set.intersection(own).is_empty())
    {
        return Vec::new();
    }
    let peers = match direction {
        Direction::In | Direction::Through => &admit.sources,
        Direction::Out => &admit.destinations,
    };
    let strangers = peers == plan.zones().set(Zone::Outside, admit.family);
    let peers = if strangers {
        AddressSet::all(admit.family).networks()
    } else {
        peers.networks()
    };
    let mut found = Vec::new();
    for peer in &peers {
        found.extend(ranges(&admit.ports).into_iter().map(|(from, to)| Rule {
            family: admit.family,
            description: words::comment(admit),
            protocol: words::carrier(admit.carrier),
            from: i32::from(from),
            to: i32::from(to),
            peer: peer.to_string(),
        }));
    }
    found
}

/// Ports that follow each other as first and last.
fn ranges(ports: &[u16]) -> Vec<(u16, u16)> {
    let mut found: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match found.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*port) => *last = *port,
            _ => found.push((*port, *port)),
        }
    }
    found
}
