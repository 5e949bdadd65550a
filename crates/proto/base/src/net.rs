//! The network as a core sees it: flows that open, bring bytes and close.
//!
//! A *flow* is one connection (or, over UDP, one pair of addresses). The owner of the sockets names flows that were
//! accepted ([`FlowId::accepted`]); the machine names those it asks for ([`FlowId::opened`]), so it can speak of a
//! flow before it exists. Identity is settled before a core hears of a flow: [`Link::peer`] is proven.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

/// What a machine of the topology does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Authenticates, then redirects inside users and proxies remote ones to their home pool.
    Director,
    /// Registrar and home of users.
    FrontEnd,
    /// The SIP crossing point in the perimeter.
    Edge,
    /// Publishes the web sites to the outside.
    ReverseProxy,
    /// Holds the VIP of web listeners.
    LoadBalancer,
    /// Answers for the deployment's names.
    Dns,
}

/// Who is at the other end, decided once, at the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A machine of the topology that proved its name with a certificate of the deployment's CA.
    Server(Arc<Server>),
    /// A federation partner: the domains that its certificate proves and that we federate with, lower case, at least
    /// one. The first names it in counters.
    Partner(Arc<[Arc<str>]>),
    /// A gateway of the topology, known by the address it sends from on the organisation's network: its name.
    Gateway(Arc<str>),
    /// Anyone else: a phone, a browser, a stranger.
    Client,
}

/// A machine of the topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The machine's FQDN, lower case.
    pub name: Arc<str>,
    /// The FQDN of its pool, lower case.
    pub pool: Arc<str>,
    /// What that pool does.
    pub role: Role,
}

/// How bytes travel on a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TLS over TCP.
    Tls,
    /// Plain TCP.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Transport {
    /// Tells whether the transport itself delivers in order or reports failure.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// On which face of the machine a flow lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// The organisation's network. The only face of every role but the Edge and the reverse proxy.
    Inside,
    /// The outside world: an Edge's or reverse proxy's external interface.
    Outside,
}

/// One of the threads of a process, each with its own machine and flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u8);

/// Names a flow within one run of one process: worker, who opened it, transport, serial number.
///
/// The transport is part of the name, so that whoever writes a message for a flow of another worker knows how it
/// travels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(u64);

impl FlowId {
    const OPENED: u64 = 1 << 55;
    const TCP: u64 = 1 << 53;
    const UDP: u64 = 1 << 54;
    const SERIAL: u64 = Self::TCP - 1;

    /// Names the `serial`-th flow that `worker` accepted, over TLS.
    #[must_use]
    pub const fn accepted(worker: WorkerId, serial: u64) -> Self {
        Self((worker.0 as u64) << 56 | (serial & Self::SERIAL))
    }

    /// Names the `serial`-th flow that `worker` asked for, over TLS.
    #[must_use]
    pub const fn opened(worker: WorkerId, serial: u64) -> Self {
        Self((worker.0 as u64) << 56 | Self::OPENED | (serial & Self::SERIAL))
    }

    /// Returns the name of such a flow over another transport.
    #[must_use]
    pub const fn over(self, transport: Transport) -> Self {
        let bare = self.0 & !(Self::TCP | Self::UDP);
        Self(match transport {
            Transport::Tls => bare,
            Transport::Tcp => bare | Self::TCP,
            Transport::Udp => bare | Self::UDP,
        })
    }

    /// Returns how bytes travel on the flow.
    #[must_use]
    pub const fn transport(self) -> Transport {
        match (self.0 & Self::UDP, self.0 & Self::TCP) {
            (0, 0) => Transport::Tls,
            (0, _) => Transport::Tcp,
            (_, _) => Transport::Udp,
        }
    }

    /// Tells whether the machine asked for the flow; else it was accepted.
    #[must_use]
    pub const fn is_opened(self) -> bool {
        self.0 & Self::OPENED != 0
    }

    /// Returns the worker that owns the flow.
    #[must_use]
    pub const fn worker(self) -> WorkerId {
        WorkerId((self.0 >> 56) as u8)
    }

