//! A client and a server transaction across a network that the bytes decide: what is lost, sent twice or late, and when
//! and what the server's user answers.
//!
//! Whatever happens, both end; the client's user hears of one final answer or of silence, never of both (of a 2xx to
//! INVITE perhaps again, RFC 6026); no timer is longer than 64*T1; and neither sends without end.

use std::collections::BTreeMap;
use std::time::Duration;

use sip::txn::{ClientTransaction, Do, Kind, ServerTransaction, Steps, TIMEOUT, Timer};

/// More messages than two transactions can send each other when half are duplicated.
const MAX_SENT: usize = 200;
/// Answers that the server's user gives at most.
const MAX_ANSWERS: usize = 6;

#[derive(Clone, Copy)]
enum Due {
    Request,
    Response(u16),
    Ack,
    Client(Timer),
    Server(Timer),
    User,
}

struct Net<'b> {
    bytes: std::slice::Iter<'b, u8>,
    now: Duration,
    due: BTreeMap<(Duration, usize), Due>,
    count: usize,
    sent: usize,
    reliable: bool,
}

impl Net<'_> {
    fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(3)
    }

    fn after(&mut self, wait: Duration, due: Due) {
        self.count += 1;
        self.due.insert((self.now + wait, self.count), due);
    }

    /// Loses, delays or doubles a message, unless the transport is reliable.
    fn send(&mut self, due: Due) {
        self.sent += 1;
        assert!(self.sent < MAX_SENT, "neither side sends without end");
        if self.reliable {
            return self.after(Duration::from_millis(1), due);
        }
        let byte = self.byte();
        let copies = match byte % 8 {
            0 | 1 => 0,
            2 => 2,
            _ => 1,
        };
        for copy in 0..copies {
            let late = u64::from(byte / 8) * 40 + copy * 700 + 1;
            self.after(Duration::from_millis(late), due);
        }
    }
}

struct Both<'b> {
    net: Net<'b>,
    kind: Kind,
    client: Option<ClientTransaction>,
    server: Option<ServerTransaction>,
    is_server_over: bool,
    latest: u16,
    answers: usize,
    finals: usize,
    successes: usize,
    is_silent: bool,
}

/// Runs both transactions until nothing is due.
///
/// # Panics
/// When a property does not hold.
pub fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let kind = if first & 1 == 0 {
        Kind::Invite
    } else {
        Kind::Other
    };
    let reliable = first & 2 == 2;
    let net = Net {
        bytes: rest.iter(),
        now: Duration::ZERO,
        due: BTreeMap::new(),
        count: 0,
        sent: 0,
        reliable,
    };
    let client = ClientTransaction::new(kind, reliable);
    let start = client.start();
    let mut both = Both {
        net,
        kind,
        client: Some(client),
        server: None,
        is_server_over: false,
        latest: 0,
        answers: 0,
        finals: 0,
        successes: 0,
        is_silent: false,
    };
    both.of_client(start, 0);
    while let Some(((at, _), due)) = both.net.due.pop_first() {
        both.net.now = at;
        both.step(due);
    }
    assert!(both.finals <= 1, "one final answer");
    assert!(
        both.finals == 0 || both.successes == 0,
        "a call that was taken is not refused"
    );
    let is_told = both.finals + both.successes > 0;
    // An INVITE that rings has no end of its own: timer C of the proxy is its user's.
    let may_ring = both
        .client
        .as_ref()
        .is_some_and(ClientTransaction::is_proceeding);
    assert!(
        both.client.is_none() || may_ring && kind == Kind::Invite,
        "the client ends"
    );
    assert!(
        !(is_told && both.is_silent),
        "an answer or silence, not both"
    );
    assert!(
        is_told || both.is_silent || may_ring,
        "the user hears something"
    );
    let waits_for_user = both
        .server
        .as_ref()
        .is_some_and(|server| !server.is_answered());
    assert!(
        both.server.is_none() || waits_for_user,
        "an answered server ends"
    );
}

impl Both<'_> {
    fn step(&mut self, due: Due) {
        match due {
            Due::Request => self.request(),
            Due::Response(status) => {
                if let Some(client) = &mut self.client {
                    let steps = client.response(status);
                    self.of_client(steps, status);
                }
            }
            Due::Ack => {
                let steps = self.server.as_mut().map(ServerTransaction::ack);
                self.of_server(steps.unwrap_or_default());
            }
            Due::Client(timer) => {
                let steps = self.client.as_mut().map(|client| client.timer(timer));
                self.of_client(steps.unwrap_or_default(), 0);
            }
            Due::Server(timer) => {
                let steps = self.server.as_mut().map(|server| server.timer(timer));
                self.of_server(steps.unwrap_or_default());
            }
            Due::User => self.answer(),
        }
    }

    fn request(&mut self) {
        if let Some(server) = &self.server {
            let steps = server.request_again();
            return self.of_server(steps);
        }
        // One that comes after its transaction is over is a new one to the server; once is enough here.
        if !self.is_server_over {
            self.server = Some(ServerTransaction::new(self.kind, self.net.reliable));
            self.net.after(Duration::from_millis(1), Due::User);
        }
    }

    fn answer(&mut self) {
        let status = [100, 180, 200, 302, 404, 486, 503, 603][usize::from(self.net.byte() % 8)];
        self.answers += 1;
        let Some(server) = &mut self.server else {
            return;
        };
        let is_late = server.is_answered() && status < 200;
        if !is_late {
            let steps = server.respond(status);
            if steps.contains(&Do::Send) {
                self.latest = status;
            }
            self.of_server(steps);
        }
        if self.answers < MAX_ANSWERS {
            let wait = Duration::from_millis(u64::from(self.net.byte()) * 150);
            self.net.after(wait, Due::User);
        }
    }

    fn of_client(&mut self, steps: Steps, status: u16) {
        for step in steps {
            match step {
                Do::Send => self.net.send(Due::Request),
                Do::Ack => self.net.send(Due::Ack),
                Do::Deliver if status < 200 => {}
                Do::Deliver if status < 300 && self.kind == Kind::Invite => self.successes += 1,
                Do::Deliver => self.finals += 1,
                Do::TimedOut => self.is_silent = true,
                Do::Set(timer, wait) => {
                    assert!(wait <= TIMEOUT, "no timer is longer than 64*T1");
                    self.net.after(wait, Due::Client(timer));
                }
                Do::End => self.client = None,
            }
        }
    }

    fn of_server(&mut self, steps: Steps) {
        for step in steps {
            match step {
                Do::Send => self.net.send(Due::Response(self.latest)),
                Do::Set(timer, wait) => {
                    assert!(wait <= TIMEOUT, "no timer is longer than 64*T1");
                    self.net.after(wait, Due::Server(timer));
                }
                Do::End => {
                    self.server = None;
                    self.is_server_over = true;
                }
                Do::Ack | Do::Deliver | Do::TimedOut => {}
            }
        }
    }
}
