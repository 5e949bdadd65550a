//! A client and a server transaction over a network that loses, delays and reorders (RFC 3261 17).

use base::Mono;
use base::random::Random;
use base::timers::Timers;
use sip::txn::{ClientTransaction, Do, Kind, ServerTransaction, Steps, Timer};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Copy)]
enum Packet {
    Request,
    Response(u16),
    Ack,
}

#[derive(Clone, Copy)]
enum Wake {
    Client(Timer),
    Server(Timer),
    Answer,
}

/// One exchange; `loss` is in percent each way.
struct Exchange {
    now: Mono,
    random: Random,
    timers: Timers<Wake>,
    wire: BTreeMap<(Mono, u64), (bool, Packet)>,
    sent: u64,
    loss: usize,
    kind: Kind,
    client: ClientTransaction,
    server: Option<ServerTransaction>,
    latest: u16,
    delivered: Vec<u16>,
    invoked: u32,
    timed_out: bool,
    log: Vec<String>,
}

impl Exchange {
    fn new(kind: Kind, seed: u8, loss: usize) -> Self {
        Self {
            now: Mono::ZERO,
            random: Random::new([seed; 32]),
            timers: Timers::default(),
            wire: BTreeMap::new(),
            sent: 0,
            loss,
            kind,
            client: ClientTransaction::new(kind, false),
            server: None,
            latest: 0,
            delivered: Vec::new(),
            invoked: 0,
            timed_out: false,
            log: Vec::new(),
        }
    }

    fn run(&mut self, answer: u16) {
        let steps = self.client.start();
        self.client_steps(&steps, 0);
        for _ in 0..10_000 {
            let packet = self.wire.first_key_value().map(|(key, _)| key.0);
            let Some(next) = packet.into_iter().chain(self.timers.next_wake()).min() else {
                return;
            };
            self.now = next.max(self.now);
            if packet == Some(next) {
                let Some((_, (to_server, packet))) = self.wire.pop_first() else {
                    return;
                };
                if to_server {
                    self.at_server(packet)
                } else {
                    self.at_client(packet)
                }
            }
            while let Some(wake) = self.timers.expired(self.now) {
                self.wake(wake, answer);
            }
        }
        panic!("the exchange does not end");
    }

    fn wake(&mut self, wake: Wake, answer: u16) {
        match wake {
            Wake::Client(timer) => {
                let steps = self.client.timer(timer);
                self.client_steps(&steps, 0);
            }
            Wake::Server(timer) => {
                let steps = self
                    .server
                    .as_mut()
                    .map(|server| server.timer(timer))
                    .unwrap_or_default();
                self.server_steps(&steps);
            }
            Wake::Answer => {
                self.latest = answer;
                let steps = self
                    .server
                    .as_mut()
                    .map(|server| server.respond(answer))
                    .unwrap_or_default();
                self.server_steps(&steps);
            }
        }
    }

    fn at_server(&mut self, packet: Packet) {
        match (packet, &mut self.server) {
            (Packet::Request, None) => {
                self.invoked += 1;
                self.server = Some(ServerTransaction::new(self.kind, false));
                let think = Duration::from_millis(self.random.below(3_000) as u64);
                self.timers.set(self.now, think, Wake::Answer);
            }
            (Packet::Request, Some(server)) => {
                let steps = server.request_again();
                self.server_steps(&steps);
            }
            (Packet::Ack, Some(server)) => {
                let steps = server.ack();
                self.server_steps(&steps);
            }
            (Packet::Ack | Packet::Response(_), _) => {}
        }
    }

    fn at_client(&mut self, packet: Packet) {
        if let Packet::Response(status) = packet {
            let steps = self.client.response(status);
            self.client_steps(&steps, status);
        }
    }

    fn client_steps(&mut self, steps: &Steps, status: u16) {
        for step in steps {
            self.log
                .push(format!("{} client {step:?}", self.now.as_micros()));
            match step {
                Do::Send => self.send(true, Packet::Request),
                Do::Ack => self.send(true, Packet::Ack),
                Do::Deliver => self.delivered.push(status),
                Do::TimedOut => self.timed_out = true,
                Do::Set(timer, wait) => {
                    self.timers.set(self.now, *wait, Wake::Client(*timer));
                }
                Do::End => {}
            }
        }
    }

    fn server_steps(&mut self, steps: &Steps) {
        for step in steps {
            match step {
                Do::Send => self.send(false, Packet::Response(self.latest)),
                Do::Set(timer, wait) => {
                    self.timers.set(self.now, *wait, Wake::Server(*timer));
                }
                Do::Ack | Do::Deliver | Do::TimedOut | Do::End => {}
            }
        }
    }

    fn send(&mut self, to_server: bool, packet: Packet) {
        if self.random.below(100) < self.loss {
            return;
        }
        self.sent += 1;
        let delay = Duration::from_micros(500 + self.random.below(400_000) as u64);
        self.wire
            .insert((self.now.after(delay), self.sent), (to_server, packet));
    }
}

#[test]
fn whatever_the_network_does_the_request_is_carried_out_once_and_answered_once() {
    for (kind, status) in [(Kind::Other, 200), (Kind::Other, 404), (Kind::Invite, 486)] {
        for seed in 0..100 {
            let mut exchange = Exchange::new(kind, seed, 30);
            exchange.run(status);
            assert!(exchange.invoked <= 1, "{kind:?} {seed}");
            assert!(
                exchange.delivered.len() <= 1,
                "{kind:?} {seed}: {:?}",
                exchange.delivered
            );
            assert_eq!(
                exchange.delivered.is_empty(),
                exchange.timed_out,
                "{kind:?} {seed}"
            );
        }
    }
}

#[test]
fn with_a_third_lost_nearly_all_succeed_and_with_all_lost_none() {
    let answered = |loss| {
        (0..100).filter(move |seed| {
            let mut exchange = Exchange::new(Kind::Invite, *seed, loss);
            exchange.run(486);
            !exchange.timed_out
        })
    };
    assert!(answered(33).count() >= 98);
    assert_eq!(answered(100).count(), 0);
}

#[test]
fn the_same_seed_gives_the_same_exchange() {
    let log = |seed| {
        let mut exchange = Exchange::new(Kind::Other, seed, 40);
        exchange.run(200);
        exchange.log
    };
    assert_eq!(log(3), log(3));
}
