//! Where everybody stands: which machine has which address in which network, and by whom it reaches the others.
//!
//! Four networks in a row, a packet filter between the first two and between the last two:
//!
//! ```text
//! strangers            perimeter machines                     all other machines
//! --- street --- outer --- external | internal --- inner --- inside ---
//! lists                                                      clients, admin, time
//! ```
//!
//! A machine with an external address stands in the perimeter with one leg in `external` and one in `internal`, and
//! passes nothing between them. It reaches the inside by `inner` and everybody else by `outer`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use topology::{Machine, Network, Topology};

/// The packet filter between strangers and the perimeter.
pub const OUTER: &str = "outer";
/// The packet filter between the perimeter and the inside.
pub const INNER: &str = "inner";
/// Machines outside that nobody knows.
pub const STRANGERS: [&str; 2] = ["stranger1", "stranger2"];
/// Machines of clients inside.
pub const CLIENTS: [&str; 2] = ["client1", "client2"];
/// Inside, whence machines are administered.
pub const ADMIN: &str = "admin";
/// Inside, where machines ask for the time.
pub const TIME: &str = "time";
/// Outside, where lists of revoked certificates are published.
pub const LISTS: &str = "lists";
/// Everybody who is no machine of a topology, and where they stand.
pub const GUESTS: [(&str, Net); 7] = [
    (STRANGERS[0], Net::Street),
    (STRANGERS[1], Net::Street),
    (LISTS, Net::Street),
    (CLIENTS[0], Net::Inside),
    (CLIENTS[1], Net::Inside),
    (ADMIN, Net::Inside),
    (TIME, Net::Inside),
];

/// A network of the bed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Net {
    /// Outside.
    Street,
    /// The outer side of the perimeter.
    External,
    /// The inner side of the perimeter.
    Internal,
    /// Inside.
    Inside,
}

impl Net {
    /// All of them, from the outside inwards.
    pub const ALL: [Self; 4] = [Self::Street, Self::External, Self::Internal, Self::Inside];

    /// Returns its name, which is that of every interface in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Street => "street",
            Self::External => "external",
            Self::Internal => "internal",
            Self::Inside => "inside",
        }
    }
}

/// The addresses of the four networks, as far as a topology does not give them.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// The networks, from the outside inwards.
    pub networks: [Network; 4],
    /// The packet filters' addresses in them.
    pub routers: [IpAddr; 4],
    /// Those of [`GUESTS`].
    pub guests: [IpAddr; 7],
}

impl Ground {
    /// Where the machines of the reference topology are at home, and whom it names beside them.
    pub const IPV4: Self = Self {
        networks: [
            v4([198, 51, 100, 0], 24),
            v4([203, 0, 113, 0], 24),
            v4([172, 16, 0, 0], 24),
            v4([10, 0, 0, 0], 8),
        ],
        routers: [
            v4([198, 51, 100, 1], 32).address,
            v4([203, 0, 113, 1], 32).address,
            v4([172, 16, 0, 1], 32).address,
            v4([10, 0, 0, 1], 32).address,
        ],
        guests: [
            v4([198, 51, 100, 10], 32).address,
            v4([198, 51, 100, 20], 32).address,
            v4([198, 51, 100, 80], 32).address,
            v4([10, 0, 1, 10], 32).address,
            v4([10, 0, 1, 20], 32).address,
            v4([10, 0, 9, 10], 32).address,
            v4([10, 0, 0, 123], 32).address,
        ],
    };

    /// The same in IPv6: documentation addresses outside, unique local ones inside.
    pub const IPV6: Self = Self {
        networks: [
            v6([0x2001, 0xdb8, 0x51], 0, 64),
            v6([0x2001, 0xdb8, 0x113], 0, 64),
            v6([0xfd00, 0xdb8, 0x16], 0, 64),
            v6([0xfd00, 0xdb8, 0x10], 0, 64),
        ],
        routers: [
            v6([0x2001, 0xdb8, 0x51], 1, 128).address,
            v6([0x2001, 0xdb8, 0x113], 1, 128).address,
            v6([0xfd00, 0xdb8, 0x16], 1, 128).address,
            v6([0xfd00, 0xdb8, 0x10], 1, 128).address,
        ],
        guests: [
            v6([0x2001, 0xdb8, 0x51], 0x10, 128).address,
            v6([0x2001, 0xdb8, 0x51], 0x20, 128).address,
            v6([0x2001, 0xdb8, 0x51], 0x80, 128).address,
            v6([0xfd00, 0xdb8, 0x10], 0x110, 128).address,
            v6([0xfd00, 0xdb8, 0x10], 0x120, 128).address,
            v6([0xfd00, 0xdb8, 0x10], 0x910, 128).address,
            v6([0xfd00, 0xdb8, 0x10], 0x123, 128).address,
        ],
    };

