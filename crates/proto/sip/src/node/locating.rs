//! Sending to a partner: over a flow that is there, else to the servers that are found for its domain.
//!
//! The first try goes over a flow that the partner has proven its domain on and that we may use (RFC 5923). Otherwise,
//! and when that fails, the servers are looked for ([`crate::locate`]); meanwhile the relay waits like any other, so that
//! a CANCEL finds it.

use super::flows::LegId;
use super::partners::Way;
use super::relays::{Cancel, Relay, leg_id};
use super::{Action, Alarm, Node};
use crate::locate::{Answer, Found, Lookup, PATIENCE, Place};
use crate::observe::{Grade, Topic};
use crate::role::{Towards, Why};
use base::net::{Face, FlowId, Hop, Transport};
use std::net::SocketAddr;
use std::sync::Arc;

impl Node {
    /// Tells whether a leg has yet to learn where its partner's servers are.
    pub(super) fn must_find(&self, relay: &Relay, at: usize) -> bool {
        relay.legs.get(at).is_some_and(|leg| !leg.located)
    }

    /// Sends a leg to its partner, or sees to it that this happens when the servers are found.
    pub(super) fn try_partner(&mut self, relay: &mut Relay, id: (u32, u32), at: usize) {
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        let target = relay.plan.targets.get(leg.target);
        let Some(Towards::Partner(place)) = target.map(|target| &target.towards) else {
            return;
        };
        let place = place.clone();
        if leg.tries == 0 {
            self.partners.count(&self.config, &place.0, Way::Out);
            if let Some(flow) = self.flows.to_partner(&place.0) {
                return self.send_leg(relay, id, at, flow);
            }
        }
        let name = leg_id(id.0, id.1, at, leg.tries);
        match self.find(&place, Some(name)) {
            Found::Known(addresses) => {
                leg.located = true;
                leg.hops = hops(&place, &addresses).collect();
                self.try_next(relay, id, at);
            }
            Found::Soon(_) => {}
            Found::Full => self.answer_leg(relay, id, at, Why::Overloaded.status()),
        }
    }

    /// Returns a flow to a partner for what is sent without state; `None` if its servers are not known yet.
    pub(super) fn flow_to_partner(&mut self, place: &Place) -> Option<FlowId> {
        if let Some(flow) = self.flows.to_partner(&place.0) {
            return Some(flow);
        }
        let Found::Known(addresses) = self.find(place, None) else {
            return None;
        };
        let mut hops: Vec<Hop> = hops(place, &addresses).collect();
        self.flows.order(&mut hops, self.now.mono);
        hops.first().map(|hop| self.flow_to(hop))
    }

    /// Looks a place up, and asks the name service if nobody does yet.
    fn find(&mut self, place: &Place, who: Option<LegId>) -> Found {
        let federation = self.config.federation.as_ref();
        let (domain, port) = place;
        let usual = federation.map_or(0, |federation| federation.address.port);
        let servers = federation
            .and_then(|federation| federation.partner(domain))
            .map_or(&[][..], |partner| &partner.servers);
        let begin = || match port {
            _ if !servers.is_empty() => Lookup::of_servers(Arc::clone(domain), servers),
            Some(port) => Lookup::of_servers(Arc::clone(domain), &[(Arc::clone(domain), *port)]),
            None => Lookup::of_domain(Arc::clone(domain), usual),
        };
        let mut found = self.places.find(place, self.now.mono, who, begin);
        if let Found::Soon(new) = &mut found
            && let Some((ticket, question)) = new.take()
        {
            self.say(Topic::Federation, Grade::Step, "asking", |_, remark| {
                remark.because(format!("{question:?}")).of_user(domain)
            });
            self.timers
                .set(self.now.mono, PATIENCE, Alarm::SearchLate(ticket));
            self.out.push_back(Action::Resolve { ticket, question });
        }
        found
    }

    /// The name service answers.
    pub(super) fn resolved(&mut self, ticket: u64, answer: Answer) {
        let now = self.now.mono;
        match self.places.answer(ticket, answer, now, &mut self.random) {
            Ok(question) => self.out.push_back(Action::Resolve { ticket, question }),
            Err((waiting, addresses)) => self.found(waiting, &addresses),
        }
    }

    /// A search has taken too long.
    pub(super) fn search_late(&mut self, ticket: u64) {
        let waiting = self.places.give_up(ticket, self.now.mono);
        self.found(waiting, &[]);
    }

    fn found(&mut self, waiting: Vec<LegId>, addresses: &[SocketAddr]) {
        for name in waiting {
            let id = (name.slot, name.generation);
            self.with_relay(name.slot, name.generation, |node, relay| {
                let at = usize::from(name.leg);
                let Some(leg) = relay.legs.get_mut(at) else {
                    return;
                };
                if leg.tries != name.tries || leg.answered {
                    return;
                }
                node.say_found(relay, addresses);
                let Some(leg) = relay.legs.get_mut(at) else {
                    return;
                };
                if leg.cancel != Cancel::No {
                    node.answer_leg(relay, id, at, 487);
                } else {
                    let target = relay.plan.targets.get(leg.target);
                    if let Some(Towards::Partner(place)) = target.map(|target| &target.towards) {
                        leg.located = true;
                        leg.hops = hops(place, addresses).collect();
                    }
                    node.try_next(relay, id, at);
                }
                node.conclude(relay, id);
            });
        }
    }
}

/// The hops of a place: whichever server it is, its certificate must prove the domain (RFC 5922 7.1).
fn hops(place: &Place, addresses: &[SocketAddr]) -> impl Iterator<Item = Hop> {
    addresses.iter().map(|addr| Hop {
        name: Arc::clone(&place.0),
        addr: *addr,
        transport: Transport::Tls,
        face: Face::Outside,
    })
}
