//! Relays of a Front End over UDP on a network that loses, delays, doubles and reorders (RFC 3261 17), and what strangers
//! get out of it there.
//!
//! Two phones whose transactions are those of `txn` speak to a real node; the bytes in between are real messages.

use crate::workers::Workers;
use base::net::{FlowId, Peer, Transport, WorkerId};
use base::random::Random;
use sip::Pending;
use sip::msg::{Message, Method, Name, Reply};
use sip::txn::{ClientTransaction, Do, Kind, ServerTransaction, Steps, Timer};
use std::collections::BTreeMap;
use std::time::Duration;

/// One step of the virtual clock.
const STEP: Duration = Duration::from_millis(20);
/// More datagrams than one exchange may take on one leg, in both directions.
const MOST: usize = 120;
/// In percent.
const LOSS: usize = 25;
const DOUBLED: usize = 15;
/// How long a user agent sends a 2xx again for want of an ACK (RFC 3261 13.3.1.4).
const PATIENCE: Duration = Duration::from_secs(32);

enum Due {
    ToNode(FlowId, String),
    ToPhone(FlowId, Message),
    Client(Timer),
    Giving(Timer),
    Server(Timer),
    Answer,
    Cancel,
    Again,
}

/// One request of alice to bob, both over UDP.
struct Exchange {
    w: Workers,
    alice: FlowId,
    bob: FlowId,
    random: Random,
    now: Duration,
    due: BTreeMap<(Duration, usize), Due>,
    count: usize,
    method: &'static str,
    client: ClientTransaction,
    giving: Option<ClientTransaction>,
    server: Option<(ServerTransaction, Message)>,
    latest: u16,
    invoked: usize,
    finals: Vec<u16>,
    is_silent: bool,
    crossed: BTreeMap<FlowId, usize>,
}

impl Exchange {
    fn new(method: &'static str, seed: u8) -> Self {
        let mut w = Workers::of("fe01.contoso.net", 1);
        let (alice, bob) = (w.datagrams(0, 1), w.datagrams(0, 2));
        w.sign_in(alice, "alice");
        w.sign_in(bob, "bob");
        Self {
            w,
            alice,
            bob,
            random: Random::new([seed; 32]),
            now: Duration::ZERO,
            due: BTreeMap::new(),
            count: 0,
            method,
            client: ClientTransaction::new(kind(method), false),
            giving: None,
            server: None,
            latest: 0,
            invoked: 0,
            finals: Vec::new(),
            is_silent: false,
            crossed: BTreeMap::new(),
        }
    }

    /// Lets it happen; bob answers with a status after a while, and alice may give up before.
    fn run(&mut self, status: u16, gives_up: bool) {
        let start = self.client.start();
        self.of_client(&start, 0);
        if gives_up {
            let wait = Duration::from_millis(self.random.below(2_000) as u64);
            self.after(wait, Due::Cancel);
        }
        while self.now < Duration::from_secs(400) {
            self.now += STEP;
            self.w.wait(STEP);
            self.pick_up();
            while let Some(entry) = self.due.first_entry()
                && entry.key().0 <= self.now
            {
                let due = entry.remove();
                self.step(due, status);
                self.pick_up();
            }
        }
    }

    fn after(&mut self, wait: Duration, due: Due) {
        self.count += 1;
        self.due.insert((self.now + wait, self.count), due);
    }

    /// Puts something on the wire, or not, or twice.
    fn carry(&mut self, make: impl Fn() -> Due) {
        let copies = match self.random.below(100) {
            drawn if drawn < LOSS => 0,
            drawn if drawn < LOSS + DOUBLED => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let late = Duration::from_millis(1 + self.random.below(300) as u64);
            self.after(late, make());
        }
    }

    /// What the node has sent is on its way.
    fn pick_up(&mut self) {
        for flow in [self.alice, self.bob] {
            while !self.w.has_nothing(flow) {
                let message = self.w.next(flow);
                *self.crossed.entry(flow).or_default() += 1;
                self.carry(|| Due::ToPhone(flow, message.clone()));
            }
        }
    }

    fn say(&mut self, flow: FlowId, text: String) {
        *self.crossed.entry(flow).or_default() += 1;
        self.carry(|| Due::ToNode(flow, text.clone()));
    }

