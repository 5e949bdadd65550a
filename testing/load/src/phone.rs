//! One signed-in phone: a TLS connection, an account and the REGISTER that it sends over and over.
//!
//! The text is a template filled by formatting, not built by the product's own `sip` crate, so that the measure does
//! not share its mistakes. The request has 18 header lines and about 1.2 KB, credentials included, as desk phones and
//! soft clients send it. Answers are cut at their Content-Length; only the status and the challenges are read.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::digest::{Account, Session};

/// The longest a phone waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is taken.
const LARGEST: usize = 16 * 1024;

/// Where phones sign in, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The listener.
    pub(crate) addr: SocketAddr,
    /// The name that its certificate proves.
    pub(crate) name: ServerName<'static>,
    /// The client's side of TLS.
    pub(crate) tls: Arc<ClientConfig>,
    /// The SIP domain; also the realm's users' domain. Users are `load0`, `load1`, ...
    pub(crate) domain: String,
    /// The one password of all users.
    pub(crate) password: String,
    /// Where those sign in who are called, if that is elsewhere: the listener and its name.
    pub(crate) callee: Option<(SocketAddr, ServerName<'static>)>,
}

/// One unit of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The bytes of a REGISTER go out and come back, so many times.
    Echo(u32),
    /// REGISTER with credentials, answered 301.
    Redirect,
    /// REGISTER, 401, REGISTER with credentials, 200.
    Register,
    /// A call between two phones that are signed in at one server: INVITE, 180, 200, ACK, BYE, 200.
    Call,
    /// The same through several machines, from a phone outside, which proves itself with each INVITE, to one inside.
    CallAcross,
}

impl Work {
    /// Returns how many requests go out per unit.
    pub(crate) const fn exchanges(self) -> u32 {
        match self {
            Self::Echo(times) => times,
            Self::Redirect => 1,
            Self::Register => 2,
            Self::Call | Self::CallAcross => 3,
        }
    }

    /// Returns how many work at a time, when there are so many phones: a call takes two.
    pub(crate) const fn actors(self, phones: usize) -> usize {
        match self {
            Self::Echo(_) | Self::Redirect | Self::Register => phones,
            Self::Call | Self::CallAcross => phones / 2,
        }
    }
}

/// Why a unit of work failed; the phone is given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The connection could not be made, or broke.
    #[error("the connection failed")]
    Broken(#[from] std::io::Error),
    /// No whole answer came in time.
    #[error("no answer within {PATIENCE:?}")]
    Silent,
    /// An answer that the work does not expect.
    #[error("the answer was {got}, expected {expected}")]
    Status {
        /// What came.
        got: u16,
        /// What should have come.
        expected: u16,
    },
    /// No answer at all: not SIP, too large, or a challenge that cannot be answered.
    #[error("the answer makes no sense")]
    Senseless,
}

/// A connected phone.
#[derive(Debug)]
pub(crate) struct Phone {
    stream: TlsStream<TcpStream>,
    number: usize,
    local: SocketAddr,
    domain: String,
    password: String,
    session: Option<Session>,
    cseq: u32,
    request: String,
    answer: Vec<u8>,
    /// What came behind the message that was received last.
    received: Vec<u8>,
}

