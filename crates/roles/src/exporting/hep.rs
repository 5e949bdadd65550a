//! Sends HEP packets, over UDP or TCP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use export::Message;
use export::hep::{Sender, write};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until, timeout};

use super::{ExportError, PATIENCE, address, is_place};

/// What comes at once is no faster than what is spread over this time: timers of the system are not finer.
const BURST: Duration = Duration::from_millis(5);
/// So long after the last packet a word may come that nobody takes them.
const LAST_WORD: Duration = Duration::from_millis(200);

/// A collector that packets go to.
pub struct Hep {
    to: String,
    way: Way,
    sender: Sender,
    /// Between two packets.
    gap: Duration,
    next: Instant,
    packet: Vec<u8>,
    sent: u64,
    cut: u64,
}

enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Hep {
    /// Gets ready to send to `HOST:PORT`, at most so many packets a second.
    ///
    /// # Errors
    /// The place cannot be found, or over TCP not be reached.
    pub async fn to(
        place: &str,
        tcp: bool,
        sender: Sender,
        a_second: u32,
    ) -> Result<Self, ExportError> {
        if !is_place(place) {
            return Err(ExportError::Place(place.to_owned(), "HOST:PORT"));
        }
        let at = address(place).await?;
        let to = place.to_owned();
        let way = if tcp {
            tcp_to(at).await
        } else {
            udp_to(at).await
        };
        Ok(Self {
            way: way.map_err(|source| ExportError::Connect {
                to: to.clone(),
                source,
            })?,
            to,
            sender,
            gap: Duration::from_secs(1) / a_second.max(1),
            next: Instant::now(),
            packet: Vec::new(),
            sent: 0,
            cut: 0,
        })
    }

    /// Sends a message, when its turn has come.
    ///
    /// # Errors
    /// The collector is not there, or takes nothing for too long.
    pub async fn send(&mut self, message: &Message<'_>) -> Result<(), ExportError> {
        self.wait().await;
        self.packet.clear();
        self.cut += u64::from(write(message, &self.sender, &mut self.packet));
        let sending = async {
            match &mut self.way {
                Way::Udp(socket) => socket.send(&self.packet).await.map(|_| ()),
                Way::Tcp(stream) => stream.write_all(&self.packet).await,
            }
        };
        let sent = timeout(PATIENCE, sending).await;
        let sent = sent.map_err(|_| ExportError::Slow {
            to: self.to.clone(),
        })?;
        sent.map_err(|source| self.fault(source))?;
        self.sent += 1;
        Ok(())
    }

    /// Ends it: waits a moment for word that nobody takes what was sent. Returns how many packets were sent, and of how many the
    /// end was left out.
    ///
    /// # Errors
    /// Such a word has come, or the connection broke.
    pub async fn finish(mut self) -> Result<(u64, u64), ExportError> {
        let ended = match &mut self.way {
            Way::Udp(socket) => {
                let word = timeout(LAST_WORD, socket.recv(&mut [0])).await;
                word.unwrap_or(Ok(0)).map(|_| ())
            }
            Way::Tcp(stream) => stream.shutdown().await,
        };
        ended.map_err(|source| self.fault(source))?;
        Ok((self.sent, self.cut))
    }

    async fn wait(&mut self) {
        let now = Instant::now();
        if self.next > now + BURST {
            sleep_until(self.next).await;
        }
        // Time in which nothing was to be sent is not made up for.
        self.next = self.next.max(now) + self.gap;
    }

    fn fault(&self, source: io::Error) -> ExportError {
        let to = self.to.clone();
        if source.kind() == io::ErrorKind::ConnectionRefused {
            return ExportError::Refused { to };
        }
        ExportError::Broken {
            to,
            sent: self.sent,
            source,
        }
    }
}

async fn udp_to(at: SocketAddr) -> io::Result<Way> {
    let any: SocketAddr = if at.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0; 16], 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(at).await?;
    Ok(Way::Udp(socket))
}

async fn tcp_to(at: SocketAddr) -> io::Result<Way> {
    let stream = timeout(PATIENCE, TcpStream::connect(at)).await??;
    Ok(Way::Tcp(stream))
}

#[cfg(test)]
mod tests {
    use logs::{Component, Direction, Flags, Level, Record, Time};
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    fn record() -> Record {
        let kind = Component::SipStack;
        let mut record = Record::new(
            Time(1_790_000_000_000_000),
            "fe01".into(),
            kind,
            Level::Info,
            Flags::PROTOCOL,
        );
        record.direction = Some(Direction::Out);
        record.local = Some("10.0.0.1:5061".parse().unwrap());
        record.peer = Some("10.0.0.2:5061".parse().unwrap());
        record.text = "OPTIONS sip:a SIP/2.0\nCall-ID: a\n".into();
        record
    }

    fn sender() -> Sender {
        Sender { id: 7, key: None }
    }

    #[tokio::test]
    async fn packets_over_tcp_are_told_apart_by_their_length() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let record = record();
        let message = Message::of(&record).unwrap();
        let mut hep = Hep::to(&place, true, sender(), 1000).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            hep.send(&message).await.unwrap();
        }
        assert_eq!(hep.finish().await.unwrap(), (3, 0));
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let mut packets = 0;
        let mut rest = &*bytes;
        while !rest.is_empty() {
            assert_eq!(&rest[..4], b"HEP3");
            rest = &rest[usize::from(u16::from_be_bytes([rest[4], rest[5]]))..];
            packets += 1;
        }
        assert_eq!(packets, 3);
    }

    #[tokio::test]
    async fn where_nobody_listens_that_is_said() {
        // An address that was free a moment ago, of a network that nothing else uses.
        let free = UdpSocket::bind("127.94.61.7:0").await.unwrap();
        let place = free.local_addr().unwrap().to_string();
        drop(free);
        let record = record();
        let mut udp = Hep::to(&place, false, sender(), 1000).await.unwrap();
        udp.send(&Message::of(&record).unwrap()).await.unwrap();
        let refused = udp.finish().await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("nobody takes packets at {place}")
        );
        let refused = Hep::to(&place, true, sender(), 1000).await.err();
        assert!(matches!(refused, Some(ExportError::Connect { .. })));
        for wrong in ["collector", ":9", "a:0", "a:b"] {
            let refused = Hep::to(wrong, false, sender(), 1).await.err();
            assert!(matches!(refused, Some(ExportError::Place(..))), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_sent_than_may_be() {
        let place = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = place.local_addr().unwrap().to_string();
        let record = record();
        let mut hep = Hep::to(&to, false, sender(), 100).await.unwrap();
        let start = Instant::now();
        for _ in 0..101 {
            hep.send(&Message::of(&record).unwrap()).await.unwrap();
        }
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(990) && took < Duration::from_millis(1100),
            "{took:?}"
        );
    }
}
