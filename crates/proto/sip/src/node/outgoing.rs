//! How a request changes on its way through us (RFC 3261 16.6) and a response on its way back, and sending a request on
//! without state (16.11).

use super::Node;
use super::groups::breadth;
use super::overload::OFFER;
use crate::auth;
use crate::config::Address;
use crate::hiding;
use crate::msg::{Edit, Message, Method, Name, Via, push_number};
use crate::role::loops;
use crate::role::route::Ends;
use crate::role::secure;
use crate::role::{Assert, Plan, Record, Target, Towards, Why, may_assert};
use crate::token::{Branch, Dialog, Token};
use base::net::{FlowId, Link, Peer, Role, Transport};
use bytes::Bytes;

/// RFC 3261 8.1.1.6: for a request that came without.
const MAX_FORWARDS: u8 = 70;

/// A request, where it came from and where it goes.
pub(super) struct Passage<'a> {
    pub(super) request: &'a Message,
    pub(super) came_on: FlowId,
    pub(super) leaves_on: FlowId,
    pub(super) link: &'a Link,
    pub(super) plan: &'a Plan,
    pub(super) target: &'a Target,
    /// Into how many branches it may fork from here on (RFC 5393 5.3.3).
    pub(super) breadth: u32,
}

impl Node {
    /// Writes the request as it leaves.
    pub(super) fn write_request(&self, passage: &Passage<'_>, branch: Branch) -> Bytes {
        let Passage {
            request,
            plan,
            target,
            ..
        } = passage;
        let mut edit = request.edit();
        if let Some(uri) = &target.uri {
            edit.uri(uri);
        }
        edit.remove(Name::Route);
        if !target.route.is_empty() {
            edit.push(Name::Route, target.route.join(", "));
        }
        let hops = request
            .max_forwards()
            .ok()
            .flatten()
            .map_or(MAX_FORWARDS, |n| n.saturating_sub(1));
        edit.set(Name::MaxForwards, hops);
        if !matches!(request.method(), Method::Ack | Method::Cancel) {
            edit.set(Name::MaxBreadth, passage.breadth);
        }
        let face = hiding::face_towards(&self.config, &target.towards);
        let recorded = (plan.record == Record::Yes).then(|| self.record_route(passage));
        match (face, &recorded) {
            (Some(us), own) => {
                hiding::hide_request(&self.config, &mut edit, request, own.as_deref(), us);
            }
            (None, Some(own)) => drop(edit.push(Name::RecordRoute, own)),
            (None, None) => {}
        }
        if let Some(path) = &plan.path {
            // The client's own is not kept: it would lead requests for it where it likes.
            edit.set(Name::Path, path.as_str());
        }
        self.write_identity(&mut edit, passage);
        if plan.strip_credentials {
            self.take_credentials(request, &mut edit);
        }
        self.write_vias(&mut edit, passage, branch);
        say_length(request, &mut edit);
        edit.write()
    }

    /// Who the sender is (RFC 3325): as the plan says, but to a phone not what shall stay among servers (9.1, 7).
    fn write_identity(&self, edit: &mut Edit<'_>, passage: &Passage<'_>) {
        let Passage { request, plan, .. } = passage;
        if !matches!(plan.assert, Assert::Keep) {
            // What a client would like to be called is no longer of use (RFC 3325 9.2), and an older header says the
            // same without anybody having proven it.
            edit.remove(Name::PPreferredIdentity);
            edit.remove(Name::RemotePartyId);
        }
        let to_phone = matches!(passage.target.towards, Towards::Flow(_));
        match &plan.assert {
            Assert::Keep | Assert::User(_) if to_phone && hiding::keeps_identity(request) => {
                edit.remove(Name::PAssertedIdentity);
            }
            Assert::Keep => {}
            Assert::Strip => {
                edit.remove(Name::PAssertedIdentity);
            }
            Assert::User(aor) => {
                edit.set(Name::PAssertedIdentity, format!("<{aor}>"));
            }
        }
    }

