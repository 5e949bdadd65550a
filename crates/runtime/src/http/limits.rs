//! Bounds of HTTP connections.

use std::time::Duration;

/// Bounds of what one [`super::start()`] serves, over all its threads.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in all. Default 20,000.
    pub connections: usize,
    /// How long a balancer's header and a handshake may take together. Default 10 s.
    pub handshake: Duration,
    /// How long a request's head may take, from the end of the answer before it. Default 30 s.
    pub head: Duration,
    /// How long a client may leave bytes of ours unread. Default 30 s.
    pub stall: Duration,
    /// How long nothing at all may happen on a connection while an answer is awaited. Default 1800 s, as at a VIP.
    pub idle: Duration,
    /// Bytes of a request's head. Default 16 KiB.
    pub head_bytes: usize,
    /// Headers of a request. Default 100.
    pub headers: usize,
    /// Requests that one HTTP/2 connection may have open. Default 128.
    pub streams: u32,
    /// Requests of an HTTP/2 connection that may be given up before we have read them (CVE-2023-44487). Default 32.
    pub resets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            idle: Duration::from_secs(1800),
            head_bytes: 16 << 10,
            headers: 100,
            streams: 128,
            resets: 32,
        }
    }
}
