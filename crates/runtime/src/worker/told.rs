//! What traces say of the connections of a worker: who came and went, who was refused and why.
//!
//! Bounds: what others can bring about at will passes a sieve ([`super::refusal::Notices`]); the next record says how many
//! stand behind it, and the counters have all of them.

use std::net::SocketAddr;
use std::time::Duration;

use base::net::{Closed, FlowId, Hop, Link, Peer, Transport};
use logs::{Component, Direction, Flags, Level, Value};

use super::Plug;
use super::flow::Flow;
use super::gate::Crowded;
use super::hub::Hub;
use super::refusal::Refused;
use crate::tls::session::Session;
use crate::tls::told::{Broken, Done, Handshake, level_of, name_of, with_kept_back};

const SECURITY: Flags = Flags::CONNECTION.with(Flags::SECURITY);
const DIAG: Flags = Flags::CONNECTION.with(Flags::DIAG);

impl<P: Plug> Hub<P> {
    /// A connection was not admitted.
    pub(crate) fn tell_crowded(&self, remote: SocketAddr, crowded: Crowded) {
        let (component, reason) = match crowded {
            Crowded::Full => (Component::SipStack, "too many connections in all"),
            Crowded::Source => (Component::SipStack, "too many connections of this source"),
            Crowded::Busy => (Component::SipStack, "too many handshakes under way"),
            Crowded::Unwelcome => (Component::Guard, "this source has a penalty"),
        };
        let recorder = &self.wiring.recorder;
        if !recorder.wants(component, Level::Warning, SECURITY) {
            return;
        }
        let Some(kept_back) = self.net.notices().crowded.pass(self.net.mono()) else {
            return;
        };
        recorder.record(component, Level::Warning, SECURITY, |record| {
            record.direction = Some(Direction::In);
            record.peer = Some(remote);
            record.decision = Some("refused".into());
            record.reason = Some(Value::new(&with_kept_back(reason.to_owned(), kept_back)));
        });
    }

    /// A handshake is done and the other side known; `proven` is the name that had to be.
    pub(crate) fn tell_shaken(
        &self,
        handshake: Handshake,
        flow: &Flow,
        peer: &Peer,
        proven: Option<&str>,
    ) {
        let _plain = flow.with_session(|session| {
            let called = session.take_called();
            let done = Done {
                peer: Some(peer),
                called: proven.or(called.as_deref()),
                state: session.common(),
                held: session.leaf().filter(|_| session.is_holder()),
            };
            handshake.done(&self.wiring.recorder, level_of(peer), done);
        });
    }

    /// A handshake, or what stands for it without TLS, came to nothing.
    pub(crate) fn tell_refused(&self, handshake: Handshake, flow: &Flow, refused: &Refused) {
        let recorder = &self.wiring.recorder;
        if !recorder.wants(Component::Tls, Level::Warning, SECURITY) {
            return;
        }
        let Some(kept_back) = self.net.notices().failed.pass(self.net.mono()) else {
            return;
        };
        let shown = flow.with_session(|session| Session::shown(session).cloned());
        let broken = Broken {
            reason: refused.to_string(),
            is_fault: refused.is_their_doing(),
            is_slow: matches!(refused, Refused::Slow),
            shown: shown.flatten(),
            kept_back,
        };
        handshake.broken(recorder, broken);
    }

    /// No connection came about.
    pub(crate) fn tell_unreachable(&self, flow: &Flow, hop: &Hop, reason: &str) {
        let recorder = &self.wiring.recorder;
        if !recorder.wants(Component::SipStack, Level::Warning, DIAG) {
            return;
        }
        let Some(kept_back) = self.net.notices().failed.pass(self.net.mono()) else {
            return;
        };
        recorder.record(Component::SipStack, Level::Warning, DIAG, |record| {
            record.flow = Some(flow.id().into());
            record.transport = Some(hop.transport);
            record.direction = Some(Direction::Out);
            record.peer = Some(hop.addr);
            record.decision = Some("unreachable".into());
            let reason = format!("{}: {reason}", hop.name);
            record.reason = Some(Value::new(&with_kept_back(reason, kept_back)));
        });
    }

    /// A connection is in use.
    pub(crate) fn tell_opened(&self, flow: FlowId, link: &Link) {
        let recorder = &self.wiring.recorder;
        recorder.record(
            Component::SipStack,
            Level::Verbose,
            Flags::CONNECTION,
            |record| {
                record.flow = Some(flow.into());
                record.transport = Some(link.transport);
                record.direction = Some(direction_of(flow));
                record.peer = Some(link.remote);
                record.peer_name = name_of(&link.peer);
                record.local = Some(link.local);
                record.decision = Some("opened".into());
                if link.transport == Transport::Tcp {
                    record.reason = Some("without TLS".into());
                }
            },
        );
    }

    /// It is over.
    pub(crate) fn tell_closed(
        &self,
        flow: FlowId,
        remote: SocketAddr,
        why: Closed,
        lasted: Duration,
    ) {
        let recorder = &self.wiring.recorder;
        recorder.record(
            Component::SipStack,
            Level::Verbose,
            Flags::CONNECTION,
            |record| {
                record.flow = Some(flow.into());
                record.transport = Some(flow.transport());
                record.direction = Some(direction_of(flow));
                record.peer = Some(remote);
                record.decision = Some("closed".into());
                let reason = format!("{}, after {:.3} s", words(why), lasted.as_secs_f64());
                record.reason = Some(Value::new(&reason));
            },
        );
    }
}

const fn direction_of(flow: FlowId) -> Direction {
    if flow.is_opened() {
        Direction::Out
    } else {
        Direction::In
    }
}

const fn words(why: Closed) -> &'static str {
    match why {
        Closed::ByPeer => "the other side closed it, or it broke",
        Closed::Asked => "no longer needed",
        Closed::Unreachable => "no connection came about",
        Closed::Handshake => "the handshake failed",
        Closed::Stalled => "the other side did not read what was sent",
        Closed::Idle => "silent for too long",
        Closed::Draining => "this machine is ending",
    }
}
