//! One TLS session without buffers of its own.
//!
//! It wraps the unbuffered interface of rustls: the caller brings ciphertext and takes plaintext and ciphertext in
//! buffers that belong to the worker, so a session at rest holds keys and little else.
//!
//! The caller keeps what [`Session::advance`] did not consume and brings it again, in front of what arrives next. The
//! same holds for [`Session::seal`] and [`Session::farewell`], which take that rest too, because rustls remembers how
//! far into it it has looked.
//!
//! The accepting end may have to read the hello before it knows its configuration ([`Choice`]). Until then nothing is
//! consumed and nothing said; the caller sees a handshake under way.
//!
//! Bounds: a rest is at most one record, or one handshake message of at most 64 KiB; the caller's buffer decides.

use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError,
    UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, CommonState, Error, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName};

use super::hello::{self, Hello};
use super::{Auth, ClientNames, Credentials, shown};

/// The most plaintext in one record (RFC 8446 section 5.1).
const MAX_PLAIN: usize = 1 << 14;
/// More than any record adds to its plaintext.
const RECORD_ROOM: usize = 256;

/// What came of an advance.
#[derive(Debug, Default)]
pub(crate) struct Advance {
    /// How many bytes of the input are done with.
    pub(crate) consumed: usize,
    /// The other side has said that it will send no more.
    pub(crate) ended: bool,
}

/// Either end of a TLS session.
pub(crate) struct Session {
    end: End,
    /// Whatever certificate the client has, it was not verified, only proven to be held.
    is_holder: bool,
    /// The name in the hello, as far as it was read, until somebody has taken note of it.
    called: Option<Box<str>>,
    /// The certificate that was refused.
    refused: Option<CertificateDer<'static>>,
    /// After an error rustls must not be asked again.
    failed: Option<Error>,
}

/// How a listener where a certificate is optional takes whoever comes.
pub(crate) struct Choice {
    pub(crate) credentials: Arc<Credentials>,
    /// Who calls one of these is not asked for a certificate.
    pub(crate) client_names: ClientNames,
    /// Who calls one of these is asked for a certificate of their own, and is a client.
    pub(crate) holder_names: ClientNames,
}

/// What a hello leads to.
struct Chosen {
    config: Arc<ServerConfig>,
    /// Whether it takes whatever certificate a client holds.
    is_holder: bool,
    called: Option<Box<str>>,
}

impl Choice {
    /// Returns the configuration for whoever begins with these bytes; `None` before there are enough of them.
    fn config(&self, bytes: &[u8]) -> Option<Chosen> {
        let called = match hello::read(bytes) {
            Hello::Partial => return None,
            Hello::Named(name) => Some(name),
            Hello::Server | Hello::Nameless => None,
        };
        let is_one_of = |names: &ClientNames| called.as_ref().is_some_and(|it| names.contains(it));
        let is_holder = is_one_of(&self.holder_names);
        let config = if is_holder {
            self.credentials.holders()
        } else if is_one_of(&self.client_names) {
            self.credentials.server(Auth::None)
        } else {
            self.credentials.server(Auth::Optional)
        };
        Some(Chosen {
            config,
            is_holder,
            called: called.map(String::into_boxed_str),
        })
    }
}

enum End {
    /// The accepting end before the hello is read.
    Unread(Choice),
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

impl Session {
    /// Begins the accepting end.
    pub(crate) fn accept(config: Arc<ServerConfig>) -> Result<Self, Error> {
        UnbufferedServerConnection::new(config).map(|connection| Self::new(End::Server(connection)))
    }

    /// Begins the accepting end; what it asks depends on the name that is called.
    pub(crate) const fn accept_by_name(choice: Choice) -> Self {
        Self::new(End::Unread(choice))
    }

    /// Begins the connecting end.
    pub(crate) fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, Error> {
        UnbufferedClientConnection::new(config, name)
            .map(|connection| Self::new(End::Client(connection)))
    }

    const fn new(end: End) -> Self {
        Self {
            end,
            is_holder: false,
            called: None,
            refused: None,
            failed: None,
        }
    }

    /// Tells whether the certificate of the other side is merely held: nobody was asked whom it names.
    pub(crate) const fn is_holder(&self) -> bool {
        self.is_holder
    }

    /// Returns the name in the hello if it was read, once.
    pub(crate) fn take_called(&mut self) -> Option<Box<str>> {
        self.called.take()
    }

    /// Returns the certificate that the other side has shown, whether it was believed or not.
    pub(crate) fn shown(&self) -> Option<&CertificateDer<'static>> {
        self.refused.as_ref().or_else(|| self.leaf())
    }

