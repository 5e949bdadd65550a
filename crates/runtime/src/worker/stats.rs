//! What the workers count.
//!
//! Each worker has its own [`Stats`], written by it alone; a [`Snapshot`] adds them up.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether a number only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

macro_rules! stats {
    ($($name:ident: $kind:ident, $help:literal;)*) => {
        /// The counters of one worker.
        #[derive(Debug, Default)]
        pub(crate) struct Stats {
            $(#[doc = $help] pub(crate) $name: Count,)*
        }

        /// The counters of all workers, added up at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $(#[doc = $help] pub $name: u64,)*
        }

        impl Snapshot {
            pub(crate) fn add(&mut self, stats: &Stats) {
                $(self.$name = self.$name.wrapping_add(stats.$name.read());)*
            }

            /// Returns every number with its name, kind and meaning, for an exporter.
            #[must_use]
            pub fn each(&self) -> Vec<(&'static str, Kind, &'static str, u64)> {
                vec![$((stringify!($name), Kind::$kind, $help, self.$name),)*]
            }
        }
    };
}

stats! {
    flows: Gauge, "Flows that are open, opening or closing.";
    handshakes: Gauge, "Accepted connections whose handshake is under way.";
    accepted: Counter, "Connections accepted.";
    dialled: Counter, "Connections asked for by the machine.";
    opened: Counter, "Flows that came to be open.";
    closed: Counter, "Flows that were open and ended.";
    unreachable: Counter, "Connections asked for that TCP did not bring up.";
    refused_full: Counter, "Connections refused because there were too many in all.";
    refused_source: Counter, "Connections refused because their source had too many.";
    refused_busy: Counter, "Connections refused because too many handshakes were under way.";
    refused_penalty: Counter, "Connections refused because their source has offended or connects too often.";
    refused_not_tls: Counter, "Handshakes refused because what came was not TLS.";
    refused_no_certificate: Counter, "Handshakes refused for want of a certificate.";
    refused_certificate: Counter, "Handshakes refused because of the certificate.";
    refused_stranger: Counter, "Handshakes refused because the certificate names nobody of the topology.";
    refused_slow: Counter, "Handshakes refused because they took too long.";
    refused_other: Counter, "Handshakes that failed otherwise.";
    accept_errors: Counter, "Failures to accept, mostly for want of file descriptors.";
    stalled: Counter, "Flows ended because the other side did not read.";
    idle: Counter, "Flows ended because nothing was heard.";
    bytes_received: Counter, "Bytes of payload received.";
    bytes_sent: Counter, "Bytes of payload sent.";
    reads: Counter, "Times that payload was received.";
    writes: Counter, "Times that gathered payload was written.";
    datagrams_received: Counter, "Datagrams received.";
    datagrams_sent: Counter, "Datagrams sent.";
    datagrams_unsent: Counter, "Datagrams that the system did not take.";
    datagrams_refused: Counter, "Datagrams dropped: too many senders, too many from one source, or nobody may speak plainly from there.";
    datagram_errors: Counter, "Failures to receive a datagram.";
    letters: Counter, "Letters taken from the mailbox.";
    mailbox_full: Counter, "Letters lost because the mailbox was full.";
}