    /// Returns the addresses of a network.
    #[must_use]
    pub const fn network(&self, net: Net) -> Network {
        self.networks[net as usize]
    }

    const fn router(&self, net: Net) -> IpAddr {
        self.routers[net as usize]
    }
}

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Network {
    let address = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    Network { address, prefix }
}

const fn v6([a, b, c]: [u16; 3], last: u16, prefix: u8) -> Network {
    let address = IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, last));
    Network { address, prefix }
}

/// A machine of the bed before it exists.
#[derive(Debug)]
pub(super) struct Place {
    /// Its name; machines of the topology have their own.
    pub(super) name: String,
    /// Where it stands.
    pub(super) legs: Vec<Leg>,
    /// Whom it asks to reach what is elsewhere; `None` is everywhere.
    routes: Vec<(Option<Network>, IpAddr)>,
    /// Whether it passes on what is not for itself.
    pub(super) forwards: bool,
}

/// An interface.
#[derive(Debug)]
pub(super) struct Leg {
    /// In which network.
    pub(super) net: Net,
    /// Its own address first; any others are held beside it.
    addresses: Vec<IpAddr>,
    /// How long the network's prefix is.
    prefix: u8,
}

impl Place {
    /// Returns its addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.legs
            .iter()
            .flat_map(|leg| leg.addresses.iter().copied())
    }

    /// Returns what `ip -batch` has to do in the place itself, once its interfaces are there.
    pub(super) fn commands(&self) -> String {
        let mut lines = Vec::new();
        for leg in &self.legs {
            let device = leg.net.name();
            lines.push(format!("link set {device} up"));
            for (number, address) in leg.addresses.iter().enumerate() {
                let alone = if address.is_ipv4() { 32 } else { 128 };
                let prefix = if number == 0 { leg.prefix } else { alone };
                // Nobody else has the address, and nobody waits until that is certain.
                let at_once = if address.is_ipv4() { "" } else { " nodad" };
                lines.push(format!("addr add {address}/{prefix} dev {device}{at_once}"));
            }
        }
        for (to, via) in &self.routes {
            let to = to.map_or_else(|| "default".to_owned(), |network| network.to_string());
            lines.push(format!("route add {to} via {via}"));
        }
        lines.join("\n") + "\n"
    }
}

/// Returns every place of a bed: the machines in the order of the file, packet filters, guests.
pub(super) fn places(topology: &Topology, ground: &Ground) -> Vec<Place> {
    let leg = |net: Net, addresses: Vec<IpAddr>| Leg {
        net,
        addresses,
        prefix: ground.network(net).prefix,
    };
    let single = |name: &str, net: Net, address: IpAddr| Place {
        name: name.to_owned(),
        legs: vec![leg(net, vec![address])],
        routes: vec![(None, ground.router(net))],
        forwards: false,
    };
    let filter = |name: &str, sides: [Net; 2]| Place {
        name: name.to_owned(),
        legs: sides.map(|net| leg(net, vec![ground.router(net)])).into(),
        routes: Vec::new(),
        forwards: true,
    };
    let machines = topology.machines().iter().map(|machine| {
        let name = machine.fqdn.to_string();
        let (inner, outer) = addresses(topology, machine);
        if outer.is_empty() {
            let mut place = single(&name, Net::Inside, machine.address);
            place.legs = vec![leg(Net::Inside, inner)];
            return place;
        }
        let inside = Some(ground.network(Net::Inside));
        Place {
            name,
            legs: vec![leg(Net::External, outer), leg(Net::Internal, inner)],
            routes: vec![
                (None, ground.router(Net::External)),
                (inside, ground.router(Net::Internal)),
            ],
            forwards: false,
        }
    });
    let filters = [
        filter(OUTER, [Net::Street, Net::External]),
        filter(INNER, [Net::Internal, Net::Inside]),
    ];
    let guests = GUESTS.into_iter().zip(ground.guests);
    let guests = guests.map(|((name, net), address)| single(name, net, address));
    machines.chain(filters).chain(guests).collect()
}

/// Returns a machine's addresses on its inner side, VIPs behind its own, and on its outer side.
fn addresses(topology: &Topology, machine: &Machine) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let mut outer: Vec<IpAddr> = machine.external.into_iter().collect();
    outer.extend(machine.published.filter(|it| !outer.contains(it)));
    let mut inner = vec![machine.address];
    for listener in topology.listeners(machine) {
        let address = listener.address.ip();
        if listener.vip_of.is_some() && !inner.contains(&address) {
            inner.push(address);
        }
    }
    (inner, outer)
}