impl Phone {
    /// Connects and, where the work repeats authenticated requests, is challenged once.
    ///
    /// # Errors
    /// The server does not answer as it should.
    pub(crate) async fn connect(target: &Target, number: usize, work: Work) -> Result<Self, Fault> {
        let connecting = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(source(number))?;
            let stream = socket.connect(target.addr).await?;
            stream.set_nodelay(true)?;
            let local = stream.local_addr()?;
            let tls = TlsConnector::from(Arc::clone(&target.tls));
            Ok::<_, Fault>((tls.connect(target.name.clone(), stream).await?, local))
        };
        let (stream, local) = timeout(PATIENCE, connecting)
            .await
            .map_err(|_| Fault::Silent)??;
        let mut phone = Self {
            stream,
            number,
            local,
            domain: target.domain.clone(),
            password: target.password.clone(),
            session: None,
            cseq: 0,
            request: String::with_capacity(2048),
            answer: Vec::with_capacity(2048),
            received: Vec::new(),
        };
        if work == Work::Redirect {
            phone.challenged().await?;
        }
        Ok(phone)
    }

    /// Does one unit of work.
    ///
    /// # Errors
    /// The answer is late, broken, or another than the work expects.
    pub(crate) async fn work(&mut self, work: Work) -> Result<(), Fault> {
        match work {
            Work::Echo(times) => {
                for _ in 0..times {
                    self.echo().await?;
                }
                Ok(())
            }
            Work::Redirect => match self.register(301).await {
                // The nonce has aged; a phone answers the new challenge and goes on.
                Err(Fault::Status { got: 401, .. }) => {
                    self.answer_challenge()?;
                    self.register(301).await
                }
                done => done,
            },
            Work::Register => {
                self.session = None;
                self.challenged().await?;
                self.register(200).await
            }
            // That takes two.
            Work::Call | Work::CallAcross => Err(Fault::Senseless),
        }
    }

    /// Returns the user's number.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// Returns the address of our end of the connection.
    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Returns the domain of all users.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// Makes credentials for one of these challenges.
    pub(crate) fn session<'v>(
        &self,
        challenges: impl Iterator<Item = &'v str>,
        method: &str,
        uri: &str,
    ) -> Option<Session> {
        let account = Account {
            user: &format!("load{}", self.number),
            password: &self.password,
            method,
            uri,
        };
        Session::new(challenges, account)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) async fn send(&mut self, message: &str) -> Result<(), Fault> {
        self.stream.write_all(message.as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    /// Returns the next whole message.
    ///
    /// # Errors
    /// None comes in time, or what comes is none.
    pub(crate) async fn receive(&mut self) -> Result<String, Fault> {
        let reading = async {
            loop {
                if let Some(length) = whole(&self.received) {
                    let rest = self.received.split_off(length);
                    let message = std::mem::replace(&mut self.received, rest);
                    return String::from_utf8(message).map_err(|_| Fault::Senseless);
                }
                if self.received.len() > LARGEST {
                    return Err(Fault::Senseless);
                }
                if self.stream.read_buf(&mut self.received).await? == 0 {
                    return Err(Fault::Broken(std::io::ErrorKind::UnexpectedEof.into()));
                }
            }
        };
        timeout(PATIENCE, reading)
            .await
            .map_err(|_| Fault::Silent)?
    }

    /// Ends the connection as phones do, with a close notification, so that no server has a reset to complain about.
    pub(crate) async fn hang_up(mut self) {
        // A server that is gone or silent is no reason to wait or to fail: the figures are taken.
        let _ = timeout(PATIENCE, self.stream.shutdown()).await;
    }

    async fn echo(&mut self) -> Result<(), Fault> {
        self.write_request();
        let length = self.request.len();
        self.exchange(|answer| (answer.len() >= length).then_some(length))
            .await
    }

    async fn challenged(&mut self) -> Result<(), Fault> {
        self.register(401).await?;
        self.answer_challenge()
    }

    /// Makes credentials for the challenge that came last.
    fn answer_challenge(&mut self) -> Result<(), Fault> {
        let uri = format!("sip:{}", self.domain);
        let head = std::str::from_utf8(&self.answer).map_err(|_| Fault::Senseless)?;
        let session = self.session(values(head, "WWW-Authenticate"), "REGISTER", &uri);
        self.session = Some(session.ok_or(Fault::Senseless)?);
        Ok(())
    }

    async fn register(&mut self, expected: u16) -> Result<(), Fault> {
        self.write_request();
        self.exchange(whole).await?;
        match status(&self.answer) {
            Some(got) if got == expected => Ok(()),
            Some(got) => Err(Fault::Status { got, expected }),
            None => Err(Fault::Senseless),
        }
    }

    /// Sends the request and reads until `complete` says how long the answer is.
    async fn exchange(&mut self, complete: impl Fn(&[u8]) -> Option<usize>) -> Result<(), Fault> {
        self.answer.clear();
        let talking = async {
            self.stream.write_all(self.request.as_bytes()).await?;
            self.stream.flush().await?;
            loop {
                if self.stream.read_buf(&mut self.answer).await? == 0 {
                    return Err(Fault::Broken(std::io::ErrorKind::UnexpectedEof.into()));
                }
                if let Some(length) = complete(&self.answer) {
                    // One request is out at a time, so nothing may follow its answer.
                    return if length == self.answer.len() {
                        Ok(())
                    } else {
                        Err(Fault::Senseless)
                    };
                }
                if self.answer.len() > LARGEST {
                    return Err(Fault::Senseless);
                }
            }
        };
        timeout(PATIENCE, talking)
            .await
            .map_err(|_| Fault::Silent)?
    }

    fn write_request(&mut self) {
        self.cseq += 1;
        let Self {
            number,
            local,
            domain,
            cseq,
            request,
            session,
            ..
        } = self;
        request.clear();
        // Writing to a String cannot fail.
        let _ = write!(
            request,
            "REGISTER sip:{domain} SIP/2.0\r\n\
             Via: SIP/2.0/TLS {local};branch=z9hG4bK-{number:06x}-{cseq:08x}-5f3a;rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Load Phone {number}\" <sip:load{number}@{domain}>;tag=a73kszlfl{number:06x}\r\n\
             To: \"Load Phone {number}\" <sip:load{number}@{domain}>\r\n\
             Call-ID: 8f3c1d52-77aa-4d0e-9b1c-{number:012x}@{ip}\r\n\
             CSeq: {cseq} REGISTER\r\n\
             Contact: <sip:load{number}@{local};transport=tls>;expires=3600;\
             +sip.instance=\"<urn:uuid:00000000-0000-4000-8000-{number:012x}>\"\r\n\
             User-Agent: Example Deskphone 410/5.9.6.2335 (24:00:00:{number:06x})\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER\r\n\
             Allow-Events: talk, hold, conference, presence, dialog, message-summary\r\n\
             Supported: path, outbound, gruu, replaces, timer\r\n\
             Accept: application/sdp, application/pidf+xml\r\n\
             Accept-Encoding: identity\r\n\
             Accept-Language: en, ko;q=0.8\r\n\
             Organization: Example Office\r\n\
             Expires: 3600\r\n",
            ip = local.ip(),
        );
        if let Some(session) = session {
            request.push_str("Authorization: ");
            session.answer(request);
            request.push_str("\r\n");
        }
        request.push_str("Content-Length: 0\r\n\r\n");
    }
}

/// Each phone has an address of its own, as phones have: limits per source are in force and must not be met.
fn source(number: usize) -> SocketAddr {
    const FIRST: u32 = Ipv4Addr::new(127, 200, 0, 1).to_bits();
    let offset = u32::try_from(number).unwrap_or(0);
    SocketAddr::from((Ipv4Addr::from_bits(FIRST + offset), 0))
}

/// Returns the values of a header, in order.
pub(crate) fn values<'h>(head: &'h str, name: &'h str) -> impl Iterator<Item = &'h str> {
    head.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(move |line| {
            let (found, value) = line.split_once(':')?;
            found
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim())
        })
}

pub(crate) fn status(answer: &[u8]) -> Option<u16> {
    let digits = answer.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Returns the length of the first whole answer.
fn whole(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|cut| cut == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let body = values(head, "Content-Length")
        .chain(values(head, "l"))
        .next();
    let body: usize = body.and_then(|value| value.parse().ok()).unwrap_or(0);
    (answer.len() >= end + body).then_some(end + body)
}

#[cfg(test)]
mod tests {
    use super::{status, values, whole};

    const ANSWER: &str = "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: one\r\n\
                          www-authenticate: two\r\nContent-Length: 3\r\n\r\nabc";

    #[test]
    fn an_answer_is_whole_when_its_body_is_there() {
        let bytes = ANSWER.as_bytes();
        assert_eq!(whole(bytes), Some(bytes.len()));
        for cut in 0..bytes.len() {
            assert_eq!(whole(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn the_status_and_every_challenge_are_read() {
        assert_eq!(status(ANSWER.as_bytes()), Some(401));
        assert_eq!(
            values(ANSWER, "WWW-Authenticate").collect::<Vec<_>>(),
            ["one", "two"]
        );
        assert_eq!(status(b"HTTP/1.1 200 OK"), None);
    }
}
