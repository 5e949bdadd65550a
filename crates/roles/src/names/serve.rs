//! The loops that answer: one for each UDP socket, one for each TCP listener, one for each connection.
//!
//! They end when the future of [`serve`] is dropped, connections included; a client whose answer was under way asks
//! again. An error of a socket is counted and followed by a short pause, so that one that stays does not spin.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, UdpSocket as StdSocket};
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Transport};
use base::random::Random;
use dns::{QUERY_MAX, Query, Rates};
use runtime::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Listening, Names, Socket};

/// How many TCP connections are served at a time; more wait, one at each listener and the rest in the system's queue.
pub const CONNECTIONS_MAX: usize = 64;
/// How long a connection lasts, whatever it does. Clients come again when they have more to ask (RFC 7766 section 6.2.4).
pub const CONNECTION_TIME: Duration = Duration::from_secs(10);
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Answers on these sockets until it is dropped; must run within a tokio runtime.
///
/// # Errors
/// When a socket cannot be handed to the event loop; nothing is answered then.
pub async fn serve(listening: Vec<Listening>, names: Arc<Names>, seed: [u8; 32]) -> io::Result<()> {
    let mut seeds = Random::new(seed);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut loops = JoinSet::new();
    for Listening { socket, face } in listening {
        let desk = Desk {
            names: Arc::clone(&names),
            face,
            random: fork(&mut seeds),
            clock: Clock::start(),
        };
        match socket {
            Socket::Udp(socket) => loops.spawn(datagrams(register_udp(socket)?, desk)),
            Socket::Tcp(listener) => loops.spawn(connections(
                register_tcp(listener)?,
                desk,
                Arc::clone(&places),
            )),
        };
    }
    while let Some(ended) = loops.join_next().await {
        // The loops have no end of their own.
        if let Err(error) = ended {
            tracing::error!(%error, "a loop that answers for names ended");
        }
    }
    Ok(())
}

/// Where one client after the other is answered.
struct Desk {
    names: Arc<Names>,
    face: Face,
    random: Random,
    clock: Clock,
}

impl Desk {
    fn answer(&mut self, bytes: &[u8], transport: Transport, from: SocketAddr) -> Option<Vec<u8>> {
        let who = (from, self.clock.mono());
        self.names.answer(
            Query {
                bytes,
                face: self.face,
                transport,
            },
            who,
            &mut self.random,
        )
    }
}

fn register_udp(socket: StdSocket) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

fn register_tcp(listener: StdListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn fork(random: &mut Random) -> Random {
    let mut seed = [0; 32];
    random.fill(&mut seed);
    Random::new(seed)
}

async fn datagrams(socket: UdpSocket, mut desk: Desk) {
    let clock = desk.clock;
    let mut seed = [0; 32];
    desk.random.fill(&mut seed);
    let mut rates = Rates::new(seed);
    // The system cuts what is longer; the one byte more shows that it was.
    let mut buffer = vec![0; QUERY_MAX + 1];
    loop {
        let (length, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "receiving a query failed");
                desk.names.counters.receive_errors.one_more();
                sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        let query = buffer.get(..length).unwrap_or_default();
        let query = Query {
            bytes: query,
            face: desk.face,
            transport: Transport::Udp,
        };
        let who = (from, clock.mono());
        let reply = desk
            .names
            .answer_at(query, who, &mut rates, &mut desk.random);
        let Some(reply) = reply else {
            continue;
        };
        if let Err(error) = socket.send_to(&reply, from).await {
            tracing::debug!(%error, "sending an answer failed");
            desk.names.counters.unsent.one_more();
        }
    }
}

async fn connections(listener: TcpListener, mut desk: Desk, places: Arc<Semaphore>) {
    let mut open = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // After accepting, so that a listener to which nobody comes holds no place.
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                desk.names.counters.connections.one_more();
                let own = Desk {
                    names: Arc::clone(&desk.names),
                    face: desk.face,
                    random: fork(&mut desk.random),
                    clock: desk.clock,
                };
                open.spawn(async move {
                    let names = Arc::clone(&own.names);
                    if timeout(CONNECTION_TIME, converse(stream, from, own))
                        .await
                        .is_err()
                    {
                        names.counters.connections_cut.one_more();
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "accepting a connection for names failed");
                desk.names.counters.receive_errors.one_more();
                sleep(ERROR_PAUSE).await;
            }
        }
        while open.try_join_next().is_some() {}
    }
}

/// Answers one query after the other until the client leaves or says what is not a query.
async fn converse(mut stream: TcpStream, from: SocketAddr, mut desk: Desk) {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::with_capacity(QUERY_MAX, reader);
    let mut query = Vec::new();
    loop {
        let Ok(length) = reader.read_u16().await else {
            return;
        };
        query.resize(usize::from(length), 0);
        if reader.read_exact(&mut query).await.is_err() {
            return;
        }
        let Some(reply) = desk.answer(&query, Transport::Tcp, from) else {
            return;
        };
        // The core keeps its answers below what the length can say.
        let Ok(length) = u16::try_from(reply.len()) else {
            return;
        };
        let framed = [&length.to_be_bytes(), reply.as_slice()].concat();
        if writer.write_all(&framed).await.is_err() {
            desk.names.counters.unsent.one_more();
            return;
        }
    }
}
