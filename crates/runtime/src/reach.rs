//! Opening a connection so as to learn why it does not open.
//!
//! An error number alone hides whether a router knows no way or a packet filter forbids it: both are "no route to host"
//! (Linux `net/ipv4/icmp.c`). So the socket is asked to keep the ICMP errors it gets (`IP_RECVERR`, ip(7)), with their code
//! and with the address of whoever sent them. This is for finding out, and for whoever has to tell people why it did not
//! open, not for the traffic of servers.
//!
//! Bounds: the time that the caller gives; one ICMP error is read.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::socket;

/// Where an extended error comes from (`linux/errqueue.h`).
const FROM_ICMP: u8 = 2;
const FROM_ICMP6: u8 = 3;
/// "Destination unreachable" (RFC 792; RFC 4443 section 3.1).
const UNREACHABLE: u8 = 3;
const UNREACHABLE6: u8 = 1;
/// Its codes that mean: forbidden (RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).
const FORBIDDEN: [u8; 3] = [9, 10, 13];
/// The same of IPv6: prohibited, source address against policy, route rejected.
const FORBIDDEN6: [u8; 3] = [1, 5, 6];
/// Its codes that mean: nobody listens on this port.
const PORT: u8 = 3;
const PORT6: u8 = 4;
/// Room for the control message with an error and an address.
const CONTROL: usize = 256;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// The other side answered that nobody listens: a reset, or "port unreachable".
    #[error("refused")]
    Refused,
    /// Nothing came back in time.
    #[error("no answer")]
    Silent,
    /// No way leads there, as this system or a router says.
    #[error("no route")]
    NoRoute {
        /// The router that said so, if it was one.
        by: Option<IpAddr>,
    },
    /// A packet filter says that it is forbidden.
    #[error("prohibited")]
    Prohibited {
        /// Who said so; nobody where this system itself forbids it without a word.
        by: Option<IpAddr>,
    },
    /// It cannot be tried from here: the source address is not ours, or there are no sockets left.
    #[error("it cannot be tried from here")]
    Here(#[source] io::Error),
}

/// Connects from an address of ours, or from any.
///
/// # Errors
/// See [`Unreached`].
pub async fn connect(
    to: SocketAddr,
    from: Option<IpAddr>,
    patience: Duration,
) -> Result<TcpStream, Unreached> {
    let socket = if to.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let socket = socket.map_err(Unreached::Here)?;
    keep_errors(&socket, to).map_err(Unreached::Here)?;
    if let Some(from) = from {
        let bound = socket.bind(SocketAddr::new(from, 0));
        bound.map_err(Unreached::Here)?;
    }
    // The socket goes into the attempt and is gone when that fails; what it was told is read by this one.
    let kept = socket.as_fd().try_clone_to_owned();
    let kept = kept.map_err(Unreached::Here)?;
    match timeout(patience, socket.connect(to)).await {
        Ok(Ok(stream)) => {
            socket::prepare(&stream).map_err(Unreached::Here)?;
            Ok(stream)
        }
        Ok(Err(error)) => Err(judge(&error, told(&kept))),
        Err(_) => Err(told(&kept).map_or(Unreached::Silent, Told::means)),
    }
}

/// Sends a datagram and waits for one that `is_answer` takes; returns what that made of it.
///
/// # Errors
/// See [`Unreached`].
pub async fn exchange<T>(
    to: SocketAddr,
    from: Option<IpAddr>,
    bytes: &[u8],
    patience: Duration,
    is_answer: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, Unreached> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((from.unwrap_or(any), 0)).await;
    let socket = socket.map_err(Unreached::Here)?;
    keep_errors(&socket, to).map_err(Unreached::Here)?;
    let asked = async {
        socket.connect(to).await?;
        let mut answer = vec![0; DATAGRAM_MAX];
        for _ in 0..TRIES {
            socket.send(bytes).await?;
            let deadline = tokio::time::Instant::now() + patience / TRIES;
            while let Ok(length) = tokio::time::timeout_at(deadline, socket.recv(&mut answer)).await
            {
                let read = answer.get(..length?).unwrap_or_default();
                if let Some(found) = is_answer(read) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    };
    match asked.await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(told(&socket).map_or(Unreached::Silent, Told::means)),
        Err(error) => Err(judge(&error, told(&socket))),
    }
}

/// The longest datagram that is read, and how often a question is sent.
const DATAGRAM_MAX: usize = 4096;
const TRIES: u32 = 2;

/// An ICMP error, as the socket kept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    origin: u8,
    kind: u8,
    code: u8,
    by: Option<IpAddr>,
}

impl Told {
    fn means(self) -> Unreached {
        let by = self.by;
        match (self.origin, self.kind, self.code) {
            (FROM_ICMP, UNREACHABLE, PORT) | (FROM_ICMP6, UNREACHABLE6, PORT6) => {
                Unreached::Refused
            }
            (FROM_ICMP, UNREACHABLE, code) if FORBIDDEN.contains(&code) => {
                Unreached::Prohibited { by }
            }
            (FROM_ICMP6, UNREACHABLE6, code) if FORBIDDEN6.contains(&code) => {
                Unreached::Prohibited { by }
            }
            _ => Unreached::NoRoute { by },
        }
    }
}

