//! Putting a topology on this machine's loopback addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, bail};
use roles::machine::StartError;
use roles::signalling::BindError;
use topology::Topology;

/// Far from what other programs use.
pub(crate) const DEFAULT: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
/// By how much low ports are moved for those who may not open them.
const SHIFT: u16 = 10_000;

/// A topology with loopback addresses.
pub(crate) struct Placed {
    /// The topology.
    pub(crate) topology: Topology,
    /// By how much ports below 1024 were moved.
    pub(crate) shifted: Option<u16>,
}

/// Gives each machine a loopback address, and ports that this account may open.
pub(crate) fn place(topology: &Topology, base: Ipv4Addr) -> anyhow::Result<Placed> {
    if !base.is_loopback() {
        bail!("{base} is not a loopback address; choose one in 127.0.0.0/8");
    }
    let topology = topology.on_loopback(base);
    let low = lowest_port(&topology);
    if low.is_none_or(may_open) {
        return Ok(Placed {
            topology,
            shifted: None,
        });
    }
    let shifted = topology.with_low_ports_shifted(SHIFT);
    let topology = shifted
        .context("ports below 1024 may not be opened, and moving them up makes some meet others")?;
    Ok(Placed {
        topology,
        shifted: Some(SHIFT),
    })
}

fn lowest_port(topology: &Topology) -> Option<SocketAddr> {
    let listeners = topology
        .machines()
        .iter()
        .flat_map(|machine| topology.listeners(machine));
    let low = listeners.filter(|listener| listener.transport != base::net::Transport::Udp);
    let lowest = low
        .map(|listener| listener.address)
        .min_by_key(SocketAddr::port)?;
    (lowest.port() < topology::FIRST_UNPRIVILEGED).then_some(lowest)
}

/// Tries; only the refusal itself counts, an address in use is somebody else's question.
fn may_open(address: SocketAddr) -> bool {
    match TcpListener::bind(address) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::PermissionDenied,
    }
}

/// Says what was done about ports that may not be opened, and what would help.
pub(crate) fn explain_shift(by: u16) -> String {
    format!(
        "This account may not open ports below {}, so they were moved up by {by}.\n\
         To have the real ones: sudo sysctl net.ipv4.ip_unprivileged_port_start=53",
        topology::FIRST_UNPRIVILEGED
    )
}

/// Says what to do when the addresses are taken.
pub(crate) fn explain(error: StartError, base: Ipv4Addr) -> anyhow::Error {
    let taken = matches!(
        &error,
        StartError::Listen {
            source: BindError::InUse { .. },
            ..
        }
    );
    let error = anyhow::Error::new(error);
    if !taken {
        return error;
    }
    let [a, b, c, d] = base.octets();
    let other = IpAddr::from([a, b, c.wrapping_add(1), d]);
    error.context(format!(
        "another program has these addresses; try others, as --loopback {other}"
    ))
}
