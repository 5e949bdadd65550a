//! A gateway that does what somebody chooses when it is called: takes the call, is busy, cannot, or says nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base::net::Peer;
use sip::msg::{Frame, Framer, Limits, Message, Method, Name, Reply};
use testkit::ClientFlow;

use crate::deployment::{Deployment, addr};
use crate::machines::GATEWAYS;
use crate::walk::Choices;

/// The first gateway of the model; the other one is never there.
pub(crate) struct Gateway {
    at: SocketAddr,
    framers: BTreeMap<ClientFlow, Framer>,
    /// Calls that it has not answered.
    rings: Vec<(ClientFlow, Message)>,
}

impl Gateway {
    pub(crate) fn new(d: &mut Deployment) -> Self {
        let at = addr(GATEWAYS[0]);
        d.world.stand(at, Peer::Gateway("gw01.contoso.net".into()));
        Self {
            at,
            framers: BTreeMap::new(),
            rings: Vec::new(),
        }
    }

    pub(crate) fn react(&mut self, d: &mut Deployment, choices: &mut impl Choices) {
        for flow in d.world.reached(self.at) {
            let bytes = d.world.read(flow);
            let framer = self.framers.entry(flow).or_default();
            framer.push(bytes.into());
            let mut came = Vec::new();
            while let Ok(Some(frame)) = framer.next(&Limits::SERVER) {
                if let Frame::Message(message) = frame {
                    came.push(message);
                }
            }
            for request in came.into_iter().filter(Message::is_request) {
                self.asked(d, choices, flow, request);
            }
        }
    }

    fn asked(
        &mut self,
        d: &mut Deployment,
        choices: &mut impl Choices,
        flow: ClientFlow,
        request: Message,
    ) {
        let call = request.call_id().unwrap_or_default().to_owned();
        let method = request.method();
        if method == Method::Ack {
            return;
        }
        if method == Method::Invite {
            let status = [None, Some(180), Some(486), Some(503), Some(200)][choices.below(5)];
            if let Some(status) = status {
                self.answer(d, flow, &request, status);
            }
            if status == Some(180) {
                self.rings.push((flow, request));
            }
            return;
        }
        self.answer(d, flow, &request, 200);
        let rings =
            |(_, ringing): &(ClientFlow, Message)| ringing.call_id().is_ok_and(|one| one == call);
        if method == Method::Cancel
            && let Some(at) = self.rings.iter().position(rings)
        {
            let (flow, invite) = self.rings.remove(at);
            self.answer(d, flow, &invite, 487);
        }
    }

    fn answer(&self, d: &mut Deployment, flow: ClientFlow, request: &Message, status: u16) {
        let reply = Reply::to(request, status).to_tag("gateway").record_route();
        let contact = format!("<sip:gateway@{}>", self.at);
        d.world
            .write(flow, reply.header(Name::Contact, contact).write());
    }
}
