//! The reference topology in its bed, running: built once, and used by one test after the other.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use system::bed::{Bed, Beside, Filters, Ground, Running};
use system::deployment::Entrance;
use system::names::Resolver;
use system::needs::{Need, are_met};
use system::phones::{Phone, PhoneError, Registration, Setup, Watches};

pub(crate) const REFERENCE: &str = include_str!("../../../../examples/reference.toml");
/// The programs that no bed can do without.
const TOOLS: [&str; 2] = ["ip", "nft"];

/// Who answers for names, inside and outside.
pub(crate) const DNS01: &str = "dns01.contoso.net";
pub(crate) const NS01: &str = "ns01.contoso.net";

/// The bed while a test has it; the last test that waits for it takes it down.
static SHARED: Mutex<Weak<Mutex<Site>>> = Mutex::new(Weak::new());

/// A bed and what runs in it.
pub(crate) struct Site {
    // What runs ends before its network does.
    pub(crate) running: Running,
    _beside: Beside,
    pub(crate) bed: Bed,
    pub(crate) filters: Filters,
}

impl Site {
    /// Builds a bed for a topology and starts it.
    pub(crate) fn start(topology: &str, ground: &Ground) -> Self {
        let bed = Bed::build(topology, ground).unwrap();
        let filters = Filters::rendered(&bed).unwrap();
        // From the first packet on, nothing passes but what the plan admits.
        filters.load(&bed).unwrap();
        let beside = Beside::start(&bed).unwrap();
        let running = Running::start(&bed).unwrap();
        Self {
            running,
            _beside: beside,
            bed,
            filters,
        }
    }

    /// Returns an address of a machine: outside where it has one, otherwise inside.
    pub(crate) fn outermost(&self, machine: &str) -> IpAddr {
        let machine = self.bed.topology().machine(machine).unwrap();
        machine.external.unwrap_or(machine.address)
    }

    /// Returns the name service that someone asks.
    pub(crate) fn names(&self, place: &str) -> Ipv4Addr {
        let server = if place.starts_with("stranger") {
            NS01
        } else {
            DNS01
        };
        let IpAddr::V4(server) = self.outermost(server) else {
            panic!("this bed has IPv4 addresses");
        };
        server
    }

    /// Makes a folder for what somebody there needs.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.bed.folder().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Has a phone of a user sign in from a place, told nothing but its domain; returns it with its address of record.
    pub(crate) fn phone<P: Phone + Send>(
        &self,
        user: usize,
        place: &str,
        start: impl FnOnce(&Setup<'_>) -> Result<P, PhoneError> + Send,
    ) -> (P, String) {
        let &[IpAddr::V4(at)] = self.bed.addresses(place) else {
            panic!("this bed has IPv4 addresses");
        };
        let account = self.running.account(user, &Entrance::default());
        let (folder, trust) = (
            self.folder(&format!("{place}-{user}")),
            self.running.operator().root(),
        );
        let setup = Setup {
            account: &account,
            names: Resolver::Server(self.names(place)),
            at,
            trust: &trust,
            folder: &folder,
            certificate: None,
            watches: Watches::Nobody,
        };
        let mut phone = self.bed.at(place).enter(|| start(&setup)).unwrap();
        assert_eq!(phone.registration().unwrap(), Registration::Registered);
        (phone, account.uri())
    }
}

/// Gives a test the running reference topology for itself; says SKIPPED where that cannot be.
pub(crate) fn with(test: &str, programs: &[&'static str], act: impl FnOnce(&mut Site)) {
    if !is_possible(test, programs) {
        return;
    }
    let site = {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let site = Arc::new(Mutex::new(Site::start(REFERENCE, &Ground::IPV4)));
            *shared = Arc::downgrade(&site);
            site
        })
    };
    // A test that failed leaves the rules as they were, so every test begins with new ones.
    let mut site = site.lock().unwrap_or_else(PoisonError::into_inner);
    site.filters.load(&site.bed).unwrap();
    act(&mut site);
}

/// Tells whether a bed can be built here and these programs be run; says SKIPPED if not.
pub(crate) fn is_possible(test: &str, programs: &[&'static str]) -> bool {
    let mut needs = vec![Need::Root];
    needs.extend(TOOLS.iter().chain(programs).copied().map(Need::Program));
    are_met(test, &needs)
}
