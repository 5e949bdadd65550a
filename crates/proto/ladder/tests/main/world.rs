//! Machines, phones and clocks that are off, and what each machine would record of a message.

use std::net::SocketAddr;

use base::net::Transport;
use ladder::{Known, Server};
use logs::{Component, Correlation, Direction, Flags, Level, Record, Time};

/// When all flows of tests begin, in microseconds.
pub(crate) const BEGIN: u64 = 1_790_000_000_000_000;

/// Somebody on the network.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The FQDN of a machine of ours, the proven name of somebody else, or nothing for a phone that has proven nothing.
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// By how much its clock is ahead; only machines of ours have one.
    pub(crate) ahead: i64,
    pub(crate) is_ours: bool,
}

pub(crate) fn ours(name: &'static str, address: &str, ahead: i64) -> Node {
    Node {
        name,
        address: address.parse().unwrap(),
        ahead,
        is_ours: true,
    }
}

pub(crate) fn phone(name: &'static str, address: &str) -> Node {
    Node {
        name,
        address: address.parse().unwrap(),
        ahead: 0,
        is_ours: false,
    }
}

/// A message, whatever the hop.
#[derive(Clone, Debug)]
pub(crate) struct Sip {
    pub(crate) call_id: &'static str,
    pub(crate) method: &'static str,
    pub(crate) cseq: u32,
    pub(crate) status: Option<(u16, &'static str)>,
    pub(crate) branch: String,
    pub(crate) tag: Option<&'static str>,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

impl Sip {
    pub(crate) fn new(
        method: &'static str,
        cseq: u32,
        from: &'static str,
        to: &'static str,
    ) -> Self {
        Self {
            call_id: "a84b4c76e66710@pc33",
            method,
            cseq,
            status: None,
            branch: "z9hG4bK0".to_owned(),
            tag: None,
            from,
            to,
        }
    }

    pub(crate) fn answer(&self, status: u16, phrase: &'static str) -> Self {
        Self {
            status: Some((status, phrase)),
            tag: Some("314159"),
            ..self.clone()
        }
    }

    pub(crate) fn on(&self, branch: impl Into<String>) -> Self {
        Self {
            branch: branch.into(),
            ..self.clone()
        }
    }

    pub(crate) fn correlation(&self) -> Correlation {
        let method = match self.method {
            "ACK" | "CANCEL" => "INVITE",
            other => other,
        };
        let letters = self.call_id.bytes().chain(method.bytes());
        let sum = letters.fold(u64::from(self.cseq), |sum, letter| {
            sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(letter)
        });
        Correlation(sum)
    }

    fn text(&self) -> String {
        let first = match self.status {
            Some((status, phrase)) => format!("SIP/2.0 {status} {phrase}"),
            None => format!("{} {} SIP/2.0", self.method, self.to),
        };
        let tag = self
            .tag
            .map(|tag| format!(";tag={tag}"))
            .unwrap_or_default();
        format!(
            "{first}\nVia: SIP/2.0/TLS host;branch={}\nMax-Forwards: 70\nFrom: <{}>;tag=9fxced\nTo: <{}>{tag}\n\
             Call-ID: {}\nCSeq: {} {}\nContent-Length: 0\n\n",
            self.branch, self.from, self.to, self.call_id, self.cseq, self.method
        )
    }
}

/// What has been recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// Microseconds since the beginning, by a clock that is right.
    pub(crate) now: u64,
    pub(crate) records: Vec<Record>,
}

impl World {
    /// Sends a message over a hop; returns the places of the two records.
    pub(crate) fn hop(
        &mut self,
        from: &Node,
        to: &Node,
        sip: &Sip,
        took: u64,
    ) -> (Option<usize>, Option<usize>) {
        let sent = from
            .is_ours
            .then(|| self.saw(from, to, sip, Direction::Out));
        self.now += took;
        let received = to.is_ours.then(|| self.saw(to, from, sip, Direction::In));
        (sent, received)
    }

