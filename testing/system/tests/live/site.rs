//! A place for one test: addresses, a state directory, the reference topology, and ways to connect to its machines.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use system::block::Block;
use system::deployment::{Deployment, User};
use system::operator::{Operator, Report};
use system::sip_client::SipClient;
use system::tls::{Manner, Wire};

pub(crate) const DIR01: &str = "dir01.contoso.net";
pub(crate) const DIR02: &str = "dir02.contoso.net";
pub(crate) const DNS01: &str = "dns01.contoso.net";
pub(crate) const EDGE01: &str = "edge01.contoso.net";
pub(crate) const FE01: &str = "fe01.contoso.net";
pub(crate) const FE02: &str = "fe02.contoso.net";
/// The name that the Edge proves outside.
pub(crate) const OUTSIDE: &str = "sip.contoso.com";
pub(crate) const FEPOOL01: &str = "fepool01.contoso.net";
pub(crate) const FEPOOL02: &str = "fepool02.contoso.net";

/// Rows of the flow table by which a test finds an address.
pub(crate) mod flow {
    /// The directory, from machine to machine.
    pub(crate) const DIRECTORY: u8 = 3;
    /// SIP between a Director or Front End and the inside of an Edge.
    pub(crate) const EDGE_INSIDE: u8 = 10;
    /// Logging on every machine: commands, searches, tails.
    pub(crate) const LOGGING: u8 = 18;
    /// Sign-in inside.
    pub(crate) const SIGN_IN: u8 = 14;
    /// Phones outside, to an Edge.
    pub(crate) const OUTSIDE: u8 = 15;
    /// Phones inside without TLS.
    pub(crate) const PLAIN: u8 = 25;
    /// Gateways, to the Front End of their pool.
    pub(crate) const GATEWAYS: u8 = 26;
    /// Names.
    pub(crate) const NAMES: u8 = 17;
    /// Metrics.
    pub(crate) const METRICS: u8 = 24;
}

/// Everything that belongs to one test and is gone after it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    block: Block,
    operator: Operator,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let operator = Operator::of(&folder.path().join("state"));
        Self {
            folder,
            block: Block::take(),
            operator,
        }
    }

    /// Runs the whole reference topology in one process.
    pub(crate) fn up(&self) -> Deployment {
        Deployment::up(None, &self.block, self.folder.path()).unwrap()
    }

    /// Runs the whole of another topology in one process.
    pub(crate) fn up_with(&self, topology: &Path) -> Deployment {
        Deployment::up(Some(topology), &self.block, self.folder.path()).unwrap()
    }

    /// Makes what machines need that run as processes of their own.
    pub(crate) fn prepare(&self) {
        let topology = topology();
        self.operator.done(&["certs", "init"], "").unwrap();
        self.operator
            .done(&["certs", "issue", topology.to_str().unwrap()], "")
            .unwrap();
    }

    /// Runs one machine of the reference topology.
    pub(crate) fn run(&self, machine: &str) -> Deployment {
        Deployment::run(&topology(), machine, &self.block, self.folder.path()).unwrap()
    }

    /// Adds users that are at home in the first Front End pool, while their machine runs or not.
    pub(crate) fn import(&self, count: usize) -> Vec<User> {
        self.import_into([FEPOOL01, FEPOOL02], [count, 0])[0].clone()
    }

    /// Adds so many users to each of two pools.
    pub(crate) fn import_into(&self, pools: [&str; 2], counts: [usize; 2]) -> [Vec<User>; 2] {
        let mut file = String::from("aor,password,pool\n");
        let mut number = 0;
        let mut some = |pool: &str, count: usize| {
            let mut users = Vec::with_capacity(count);
            for _ in 0..count {
                let user = User {
                    uri: format!("sip:user{number}@contoso.com"),
                    password: format!("secret-{number}"),
                };
                file.push_str(&format!("{},{},{pool}\n", user.uri, user.password));
                users.push(user);
                number += 1;
            }
            users
        };
        let users = [some(pools[0], counts[0]), some(pools[1], counts[1])];
        let path = self.folder.path().join("users.csv");
        std::fs::write(&path, file).unwrap();
        let (path, topology) = (path.to_str().unwrap(), topology());
        let words = [
            "user",
            "import",
            path,
            "--topology",
            topology.to_str().unwrap(),
        ];
        self.operator.done(&words, "").unwrap();
        users
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn block(&self) -> &Block {
        &self.block
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Returns what a running machine says of itself.
    pub(crate) fn report(&self, machine: &str) -> Report {
        self.operator.report(machine).unwrap().unwrap()
    }

    /// Returns where a running machine serves a row of the flow table.
    pub(crate) fn address(&self, machine: &str, flow: u8) -> SocketAddr {
        self.report(machine).address(flow).unwrap()
    }

    pub(crate) fn phone_manner(&self) -> Manner {
        Manner::of_a_phone(&self.operator.root()).unwrap()
    }

    /// Connects a client without a certificate to a Director or Front End.
    pub(crate) fn phone(&self, machine: &str) -> SipClient {
        let at = self.address(machine, flow::SIGN_IN);
        SipClient::new(Wire::connect(&self.phone_manner(), at, machine).unwrap())
    }

    /// Connects a client without a certificate to the outside of the Edge.
    pub(crate) fn phone_outside(&self) -> SipClient {
        let at = self.address(EDGE01, flow::OUTSIDE);
        SipClient::new(Wire::connect(&self.phone_manner(), at, OUTSIDE).unwrap())
    }

    /// Connects as a machine of the topology to where another one serves a row of the flow table.
    pub(crate) fn server(&self, machine: &str, to: &str, flow: u8) -> Wire {
        let identity = self.operator.identity(machine);
        let manner = Manner::showing(&self.operator.root(), &identity).unwrap();
        Wire::connect(&manner, self.address(to, flow), to).unwrap()
    }
}

/// The topology file that `up` has built in.
pub(crate) fn topology() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/reference.toml")
}
