//! The example topologies, and addresses of everybody in them.

use std::net::IpAddr;

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
    Topology::parse(text, name).unwrap_or_else(|faults| panic!("{}", faults.render(false)))
}

/// Returns an address.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
