//! One connection's socket, with or without TLS around it.
//!
//! Reading and sealing happen in the worker's [`Scratch`]; the connection itself owns only what could not be finished:
//! the part of a record that arrived (`rest`) and ciphertext that the socket did not take (`unsent`).
//!
//! What is read is handed out in buffers of exactly its size. Slices of the shared buffer would save one short copy, but
//! a machine that keeps a few bytes of an unfinished message would then hold on to all of it.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use rustls_pki_types::CertificateDer;
use socket2::SockRef;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::refusal::Refused;
use crate::tls::session::Session;

/// Room for the largest handshake message that rustls takes (64 KiB) and one record more.
const READ_ROOM: usize = (64 + 18) << 10;

/// Buffers that all connections of a worker use in turn.
pub(crate) struct Scratch {
    read: Vec<u8>,
    plain: Vec<u8>,
    out: Vec<u8>,
    gather: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            read: vec![0; READ_ROOM],
            plain: Vec::new(),
            out: Vec::new(),
            gather: Vec::new(),
        }
    }
}

/// What one read brought.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Payload; empty if only TLS spoke.
    pub(crate) bytes: Bytes,
    /// The other side will send no more.
    pub(crate) ended: bool,
}

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    session: Option<Session>,
    rest: Vec<u8>,
    unsent: BytesMut,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, session: Option<Session>) -> Self {
        Self {
            stream,
            session,
            rest: Vec::new(),
            unsent: BytesMut::new(),
        }
    }

    /// Returns how much the socket has yet to take.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_handshaking)
    }

    /// Tells whether the certificate of the other side is merely held.
    pub(crate) fn is_holder(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_holder)
    }

    /// Returns the certificate that the other side proved to hold.
    pub(crate) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.session.as_ref()?.leaf()
    }

    /// Returns the TLS around it.
    pub(crate) const fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// Lets TLS speak first, as the connecting end must.
    pub(crate) fn begin(&mut self, scratch: &mut Scratch) -> Result<(), Refused> {
        if let Some(session) = &mut self.session {
            scratch.out.clear();
            session
                .advance(&mut [], &mut Vec::new(), &mut scratch.out)
                .map_err(Refused::Tls)?;
            self.write(&scratch.out).map_err(Refused::Broken)?;
        }
        Ok(())
    }

    /// Reads once and takes TLS as far as that leads.
    pub(crate) fn poll_read(
        &mut self,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Heard, Refused>> {
        let held = self.rest.len();
        let Some((front, room)) = scratch
            .read
            .split_at_mut_checked(held)
            .filter(|(_, room)| !room.is_empty())
        else {
            return Poll::Ready(Err(Refused::TooLarge));
        };
        let mut buffer = ReadBuf::new(room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).map_err(Refused::Broken)?;
        let fresh = buffer.filled().len();
        if fresh == 0 {
            return Poll::Ready(Ok(Heard {
                bytes: Bytes::new(),
                ended: true,
            }));
        }
        front.copy_from_slice(&self.rest);
        let Some(input) = scratch.read.get_mut(..held + fresh) else {
            return Poll::Ready(Err(Refused::TooLarge));
        };
        let Some(session) = &mut self.session else {
            return Poll::Ready(Ok(Heard {
                bytes: Bytes::copy_from_slice(input),
                ended: false,
            }));
        };
        scratch.plain.clear();
        scratch.out.clear();
        let advanced = session.advance(input, &mut scratch.plain, &mut scratch.out);
        let written = self.write(&scratch.out);
        let advanced = advanced.map_err(Refused::Tls)?;
        written.map_err(Refused::Broken)?;
        // A new, exact buffer: one that has held a record does not keep its size.
        self.rest = input.get(advanced.consumed..).unwrap_or_default().to_vec();
        Poll::Ready(Ok(Heard {
            bytes: Bytes::copy_from_slice(&scratch.plain),
            ended: advanced.ended,
        }))
    }

    /// Sends payload, all pieces in one write if the socket takes it.
    pub(crate) fn send(&mut self, scratch: &mut Scratch, pieces: &[Bytes]) -> Result<(), Refused> {
        let whole = match pieces {
            [one] => one.as_ref(),
            many => {
                scratch.gather.clear();
                many.iter()
                    .for_each(|piece| scratch.gather.extend_from_slice(piece));
                &scratch.gather
            }
        };
        let Some(session) = &mut self.session else {
            return self.write(whole).map_err(Refused::Broken);
        };
        scratch.out.clear();
        let sealed = session
            .seal(&mut self.rest, whole, &mut scratch.out)
            .map_err(Refused::Tls)?;
        self.rest.drain(..sealed.consumed);
        self.write(&scratch.out).map_err(Refused::Broken)
    }

    /// Says that we will send no more; what is unsent goes first.
    pub(crate) fn farewell(&mut self, scratch: &mut Scratch) -> Result<(), Refused> {
        if let Some(session) = self
            .session
            .as_mut()
            .filter(|session| !session.is_handshaking())
        {
            scratch.out.clear();
            session
                .farewell(&mut self.rest, &mut scratch.out)
                .map_err(Refused::Tls)?;
            self.write(&scratch.out).map_err(Refused::Broken)?;
        }
        Ok(())
    }

    /// Gives the socket what it did not take before.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unsent))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(taken);
        }
        self.unsent = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    /// Tells the other side's kernel that nothing follows.
    pub(crate) fn shut(&self) -> io::Result<()> {
        SockRef::from(&self.stream).shutdown(Shutdown::Write)
    }

    /// Reads and forgets until the other side is done.
    pub(crate) fn poll_discard(
        &mut self,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut buffer = ReadBuf::new(&mut scratch.read);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        if self.unsent.is_empty() && !left.is_empty() {
            match self.stream.try_write(left) {
                Ok(taken) => left = left.get(taken..).unwrap_or_default(),
                Err(busy)
                    if matches!(
                        busy.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(broken) => return Err(broken),
            }
        }
        self.unsent.extend_from_slice(left);
        Ok(())
    }
}