    /// Puts our Via above those that are there, with what we noted of the sender; towards the outside they are in it.
    fn write_vias(&self, edit: &mut Edit<'_>, passage: &Passage<'_>, branch: Branch) {
        let Passage {
            request,
            link,
            target,
            ..
        } = passage;
        let noted = request.via().ok().and_then(|via| via.noted(link.remote));
        let transport = passage.leaves_on.transport();
        let us = self.address_towards(&target.towards, transport);
        let mut branch = branch.mint(&self.config.keys.branch);
        branch.push_str(&loops::digest(&self.config, link, request));
        // Pieces by hand, here and in the entries below: every message that is sent on has them.
        let mut via = String::with_capacity(128);
        for piece in ["SIP/2.0/", transport_name(transport), " ", &us.host, ":"] {
            via.push_str(piece);
        }
        push_number(&mut via, us.port.into());
        via.push_str(";branch=");
        via.push_str(&branch);
        if matches!(target.towards, Towards::Partner(_)) {
            // The partner may send its own requests back over this connection (RFC 5923 5).
            via.push_str(";alias");
        }
        let to_server = matches!(target.towards, Towards::Servers(_));
        if to_server && transport == Transport::Tls {
            via.push_str(OFFER);
        } else if transport == Transport::Udp {
            // Where the answer went is then known to whoever looks at it (RFC 3581 3).
            via.push_str(";rport");
        }
        if hiding::face_towards(&self.config, &target.towards).is_some() {
            let below = hiding::sealed_vias(&self.config, request, noted.as_deref(), &branch);
            via.push_str(&below);
            edit.set(Name::Via, via);
            return;
        }
        let top = request.elements(Name::Via).next();
        if let (Some(top), Some(noted)) = (&top, &noted) {
            edit.replace(top, noted);
        }
        edit.push(Name::Via, via);
    }

    /// Takes off credentials that are for us, or for nobody who can be told; those of another realm go on, since who
    /// asked for them is further along (RFC 3261 22.3).
    fn take_credentials(&self, request: &Message, edit: &mut Edit<'_>) {
        for name in [Name::Authorization, Name::ProxyAuthorization] {
            edit.remove(name);
            for text in request.all(name).filter_map(|field| field.text()) {
                if auth::realm(text).is_some_and(|realm| !self.config.is_our_domain(&realm)) {
                    edit.append(name, text);
                }
            }
        }
    }

    /// Sends a request on without keeping state: its branch says where the response goes.
    pub(super) fn send_stateless(
        &mut self,
        key: u64,
        id: FlowId,
        link: &Link,
        request: &Message,
        plan: &Plan,
    ) {
        let Some(target) = plan.targets.first() else {
            return;
        };
        let flow = match &target.towards {
            Towards::Flow(flow) => *flow,
            Towards::Servers(hops) => {
                let mut hops = hops.clone();
                self.flows.order_for_one_try(&mut hops, self.now.mono);
                let Some(hop) = hops.first() else {
                    return self.fail(id, link, request, Why::NoServer);
                };
                self.flow_to(hop)
            }
            Towards::Partner(place) => match self.flow_to_partner(place) {
                Some(flow) => flow,
                // The servers are being looked for; an ACK comes again with the next 2xx (RFC 3261 13.3.1.4).
                None => return,
            },
        };
        if !self.flows.may_carry(flow) {
            return self.fail(id, link, request, Why::FlowGone);
        }
        let branch = Branch::Stateless {
            flow: id,
            request: key,
        };
        let passage = Passage {
            request,
            came_on: id,
            leaves_on: flow,
            link,
            plan,
            target,
            breadth: breadth(request),
        };
        let bytes = self.write_request(&passage, branch);
        self.stats.relayed_stateless += 1;
        self.send(flow, bytes);
    }

    /// Refuses a request when it comes.
    pub(super) fn fail_at_once(&mut self, id: FlowId, link: &Link, request: &Message, why: Why) {
        self.say_why(id, link, request, why, true);
        self.end_with(id, link, request, why);
    }

    /// Refuses a request of which it was decided otherwise before.
    pub(super) fn fail(&mut self, id: FlowId, link: &Link, request: &Message, why: Why) {
        self.say_why(id, link, request, why, false);
        self.end_with(id, link, request, why);
    }

    fn end_with(&mut self, id: FlowId, link: &Link, request: &Message, why: Why) {
        self.stats.end(why);
        if request.method() != Method::Ack {
            self.reply(id, link, request, why.reply(request));
        }
    }

    /// Tells transactions apart (RFC 3261 17.2.3): by the top Via; a request without a branch (RFC 2543) by Call-ID,
    /// CSeq number and the From tag. A CANCEL and an ACK have the key of their INVITE.
    ///
    /// Who sent it is part of the key: a server by its name, over whichever flow, anyone else by their flow. What stands
    /// in a Via is known to everyone whom the request passed, and phones behind translators write the same there.
    pub(super) fn transaction_key(&self, id: FlowId, link: &Link, request: &Message) -> u64 {
        let via = request.via();
        via.map_or(0, |via| self.key_of(id, link, request, &via))
    }

