//! Somebody who asks the logging agent of a machine, over the protocol itself.

use std::net::SocketAddr;
use std::time::Instant;

use logs::wire::{Answer, Decoder, FrameError, Request, encode};
use thiserror::Error;

use crate::tls::{Manner, PATIENCE, Wire, WireError};

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ControllerError {
    /// The connection is of no use.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// What came is no answer, or the request does not fit.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A connection to one port of an agent.
#[derive(Debug)]
pub struct Controller {
    wire: Wire,
    decoder: Decoder<Answer>,
}

impl Controller {
    /// Connects to an agent, which has to prove its machine's name.
    ///
    /// # Errors
    /// Fails when nobody listens, or either side refuses the other.
    pub fn connect(
        manner: &Manner,
        at: SocketAddr,
        machine: &str,
    ) -> Result<Self, ControllerError> {
        Ok(Self {
            wire: Wire::connect(manner, at, machine)?,
            decoder: Decoder::default(),
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Fails when the agent has gone.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), ControllerError> {
        Ok(self.wire.send(bytes)?)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Fails when it does not fit into a frame, or the agent has gone.
    pub fn request(&mut self, request: &Request) -> Result<(), ControllerError> {
        let mut frame = Vec::new();
        encode(request, &mut frame)?;
        self.send(&frame)
    }

    /// Waits for the next part of an answer.
    ///
    /// # Errors
    /// Fails when the agent ends the connection, or says nothing for too long.
    pub fn answer(&mut self) -> Result<Answer, ControllerError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.decoder.take()? {
                return Ok(answer);
            }
            let bytes = self.wire.receive(deadline)?;
            self.decoder.push(&bytes);
        }
    }

    /// Asks, and returns every part of the answer; the last is `Done` or `Refused`.
    ///
    /// # Errors
    /// Fails when the agent ends the connection, or says nothing for too long.
    pub fn ask(&mut self, request: &Request) -> Result<Vec<Answer>, ControllerError> {
        self.request(request)?;
        let mut parts = Vec::new();
        loop {
            let part = self.answer()?;
            let is_last = matches!(part, Answer::Done(_) | Answer::Refused(_));
            parts.push(part);
            if is_last {
                return Ok(parts);
            }
        }
    }

    /// Waits for the agent to end the connection.
    ///
    /// # Errors
    /// Fails when it does not.
    pub fn ended(&mut self) -> Result<(), ControllerError> {
        self.wire.drain(Instant::now() + PATIENCE)?;
        Ok(())
    }
}
