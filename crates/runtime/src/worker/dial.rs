//! Connecting to where the machine wants to go.
//!
//! The peer must present a certificate of the deployment's CA with the hop's name among its dNSNames (RFC 5922 section
//! 7.4, no wildcards), and [`crate::tls::Identify`] must know it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use base::net::{Closed, Event, Face, FlowId, Hop, Link, Peer, Transport};
use logs::Direction;
use rustls::CertificateError;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Plug;
use super::flow::{Flow, Stage};
use super::hub::Hub;
use super::refusal::Refused;
use super::wire::{Heard, Wire};
use crate::tls::Stranger;
use crate::tls::session::Session;
use crate::tls::stream::dial;
use crate::tls::told::Handshake;

impl<P: Plug> Hub<P> {
    /// Begins to open a flow; the machine hears how it went.
    pub(crate) fn dial(self: &Rc<Self>, id: FlowId, hop: Hop) {
        let net = &self.net;
        net.stats().dialled.add(1);
        let flow = Flow::new(id, net.limits().idle_time, net.mono());
        if !net.add(&flow) {
            self.tell_later(Event::Closed {
                flow: id,
                why: Closed::Unreachable,
            });
            return;
        }
        net.spawn(Rc::clone(self).reach(flow, hop));
    }

    async fn reach(self: Rc<Self>, flow: Rc<Flow>, hop: Hop) {
        let net = Rc::clone(&self.net);
        match Box::pin(self.reached(&flow, &hop)).await {
            Ok((link, early)) => self.converse(&flow, Arc::new(link), early).await,
            Err(why) => {
                flow.end(why);
                self.hear(Event::Closed {
                    flow: flow.id(),
                    why,
                });
                // An alert may be waiting to tell the other side what we dislike about it.
                Box::pin(self.part(&flow)).await;
            }
        }
        net.remove(&flow);
    }

    async fn reached(&self, flow: &Rc<Flow>, hop: &Hop) -> Result<(Link, Heard), Closed> {
        let Hop {
            face, transport, ..
        } = *hop;
        let stream = self.connected(flow, hop, face).await?;
        let local = stream.local_addr().map_err(|_| Closed::Unreachable)?;
        let outcome = match transport {
            Transport::Tls => self.secure(flow, hop, face, stream).await,
            Transport::Tcp | Transport::Udp => {
                flow.connect(&self.net, Wire::new(stream, None));
                let known = self.wiring.identify.plain(hop.addr.ip(), transport);
                known
                    .map(|peer| (peer, Heard::default()))
                    .ok_or(Refused::Stranger(Stranger))
            }
        };
        let handshake = Handshake {
            flow: Some(flow.id()),
            direction: Direction::Out,
            peer: hop.addr,
            local: Some(local),
        };
        match outcome {
            Ok((peer, early)) => {
                self.tell_shaken(handshake, flow, &peer, Some(&hop.name));
                let link = Link {
                    peer,
                    transport,
                    face,
                    local,
                    certificate: None,
                    remote: hop.addr,
                };
                Ok((link, early))
            }
            Err(refused) => {
                self.net.refuse(hop.addr, &refused);
                self.tell_refused(handshake, flow, &refused);
                Err(if let Stage::Ended(why) = flow.stage() {
                    why
                } else {
                    Closed::Handshake
                })
            }
        }
    }

    async fn connected(&self, flow: &Flow, hop: &Hop, face: Face) -> Result<TcpStream, Closed> {
        let to = hop.addr;
        let limit = self.net.limits().connect_time;
        let from = self.wiring.origin(face).bind;
        match until_ended(flow, timeout(limit, dial(to, from))).await? {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                self.net.stats().unreachable.add(1);
                tracing::debug!(%to, %error, "cannot connect");
                self.tell_unreachable(flow, hop, &error.to_string());
                Err(Closed::Unreachable)
            }
            Err(_elapsed) => {
                self.net.stats().unreachable.add(1);
                tracing::debug!(%to, "connecting took longer than allowed");
                self.tell_unreachable(flow, hop, "connecting took longer than allowed");
                Err(Closed::Unreachable)
            }
        }
    }

    async fn secure(
        &self,
        flow: &Rc<Flow>,
        hop: &Hop,
        face: Face,
        stream: TcpStream,
    ) -> Result<(Peer, Heard), Refused> {
        let name = ServerName::try_from(hop.name.to_string()).map_err(|_| Refused::WrongName)?;
        let Some(store) = &self.wiring.origin(face).store else {
            return Err(Refused::Tls(CertificateError::UnknownIssuer.into()));
        };
        let session = Session::connect(store.current().client(), name).map_err(Refused::Tls)?;
        flow.connect(&self.net, Wire::new(stream, Some(session)));
        flow.begin(&self.net)?;
        let early = poll_fn(|cx| flow.poll_shake(&self.net, cx)).await?;
        let names = flow.proven().map_err(Refused::Names)?;
        if !names.iter().any(|name| **name == *hop.name) {
            return Err(Refused::WrongName);
        }
        let peer = self
            .wiring
            .identify
            .identify(&names, face)
            .map_err(Refused::Stranger)?;
        Ok((peer, early))
    }
}

/// Runs `work` unless the flow is ended meanwhile.
async fn until_ended<T>(flow: &Flow, work: impl Future<Output = T>) -> Result<T, Closed> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        flow.remember(cx);
        if let Stage::Ended(why) = flow.stage() {
            return Poll::Ready(Err(why));
        }
        work.as_mut().poll(cx).map(Ok)
    })
    .await
}