    /// Takes in ciphertext; appends plaintext to `plain` and what must be sent to `out`.
    ///
    /// On an error `out` holds the alert that says so.
    pub(crate) fn advance(
        &mut self,
        input: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Advance, Error> {
        if let End::Unread(choice) = &self.end {
            let Some(chosen) = choice.config(input) else {
                return Ok(Advance::default());
            };
            *self = Self::accept(chosen.config)?;
            self.is_holder = chosen.is_holder;
            self.called = chosen.called;
        }
        if self.is_handshaking() {
            let _of_another = shown::take();
        }
        let outcome = self.step(input, plain, out, |_, _| Ok(()));
        if outcome.is_err() {
            self.refused = self.refused.take().or_else(shown::take);
            self.take_alert(out);
        }
        outcome
    }

    /// Encrypts `data` and appends it to `out`; `rest` is what earlier advances left over.
    pub(crate) fn seal(
        &mut self,
        rest: &mut [u8],
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Advance, Error> {
        self.step(rest, &mut Vec::new(), out, |writer, out| {
            for piece in data.chunks(MAX_PLAIN) {
                fill(out, piece.len() + RECORD_ROOM, |room| {
                    writer.encrypt(piece, room)
                })?;
            }
            Ok(())
        })
    }

    /// Appends the notice that we will send no more.
    pub(crate) fn farewell(
        &mut self,
        rest: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Advance, Error> {
        self.step(rest, &mut Vec::new(), out, |writer, out| {
            fill(out, RECORD_ROOM, |room| writer.queue_close_notify(room))
        })
    }

    /// Tells whether the handshake is still under way.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.common().is_none_or(CommonState::is_handshaking)
    }

    /// Returns the certificate that the other side proved to hold.
    pub(crate) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.common()?.peer_certificates()?.first()
    }

    /// Returns what is settled, once the hello is read.
    pub(crate) fn common(&self) -> Option<&CommonState> {
        match &self.end {
            End::Unread(_) => None,
            End::Server(connection) => Some(connection),
            End::Client(connection) => Some(connection),
        }
    }

    /// What is queued comes out before any input is looked at, so none is needed.
    fn take_alert(&mut self, out: &mut Vec<u8>) {
        while self.common().is_some_and(CommonState::wants_write) {
            let encoded = match &mut self.end {
                End::Unread(_) => return,
                End::Server(connection) => {
                    take_message(connection.process_tls_records(&mut []).state, out)
                }
                End::Client(connection) => {
                    take_message(connection.process_tls_records(&mut []).state, out)
                }
            };
            if encoded.is_err() {
                return;
            }
        }
    }

    fn step(
        &mut self,
        input: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
        write: impl FnMut(&mut dyn Writer, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Advance, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let outcome = self.end.step(input, plain, out, write);
        if let Err(error) = &outcome {
            self.failed = Some(error.clone());
        }
        outcome
    }
}

impl End {
    fn step(
        &mut self,
        input: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&mut dyn Writer, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Advance, Error> {
        let mut total = Advance::default();
        loop {
            let rest = input.get_mut(total.consumed..).unwrap_or_default();
            let (consumed, turn) = match self {
                // Nothing can be said before the hello is read.
                Self::Unread(_) => return Ok(total),
                Self::Server(connection) => {
                    let UnbufferedStatus { discard, state } = connection.process_tls_records(rest);
                    (
                        discard,
                        take::<ServerConnectionData>(state?, plain, out, &mut write)?,
                    )
                }
                Self::Client(connection) => {
                    let UnbufferedStatus { discard, state } = connection.process_tls_records(rest);
                    (
                        discard,
                        take::<ClientConnectionData>(state?, plain, out, &mut write)?,
                    )
                }
            };
            total.consumed += consumed;
            match turn {
                Turn::Again => {}
                Turn::Ended => total.ended = true,
                Turn::Rest => return Ok(total),
            }
        }
    }
}

enum Turn {
    /// There may be more in the input.
    Again,
    /// The other side is done; there may still be something to send.
    Ended,
    /// Nothing more until something arrives.
    Rest,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the type is open to later additions"
)]
fn take<D>(
    state: ConnectionState<'_, '_, D>,
    plain: &mut Vec<u8>,
    out: &mut Vec<u8>,
    write: &mut impl FnMut(&mut dyn Writer, &mut Vec<u8>) -> Result<(), Error>,
) -> Result<Turn, Error> {
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                plain.extend_from_slice(record?.payload);
            }
            Ok(Turn::Again)
        }
        ConnectionState::EncodeTlsData(mut message) => {
            encode(&mut message, out)?;
            Ok(Turn::Again)
        }
        ConnectionState::TransmitTlsData(sent) => {
            sent.done();
            Ok(Turn::Again)
        }
        ConnectionState::WriteTraffic(mut writer) => {
            write(&mut writer, out)?;
            Ok(Turn::Rest)
        }
        ConnectionState::PeerClosed => Ok(Turn::Ended),
        ConnectionState::BlockedHandshake | ConnectionState::Closed => Ok(Turn::Rest),
        // Our configurations never offer early data.
        _ => Err(Error::General("unforeseen TLS state".to_owned())),
    }
}

fn take_message<D>(
    state: Result<ConnectionState<'_, '_, D>, Error>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    if let ConnectionState::EncodeTlsData(mut message) = state? {
        encode(&mut message, out)
    } else {
        Err(Error::EncryptError)
    }
}

/// The writing side of an established session, of either end.
trait Writer {
    fn encrypt(&mut self, data: &[u8], room: &mut [u8]) -> Result<usize, EncryptError>;
    fn queue_close_notify(&mut self, room: &mut [u8]) -> Result<usize, EncryptError>;
}

impl<D> Writer for WriteTraffic<'_, D> {
    fn encrypt(&mut self, data: &[u8], room: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::encrypt(self, data, room)
    }

    fn queue_close_notify(&mut self, room: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::queue_close_notify(self, room)
    }
}

/// Lets `write` fill the space after what `out` holds, and gives it more if it asks.
fn fill(
    out: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), Error> {
    let start = out.len();
    out.resize(start + room, 0);
    let outcome = match write(out.get_mut(start..).unwrap_or_default()) {
        Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
            out.resize(start + required_size, 0);
            write(out.get_mut(start..).unwrap_or_default())
        }
        other => other,
    };
    out.truncate(start + outcome.as_ref().copied().unwrap_or(0));
    outcome.map(drop).map_err(|_| Error::EncryptError)
}

fn encode<D>(message: &mut EncodeTlsData<'_, D>, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) =
        message.encode(&mut [])
    else {
        return Err(Error::EncryptError);
    };
    out.resize(start + required_size, 0);
    message
        .encode(out.get_mut(start..).unwrap_or_default())
        .map(drop)
        .map_err(|_| Error::EncryptError)
}
