//! Bounds of the workers of a process.

use std::time::Duration;

/// Bounds; connections are counted over all workers of one [`super::start()`], the rest per flow or per worker.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Accepted connections in all. Default 100,000: a full pool's phones with room to spare.
    pub connections: usize,
    /// Accepted connections per source address (IPv6: per /64). Default 4,096: an office behind one address.
    pub per_source: usize,
    /// Pairs of addresses that talk over datagrams, in all; the bound per source is that of connections. Default 20,000:
    /// they cost little, but nothing proves that whoever begins one is where it says.
    pub pairs: usize,
    /// Accepted connections whose handshake is not finished. Default 1,024: some seconds of a returning crowd.
    pub handshakes: usize,
    /// How long a handshake may take. Default 10 s, as a phone on a poor line needs a few seconds.
    pub handshake_time: Duration,
    /// How long a TCP connection may take to come up. Default 4 s, so that a next address is tried within T1*64.
    pub connect_time: Duration,
    /// Unsent bytes per flow, before and after it opens. Default 1 MiB: some hundred large messages.
    pub unsent: usize,
    /// How long unsent bytes may wait without any of them leaving. Default 20 s.
    pub stall_time: Duration,
    /// How long a closing flow waits for the other side to close too. Default 1 s.
    pub linger_time: Duration,
    /// How long an opened flow may be silent. Default 1800 s, the idle time of the balancers in front of a pool.
    pub idle_time: Duration,
    /// Letters waiting in a worker's mailbox. Default 16,384.
    pub mailbox: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            per_source: 4_096,
            pairs: 20_000,
            handshakes: 1_024,
            handshake_time: Duration::from_secs(10),
            connect_time: Duration::from_secs(4),
            unsent: 1 << 20,
            stall_time: Duration::from_secs(20),
            linger_time: Duration::from_secs(1),
            idle_time: Duration::from_secs(1800),
            mailbox: 16_384,
        }
    }
}
