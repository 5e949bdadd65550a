//! The servers of others that a deployment needs beside it, as small as they can be: something that says it is SSH, a
//! clock, a web server with lists.
//!
//! Each is one thread in the namespace where it was started, which takes one caller after the other.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use topology::{Port, Topology};

use super::{Bed, GUESTS, LISTS, TIME};

/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);
/// The length of a packet of NTP (RFC 5905 section 7.3).
const CLOCK_PACKET: usize = 48;

/// Servers of others; they end when the value is dropped.
#[derive(Debug)]
pub struct Beside(#[expect(dead_code, reason = "held until they are to end")] Vec<Server>);

impl Beside {
    /// Starts SSH on every machine of a bed, and the clock and the lists where the topology has them.
    ///
    /// # Errors
    /// Fails when an address is taken.
    pub fn start(bed: &Bed) -> io::Result<Self> {
        let port = |port: Port| bed.topology().ports().number(port);
        let mut servers = Vec::new();
        for machine in bed.machines() {
            // On all addresses, as it is installed.
            let any = SocketAddr::new(unspecified(bed.topology()), port(Port::Ssh));
            servers.push(bed.at(machine).enter(|| Server::tcp(any, greet))?);
        }
        for (name, _) in GUESTS {
            for address in bed.addresses(name) {
                let at = |it| SocketAddr::new(*address, port(it));
                match name {
                    TIME => servers.push(bed.at(name).enter(|| Server::clock(at(Port::Ntp)))?),
                    LISTS => {
                        let web = || Server::tcp(at(Port::Revocation), publish);
                        servers.push(bed.at(name).enter(web)?);
                    }
                    _ => {}
                }
            }
        }
        Ok(Self(servers))
    }
}

/// The address that stands for all of a machine's own.
fn unspecified(topology: &Topology) -> IpAddr {
    match topology.machines().first().map(|machine| machine.address) {
        Some(IpAddr::V6(_)) => IpAddr::from([0_u16; 8]),
        Some(IpAddr::V4(_)) | None => IpAddr::from([0_u8; 4]),
    }
}

/// One of them.
#[derive(Debug)]
struct Server {
    stop: Arc<AtomicBool>,
    /// A socket of the same namespace, by which the thread is woken.
    waker: Socket,
    at: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn tcp(at: SocketAddr, serve: fn(TcpStream) -> io::Result<()>) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let waker = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
        Ok(Self::run(at, waker, move |stopped| {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                // A caller that goes away is no concern of the next one.
                let _ = stream
                    .set_read_timeout(Some(PATIENCE))
                    .and_then(|()| serve(stream));
            }
        }))
    }

    fn clock(at: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(at)?;
        let waker = Socket::new(Domain::for_address(at), Type::DGRAM, None)?;
        Ok(Self::run(at, waker, move |stopped| {
            let mut packet = [0; CLOCK_PACKET];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                if length == CLOCK_PACKET {
                    // Whoever gets no answer asks again.
                    let _ = socket.send_to(&time(&packet), from);
                }
            }
        }))
    }

    fn run(
        at: SocketAddr,
        waker: Socket,
        serve: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        Self {
            stop,
            waker,
            at,
            thread: Some(thread::spawn(move || serve(&stopped))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let woken = self.waker.connect(&self.at.into());
        let woken = woken.and_then(|()| self.waker.send(&[0]));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // One that panicked has ended too.
            let _ = thread.join();
        }
    }
}

/// Who speaks SSH speaks first (RFC 4253 section 4.2).
fn greet(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"SSH-2.0-bed\r\n")
}

/// Any page is answered.
fn publish(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// A server's answer of stratum 1, which repeats when the client asked.
fn time(question: &[u8; CLOCK_PACKET]) -> [u8; CLOCK_PACKET] {
    let mut answer = [0; CLOCK_PACKET];
    // Version 4, a server; stratum 1.
    answer[..2].copy_from_slice(&[0x24, 1]);
    answer[24..32].copy_from_slice(&question[40..48]);
    answer
}