    /// Has a machine decide something about a request.
    pub(crate) fn decides(
        &mut self,
        at: &Node,
        component: Component,
        sip: &Sip,
        decision: &str,
        reason: &str,
    ) {
        self.now += 40;
        let mut record = self.record(at, component, Level::Info);
        record.decision = Some(decision.into());
        record.reason = Some(reason.into());
        record.call_id = Some(sip.call_id.into());
        record.method = Some(sip.method.into());
        record.cseq = Some(sip.cseq);
        record.correlation = Some(sip.correlation());
        self.records.push(record);
    }

    pub(crate) fn record(&self, at: &Node, component: Component, level: Level) -> Record {
        let time = (BEGIN + self.now).saturating_add_signed(at.ahead);
        Record::new(
            Time(time),
            at.name.into(),
            component,
            level,
            Flags::COMPONENT,
        )
    }

    fn saw(&mut self, own: &Node, other: &Node, sip: &Sip, direction: Direction) -> usize {
        let mut record = self.record(own, Component::SipStack, Level::Info);
        record.flags = Flags::PROTOCOL;
        record.direction = Some(direction);
        record.transport = Some(Transport::Tls);
        record.local = Some(own.address);
        record.peer = Some(other.address);
        record.peer_name = Some(other.name.into()).filter(|_| !other.name.is_empty());
        record.call_id = Some(sip.call_id.into());
        record.correlation = Some(sip.correlation());
        record.method = Some(sip.method.into());
        record.cseq = Some(sip.cseq);
        record.status = sip.status.map(|(status, _)| status);
        record.from = Some(sip.from.into());
        record.to = Some(sip.to.into());
        record.request = Some(sip.to.into()).filter(|_| sip.status.is_none());
        record.text = (&*sip.text()).into();
        self.records.push(record);
        self.records.len() - 1
    }
}

pub(crate) fn edge01() -> Node {
    ours("edge01.contoso.net", "10.0.0.5:5061", 0)
}

pub(crate) fn dir01() -> Node {
    ours("dir01.contoso.net", "10.0.0.11:5061", 0)
}

pub(crate) fn fe01() -> Node {
    ours("fe01.contoso.net", "10.0.0.21:5061", -2_300_000)
}

pub(crate) fn alice() -> Node {
    phone("", "198.51.100.7:50123")
}

pub(crate) const ALICE: &str = "sip:alice@contoso.com";
pub(crate) const BOB: &str = "sip:bob@contoso.com";

/// The deployment that the nodes above belong to.
pub(crate) fn known() -> Known {
    use base::net::Role;
    let server = |role| Server {
        role: Some(role),
        ..Server::default()
    };
    Known {
        servers: [
            ("edge01.contoso.net".to_owned(), server(Role::Edge)),
            ("dir01.contoso.net".to_owned(), server(Role::Director)),
            ("fe01.contoso.net".to_owned(), server(Role::FrontEnd)),
        ]
        .into(),
        ..Known::default()
    }
}

/// alice calls from outside; bob has no phone.
pub(crate) fn failed_call() -> Vec<Record> {
    let mut world = World::default();
    asked_for_credentials(&mut world);
    world.now += 2400;
    sent_home(&mut world);
    refused(&mut world);
    world.records
}

fn asked_for_credentials(world: &mut World) {
    let (alice, edge, dir) = (alice(), edge01(), dir01());
    let invite = Sip::new("INVITE", 1, ALICE, BOB);
    world.hop(&alice, &edge, &invite.on("z9hG4bKa1"), 0);
    let why = "bob@contoso.com is one of ours: to the Directors";
    world.decides(&edge, Component::Edge, &invite, "relayed", why);
    world.now += 300;
    world.hop(&edge, &dir, &invite.on("z9hG4bKe1"), 420);
    let why = "no credentials came with the request";
    world.decides(&dir, Component::Authentication, &invite, "challenged", why);
    world.now += 180;
    let asked = invite.answer(407, "Proxy Authentication Required");
    world.hop(&dir, &edge, &asked.on("z9hG4bKe1"), 380);
    world.now += 150;
    world.hop(&edge, &alice, &asked.on("z9hG4bKa1"), 0);
    world.now += 21_000;
    let ack = Sip::new("ACK", 1, ALICE, BOB);
    world.hop(&alice, &edge, &ack.on("z9hG4bKa1"), 0);
}

fn sent_home(world: &mut World) {
    let (alice, edge, dir, fe) = (alice(), edge01(), dir01(), fe01());
    let invite = Sip::new("INVITE", 2, ALICE, BOB);
    world.hop(&alice, &edge, &invite.on("z9hG4bKa2"), 0);
    world.now += 110;
    let trying = invite.answer(100, "Trying");
    world.hop(&edge, &alice, &trying.on("z9hG4bKa2"), 0);
    world.now += 200;
    world.hop(&edge, &dir, &invite.on("z9hG4bKe2"), 410);
    let why = "Digest with SHA-256 proves alice@contoso.com";
    world.decides(&dir, Component::Authentication, &invite, "accepted", why);
    let why = "bob@contoso.com is at home in fepool01.contoso.net";
    world.decides(&dir, Component::Routing, &invite, "forwarded", why);
    world.now += 260;
    world.hop(&dir, &fe, &invite.on("z9hG4bKd2"), 530);
    let why = "bob@contoso.com has no registered phone";
    world.decides(&fe, Component::Routing, &invite, "unreachable", why);
}

fn refused(world: &mut World) {
    let (alice, edge, dir, fe) = (alice(), edge01(), dir01(), fe01());
    let gone = Sip::new("INVITE", 2, ALICE, BOB).answer(480, "Temporarily Unavailable");
    let ack = Sip::new("ACK", 2, ALICE, BOB);
    world.now += 90;
    world.hop(&fe, &dir, &gone.on("z9hG4bKd2"), 390);
    world.now += 90;
    world.hop(&dir, &fe, &ack.on("z9hG4bKd2"), 350);
    world.now += 60;
    world.hop(&dir, &edge, &gone.on("z9hG4bKe2"), 400);
    world.now += 120;
    world.hop(&edge, &alice, &gone.on("z9hG4bKa2"), 0);
    world.now += 20_500;
    world.hop(&alice, &edge, &ack.on("z9hG4bKa2"), 0);
}

/// carol signs in with a wrong password, after her phone's first try at TLS was refused. It sends the second request twice.
pub(crate) fn failed_sign_in() -> Vec<Record> {
    let mut world = World::default();
    let (carol, dir) = (phone("", "10.0.1.9:40112"), dir01());
    let mut refused = world.record(&dir, Component::Tls, Level::Warning);
    refused.peer = Some("10.0.1.9:40110".parse().unwrap());
    refused.local = Some(dir.address);
    refused.decision = Some("refused".into());
    refused.reason = Some("the client speaks no version of TLS that is allowed".into());
    world.records.push(refused);
    world.now += 1_200_000;
    let register = Sip::new(
        "REGISTER",
        1,
        "sip:carol@contoso.com",
        "sip:carol@contoso.com",
    );
    world.hop(&carol, &dir, &register.on("z9hG4bKc1"), 0);
    world.decides(
        &dir,
        Component::Authentication,
        &register,
        "challenged",
        "no credentials came with the request",
    );
    world.hop(
        &dir,
        &carol,
        &register.answer(401, "Unauthorized").on("z9hG4bKc1"),
        0,
    );
    let register = Sip::new(
        "REGISTER",
        2,
        "sip:carol@contoso.com",
        "sip:carol@contoso.com",
    );
    world.now += 18_000;
    world.hop(&carol, &dir, &register.on("z9hG4bKc2"), 0);
    world.now += 500_000;
    world.hop(&carol, &dir, &register.on("z9hG4bKc2"), 0);
    world.decides(
        &dir,
        Component::Authentication,
        &register,
        "bad-credentials",
        "the response does not fit the password of carol@contoso.com",
    );
    world.now += 200;
    world.hop(
        &dir,
        &carol,
        &register.answer(403, "Forbidden").on("z9hG4bKc2"),
        0,
    );
    world.records
}