fn keep_errors(socket: &impl AsFd, to: SocketAddr) -> io::Result<()> {
    let set = if to.is_ipv4() {
        setsockopt(socket, Ipv4RecvErr, &true)
    } else {
        setsockopt(socket, Ipv6RecvErr, &true)
    };
    set.map_err(io::Error::from)
}

/// Reads the first ICMP error that a socket has kept.
fn told(socket: &impl AsFd) -> Option<Told> {
    let mut rest = [0; 64];
    let mut parts = [IoSliceMut::new(&mut rest)];
    let mut control = [0; CONTROL];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_fd().as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
    );
    let message = message.ok()?;
    let mut messages = message.cmsgs().ok()?;
    messages.find_map(read)
}

fn read(message: ControlMessageOwned) -> Option<Told> {
    let (error, by) = if let ControlMessageOwned::Ipv4RecvErr(error, by) = message {
        (
            error,
            by.map(|by| IpAddr::from(by.sin_addr.s_addr.to_ne_bytes())),
        )
    } else if let ControlMessageOwned::Ipv6RecvErr(error, by) = message {
        (error, by.map(|by| IpAddr::from(by.sin6_addr.s6_addr)))
    } else {
        return None;
    };
    Some(Told {
        origin: error.ee_origin,
        kind: error.ee_type,
        code: error.ee_code,
        by,
    })
}

/// What an error of the system means, better known where an ICMP error came with it.
fn judge(error: &io::Error, told: Option<Told>) -> Unreached {
    let from_network = |told: &Told| [FROM_ICMP, FROM_ICMP6].contains(&told.origin);
    if let Some(told) = told.filter(from_network) {
        return told.means();
    }
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset,
    ]) {
        Unreached::Refused
    } else if is(&[io::ErrorKind::TimedOut]) {
        Unreached::Silent
    } else if is(&[
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkUnreachable,
    ]) {
        Unreached::NoRoute { by: None }
    } else if is(&[io::ErrorKind::PermissionDenied]) {
        // A filter on the way out drops without a word (EPERM); a route of the kind "prohibit" says EACCES.
        Unreached::Prohibited { by: None }
    } else {
        Unreached::Here(io::Error::new(error.kind(), error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn a_port_where_nobody_listens_refuses_over_both() {
        let socket = UdpSocket::bind((HERE, 0)).await.unwrap();
        let free = socket.local_addr().unwrap();
        drop(socket);
        let refused = connect(free, Some(HERE), PATIENCE).await;
        assert!(matches!(refused, Err(Unreached::Refused)), "{refused:?}");
        let refused = exchange(free, Some(HERE), b"?", PATIENCE, |_| Some(())).await;
        assert!(matches!(refused, Err(Unreached::Refused)), "{refused:?}");
    }

    #[tokio::test]
    async fn an_address_that_is_not_ours_is_no_fault_of_the_network() {
        let listener = tokio::net::TcpListener::bind((HERE, 0)).await.unwrap();
        let there = listener.local_addr().unwrap();
        // An address for documentation (RFC 5737).
        let foreign = Some("192.0.2.1".parse().unwrap());
        let failed = connect(there, foreign, PATIENCE).await;
        assert!(matches!(failed, Err(Unreached::Here(_))), "{failed:?}");
        connect(there, Some(HERE), PATIENCE).await.unwrap();
    }

    #[tokio::test]
    async fn only_what_is_taken_for_an_answer_ends_the_wait() {
        let server = UdpSocket::bind((HERE, 0)).await.unwrap();
        let there = server.local_addr().unwrap();
        let serve = async {
            let mut question = [0; 16];
            let (_, from) = server.recv_from(&mut question).await.unwrap();
            for answer in ["other", "ours"] {
                server.send_to(answer.as_bytes(), from).await.unwrap();
            }
        };
        let read = |bytes: &[u8]| (bytes == b"ours").then_some(bytes.len());
        let asked = exchange(there, None, b"?", PATIENCE, read);
        let (found, ()) = tokio::join!(asked, serve);
        assert_eq!(found.unwrap(), 4);
        let unread = exchange(there, None, b"?", Duration::from_millis(20), |_| None::<()>).await;
        assert!(matches!(unread, Err(Unreached::Silent)), "{unread:?}");
    }

    #[test]
    fn what_icmp_says_is_more_than_the_error_number() {
        let unreachable = || io::Error::from(io::ErrorKind::HostUnreachable);
        let told = |origin, kind, code| Told {
            origin,
            kind,
            code,
            by: Some(HERE),
        };
        let means = |told| judge(&unreachable(), told);
        assert!(matches!(means(None), Unreached::NoRoute { by: None }));
        for (origin, kind, code) in [(FROM_ICMP, UNREACHABLE, 13), (FROM_ICMP6, UNREACHABLE6, 1)] {
            let found = means(Some(told(origin, kind, code)));
            assert!(
                matches!(found, Unreached::Prohibited { by: Some(HERE) }),
                "{found:?}"
            );
        }
        let found = means(Some(told(FROM_ICMP, UNREACHABLE, 1)));
        assert!(matches!(found, Unreached::NoRoute { by: Some(HERE) }));
        let found = means(Some(told(FROM_ICMP, UNREACHABLE, PORT)));
        assert!(matches!(found, Unreached::Refused));
    }
}