    /// Returns the number as it is written into tokens.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Takes a number back out of a token; it may name a flow that never was.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.0 & Self::OPENED == 0 {
            "in"
        } else {
            "out"
        };
        write!(f, "w{}.{side}.{}", self.worker().0, self.0 & Self::SERIAL)
    }
}

/// What is known of a flow once it is open.
#[derive(Clone, Debug)]
pub struct Link {
    /// Who is there, proven.
    pub peer: Peer,
    /// How bytes travel.
    pub transport: Transport,
    /// On which face of ours.
    pub face: Face,
    /// Our address.
    pub local: SocketAddr,
    /// Theirs.
    pub remote: SocketAddr,
    /// The certificate that a client has proven to hold, where clients are asked for one. By itself it says nothing:
    /// whose it is, is looked up.
    pub certificate: Option<Fingerprint>,
}

/// SHA-256 of a certificate.
pub type Fingerprint = [u8; 32];

/// Where a machine wants a flow to lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The name that the other side's certificate must prove (RFC 5922), lower case; also sent as SNI.
    pub name: Arc<str>,
    /// Its address.
    pub addr: SocketAddr,
    /// How; without TLS the name proves nothing and only tells flows apart.
    pub transport: Transport,
    /// From which face of ours.
    pub face: Face,
}

impl Hop {
    /// Names a machine of the topology: over TLS, on the organisation's network.
    #[must_use]
    pub fn inside(name: impl Into<Arc<str>>, addr: SocketAddr) -> Self {
        Self {
            name: name.into(),
            addr,
            transport: Transport::Tls,
            face: Face::Inside,
        }
    }
}

/// Why a flow ended or never began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// The other side closed it, or it broke.
    ByPeer,
    /// The machine asked for it.
    Asked,
    /// No TCP connection (refused, unreachable, timed out).
    Unreachable,
    /// TCP came up but TLS did not: a wrong name, an unknown CA, an alert.
    Handshake,
    /// It did not take what was written to it: the bound on unsent bytes or time was passed.
    Stalled,
    /// Nothing was heard for longer than allowed.
    Idle,
    /// We are shutting down.
    Draining,
}

/// What the network brings to a machine.
#[derive(Clone, Debug)]
pub enum Event {
    /// A flow is open: accepted, or one that the machine asked for.
    Opened {
        /// Which one.
        flow: FlowId,
        /// What is known of it.
        link: Arc<Link>,
    },
    /// Bytes arrived: any cut of the stream, or exactly one datagram.
    Received {
        /// On which flow.
        flow: FlowId,
        /// The bytes.
        bytes: Bytes,
    },
    /// A flow is gone; its name is never used again. Of another worker's flow one hears only when something was sent to
    /// it that it could not take.
    Closed {
        /// Which one.
        flow: FlowId,
        /// Why.
        why: Closed,
    },
    /// Another worker hands over a message that belongs to one of our transactions.
    Passed {
        /// The flow it came in on; another worker owns it.
        flow: FlowId,
        /// What is known of that flow.
        link: Arc<Link>,
        /// Exactly one whole message.
        bytes: Bytes,
    },
}

/// What a machine asks of the network.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Open a flow. Answered by [`Event::Opened`] or [`Event::Closed`]; sends may follow at once and are queued.
    Open {
        /// Its name, from [`FlowId::opened`] and, without TLS, [`FlowId::over`].
        flow: FlowId,
        /// Where to, from which face and how.
        hop: Hop,
    },
    /// Send bytes on a flow, ours or another worker's; over UDP they are one datagram. To a flow of ours that is gone it
    /// does nothing; to another worker's it is answered with [`Event::Closed`].
    Send {
        /// Which one.
        flow: FlowId,
        /// The bytes.
        bytes: Bytes,
    },
    /// Close a flow after what was sent has left.
    Close {
        /// Which one.
        flow: FlowId,
    },
    /// Hand a message to another worker, which sees [`Event::Passed`].
    Pass {
        /// To whom.
        worker: WorkerId,
        /// The flow it came in on.
        flow: FlowId,
        /// What is known of that flow.
        link: Arc<Link>,
        /// Exactly one whole message.
        bytes: Bytes,
    },
}
