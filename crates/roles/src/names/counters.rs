//! What the names count; read at any time by whoever exports it.

use std::sync::atomic::{AtomicU64, Ordering};

use base::net::Transport;
use dns::{Outcome, Reply, Silence};
use runtime::metrics::Kind;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($name:ident: $help:literal;)*) => {
        /// What was asked and answered since the start.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $help] pub(super) $name: Count,)*
        }

        impl Counters {
            /// Returns every number with its name, kind and meaning, for an exporter.
            #[must_use]
            pub fn each(&self) -> Vec<(&'static str, Kind, &'static str, u64)> {
                vec![$((stringify!($name), Kind::Counter, $help, self.$name.read()),)*]
            }
        }
    };
}

counters! {
    queries_udp: "Messages received over UDP.";
    queries_tcp: "Messages received over TCP.";
    answered: "Queries answered with records.";
    no_data: "Queries for a type that the name does not have.";
    no_such_name: "Queries for a name of ours that does not exist.";
    refused: "Queries refused: names of others, transfers, other classes.";
    malformed: "Messages that could not be read.";
    not_implemented: "Messages that were not queries but asked for something else, or for unknown options.";
    failed: "Queries whose answer could not be written.";
    silent: "Messages that got no answer because they were none or too short.";
    slipped: "Answers over UDP beyond the rate in whose place the client was asked to come over TCP.";
    limited: "Answers over UDP beyond the rate that were not sent.";
    truncated: "Answers over UDP that did not fit.";
    unsent: "Answers that could not be sent.";
    receive_errors: "Failures to receive or accept.";
    connections: "TCP connections accepted and served.";
    connections_cut: "TCP connections ended because their time was up.";
}

impl Counters {
    pub(super) fn take(&self, over: Transport, reply: &Result<Reply, Silence>) {
        match over {
            Transport::Udp => self.queries_udp.one_more(),
            Transport::Tcp | Transport::Tls => self.queries_tcp.one_more(),
        }
        let reply = match reply {
            Ok(reply) => reply,
            Err(Silence::TooShort | Silence::NotAQuery) => return self.silent.one_more(),
        };
        if reply.truncated {
            self.truncated.one_more();
        }
        match reply.outcome {
            Outcome::Answered => self.answered.one_more(),
            Outcome::NoData => self.no_data.one_more(),
            Outcome::NoSuchName => self.no_such_name.one_more(),
            Outcome::NotOurs | Outcome::NotOffered => self.refused.one_more(),
            Outcome::Malformed => self.malformed.one_more(),
            Outcome::NotImplemented | Outcome::EdnsVersion => self.not_implemented.one_more(),
            Outcome::Failed => self.failed.one_more(),
        }
    }
}
