//! The example topologies, and random ones that are in order.

use std::fmt::Write as _;
use std::net::IpAddr;

use proptest::prelude::*;
use topology::Topology;

/// Every example of the repository, by name.
pub(crate) const EXAMPLES: [(&str, &str); 4] = [
    (
        "reference",
        include_str!("../../../../examples/reference.toml"),
    ),
    ("gateway", include_str!("../../../../examples/gateway.toml")),
    (
        "single-director",
        include_str!("../../../../examples/single-director.toml"),
    ),
    (
        "small-office",
        include_str!("../../../../examples/small-office.toml"),
    ),
];

/// Parses a topology that is in order.
pub(crate) fn parse(name: &str, text: &str) -> Topology {
    Topology::parse(text, name).unwrap_or_else(|faults| panic!("{text}\n{}", faults.render(false)))
}

/// Returns an address.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How the Directors of a random topology are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    /// At their own addresses.
    Members,
    /// The web at a VIP of ours.
    Web,
    /// Everything at a VIP of ours.
    All,
    /// The web at the VIP of a box that the topology does not know.
    Box,
}

/// What a random topology is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    directors: u8,
    front_ends: u8,
    front: Front,
    edge: bool,
    proxy: bool,
    /// The name service stands on the balancer or a Front End, not on a machine of its own.
    shares: bool,
    names_outside: bool,
    gateway: bool,
    federation: bool,
    beside: bool,
    ipv6: bool,
    wide: bool,
}

/// Topologies with few machines and every kind of party.
pub(crate) fn any() -> impl Strategy<Value = Topology> {
    let front = prop_oneof![
        Just(Front::Members),
        Just(Front::Web),
        Just(Front::All),
        Just(Front::Box),
    ];
    let flags = proptest::array::uniform9(proptest::bool::ANY);
    (0_u8..3, 1_u8..3, front, flags).prop_map(|(directors, front_ends, front, flags)| {
        let [
            edge,
            proxy,
            shares,
            names_outside,
            gateway,
            federation,
            beside,
            ipv6,
            wide,
        ] = flags;
        let parts = Parts {
            directors,
            front_ends,
            front,
            edge,
            proxy,
            shares,
            names_outside: names_outside && !shares,
            gateway,
            federation: federation && edge,
            beside,
            ipv6,
            wide,
        };
        parse("random", &parts.text())
    })
}

impl Parts {
    fn inner(&self, host: u8) -> String {
        if self.ipv6 {
            format!("fd00::{host}")
        } else {
            format!("10.0.0.{host}")
        }
    }

    fn perimeter(&self, host: u8) -> String {
        if self.ipv6 {
            format!("fd00:1::{host}")
        } else {
            format!("172.16.0.{host}")
        }
    }

    fn text(&self) -> String {
        let clients = if self.wide {
            r#"["10.0.0.0/8", "172.16.0.0/12", "fd00::/8"]"#
        } else {
            r#"["10.0.0.0/16", "fd00::/64"]"#
        };
        let mut text =
            format!("version = 1\ndomains = [\"x.example\"]\nclient_networks = {clients}\n");
        if self.beside {
            text.push_str(
                "[firewall]\nadmin_networks = [\"10.0.9.0/24\", \"192.0.2.0/28\", \"fd00::9:0/112\"]\n\
                 time_servers = [\"10.0.0.53\", \"10.0.9.123\", \"198.51.100.123\", \"fd00::9:123\"]\n\
                 revocation_servers = [\"198.51.100.80\", \"2001:db8::80\"]\n",
            );
        }
        if self.federation {
            text.push_str("[federation]\nmode = \"open\"\n");
        }
        if self.gateway {
            text.push_str("[sip]\nplain = [\"udp\"]\n");
        }
        self.pools(&mut text);
        self.machines(&mut text);
        text
    }

    fn pools(&self, text: &mut String) {
        let mut pool = |name: &str, role: &str, more: &str| {
            let fqdn = format!("{name}.x.test");
            writeln!(
                text,
                "[[pool]]\nfqdn = \"{fqdn}\"\nrole = \"{role}\"\n{more}"
            )
            .unwrap();
        };
        if self.directors > 0 {
            let vip = format!("vip = \"{}\"", self.inner(10));
            let vip = match self.front {
                Front::Members => String::new(),
                Front::Web | Front::Box => vip,
                Front::All => format!("{vip}\nload_balancing = \"hlb\""),
            };
            pool("dirs", "director", &vip);
        }
        for n in 0..self.front_ends {
            pool(&format!("fe{n}"), "front_end", "");
        }
        if self.edge {
            pool("edge", "edge", "");
        }
        if self.proxy {
            pool("rp", "reverse_proxy", "");
        }
        if self.has_balancer() {
            pool("lb", "load_balancer", "");
        }
        pool("ns", "dns", "");
    }

    fn has_balancer(&self) -> bool {
        self.directors > 0 && matches!(self.front, Front::Web | Front::All)
    }

    fn machines(&self, text: &mut String) {
        let mut machine = |name: &str, pools: &[&str], address: String, external: Option<u8>| {
            let pools: Vec<String> = pools
                .iter()
                .map(|pool| format!("\"{pool}.x.test\""))
                .collect();
            let pools = pools.join(", ");
            let fqdn = format!("{name}.m.test");
            writeln!(
                text,
                "[[machine]]\nfqdn = \"{fqdn}\"\npools = [{pools}]\naddress = \"{address}\""
            )
            .unwrap();
            if let Some(host) = external {
                writeln!(text, "external = \"203.0.113.{host}\"").unwrap();
            }
        };
        let shared = |pool: &'static str, here: bool| {
            if here && self.shares {
                vec![pool, "ns"]
            } else {
                vec![pool]
            }
        };
        for n in 0..self.directors {
            machine(&format!("dir{n}"), &["dirs"], self.inner(11 + n), None);
        }
        for n in 0..self.front_ends {
            let pool: &'static str = if n == 0 { "fe0" } else { "fe1" };
            let pools = shared(pool, n == 0 && !self.has_balancer());
            machine(&format!("fe{n}"), &pools, self.inner(21 + n), None);
        }
        if self.has_balancer() {
            machine("lb", &shared("lb", true), self.inner(5), None);
        }
        if self.edge {
            machine("edge", &["edge"], self.perimeter(10), Some(10));
        }
        if self.proxy {
            machine("rp", &["rp"], self.perimeter(20), Some(20));
        }
        if self.names_outside {
            machine("ns", &["ns"], self.perimeter(53), Some(53));
        } else if !self.shares {
            machine("ns", &["ns"], self.inner(53), None);
        }
        if self.gateway {
            let address = self.inner(90);
            writeln!(
                text,
                "[[gateway]]\nfqdn = \"gw.x.test\"\naddress = \"{address}\"\nport = 5070"
            )
            .unwrap();
        }
    }
}