    fn request(&self, method: &str, to_tag: &str) -> String {
        format!(
            "{method} sip:bob@contoso.com SIP/2.0\nVia: SIP/2.0/UDP 192.168.0.2;branch=z9hG4bKlossy;rport\n\
             Max-Forwards: 70\nFrom: <sip:alice@contoso.com>;tag=a\nTo: <sip:bob@contoso.com>{to_tag}\n\
             Call-ID: lossy\nCSeq: 1 {method}\nContact: <sip:x@192.168.0.2>\nContent-Length: 0\n\n"
        )
    }

    fn step(&mut self, due: Due, status: u16) {
        match due {
            Due::ToNode(flow, text) => self.w.say(flow, &text),
            Due::ToPhone(flow, message) if flow == self.alice => self.at_alice(&message),
            Due::ToPhone(_, message) => self.at_bob(&message),
            Due::Client(timer) => {
                let steps = self.client.timer(timer);
                self.of_client(&steps, 0);
            }
            Due::Giving(timer) => {
                let steps = self.giving.as_mut().map(|giving| giving.timer(timer));
                self.of_giving(&steps.unwrap_or_default());
            }
            Due::Server(timer) => {
                let steps = self.server.as_mut().map(|(server, _)| server.timer(timer));
                self.of_server(&steps.unwrap_or_default());
            }
            Due::Answer => self.answer(status),
            // RFC 3261 9.1: not before something was heard, and not once it is over.
            Due::Cancel if self.client.is_answered() => {}
            Due::Cancel if self.client.is_proceeding() => {
                let giving = ClientTransaction::new(Kind::Other, false);
                let steps = giving.start();
                self.giving = Some(giving);
                self.of_giving(&steps);
            }
            Due::Cancel => self.after(STEP, Due::Cancel),
            Due::Again => self.respond(),
        }
    }

    fn at_alice(&mut self, message: &Message) {
        if message.is_request() {
            return;
        }
        let status = message.status();
        if message.cseq().unwrap().method == "CANCEL" {
            let steps = self.giving.as_mut().map(|giving| giving.response(status));
            return self.of_giving(&steps.unwrap_or_default());
        }
        let steps = self.client.response(status);
        self.of_client(&steps, status);
    }

    fn at_bob(&mut self, message: &Message) {
        match (message.method(), &mut self.server) {
            (Method::Ack, Some((server, _))) => {
                let steps = server.ack();
                self.of_server(&steps);
            }
            (Method::Ack, None) => {}
            (Method::Cancel, known) => {
                let known = known.as_ref();
                let cancelled = known.is_some_and(|(server, _)| !server.is_answered());
                let status = if known.is_some() { 200 } else { 481 };
                self.reply(message, status);
                if cancelled {
                    self.answer(487);
                }
            }
            (_, Some((server, _))) => {
                let steps = server.request_again();
                self.of_server(&steps);
            }
            (_, None) => {
                self.invoked += 1;
                let server = ServerTransaction::new(kind(self.method), false);
                self.server = Some((server, message.clone()));
                if self.method == "INVITE" {
                    self.answer(180);
                }
                let think = Duration::from_millis(self.random.below(5_000) as u64);
                self.after(think, Due::Answer);
            }
        }
    }

    fn answer(&mut self, status: u16) {
        let Some((server, _)) = &mut self.server else {
            return;
        };
        if server.is_answered() {
            return;
        }
        let steps = server.respond(status);
        self.latest = status;
        self.of_server(&steps);
        if self.method == "INVITE" && status / 100 == 2 {
            // The user agent itself sends a 2xx again until its ACK comes, which is not played here.
            for again in [
                500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500,
            ] {
                let wait = Duration::from_millis(again).min(PATIENCE);
                self.after(wait, Due::Again);
            }
        }
    }

    fn respond(&mut self) {
        if let Some((_, request)) = &self.server {
            let request = request.clone();
            self.reply(&request, self.latest);
        }
    }

    fn reply(&mut self, request: &Message, status: u16) {
        let reply = Reply::to(request, status)
            .to_tag("b")
            .header(Name::Contact, "<sip:y@192.168.0.3>");
        let text = String::from_utf8(reply.write().to_vec()).unwrap();
        self.say(self.bob, text.replace("\r\n", "\n"));
    }

    fn of_client(&mut self, steps: &Steps, status: u16) {
        for step in steps {
            match step {
                Do::Send => self.say(self.alice, self.request(self.method, "")),
                Do::Ack => self.say(self.alice, self.request("ACK", ";tag=b")),
                Do::Deliver if status >= 200 => self.finals.push(status),
                Do::Deliver | Do::End => {}
                Do::TimedOut => self.is_silent = true,
                Do::Set(timer, wait) => self.after(*wait, Due::Client(*timer)),
            }
        }
    }

