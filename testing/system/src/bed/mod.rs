//! A whole topology on kernels of its own: a network namespace for each machine, with its real addresses and ports.
//!
//! Each machine of the file is a namespace in which the real binary runs as that machine; bridges are its networks, two
//! more namespaces route between them where a packet filter belongs ([`layout`]), and some stand for guests: clients and
//! administrators inside, strangers outside. The bridges are in a namespace too, so the host's own network is not touched at all, and all of
//! it is gone with the processes and descriptors that hold it ([`namespace`]).
//!
//! ```no_run
//! # use system::bed::{Bed, CLIENTS, Ground};
//! let bed = Bed::build(include_str!("../../../../examples/reference.toml"), &Ground::IPV4).unwrap();
//! bed.at(CLIENTS[0]).enter(|| { /* connects, starts phones: as a client inside */ });
//! ```
//!
//! Needs root and iproute2. Bounds: as many namespaces as the topology has machines, and ten.

mod beside;
mod filters;
mod knock;
mod layout;
mod namespace;
mod rules;
mod running;
mod watch;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use thiserror::Error;
use topology::Topology;

pub use beside::Beside;
pub use filters::Filters;
pub use layout::{ADMIN, CLIENTS, GUESTS, Ground, INNER, LISTS, Net, OUTER, STRANGERS, TIME};
pub use namespace::Namespace;
pub use rules::Rule;
pub use running::Running;
pub use watch::{Beginning, HOOKS};

use layout::Place;

/// What the kernel is told of every place: it is for packet filters alone to say what comes from a wrong side, and
/// neighbours hear only of addresses of their own network.
const SETTINGS: [(&str, &str); 4] = [
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/conf/all/arp_announce", "2"),
    ("ipv4/conf/all/arp_ignore", "1"),
];
/// And of those that route.
const FORWARDING: [(&str, &str); 2] = [("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")];

/// Why there is no bed.
#[derive(Debug, Error)]
pub enum BedError {
    /// The topology is refused; its faults.
    #[error("the topology is refused: {0}")]
    Topology(String),
    /// A file could not be written.
    #[error("the folder of the bed could not be made")]
    Folder(#[source] io::Error),
    /// A network could not be made.
    #[error("the networks of {place} could not be made")]
    Network {
        /// Whose.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The networks of a topology and everybody in them; nothing runs there yet ([`Running`] does).
#[derive(Debug)]
pub struct Bed {
    ground: Ground,
    topology: Topology,
    file: PathBuf,
    folder: tempfile::TempDir,
    places: BTreeMap<String, (Namespace, Vec<IpAddr>)>,
    _switches: Namespace,
}

impl Bed {
    /// Builds the networks of a topology.
    ///
    /// # Errors
    /// Fails when the topology has faults, or without root.
    pub fn build(text: &str, ground: &Ground) -> Result<Self, BedError> {
        let topology = Topology::parse(text, "topology.toml");
        let topology = topology.map_err(|faults| BedError::Topology(faults.to_string()))?;
        let folder = tempfile::tempdir().map_err(BedError::Folder)?;
        let file = folder.path().join("topology.toml");
        std::fs::write(&file, text).map_err(BedError::Folder)?;
        let switches = switches().map_err(|source| BedError::Network {
            place: "bridges".to_owned(),
            source,
        })?;
        let mut places = BTreeMap::new();
        for (number, place) in layout::places(&topology, ground).into_iter().enumerate() {
            let built = put(&place, number, &switches).map_err(|source| BedError::Network {
                place: place.name.clone(),
                source,
            })?;
            let addresses = place.addresses().collect();
            places.insert(place.name, (built, addresses));
        }
        Ok(Self {
            ground: *ground,
            topology,
            file,
            folder,
            places,
            _switches: switches,
        })
    }

    /// Returns where someone stands: a machine by its name, or one of the others.
    ///
    /// # Panics
    /// When there is nobody of this name.
    #[must_use]
    pub fn at(&self, name: &str) -> &Namespace {
        &self.place(name).0
    }

    /// Returns the addresses that someone has, VIPs among them.
    ///
    /// # Panics
    /// When there is nobody of this name.
    #[must_use]
    pub fn addresses(&self, name: &str) -> &[IpAddr] {
        &self.place(name).1
    }

    /// Returns the names of the machines in the order of the file.
    pub fn machines(&self) -> impl Iterator<Item = &str> + Clone {
        let machines = self.topology.machines().iter();
        machines.map(|machine| machine.fqdn.as_str())
    }

    fn place(&self, name: &str) -> &(Namespace, Vec<IpAddr>) {
        let place = self.places.get(name);
        place.unwrap_or_else(|| panic!("nobody in the bed is called {name}"))
    }

    /// Returns the addresses of the networks.
    #[must_use]
    pub const fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Returns the topology.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Returns the file of the topology.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns a folder that goes with the bed.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Makes the bridges.
fn switches() -> io::Result<Namespace> {
    let switches = Namespace::new()?;
    let mut commands = String::new();
    for net in Net::ALL {
        let name = net.name();
        commands.push_str(&format!(
            "link add {name} type bridge\nlink set {name} up\n"
        ));
    }
    switches.run("ip", &["-batch", "-"], &commands)?;
    Ok(switches)
}

/// Makes a place and plugs it into its networks; its number tells the plugs at the bridges apart.
fn put(place: &Place, number: usize, switches: &Namespace) -> io::Result<Namespace> {
    let built = Namespace::new()?;
    let mut plugs = String::new();
    for leg in &place.legs {
        let net = leg.net.name();
        let (at, plug) = (built.path(), format!("{net}{number}"));
        plugs.push_str(&format!(
            "link add name {plug} type veth peer name {net} netns {at}\nlink set {plug} master {net} up\n",
        ));
    }
    switches.run("ip", &["-batch", "-"], &plugs)?;
    let settings = SETTINGS
        .iter()
        .chain(if place.forwards { &FORWARDING[..] } else { &[] });
    built.enter(|| {
        let mut settings = settings;
        settings
            .try_for_each(|(name, value)| std::fs::write(format!("/proc/sys/net/{name}"), value))
    })?;
    built.run("ip", &["-batch", "-"], &place.commands())?;
    Ok(built)
}
