//! The deployment of the cases about other organisations: the shared one in open federation, a name service that has the
//! records a case makes up, and servers of partners that are scripts.
//!
//! Each case takes a domain of its own, so that what one publishes or breaks is nothing to another.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use sip::msg::Message;
use system::agent::{Agent, Draft, Link};
use system::authority::{Authority, Identity, Naming};
use system::block::Block;
use system::tls::{Door, Manner, PATIENCE, Wire, WireError};
use system::zone::Zone;

use super::ringing::QUIET;
use super::{Fault, Site, Skipped, Trial, Verdict, run_on};
use crate::live::site::OUTSIDE;

/// Where partners take calls if nothing says otherwise.
pub(crate) const PORT: u16 = 5061;
/// A partner whose assertions are believed, and who is told ours; so are those below it that have numbers.
pub(crate) const TRUSTED: &str = "trusted.example";
/// So many of these there are.
const TRUSTED_COUNT: usize = 8;

/// A sentence about a border.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crossing {
    pub(crate) section: &'static str,
    pub(crate) sentence: &'static str,
    pub(crate) check: fn(&Abroad) -> Verdict,
}

/// Ours and the world outside.
pub(crate) struct Abroad {
    site: Site,
    zone: Zone,
    authority: Authority,
    theirs: Block,
    used: AtomicUsize,
    trusted: AtomicUsize,
    _folder: tempfile::TempDir,
}

/// Runs the cases of an RFC, and those that are made from data.
pub(crate) fn run_abroad<'a>(
    abroad: &'a Abroad,
    number: u16,
    cases: &'a [Crossing],
    more: impl IntoIterator<Item = Trial<'a>>,
    skipped: &[Skipped],
) {
    let trials = cases.iter().map(|case| Trial {
        section: case.section,
        sentence: case.sentence,
        check: Box::new(move |_| (case.check)(abroad)),
    });
    let trials: Vec<Trial<'a>> = trials.chain(more).collect();
    run_on(abroad.site(), number, &trials, skipped);
}

impl Abroad {
    pub(crate) fn start() -> Self {
        let theirs = Block::take();
        let zone = Zone::start(theirs.address(250)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path()).unwrap();
        let trusted = (0..TRUSTED_COUNT).map(|number| format!("t{number}.{TRUSTED}"));
        let trusted: String = std::iter::once(TRUSTED.to_owned())
            .chain(trusted)
            .map(|domain| {
                format!("[[federation.partner]]\ndomain = \"{domain}\"\ntrusted = true\n")
            })
            .collect();
        let lines = format!(
            "[federation]\nmode = \"open\"\nca = \"{}\"\nresolvers = [\"{}\"]\n{trusted}",
            authority.root().display(),
            zone.address(),
        );
        let site = Site::start_with(&lines);
        Self {
            site,
            zone,
            authority,
            theirs,
            used: AtomicUsize::new(0),
            trusted: AtomicUsize::new(0),
            _folder: folder,
        }
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Returns a domain that no other case has.
    pub(crate) fn domain(&self) -> String {
        format!("p{}.example", self.used.fetch_add(1, Ordering::Relaxed))
    }

    /// The same of a partner that is trusted.
    pub(crate) fn domain_of_trust(&self) -> String {
        let next = self.trusted.fetch_add(1, Ordering::Relaxed);
        assert!(next < TRUSTED_COUNT, "a trusted domain is left");
        format!("t{next}.{TRUSTED}")
    }

    /// Returns an address that no other server has.
    pub(crate) fn address(&self) -> Ipv4Addr {
        let next = self.used.fetch_add(1, Ordering::Relaxed) + 1;
        self.theirs
            .address(u8::try_from(next).expect("an address is left"))
    }

    /// Issues a certificate.
    pub(crate) fn identity(&self, naming: &Naming<'_>) -> Result<Identity, Fault> {
        let file = format!("c{}", self.used.fetch_add(1, Ordering::Relaxed));
        Ok(self.authority.issue_naming(&file, naming)?)
    }

    /// Opens a server of a domain at an address of its own.
    pub(crate) fn server(&self, domain: &str) -> Result<Door, Fault> {
        self.server_showing(&Naming {
            common: "a server",
            hosts: &[domain],
            ..Naming::default()
        })
    }

    /// The same with a certificate of any kind.
    pub(crate) fn server_showing(&self, naming: &Naming<'_>) -> Result<Door, Fault> {
        let at = SocketAddr::from((self.address(), PORT));
        self.server_at(at, naming)
    }

    /// The same at this address.
    pub(crate) fn server_at(&self, at: SocketAddr, naming: &Naming<'_>) -> Result<Door, Fault> {
        let ours = self.site.place().operator().root();
        Ok(Door::open(at, &ours, &self.identity(naming)?)?)
    }

    /// Returns a caller, and a domain with its server.
    pub(crate) fn one_server(&self) -> Result<(Agent, String, Door), Fault> {
        let domain = self.domain();
        let door = self.server(&domain)?;
        self.publish(&domain, &[door.at()]);
        Ok((self.site.inside()?, domain, door))
    }

    /// Publishes servers of a domain, best first, as `_sips._tcp`.
    pub(crate) fn publish(&self, domain: &str, servers: &[SocketAddr]) {
        for (priority, at) in (1..).zip(servers) {
            let host = format!("s{priority}.{domain}");
            self.zone.host(&host, at.ip());
            let name = format!("_sips._tcp.{domain}");
            self.zone
                .srv(&name, (priority, 0, at.port()), &format!("{host}."));
        }
    }

    /// Takes the next connection of the Edge.
    pub(crate) fn meet(&self, door: &Door) -> Result<Agent, Fault> {
        let wire = door.accept(PATIENCE)?;
        Ok(Agent::new(Link::Tls(Box::new(wire)))?)
    }

    /// Connects to the Edge as a partner's server does.
    pub(crate) fn come(&self, identity: &Identity) -> Result<Agent, Fault> {
        let edge = self.edge()?;
        let manner = Manner::showing(&self.site.place().operator().root(), identity)?;
        let wire = Wire::connect(&manner, edge, OUTSIDE)?;
        Ok(Agent::new(Link::Tls(Box::new(wire)))?)
    }

    /// Returns where the Edge takes partners.
    pub(crate) fn edge(&self) -> Result<SocketAddr, Fault> {
        let at = self.site.names().addresses(OUTSIDE).first().copied();
        let at = at.ok_or_else(|| Fault::new("the Edge has no address outside"))?;
        Ok(SocketAddr::from((at, PORT)))
    }
}

/// A message for bob of a domain, on its way.
pub(crate) fn write_to(caller: &mut Agent, domain: &str) -> Result<Draft, Fault> {
    let message = caller.request("MESSAGE", &format!("sip:bob@{domain}"));
    Ok(caller.begin(message)?)
}

/// The message arrives at this server, is taken, and the caller hears so.
pub(crate) fn arrives(
    caller: &mut Agent,
    sent: &Draft,
    server: &mut Agent,
) -> Result<Message, Fault> {
    let came = server.expect("MESSAGE")?;
    server.answer(&came, 200)?;
    caller.expect_status(sent, 200)?;
    Ok(came)
}

/// The Edge connects to whom it wants to send to; to this server it does not.
pub(crate) fn nobody_comes(door: &Door) -> Verdict {
    match door.accept(QUIET) {
        Err(WireError::Silent) => Ok(()),
        other => Err(Fault::new(format!("somebody came: {:?}", other.map(drop)))),
    }
}