    fn of_giving(&mut self, steps: &Steps) {
        for step in steps {
            match step {
                Do::Send => self.say(self.alice, self.request("CANCEL", "")),
                Do::Set(timer, wait) => self.after(*wait, Due::Giving(*timer)),
                Do::Ack | Do::Deliver | Do::TimedOut | Do::End => {}
            }
        }
    }

    fn of_server(&mut self, steps: &Steps) {
        for step in steps {
            match step {
                Do::Send => self.respond(),
                Do::Set(timer, wait) => self.after(*wait, Due::Server(*timer)),
                Do::Ack | Do::Deliver | Do::TimedOut | Do::End => {}
            }
        }
    }

    /// What must hold whatever was lost.
    fn judge(&self, what: &str) {
        let is_call = self.method == "INVITE";
        let refusals = self.finals.iter().filter(|status| **status >= 300).count();
        assert!(self.invoked <= 1, "{what}: bob is asked once");
        assert!(refusals <= 1, "{what}: {:?}", self.finals);
        if !is_call {
            assert!(self.finals.len() <= 1, "{what}: {:?}", self.finals);
        }
        let took = self.finals.iter().any(|status| *status < 300);
        assert!(!(took && refusals > 0), "{what}: taken and refused");
        assert!(
            self.finals.is_empty() == self.is_silent || is_call && !self.is_silent,
            "{what}: an answer or silence, not both: {:?}",
            self.finals
        );
        for crossed in self.crossed.values() {
            assert!(*crossed <= MOST, "{what}: {crossed} datagrams on one leg");
        }
        let left = self.w.node(0).pending();
        assert_eq!(left, Pending::default(), "{what}: nothing is left");
    }
}

fn kind(method: &str) -> Kind {
    if method == "INVITE" {
        Kind::Invite
    } else {
        Kind::Other
    }
}

#[test]
fn relays_over_a_bad_network_are_carried_out_once_answered_once_and_leave_nothing() {
    let mut answered = 0;
    let ways = [
        ("INVITE", 200),
        ("INVITE", 486),
        ("MESSAGE", 200),
        ("MESSAGE", 404),
    ];
    for (method, status) in ways {
        for seed in 0..12 {
            let mut exchange = Exchange::new(method, seed);
            exchange.run(status, false);
            exchange.judge(&format!("{method} {status} {seed}"));
            answered += usize::from(exchange.finals.contains(&status));
        }
    }
    assert!(answered >= 40, "{answered} of 48 were answered as bob did");
}

#[test]
fn calls_that_are_given_up_on_a_bad_network_end_and_leave_nothing() {
    let mut cancelled = 0;
    for seed in 0..24 {
        let mut exchange = Exchange::new("INVITE", seed);
        exchange.run(200, true);
        exchange.judge(&format!("CANCEL {seed}"));
        cancelled += usize::from(exchange.finals == [487]);
    }
    assert!(cancelled >= 6, "{cancelled} of 24 were given up in time");
}

/// Bytes that a node sent to a flow; nothing else comes for a minute.
fn all_sent(w: &mut Workers, flow: FlowId) -> Vec<Message> {
    w.wait(Duration::from_secs(60));
    let mut all = Vec::new();
    while !w.has_nothing(flow) {
        all.push(w.next(flow));
    }
    all
}

fn from_a_stranger(method: &str, more: &str) -> String {
    format!(
        "{method} sip:bob@contoso.com SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKs\nMax-Forwards: 70\n\
         From: <sip:alice@contoso.com>;tag=s\nTo: <sip:bob@contoso.com>\nCall-ID: s\nCSeq: 1 {method}\n\
         {more}Content-Length: 0\n\n"
    )
}

/// Who writes another's address as its own must not make us send more to it than three times what was sent to us.
#[test]
fn a_source_that_has_proven_nothing_gets_no_more_than_three_times_what_it_sent() {
    for method in [
        "INVITE",
        "MESSAGE",
        "REGISTER",
        "SUBSCRIBE",
        "PUBLISH",
        "OPTIONS",
        "BYE",
        "FOO",
    ] {
        for more in [
            "",
            "Event: presence\nContact: <sip:x@192.168.0.2>\n",
            "Require: nothing\n",
        ] {
            let mut w = Workers::of("fe01.contoso.net", 1);
            let stranger = w.datagrams(0, 1);
            let text = from_a_stranger(method, more);
            w.say(stranger, &text);
            let sent = text.replace('\n', "\r\n").len();
            let all = all_sent(&mut w, stranger);
            let got: usize = all.iter().map(|message| message.bytes().len()).sum();
            assert_eq!(all.len(), 1, "{method} {more}: once, and not again");
            assert!(got <= 3 * sent, "{method} {more}: {got} for {sent}");
        }
    }
}

