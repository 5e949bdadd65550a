//! Datagrams: each is one message, a keep-alive, or nothing that we know (RFC 3261 18.3, RFC 5626 3.5).
//!
//! Whoever sent it need not be where it says, so nothing is closed for what came: it is counted, told, and answered if
//! that is possible.

use super::inbound::PONG;
use super::{Fault, Node};
use crate::guard::Offence;
use crate::msg::{Frame, datagram};
use crate::stun;
use base::net::{FlowId, Link};
use bytes::Bytes;
use std::sync::Arc;

impl Node {
    pub(super) fn datagram(&mut self, id: FlowId, link: &Arc<Link>, bytes: Bytes) {
        if let Some(request) = stun::Request::read(&bytes) {
            return self.send_bare(id, request.answer(link.remote));
        }
        let length = bytes.len();
        match datagram(bytes, &self.config.limits) {
            Ok(Frame::Ping) => self.send_bare(id, Bytes::from_static(PONG)),
            Ok(Frame::Pong) => {}
            Ok(Frame::Message(message)) => self.message(id, link, &message),
            Ok(Frame::Garbled { error, reply, .. }) => {
                self.stats.malformed += 1;
                self.misbehaved(id, link, Offence::Malformed);
                self.complain_of(id, link, Fault::Message(error));
                if let Some(reply) = reply {
                    self.send_once(id, length, reply);
                }
            }
            Err(error) => {
                self.stats.malformed += 1;
                self.misbehaved(id, link, Offence::Malformed);
                self.complain_of(id, link, Fault::Frame(error));
            }
        }
    }
}
