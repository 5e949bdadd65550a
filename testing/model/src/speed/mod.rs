//! One node alone, with everything that arrives at hand: what its whole work on a message costs, from bytes to bytes.
//!
//! The examples of `sip` print the time and the benchmark of `testing/load` counts instructions. Only what
//! [`Lone::turn`] and [`Lone::turn_clock`] do is the product's: callgrind is told to count within these
//! ([`COUNTED`]), and `spent` is the time of the first.

mod calls;
mod redirects;

pub use calls::Calls;
pub use redirects::Redirects;

use crate::machines::{FE1, Machine, addr, config};
use base::net::{Effect, Event, Face, FlowId, Link, Peer, Transport};
use base::{Machine as _, Now, Step, UnixMillis};
use bytes::Bytes;
use directory::{Change, Directory, Revision, User};
use sip::config::InternalSignIn;
use sip::guard::{Allowance, Guard};
use sip::location::Table;
use sip::token::Key;
use sip::{Action, Input, Node, Shared};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The functions within which a profiler counts the product's own work.
pub const COUNTED: &str = "*Lone::turn*";

/// A node, its bindings, and the clock that it is shown.
struct Lone {
    node: Node,
    table: Arc<Table>,
    now: Now,
    taken_in: usize,
    spent: Duration,
}

impl Lone {
    fn new(machine: &Machine, users: impl IntoIterator<Item = User>) -> Self {
        let now = Now {
            wall: UnixMillis(1_800_000_000_000),
            ..Now::default()
        };
        let directory = Directory::default();
        for (revision, user) in (1..).zip(users) {
            directory.apply(Revision(revision), Change::Put(user));
        }
        let table = Arc::new(Table::default());
        let shared = Shared {
            users: directory,
            locations: Arc::clone(&table) as _,
            offline: Arc::default(),
            guard: Arc::new(unlimited()),
            watched: Arc::default(),
            observing: Arc::default(),
        };
        let config = config(machine, InternalSignIn::Redirect, 1);
        Self {
            node: Node::new(Arc::new(config), shared, [3; 32], now),
            table,
            now,
            taken_in: 0,
            spent: Duration::ZERO,
        }
    }

    /// Connects a client.
    fn connect(&mut self, flow: FlowId) {
        let remote = addr("192.0.2.1:5");
        let link = Arc::new(Link {
            peer: Peer::Client,
            transport: Transport::Tls,
            face: Face::Inside,
            local: addr(FE1),
            certificate: None,
            remote,
        });
        self.turn(Event::Opened { flow, link });
    }

    /// Hands bytes over; returns what the node sends to the flow last.
    fn say(&mut self, flow: FlowId, to: FlowId, bytes: Bytes) -> Bytes {
        self.taken_in += bytes.len();
        let began = Instant::now();
        let sent = self.turn(Event::Received { flow, bytes });
        self.spent += began.elapsed();
        let last = sent.into_iter().rfind(|(flow, _)| *flow == to);
        last.expect("the node sends something").1
    }

    /// All that the node does about one event. Never inlined, so that a profiler knows it by its name.
    #[inline(never)]
    fn turn(&mut self, event: Event) -> Vec<(FlowId, Bytes)> {
        self.node.handle(self.now, Input::Net(event));
        let mut sent = Vec::new();
        while let Step::Do(action) = self.node.poll() {
            match action {
                Action::Net(Effect::Send { flow, bytes }) => sent.push((flow, bytes)),
                Action::Commit { ticket, changes } => {
                    changes.iter().for_each(|change| self.table.apply(change));
                    let done = Input::Committed { ticket, done: true };
                    self.node.handle(self.now, done);
                }
                Action::Net(_)
                | Action::Complain(_)
                | Action::Observe(_)
                | Action::Report(_)
                | Action::Tell { .. }
                | Action::Store { .. }
                | Action::Resolve { .. } => {}
            }
        }
        sent
    }

    /// Lets time pass, and the node do what is due.
    #[inline(never)]
    fn turn_clock(&mut self, time: Duration) {
        self.now.mono = self.now.mono.after(time);
        self.node.tick(self.now);
    }
}

/// All phones have one address here, which asks more than any may.
fn unlimited() -> Guard {
    let allowance = Allowance {
        requests: f64::MAX,
        ..Allowance::default()
    };
    Guard::new(allowance, Key::derive(&[0; 32], "guard"))
}