/// Each two bytes of such a list would come back as a line.
#[test]
fn an_answer_that_would_be_longer_than_that_is_withheld_and_counted() {
    let mut w = Workers::of("fe01.contoso.net", 1);
    let stranger = w.datagrams(0, 1);
    let demands = format!("Proxy-Require: {}z\n", "a,".repeat(200));
    w.say(stranger, &from_a_stranger("OPTIONS", &demands));
    assert!(all_sent(&mut w, stranger).is_empty());
    assert_eq!(w.node(0).stats().withheld, 1);
}

#[test]
fn stray_acks_and_responses_move_nothing_and_are_counted() {
    let mut w = Workers::of("fe01.contoso.net", 1);
    let (alice, bob) = (w.datagrams(0, 1), w.datagrams(0, 2));
    w.sign_in(alice, "alice");
    w.sign_in(bob, "bob");
    let stranger = w.datagrams(0, 3);
    for flow in [stranger, alice] {
        w.say(flow, &from_a_stranger("ACK", ""));
        let response = from_a_stranger("INVITE", "").replacen(
            "INVITE sip:bob@contoso.com SIP/2.0",
            "SIP/2.0 200 OK",
            1,
        );
        w.say(flow, &response);
    }
    for flow in [alice, bob, stranger] {
        assert!(all_sent(&mut w, flow).is_empty(), "{flow:?}");
    }
    let stats = w.node(0).stats();
    assert_eq!(stats.stray_responses, 2);
    assert_eq!(stats.ended.get("stray"), Some(&2), "{:?}", stats.ended);
}

/// Two copies of one request, by two ways (RFC 3261 8.2.2.2).
#[test]
fn the_second_copy_of_a_request_that_somebody_forked_is_told_482() {
    let phone = Peer::Client;
    for (method, uri, more, first) in [
        ("OPTIONS", "sip:fe01.contoso.net", "", 200),
        (
            "SUBSCRIBE",
            "sip:alice@contoso.com",
            "Event: presence\nContact: <sip:x@192.168.0.2>\n",
            200,
        ),
        (
            "PUBLISH",
            "sip:alice@contoso.com",
            "Event: presence\nSIP-If-Match: none\n",
            412,
        ),
    ] {
        let mut w = Workers::of("fe01.contoso.net", 1);
        let alice = FlowId::accepted(WorkerId(0), 1).over(Transport::Tcp);
        w.open(alice, phone.clone());
        w.sign_in(alice, "alice");
        let mut statuses = Vec::new();
        for branch in ["one", "one", "two"] {
            w.say(alice, &format!(
                "{method} {uri} SIP/2.0\nVia: SIP/2.0/TCP 192.168.0.2;branch=z9hG4bK{branch}\nMax-Forwards: 70\n\
                 From: <sip:alice@contoso.com>;tag=m\nTo: <{uri}>\nCall-ID: merged\nCSeq: 5 {method}\n\
                 {more}Content-Length: 0\n\n"
            ));
            loop {
                let message = w.next(alice);
                if !message.is_request() {
                    statuses.push(message.status());
                    break;
                }
            }
        }
        assert_eq!(
            (statuses[0], statuses[2]),
            (first, 482),
            "{method} {statuses:?}"
        );
        assert_ne!(statuses[1], 482, "{method}: the same way again");
    }
}

#[test]
fn the_second_copy_of_a_register_is_told_482() {
    let mut w = Workers::of("fe01.contoso.net", 1);
    let alice = w.client(0, 1);
    let aor = "sip:alice@contoso.com";
    for (branch, status) in [("one", 200), ("two", 482)] {
        let uri = w.ticketed("alice");
        w.say(alice, &format!(
            "REGISTER {uri} SIP/2.0\nVia: SIP/2.0/TLS 192.168.0.2;branch=z9hG4bK{branch}\nMax-Forwards: 70\n\
             From: <{aor}>;tag=m\nTo: <{aor}>\nCall-ID: merged\nCSeq: 5 REGISTER\n\
             Contact: <sip:x@192.168.0.2>\nContent-Length: 0\n\n"
        ));
        assert_eq!(w.next(alice).status(), status);
    }
}