    /// The same for who has read the topmost Via.
    pub(super) fn key_of(&self, id: FlowId, link: &Link, request: &Message, via: &Via<'_>) -> u64 {
        let key = &self.config.keys.branch;
        let flow = id.to_bits().to_be_bytes();
        let sender: &[u8] = match &link.peer {
            Peer::Server(server) => server.name.as_bytes(),
            Peer::Partner(domains) => domains.first().map_or(&flow, |one| one.as_bytes()),
            Peer::Gateway(_) | Peer::Client => &flow,
        };
        let port = via.port.unwrap_or(0).to_be_bytes();
        if let Some(branch) = via.branch() {
            let parts = [
                b"txn",
                sender,
                branch.as_bytes(),
                via.host.as_bytes(),
                &port,
            ];
            return key.checksum(&parts);
        }
        let number = request.cseq().map_or(0, |cseq| cseq.number).to_be_bytes();
        let tag = request
            .from()
            .ok()
            .and_then(|from| from.tag())
            .unwrap_or_default();
        let call_id = request.call_id().unwrap_or_default();
        key.checksum(&[
            b"2543",
            sender,
            call_id.as_bytes(),
            &number,
            tag.as_bytes(),
            via.host.as_bytes(),
            &port,
        ])
    }

    /// Our Record-Route: one entry for each side that is a client or gateway, each with the token of its flow; between
    /// servers one that any member of our pool can follow. An Edge writes two entries a side, its inner and its outer
    /// name, since neither side can resolve the other's; so do all where one side speaks without TLS, since each side
    /// must reach us by the entry it sees first (RFC 5658). The entry nearest to the callee comes first.
    fn record_route(&self, passage: &Passage<'_>) -> String {
        let ends = Ends::of(passage.request);
        let [dialog, _] = ends.dialogs();
        if let Some(border) = self.border_route(passage, dialog) {
            return border;
        }
        let is_end = matches!(passage.link.peer, Peer::Client | Peer::Gateway(_));
        let near = is_end.then_some(passage.came_on);
        let far = match passage.target.towards {
            Towards::Flow(flow) => Some(flow),
            // Who is reached without TLS is a gateway: an end, not a server.
            Towards::Servers(_) if passage.leaves_on.transport() != Transport::Tls => {
                Some(passage.leaves_on)
            }
            Towards::Servers(_) | Towards::Partner(_) => None,
        };
        let token = |flow: Option<FlowId>| {
            let flow = flow.map(|flow| (self.config.boot, flow));
            Token::record_route(flow, dialog, &self.config.keys.token)
        };
        let inside = &self.config.inside;
        let outside = self.config.outside.as_ref();
        let scheme = secure::scheme_of(passage.request);
        let entry = |token: &str, us: &Address| entry(scheme, token, us);
        let entries = match (near, far, outside) {
            (Some(near), _, Some(outside)) => {
                let token = token(Some(near));
                vec![entry(&token, inside), entry(&token, outside)]
            }
            (None, Some(far), Some(outside)) => {
                let token = token(Some(far));
                vec![entry(&token, outside), entry(&token, inside)]
            }
            (Some(near), Some(far), None) => {
                vec![
                    self.entry_for(scheme, &token(Some(far)), far),
                    self.entry_for(scheme, &token(Some(near)), near),
                ]
            }
            (Some(one), None, None) | (None, Some(one), None)
                if one.transport() == Transport::Tls =>
            {
                vec![entry(&token(Some(one)), inside)]
            }
            (Some(near), None, None) => {
                let token = token(Some(near));
                vec![entry(&token, inside), self.entry_for(scheme, &token, near)]
            }
            (None, Some(far), None) => {
                let token = token(Some(far));
                vec![self.entry_for(scheme, &token, far), entry(&token, inside)]
            }
            (None, None, _) => vec![entry(&token(None), &self.pool_address())],
        };
        entries.join(", ")
    }

    /// Between a partner and our servers: no flow is named, since either side may have another one by the time the route is
    /// followed; whom it concerns says the dialog.
    fn border_route(&self, passage: &Passage<'_>, dialog: Dialog<'_>) -> Option<String> {
        let to_partner = matches!(passage.target.towards, Towards::Partner(_));
        let from_partner = matches!(passage.link.peer, Peer::Partner(_));
        let outside = &self.config.federation.as_ref()?.address;
        let token = Token::record_route(None, dialog, &self.config.keys.token);
        let scheme = secure::scheme_of(passage.request);
        let [outer, inner] = [outside, &self.config.inside].map(|side| entry(scheme, &token, side));
        match (from_partner, to_partner) {
            (false, false) => None,
            (_, true) => Some([outer, inner].join(", ")),
            (true, false) => Some([inner, outer].join(", ")),
        }
    }

