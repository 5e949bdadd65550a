//! SIPp as gateways and as old phones, through a Front End that serves them without TLS.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use system::block::Block;
use system::deployment::Deployment;
use system::needs::{Need, are_met};
use system::sipp::{Carrier, Run, Scenario, Sipp};
use system::wait::until;

const NEEDS: [Need; 1] = [Need::Program("sipp")];
/// The port of plain SIP.
const PORT: u16 = 5060;
const CALLS: u32 = 500;
/// Calls a second.
const RATE: u32 = 50;
/// How long a scenario may take to begin.
const SOON: Duration = Duration::from_secs(30);

/// A Front End with two gateways, the second of which reaches `service`.
struct Office {
    folder: tempfile::TempDir,
    block: Block,
    product: Deployment,
    carrier: Carrier,
}

impl Office {
    fn start(carrier: Carrier) -> Self {
        let word = if carrier == Carrier::Udp {
            "udp"
        } else {
            "tcp"
        };
        let text = format!(
            "version = 1\ndomains = [\"example.com\"]\n\
             [[pool]]\nfqdn = \"home.example.net\"\nrole = \"front_end\"\n\
             [[machine]]\nfqdn = \"home.example.net\"\npool = \"home.example.net\"\naddress = \"10.0.0.1\"\n\
             [[gateway]]\nfqdn = \"gw1.example.net\"\naddress = \"10.0.0.2\"\ntransport = \"{word}\"\n\
             [[gateway]]\nfqdn = \"gw2.example.net\"\naddress = \"10.0.0.3\"\ntransport = \"{word}\"\n\
             users = [\"service\"]\n\
             [sip]\nplain = [\"{word}\"]\ndigest = [\"MD5\"]\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("topology.toml");
        std::fs::write(&file, text).unwrap();
        let block = Block::take();
        let product = Deployment::up(Some(&file), &block, folder.path()).unwrap();
        Self {
            folder,
            block,
            product,
            carrier,
        }
    }

    /// On loopback the machine has the first address of the block, the gateways the next two.
    fn front_end(&self) -> (Ipv4Addr, u16) {
        (self.block.address(0), PORT)
    }

    /// Registers a user at an address, so often, and keeps nothing running.
    fn sign_in(&self, user: usize, last: u8, times: u32) {
        let name = format!("register-{last}");
        let run = self.phone(&name, "register.xml", (user, last), times);
        run.succeed().unwrap();
    }

    /// A phone of a user of the trial; what it calls is the second of them.
    fn phone(&self, name: &str, file: &'static str, (user, last): (usize, u8), calls: u32) -> Sipp {
        let facts = self.product.facts();
        let name_of = |user: usize| facts.users[user].uri[4..].split('@').next().unwrap();
        let (me, callee) = (name_of(user), name_of(1));
        let password = &facts.users[user].password;
        let words = ["-key", "me", me, "-au", me, "-ap", password, "-s", callee];
        self.start_run(name, Scenario::Ours(file), last, (calls, &words))
    }

    fn run(&self, name: &str, scenario: Scenario, last: u8, words: &[&str]) -> Sipp {
        self.start_run(name, scenario, last, (CALLS, words))
    }

    fn start_run(
        &self,
        name: &str,
        scenario: Scenario,
        last: u8,
        (calls, words): (u32, &[&str]),
    ) -> Sipp {
        let run = Run {
            name,
            scenario,
            at: (self.block.address(last), PORT),
            to: self.front_end(),
            carrier: self.carrier,
            calls,
            rate: RATE,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        Sipp::start(&run, self.folder.path()).unwrap()
    }

    /// Waits until somebody listens at an address of the block.
    fn listens(&self, last: u8) {
        let address = SocketAddr::from((self.block.address(last), PORT));
        let taken = until(SOON, || {
            let is_taken = match self.carrier {
                Carrier::Udp => UdpSocket::bind(address).is_err(),
                Carrier::Tcp => TcpStream::connect(address).is_ok(),
            };
            is_taken.then_some(())
        });
        assert!(taken.is_some(), "nobody listens at {address}");
    }
}

fn between_gateways(test: &str, carrier: Carrier) {
    if !are_met(test, &NEEDS) {
        return;
    }
    let office = Office::start(carrier);
    let answers = office.run("uas", Scenario::BuiltIn("uas"), 2, &[]);
    office.listens(2);
    let calls = office.run("uac", Scenario::BuiltIn("uac"), 1, &["-s", "service"]);
    calls.succeed().unwrap();
    answers.succeed().unwrap();
}

#[test]
fn calls_between_gateways_over_udp_all_succeed() {
    between_gateways("calls_between_gateways_over_udp_all_succeed", Carrier::Udp);
}

#[test]
fn calls_between_gateways_over_tcp_all_succeed() {
    between_gateways("calls_between_gateways_over_tcp_all_succeed", Carrier::Tcp);
}

/// A phone without TLS signs in with Digest; another calls it with Digest, changes the session, gives up, writes.
#[test]
fn phones_over_udp_sign_in_call_cancel_and_write() {
    let test = "phones_over_udp_sign_in_call_cancel_and_write";
    if !are_met(test, &NEEDS) {
        return;
    }
    const TIMES: u32 = 100;
    let (bob, stranger, alice) = ((1, 10), (0, 12), (0, 11));
    let office = Office::start(Carrier::Udp);
    office.sign_in(bob.0, bob.1, 1);
    let pairs = [
        // Who has not signed in is challenged, and who has is not again.
        ("answer.xml", "call.xml", stranger),
        ("ring.xml", "cancel.xml", alice),
        ("text.xml", "message.xml", alice),
    ];
    office.sign_in(alice.0, alice.1, TIMES);
    for (answers, asks, caller) in pairs {
        let answering = office.phone(answers, answers, bob, TIMES);
        office.listens(bob.1);
        let asking = office.phone(asks, asks, caller, TIMES);
        asking.succeed().unwrap();
        answering.succeed().unwrap();
    }
}
