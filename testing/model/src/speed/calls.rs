//! Calls through a Front End: INVITE, 180, 200, ACK, BYE and its 200 between two phones of one worker.

use super::Lone;
use crate::deployment::user;
use crate::machines::{DOMAIN, MACHINES};
use base::net::{FlowId, WorkerId};
use bytes::Bytes;
use sip::msg::{Limits, Message, Name, Reply};
use sip::token::{Key, Ticket};
use std::time::Duration;

const BODY: &str = "v=0\r\no=- 3724394400 3724394405 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:97 opus/48000/2\r\n";

/// A Front End with two phones that are signed in.
pub struct Calls {
    lone: Lone,
    alice: FlowId,
    bob: FlowId,
    made: u32,
}

impl Default for Calls {
    fn default() -> Self {
        let users = ["alice", "bob"].map(|name| user(name, "fepool01.contoso.net"));
        let flow = |serial| FlowId::accepted(WorkerId(0), serial);
        let mut calls = Self {
            lone: Lone::new(&MACHINES[3], users),
            alice: flow(1),
            bob: flow(2),
            made: 0,
        };
        calls.sign_in("alice", calls.alice);
        calls.sign_in("bob", calls.bob);
        calls.lone.spent = Duration::ZERO;
        calls.lone.taken_in = 0;
        calls
    }
}

impl Calls {
    /// Messages that the node takes in for one call.
    pub const MESSAGES: u32 = 6;

    /// The node's time on all calls.
    pub const fn spent(&self) -> Duration {
        self.lone.spent
    }

    /// The bytes that the node took in for all calls.
    pub const fn taken_in(&self) -> usize {
        self.lone.taken_in
    }

    /// One call, from the INVITE to the end of its BYE.
    pub fn call(&mut self) {
        // A day of calls in which no transaction stays for long: the wheel turns as it would.
        self.lone.turn_clock(Duration::from_millis(10));
        self.made += 1;
        let number = self.made;
        let (alice, bob) = (self.alice, self.bob);
        let length = BODY.len();
        let invite = format!(
            "INVITE sip:bob@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1:5;branch=z9hG4bKi{number}\r\n\
             Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@{DOMAIN}>;tag=a{number}\r\n\
             To: <sip:bob@{DOMAIN}>\r\nCall-ID: call{number}@192.0.2.1\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:alice@192.0.2.1:5;transport=tls>\r\nUser-Agent: phone/1.0\r\nSupported: 100rel, timer\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\nContent-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{BODY}"
        );
        let came = self.say(alice, bob, invite.into());
        self.say(bob, alice, answer(&came, 180));
        let accepted = self.say(bob, alice, answer(&came, 200));
        let entries = accepted.elements(Name::RecordRoute);
        let mut routes: Vec<_> = entries.filter_map(|entry| entry.text()).collect();
        routes.reverse();
        let to = accepted.text(Name::To).unwrap();
        for (method, cseq) in [("ACK", 1), ("BYE", 2)] {
            let text = format!(
                "{method} sip:bob@192.0.2.1:5;transport=tls SIP/2.0\r\n\
                 Via: SIP/2.0/TLS 192.0.2.1:5;branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\nRoute: {}\r\n\
                 From: \"Alice\" <sip:alice@{DOMAIN}>;tag=a{number}\r\nTo: {to}\r\n\
                 Call-ID: call{number}@192.0.2.1\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
                routes.join(", ")
            );
            let came = self.say(alice, bob, text.into());
            if method == "BYE" {
                let ended = self.say(bob, alice, answer(&came, 200));
                assert_eq!(ended.status(), 200);
            }
        }
    }

    fn say(&mut self, flow: FlowId, to: FlowId, bytes: Bytes) -> Message {
        let sent = self.lone.say(flow, to, bytes);
        Message::parse(sent, &Limits::SERVER).unwrap()
    }

    fn sign_in(&mut self, name: &str, flow: FlowId) {
        self.lone.connect(flow);
        let aor = format!("sip:{name}@{DOMAIN}");
        let until = self.lone.now.wall.as_secs() + 60;
        let ticket = Ticket::mint(&aor, until, &Key::derive(&[7; 32], "ticket"));
        let text = format!(
            "REGISTER sip:fepool01.contoso.net;{}={ticket} SIP/2.0\r\n\
             Via: SIP/2.0/TLS 192.0.2.1:5;branch=z9hG4bK{name}\r\n\
             Max-Forwards: 70\r\nFrom: <{aor}>;tag=1\r\nTo: <{aor}>\r\nCall-ID: {name}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:{name}@192.0.2.1:5;transport=tls>\r\nContent-Length: 0\r\n\r\n",
            Ticket::PARAM
        );
        assert_eq!(self.say(flow, flow, text.into()).status(), 200);
    }
}

fn answer(request: &Message, status: u16) -> Bytes {
    let contact = "<sip:bob@192.0.2.1:5;transport=tls>";
    let reply = Reply::to(request, status).to_tag("b").record_route();
    reply.header(Name::Contact, contact).write()
}
