//! A phone that reacts as phones do and otherwise does what somebody else chooses.
//!
//! It watches while it reacts: what comes is for its user, brings no identity that a client made up, and each of its
//! requests has one final answer.

use std::collections::BTreeMap;

use sip::msg::{Message, Method, Name, Uri};

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2};
use crate::dialog::DialogState;
use crate::phone::{Phone, Sent};
use crate::walk::Choices;

const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// Whom a phone calls or watches: a user, or somebody behind a gateway.
const CALLEES: [&str; 4] = ["alice", "bob", "carol", "+8210"];
/// Where lists are subscribed to.
const LISTS: &str = "rls";
const PLACES: [&str; 4] = [FE1, FE2, DIR1, EDGE_OUTSIDE];
const DOCUMENT: &str = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:x@y'><tuple id='t'>\
                        <status><basic>closed</basic></status></tuple></presence>";
/// What a phone may write that is no message, or a bad one.
const GARBAGE: [&str; 6] = [
    "\n\n",
    "GET / HTTP/1.1\n\n",
    "OPTIONS sip:contoso.com SIP/2.0\nVia: x\nContent-Length: 0\n\n",
    "INVITE sip:bob@contoso.com SIP/2.0\nContent-Length: 99999999\n\n",
    "SIP/2.0 200 OK\nVia: SIP/2.0/TLS a;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\n\
     CSeq: 1 INVITE\nContent-Length: 0\n\n",
    "ACK sip:bob@contoso.com SIP/2.0\nVia: SIP/2.0/TLS a;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\n\
     To: <sip:a@b>;tag=2\nCall-ID: c\nCSeq: 1 ACK\nContent-Length: 0\n\n",
];

/// A phone that reacts as phones do, and what it has begun.
pub(crate) struct Robot {
    pub(crate) phone: Phone,
    sent: Vec<(Sent, &'static str)>,
    finals: BTreeMap<(String, String), u16>,
    rings: Vec<Message>,
    dialogs: Vec<DialogState>,
    watching: Vec<DialogState>,
}

impl Robot {
    pub(crate) fn new(d: &mut Deployment, choices: &mut impl Choices) -> Self {
        let user = USERS[choices.below(USERS.len())];
        let mut phone = Phone::connect(d, user, PLACES[choices.below(PLACES.len())]);
        phone.send_register(d, "");
        Self {
            phone,
            sent: Vec::new(),
            finals: BTreeMap::new(),
            rings: Vec::new(),
            dialogs: Vec::new(),
            watching: Vec::new(),
        }
    }

    fn begin(&mut self, d: &mut Deployment, method: &'static str, to: &str, extra: &str) {
        let more = match (method, to) {
            ("SUBSCRIBE", LISTS) => "Event: presence\nExpires: 60\nSupported: eventlist\n",
            ("SUBSCRIBE", _) => "Event: presence\nExpires: 60\n",
            ("PUBLISH", _) => "Event: presence\nExpires: 60\nContent-Type: application/pidf+xml\n",
            _ => "",
        };
        let body = if method == "PUBLISH" { DOCUMENT } else { "" };
        let lines = format!("{extra}{more}");
        let sent = self.phone.request_with_body(d, method, to, &lines, body);
        self.sent.push((sent, method));
    }

    pub(crate) fn react(&mut self, d: &mut Deployment, choices: &mut impl Choices) {
        for message in self.phone.take(d) {
            if message.is_request() {
                self.is_for_us(&message);
                self.asked(d, choices, message);
            } else if message.check().is_err() {
                // Garbage is answered with what it brought.
            } else if message.status() >= 200 {
                self.is_the_only_one(&message);
                self.answered(d, &message);
            }
        }
    }

    /// What comes is for this user, and no identity that a client made up came along.
    fn is_for_us(&self, request: &Message) {
        let to = request.to().unwrap();
        if to.tag().is_none() {
            let aor = Uri::parse(to.uri).unwrap().aor();
            assert_eq!(aor, Some(self.phone.aor()), "a request for another user");
        }
        let asserted = request.elements(Name::PAssertedIdentity);
        for identity in asserted {
            let text = identity.text().unwrap();
            assert!(!text.contains("mallory"), "an identity from outside");
        }
    }

    /// A request has one final answer; that a call was taken may be said by several phones.
    fn is_the_only_one(&mut self, response: &Message) {
        let branch = response
            .via()
            .unwrap()
            .branch()
            .unwrap_or_default()
            .to_owned();
        let (method, status) = (response.method(), response.status());
        if method == Method::Cancel {
            return;
        }
        let key = (branch, response.method_token().to_owned());
        if let Some(before) = self.finals.insert(key, status) {
            let is_taken = |status| method == Method::Invite && status < 300;
            assert!(
                is_taken(before) && is_taken(status),
                "{before} and then {status} to one {method:?}"
            );
        }
    }

