//! The deployment that the cases of one RFC share: `site.toml` in one process, users nobody else uses, ways in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use system::agent::{Agent, Doors, Link};
use system::deployment::{Deployment, User};
use system::names::Names;
use system::tls::Wire;

use super::Fault;
use crate::live::site::{self as place, DIR01, EDGE01, FE01, FE02, OUTSIDE, flow};

const TOPOLOGY: &str = include_str!("site.toml");
/// Enough for all cases of the longest RFC.
const USERS: usize = 1_000;
/// Users at home in the second pool, for the cases that need one of their own there.
const OTHERS: usize = 50;
/// The last bytes of the gateways' addresses on loopback: they come after all machines and the VIP.
const GATEWAYS: [u8; 2] = [11, 12];

/// A running deployment and what a case needs of it.
pub(crate) struct Site {
    place: place::Site,
    product: Deployment,
    doors: Doors,
    users: Vec<User>,
    used: AtomicUsize,
    others: Vec<User>,
    others_used: AtomicUsize,
    gateways: Mutex<()>,
}

/// Both gateways, which one case has at a time.
pub(crate) struct Gateways<'a> {
    /// That of the first pool, which reaches +82.
    pub(crate) first: Agent,
    /// That of the second pool, which reaches +81.
    pub(crate) second: Agent,
    _held: MutexGuard<'a, ()>,
}

impl Site {
    /// Starts the deployment and adds the users; nearly all of them are at home in the first Front End pool.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more lines in the topology.
    pub(crate) fn start_with(lines: &str) -> Self {
        let place = place::Site::new();
        let topology = place.folder().join("topology.toml");
        std::fs::write(&topology, format!("{TOPOLOGY}\n{lines}")).unwrap();
        let product = place.up_with(&topology);
        let [users, others] =
            place.import_into([place::FEPOOL01, place::FEPOOL02], [USERS, OTHERS]);
        let doors = Doors::of(&product).unwrap();
        let knows = |machine| Some(place.report(machine).directory?.users >= USERS + OTHERS);
        let known = || (knows(DIR01)? && knows(FE02)?).then_some(());
        let patience = system::tls::PATIENCE;
        system::wait::until(patience, known).expect("the users are known everywhere");
        Self {
            place,
            product,
            doors,
            users,
            used: AtomicUsize::new(0),
            others,
            others_used: AtomicUsize::new(0),
            gateways: Mutex::new(()),
        }
    }

    /// Returns a user that no other case has.
    pub(crate) fn user(&self) -> User {
        let next = self.used.fetch_add(1, Ordering::Relaxed);
        self.users.get(next).expect("a user is left").clone()
    }

    /// Returns a user at home in the second Front End pool that no other case has.
    pub(crate) fn user_elsewhere(&self) -> User {
        let next = self.others_used.fetch_add(1, Ordering::Relaxed);
        self.others.get(next).expect("a user is left").clone()
    }

    /// Returns a user at home in the second Front End pool; all cases share it.
    pub(crate) fn user_of_the_other_pool(&self) -> User {
        let users = &self.product.facts().users;
        let bob = users.iter().find(|user| user.uri.starts_with("sip:bob@"));
        bob.expect("the second of the trial users").clone()
    }

    /// Signs a fresh user in inside, at the Front End of its home pool.
    pub(crate) fn inside(&self) -> Result<Agent, Fault> {
        Ok(self.doors.sign_in_inside(&self.user())?)
    }

    /// Signs a fresh user in outside, through the Edge.
    pub(crate) fn outside(&self) -> Result<Agent, Fault> {
        Ok(self.doors.sign_in_outside(&self.user())?)
    }

    /// Connects to a Director, as nobody.
    pub(crate) fn at_director(&self) -> Result<Agent, Fault> {
        self.at(DIR01, flow::SIGN_IN, DIR01)
    }

    /// Connects to the Front End of the first pool, as nobody.
    pub(crate) fn at_front_end(&self) -> Result<Agent, Fault> {
        self.at(FE01, flow::SIGN_IN, FE01)
    }

    /// Connects to the outside of the Edge, as nobody.
    pub(crate) fn at_edge(&self) -> Result<Agent, Fault> {
        self.at(EDGE01, flow::OUTSIDE, OUTSIDE)
    }

    /// Returns the doors, for an agent of a case's own making.
    pub(crate) fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Returns the names that a client of the deployment resolves.
    pub(crate) fn names(&self) -> Names {
        self.product.names()
    }

    /// Returns addresses, the operator and the state directory.
    pub(crate) fn place(&self) -> &place::Site {
        &self.place
    }

    /// Connects to the Front End of the first pool over TCP without TLS, as nobody.
    pub(crate) fn over_tcp(&self) -> Result<Agent, Fault> {
        let (from, to) = self.plain();
        Ok(Agent::new(Link::tcp(from, to)?)?)
    }

    /// Takes a datagram socket for the Front End of the first pool, as nobody.
    pub(crate) fn over_udp(&self) -> Result<Agent, Fault> {
        let (from, to) = self.plain();
        Ok(Agent::new(Link::udp(from, to)?)?)
    }

    /// Where a client without TLS is, and its Front End.
    fn plain(&self) -> (Ipv4Addr, SocketAddr) {
        let client = self.place.block().address(200);
        (client, self.place.address(FE01, flow::PLAIN))
    }

    /// Plays both gateways of `site.toml`, that of the first pool and that of the second; one case at a time.
    pub(crate) fn gateways(&self) -> Result<Gateways<'_>, Fault> {
        let held = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = |server: &str, last: u8| {
            let to = self.place.address(server, flow::GATEWAYS);
            let at = SocketAddr::from((self.place.block().address(last), to.port()));
            Ok::<_, Fault>(Agent::new(Link::udp_at(at, to)?)?)
        };
        let [first, second] = GATEWAYS;
        Ok(Gateways {
            first: agent(FE01, first)?,
            second: agent(FE02, second)?,
            _held: held,
        })
    }

    fn at(&self, machine: &str, row: u8, name: &str) -> Result<Agent, Fault> {
        let to: SocketAddr = self.place().address(machine, row);
        let wire = Wire::connect(&self.place().phone_manner(), to, name)?;
        Ok(Agent::new(Link::Tls(Box::new(wire)))?)
    }
}
