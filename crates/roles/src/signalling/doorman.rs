//! The guard of the SIP side as the doorman of its listeners, and how it is told what the topology allows.

use base::{Mono, Source};
use runtime::worker::Doorman;
use sip::guard::{Allowance, Guard, Offence};
use sip::token::Key;
use topology::View;

use super::Secrets;

/// Asks the guard.
pub(super) struct ByGuard(pub(super) std::sync::Arc<Guard>);

impl Doorman for ByGuard {
    fn admits(&self, from: Source, now: Mono) -> bool {
        self.0.welcome(now, from).is_ok()
    }

    fn failed(&self, from: Source, now: Mono, slow: bool) {
        let offence = if slow {
            Offence::Slow
        } else {
            Offence::Handshake
        };
        self.0.offend(now, from, offence);
    }
}

/// Makes the guard of a machine. Machines of the topology are exempt.
pub(super) fn guard(view: &View, secrets: &Secrets) -> Guard {
    let limits = &view.limits;
    let members = view.pools.iter().flat_map(|pool| &pool.members);
    let allowance = Allowance {
        requests: f64::from(limits.requests_per_source),
        handshakes: f64::from(limits.handshakes_per_source),
        failures: f64::from(limits.failures_per_source),
        failures_of_user: f64::from(limits.failures_per_user),
        scanners: limits.drop_scanners,
        exempt: members.map(|member| member.address).collect(),
    };
    Guard::new(allowance, Key::derive(&secrets.process, "guard"))
}