    fn asked(&mut self, d: &mut Deployment, choices: &mut impl Choices, request: Message) {
        let method = request.method();
        if method == Method::Invite {
            return self.rings.push(request);
        }
        let forgets = method != Method::Cancel && choices.below(8) == 0;
        if method == Method::Ack || forgets {
            return;
        }
        self.phone.answer(d, &request, 200);
        let call = request.call_id().unwrap();
        let rings = |ringing: &Message| ringing.call_id() == Ok(call);
        if method == Method::Cancel
            && let Some(at) = self.rings.iter().position(rings)
        {
            let invite = self.rings.remove(at);
            self.phone.answer(d, &invite, 487);
        }
    }

    fn answered(&mut self, d: &mut Deployment, response: &Message) {
        let (method, status) = (response.method(), response.status());
        if method == Method::Register {
            if status == 401 {
                let header = Name::WwwAuthenticate;
                let credentials =
                    self.phone
                        .credentials(response, header, "REGISTER", "sip:contoso.com");
                self.phone
                    .send_register(d, &format!("Authorization: {credentials}\n"));
            }
            return;
        }
        let branch = response.via().unwrap().branch();
        let ours = |(sent, _): &(Sent, &str)| Some(&*sent.branch) == branch;
        if method == Method::Invite && status < 300 {
            let dialog = DialogState::of_caller(response);
            self.phone.in_dialog(d, "ACK", &dialog);
            self.dialogs.push(dialog);
        }
        if method == Method::Subscribe && status < 300 && response.to().unwrap().tag().is_some() {
            self.watching.push(DialogState::of_caller(response));
        }
        let Some(at) = self.sent.iter().position(ours) else {
            return;
        };
        if method == Method::Cancel {
            return;
        }
        let (sent, name) = self.sent.remove(at);
        if method == Method::Invite && status >= 300 {
            self.phone.ack(d, &sent, response);
        }
        if status == 407 && !sent.has_credentials {
            let header = Name::ProxyAuthenticate;
            let credentials = self.phone.credentials(response, header, name, &sent.uri);
            let to = sent.uri["sip:".len()..sent.uri.find('@').unwrap()].to_owned();
            self.begin(
                d,
                name,
                &to,
                &format!("Proxy-Authorization: {credentials}\n"),
            );
        }
    }

    pub(crate) fn act(&mut self, d: &mut Deployment, choices: &mut impl Choices) {
        let to = CALLEES[choices.below(CALLEES.len())];
        match choices.below(15) {
            0 | 1 => self.begin(d, "INVITE", to, ""),
            2 => self.begin(d, "MESSAGE", to, ""),
            3 => {
                if let Some((sent, "INVITE")) = self.sent.last() {
                    self.phone.resend(d, "CANCEL", sent, "");
                }
            }
            4 | 5 => {
                let status = [180, 180, 183, 200, 200, 302, 486, 503, 603][choices.below(9)];
                if let Some(invite) = self.rings.first() {
                    self.phone.answer(d, invite, status);
                }
                if status >= 200 && !self.rings.is_empty() {
                    let invite = self.rings.remove(0);
                    if status < 300 {
                        let tag = format!("t{}", self.phone.user);
                        self.dialogs.push(DialogState::of_callee(&invite, &tag));
                    }
                }
            }
            6 => {
                if let Some(dialog) = self.dialogs.pop() {
                    self.phone.in_dialog(d, "BYE", &dialog);
                }
            }
            7 => self.phone.send_register(d, "Expires: 0\n"),
            8 => self.begin(d, "SUBSCRIBE", to, ""),
            9 => self.begin(
                d,
                "MESSAGE",
                to,
                "P-Asserted-Identity: <sip:mallory@contoso.com>\n",
            ),
            10 => self.begin(d, "SUBSCRIBE", LISTS, ""),
            11 => {
                if let Some(dialog) = self.watching.pop() {
                    let contact = &self.phone.contact;
                    let lines = format!(
                        "Event: presence\nSupported: eventlist\nExpires: {}\nContact: <{contact}>\n",
                        [0, 60][choices.below(2)]
                    );
                    self.phone.in_dialog_with(d, "SUBSCRIBE", &dialog, &lines);
                }
            }
            12 => self.begin(d, "PUBLISH", self.phone.user, ""),
            13 => self.phone.send(d, GARBAGE[choices.below(GARBAGE.len())]),
            _ => self.phone.send_register(d, ""),
        }
    }

    /// Calls that were never answered, by their Call-ID. A MESSAGE that nobody answers stays without (RFC 4320).
    pub(crate) fn unanswered(&self) -> Vec<&str> {
        let calls = self.sent.iter().filter(|(_, method)| *method == "INVITE");
        calls.map(|(sent, _)| &*sent.call_id).collect()
    }
}
