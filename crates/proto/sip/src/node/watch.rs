//! What the node tells the guard of strangers, and what the guard has it do ([`crate::guard`]).
//!
//! Only those who are not of the topology are watched: clients. What decides is the role's answer, so a Director counts
//! wrong passwords itself. An Edge sees them in the answers that it passes back: the Director knows one peer, the Edge,
//! and could not tell its clients apart.

use super::Node;
use super::relays::Relay;
use crate::guard::{Offence, Verdict};
use crate::msg::{Message, Method, Name, Reply};
use crate::observe::{Grade, Topic};
use crate::role::{Why, identity};
use base::Source;
use base::net::{FlowId, Link, Peer, Role, Transport};

impl Node {
    /// Says why a request is dealt with no further, and the answer, if it gets one; `None` lets it through.
    pub(super) fn stopped<'r>(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &'r Message,
    ) -> Option<(Why, Option<Reply<'r>>)> {
        let trusted = self.flows.get(id)?.trusted;
        if link.peer != Peer::Client {
            return None;
        }
        let (guard, now, from) = (&self.shared.guard, self.now.mono, source(link));
        if !trusted && guard.is_scan(request) {
            guard.offend(now, from, Offence::Scanner);
            return Some((Why::Scanner, None));
        }
        let why = match guard.ask(now, from, trusted) {
            Verdict::Pass => return None,
            Verdict::Watch if !self.failed_too_often(link, request) => return None,
            Verdict::Slow | Verdict::Watch => Why::Slowed,
            Verdict::Ignore => Why::Ignored,
        };
        // What ends something, or is not answered, is not kept waiting.
        let ends = matches!(request.method(), Method::Ack | Method::Cancel | Method::Bye);
        if why == Why::Ignored {
            return Some((why, None));
        }
        (!ends).then(|| (why, Some(why.reply(request))))
    }

    /// Drops what a scanner sent, or somebody who is ignored, and the connection with it.
    pub(super) fn shut_out(&mut self, id: FlowId, why: Why) {
        if matches!(why, Why::Scanner | Why::Ignored)
            && let Some(flow) = self.flows.get_mut(id)
        {
            flow.closing = true;
            self.close(id);
        }
    }

    /// Whether the user of a request has failed too often from where it comes.
    fn failed_too_often(&self, link: &Link, request: &Message) -> bool {
        has_credentials(request)
            && identity::claimed(request).is_some_and(|user| {
                let guard = &self.shared.guard;
                guard.is_slowed(self.now.mono, source(link), &user)
            })
    }

    /// Tells the guard how a client's request ended here.
    pub(super) fn ended(&mut self, id: FlowId, link: &Link, request: &Message, why: Why) {
        self.stats.end(why);
        if link.peer != Peer::Client {
            return;
        }
        if why == Why::Challenged {
            let guard = &self.shared.guard;
            guard.challenged(self.now.mono, source(link));
        } else if let Some(offence) = offence_of(why) {
            self.offended(id, link, request, offence);
        }
    }

    /// Learns from an answer that an Edge passes back to a client how its request was taken inside.
    pub(super) fn learn(&mut self, relay: &Relay, status: u16) {
        if self.config.server.role != Role::Edge || relay.link.peer != Peer::Client {
            return;
        }
        let (id, link, request) = (relay.came_on, &*relay.link, &relay.request);
        match status {
            200..300 if has_credentials(request) => self.proven(id, link, request),
            401 | 407 => {
                let guard = &self.shared.guard;
                guard.challenged(self.now.mono, source(link));
            }
            // Other requests may be refused by whom they were for.
            403 if request.method() == Method::Register && has_credentials(request) => {
                self.offended(id, link, request, Offence::Credentials);
            }
            403 => self.offended(id, link, request, Offence::Forbidden),
            404 => self.offended(id, link, request, Offence::UnknownUser),
            _ => {}
        }
    }

    /// Somebody proved who they are on a client's flow.
    pub(super) fn proven(&mut self, id: FlowId, link: &Link, request: &Message) {
        if link.peer != Peer::Client {
            return;
        }
        if let Some(flow) = self.flows.get_mut(id) {
            flow.trusted = true;
        }
        if has_credentials(request)
            && let Some(user) = identity::claimed(request)
        {
            let guard = &self.shared.guard;
            guard.proved(self.now.mono, source(link), &user);
        }
    }

    /// Tells the guard of bytes that are no message of ours.
    pub(super) fn misbehaved(&mut self, id: FlowId, link: &Link, offence: Offence) {
        if link.peer == Peer::Client {
            if let Some(flow) = self.flows.get_mut(id) {
                flow.trusted = false;
            }
            self.say(Topic::Guard, Grade::Work, offence.name(), |node, remark| {
                let from = source(link);
                let reason = format!("counts against {from}");
                remark.at(node.end_at(id, link)).because(reason)
            });
            let guard = &self.shared.guard;
            guard.offend(self.now.mono, source(link), offence);
        }
    }

    fn offended(&mut self, id: FlowId, link: &Link, request: &Message, offence: Offence) {
        self.misbehaved(id, link, offence);
        if has_credentials(request)
            && matches!(offence, Offence::Credentials | Offence::Forbidden)
            && let Some(user) = identity::claimed(request)
        {
            let guard = &self.shared.guard;
            guard.failed(self.now.mono, source(link), &user, offence);
        }
    }
}

/// What a request did that ended for this reason; most reasons are nobody's fault.
const fn offence_of(why: Why) -> Option<Offence> {
    if matches!(why, Why::BadCredentials) {
        Some(Offence::Credentials)
    } else if matches!(why, Why::Malformed) {
        Some(Offence::Malformed)
    } else if matches!(why, Why::UnknownUser) {
        Some(Offence::UnknownUser)
    } else if matches!(
        why,
        Why::NotOurDomain | Why::ForeignRoute | Why::WrongIdentity | Why::Forbidden
    ) {
        Some(Offence::Forbidden)
    } else {
        None
    }
}

/// Nobody has proven to be where their datagrams come from.
fn source(link: &Link) -> Source {
    let addr = link.remote.ip();
    if link.transport == Transport::Udp {
        Source::of_datagrams(addr)
    } else {
        Source::of(addr)
    }
}

fn has_credentials(request: &Message) -> bool {
    let names = [Name::Authorization, Name::ProxyAuthorization];
    names.into_iter().any(|name| request.get(name).is_some())
}
