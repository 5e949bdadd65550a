//! Putting one question to one name server: over UDP, and over TCP where the answer does not fit.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use dns::client::{Found, Question};

/// How often a question is sent, and how long an answer may take each time.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_MAX: usize = 4096;

/// Asks and waits; blocks for as long as three tries take.
///
/// # Errors
/// When nothing that answers the question comes.
pub fn ask(server: SocketAddr, question: &Question) -> io::Result<Found> {
    let found = over_udp(server, question)?;
    if found.truncated {
        return over_tcp(server, question);
    }
    Ok(found)
}

fn over_udp(server: SocketAddr, question: &Question) -> io::Result<Found> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let bytes = question.bytes();
    let mut answer = vec![0; ANSWER_MAX];
    for _ in 0..TRIES {
        socket.send(&bytes)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut answer) {
                // What is not ours is passed over: somebody may guess.
                Ok(length) => {
                    if let Some(found) = answer.get(..length).and_then(|bytes| question.read(bytes))
                    {
                        return Ok(found);
                    }
                }
                Err(error) if is_timeout(&error) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Err(io::Error::from(io::ErrorKind::TimedOut))
}

fn over_tcp(server: SocketAddr, question: &Question) -> io::Result<Found> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&question.framed())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    let found = question.read(&answer);
    found.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
