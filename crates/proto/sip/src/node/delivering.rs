//! Kept messages on their way to users who have signed in.
//!
//! A kept message is sent to all phones of its user like one that has just come: a relay whose answer comes to us. Of one
//! user's messages one is on its way at a time, the oldest first (RFC 3428 8), and the next leaves when the change log has
//! taken the one before off. So a message is delivered at least once: again only if we end between its delivery and that.
//! Its Call-ID and CSeq stay what they were, so that a phone knows it then.

use super::Node;
use super::relays::Relay;
use crate::msg::Message;
use crate::observe::Grade;
use crate::offline::Kept;
use crate::role::gruu::Wanted;
use crate::role::{Assert, Plan, keeping, located};
use base::UnixMillis;
use base::net::{Face, FlowId, Link, Peer, Transport};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What became of the attempt to begin a delivery.
enum Begun {
    /// It is on its way.
    Yes,
    /// No phone can be reached, or we have too much to do.
    NotNow,
    /// It will never be delivered.
    Never,
}

impl Node {
    /// Delivers what is kept for a user, if anything is.
    pub(super) fn deliver_kept(&mut self, aor: &str) {
        if self.config.offline.is_none() {
            return;
        }
        while let Some(kept) = self.shared.offline.claim(aor, self.now.wall) {
            match self.begin_delivery(&kept) {
                Begun::Yes => return,
                Begun::Never => return self.remove_kept(kept),
                Begun::NotNow if !self.shared.offline.release(aor) => return,
                Begun::NotNow => {}
            }
        }
    }

    fn begin_delivery(&mut self, kept: &Arc<Kept>) -> Begun {
        let bytes = kept.request.clone().into();
        let Ok(request) = Message::parse(bytes, &self.server_limits) else {
            return Begun::Never;
        };
        let received_at = UnixMillis(kept.received_at);
        let (is_theirs, targets) = self.with_context(|context| {
            let targets = located::targets(context, &request, &kept.aor, &Wanted::Everyone);
            let is_theirs = keeping::is_for(context, &kept.aor, &kept.sender, received_at);
            (is_theirs, targets)
        });
        if !is_theirs {
            return Begun::Never;
        }
        if targets.is_empty() || self.is_full_for(&request) {
            return Begun::NotNow;
        }
        let assert = if kept.is_asserted {
            Assert::User(kept.sender.as_str().into())
        } else {
            Assert::Keep
        };
        let plan = Plan {
            assert,
            ..Plan::to(targets)
        };
        let (flow, link) = self.ourselves();
        let relay = Relay {
            kept: Some(Arc::clone(kept)),
            ..Relay::of(request, flow, link, Box::new(plan))
        };
        let (slot, generation) = self.relays.insert(relay);
        self.with_relay(slot, generation, |node, relay| {
            node.conclude(relay, (slot, generation));
        });
        Begun::Yes
    }

    /// Where requests come from that nobody has sent: no flow, and a server of ours.
    fn ourselves(&self) -> (FlowId, Arc<Link>) {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let link = Link {
            peer: Peer::Server(Arc::clone(&self.config.server)),
            transport: Transport::Tls,
            face: Face::Inside,
            local: nowhere,
            remote: nowhere,
            certificate: None,
        };
        (FlowId::opened(self.config.worker, 0), Arc::new(link))
    }

    /// The phones of a user have answered a kept message, or do not.
    pub(super) fn kept_answered(&mut self, kept: Arc<Kept>, status: u16) {
        match status {
            200..=299 => {
                self.stats.kept_delivered += 1;
                self.say_kept(&kept.aor, Grade::Work, "delivered", "a phone took it");
                self.remove_kept(kept);
            }
            // Nobody is there, or nobody can take it now: it waits for the next registration.
            408 | 430 | 480 | 486 | 500..=599 => {
                let reason = "no phone could take it now";
                self.say_kept(&kept.aor, Grade::Work, "waits-on", reason);
                if self.shared.offline.release(&kept.aor) {
                    self.deliver_kept(&kept.aor);
                }
            }
            // RFC 3428 7: a 6xx means that it was delivered; with the rest of the 4xx it never will be.
            _ => {
                self.stats.kept_declined += 1;
                self.say_kept(&kept.aor, Grade::Trouble, "declined", "it is removed");
                self.remove_kept(kept);
            }
        }
    }
}