    /// How a response finds its way back: our name on the side that the request leaves by.
    fn address_towards(&self, towards: &Towards, transport: Transport) -> &Address {
        if transport != Transport::Tls {
            return self.config.plain.as_ref().unwrap_or(&self.config.inside);
        }
        if let (Towards::Partner(_), Some(federation)) = (towards, &self.config.federation) {
            return &federation.address;
        }
        match (towards, &self.config.outside) {
            (Towards::Flow(_), Some(outside)) if self.config.server.role == Role::Edge => outside,
            _ => &self.config.inside,
        }
    }

    /// The entry by which the end of a flow reaches us.
    fn entry_for(&self, scheme: &str, token: &str, flow: FlowId) -> String {
        let transport = match flow.transport() {
            Transport::Tls => return entry(scheme, token, &self.config.inside),
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        let us = self.config.plain.as_ref().unwrap_or(&self.config.inside);
        format!(
            "<{scheme}{token}@{}:{};transport={transport};lr>",
            us.host, us.port
        )
    }

    fn pool_address(&self) -> Address {
        Address {
            host: self.config.server.pool.clone(),
            port: self.config.inside.port,
        }
    }
}

fn entry(scheme: &str, token: &str, address: &Address) -> String {
    let mut entry = String::with_capacity(96);
    for piece in ["<", scheme, token, "@", &address.host, ":"] {
        entry.push_str(piece);
    }
    push_number(&mut entry, address.port.into());
    entry.push_str(";transport=tls;lr>");
    entry
}

/// As Via names a transport (RFC 3261 20.42).
pub(super) const fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Tls => "TLS",
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    }
}

/// A datagram may do without Content-Length, a stream may not (RFC 3261 18.3).
pub(super) fn say_length(message: &Message, edit: &mut Edit<'_>) {
    if message.get(Name::ContentLength).is_none() {
        edit.append(Name::ContentLength, message.body().len());
    }
}

impl Node {
    /// A response as it goes up: without our Via, and without an identity unless it comes from whom we believe one and
    /// goes to who may learn it (RFC 3325 5). `to` is who asked, and `asked` what, if this worker knows.
    pub(super) fn upwards(
        &self,
        link: &Link,
        to: Option<&Peer>,
        asked: Option<&Message>,
        response: &Message,
    ) -> Bytes {
        let mut edit = response.edit();
        edit.pop(Name::Via);
        say_length(response, &mut edit);
        if let Some(us) = self.face_back_to(link, to) {
            hiding::hide_response(&self.config, &mut edit, response, asked, us);
        }
        if !may_assert(&link.peer) || !self.may_learn_identities(to) {
            edit.remove(Name::PAssertedIdentity);
            edit.remove(Name::RemotePartyId);
        }
        // A hint to who proves the user; nobody proves who answers.
        edit.remove(Name::PPreferredIdentity);
        edit.write()
    }

    /// How the far side of our outer face calls us, if a response goes there. Through an Edge everything passes between
    /// inside and outside, so who answered says enough where who asked is not known.
    fn face_back_to(&self, link: &Link, to: Option<&Peer>) -> Option<&Address> {
        let config = &self.config;
        let goes_out = match to {
            Some(peer) => hiding::is_outside(config, peer),
            None => config.server.role == Role::Edge && matches!(link.peer, Peer::Server(_)),
        };
        let federation = config.federation.as_ref().map(|f| &f.address);
        let us = match to {
            Some(Peer::Partner(_)) => federation,
            Some(Peer::Client | Peer::Server(_) | Peer::Gateway(_)) | None => {
                config.outside.as_ref()
            }
        };
        us.filter(|_| goes_out)
    }

    /// Partners are outside our trust domain unless the topology says otherwise.
    fn may_learn_identities(&self, to: Option<&Peer>) -> bool {
        let config = &self.config;
        let is_trusted = |domain: &str| config.partner(domain).is_some_and(|one| one.trusted);
        match to {
            Some(Peer::Partner(domains)) => domains.iter().any(|domain| is_trusted(domain)),
            Some(Peer::Server(_) | Peer::Gateway(_) | Peer::Client) => true,
            None => config.server.role != Role::Edge || config.federation.is_none(),
        }
    }
}
