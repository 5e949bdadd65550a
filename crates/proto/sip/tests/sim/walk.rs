//! Random walks: phones and machines that do what comes into their heads. Whatever it was, each request is answered in
//! the end, and once time has passed no machine holds anything for it.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2, NodeHost};
use crate::dialog::DialogState;
use crate::faults::nothing_is_left;
use crate::phone::{Phone, Sent};
use base::random::Random;
use sip::config::InternalSignIn;
use sip::msg::{Message, Method, Name};
use std::time::Duration;
use testkit::HostId;

const SEEDS: u8 = 30;
const STEPS: usize = 120;
const PHONES: usize = 8;
const USERS: [&str; 3] = ["alice", "bob", "carol"];
const PLACES: [&str; 4] = [FE1, FE2, DIR1, EDGE_OUTSIDE];

/// A phone that reacts as phones do, and what it has begun.
struct Robot {
    phone: Phone,
    sent: Vec<(Sent, &'static str)>,
    rings: Vec<Message>,
    dialogs: Vec<DialogState>,
}

impl Robot {
    fn new(d: &mut Deployment, random: &mut Random) -> Self {
        let user = USERS[random.below(USERS.len())];
        let mut phone = Phone::connect(d, user, PLACES[random.below(PLACES.len())]);
        phone.send_register(d, "");
        Self {
            phone,
            sent: Vec::new(),
            rings: Vec::new(),
            dialogs: Vec::new(),
        }
    }

    fn begin(&mut self, d: &mut Deployment, method: &'static str, to: &str, extra: &str) {
        let sent = self.phone.request(d, method, to, extra);
        self.sent.push((sent, method));
    }

    fn react(&mut self, d: &mut Deployment, random: &mut Random) {
        for message in self.phone.take(d) {
            if message.is_request() {
                self.asked(d, random, message);
            } else if message.status() >= 200 {
                self.answered(d, &message);
            }
        }
    }

    fn asked(&mut self, d: &mut Deployment, random: &mut Random, request: Message) {
        let method = request.method();
        if method == Method::Invite {
            return self.rings.push(request);
        }
        let forgets = method != Method::Cancel && random.below(8) == 0;
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

    fn act(&mut self, d: &mut Deployment, random: &mut Random) {
        let to = USERS[random.below(USERS.len())];
        match random.below(9) {
            0 | 1 => self.begin(d, "INVITE", to, ""),
            2 => self.begin(d, "MESSAGE", to, ""),
            3 => {
                if let Some((sent, "INVITE")) = self.sent.last() {
                    self.phone.resend(d, "CANCEL", sent, "");
                }
            }
            4 | 5 => {
                let status = [180, 180, 183, 200, 200, 302, 486, 503, 603][random.below(9)];
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
            _ => self.phone.send_register(d, ""),
        }
    }
}

/// A machine dies or comes back.
fn upset(d: &mut Deployment, random: &mut Random, dead: &mut Vec<(HostId, NodeHost)>) {
    if !dead.is_empty() && random.below(3) > 0 {
        let (id, host) = dead.remove(random.below(dead.len()));
        return d.restart(id, host);
    }
    let id = [d.edge, d.dir1, d.dir2, d.fe1, d.fe2][random.below(5)];
    if let Some(host) = d.world.kill(id) {
        dead.push((id, host));
    }
}

fn walk(seed: u8) {
    let mut random = Random::new([seed; 32]);
    let internal = [InternalSignIn::Proxy, InternalSignIn::Redirect][random.below(2)];
    let mut d = Deployment::with(seed, internal);
    let mut robots: Vec<Robot> = Vec::new();
    let mut dead = Vec::new();
    for _ in 0..STEPS {
        match random.below(16) {
            0 => upset(&mut d, &mut random, &mut dead),
            1 if !robots.is_empty() => {
                let gone = robots.remove(random.below(robots.len()));
                d.world.close(gone.phone.flow);
            }
            2..=4 if robots.len() < PHONES => robots.push(Robot::new(&mut d, &mut random)),
            _ if !robots.is_empty() => {
                let at = random.below(robots.len());
                robots[at].act(&mut d, &mut random);
            }
            _ => {}
        }
        let wait = [0, 1, 5, 50, 2_000, 20_000][random.below(6)];
        d.world.run_for(Duration::from_millis(wait));
        for robot in &mut robots {
            robot.react(&mut d, &mut random);
        }
    }
    // Machines do not die for ever, and people hang up.
    for (id, host) in dead {
        d.restart(id, host);
    }
    for _ in 0..40 {
        d.world.run_for(Duration::from_secs(10));
        for robot in &mut robots {
            robot.react(&mut d, &mut random);
        }
    }
    for robot in robots
        .iter()
        .filter(|robot| d.world.is_open(robot.phone.flow))
    {
        // A MESSAGE that nobody answers stays without one (RFC 4320).
        let calls = robot.sent.iter().filter(|(_, method)| *method == "INVITE");
        let left: Vec<_> = calls.map(|(sent, _)| &sent.call_id).collect();
        let user = robot.phone.user;
        assert!(
            left.is_empty(),
            "seed {seed}: {user} was never answered: {left:?}"
        );
    }
    nothing_is_left(&mut d, &format!("seed {seed}"));
}

#[test]
fn whatever_phones_and_machines_do_everything_is_answered_and_nothing_is_left() {
    for seed in 0..SEEDS {
        walk(seed);
    }
}
