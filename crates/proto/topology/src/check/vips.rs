//! What a VIP does, and whether somebody is there to do it.

use base::net::Role;

use super::pools::Draft;
use crate::VipMode;
use crate::fault::{Rule, Sink};

/// The mode of a pool's VIP; `held` tells whether a balancer of the topology holds it.
pub(super) fn mode(draft: &Draft<'_>, held: bool, sink: &mut Sink) -> VipMode {
    let has_sites = matches!(draft.role, Role::Director | Role::FrontEnd);
    let Some(written) = draft.raw.vip_mode.as_ref().filter(|_| has_sites) else {
        return VipMode::default();
    };
    let wrong = if draft.raw.vip.is_none() {
        Some((
            "a `vip_mode` without a `vip` says nothing",
            "add `vip = ...`, or remove `vip_mode`",
        ))
    } else if written.value == VipMode::Http && !held {
        Some((
            "no machine of the topology holds this VIP, so TLS cannot end there",
            "add a [[pool]] with role = \"load_balancer\" and its [[machine]], or write `tcp`",
        ))
    } else {
        None
    };
    if let Some((message, help)) = wrong {
        sink.report(&written.span, Rule::Balancing, message, help);
    }
    written.value
}

/// Whether the VIP of a pool sets cookies.
pub(super) fn cookie(draft: &Draft<'_>, sink: &mut Sink) -> bool {
    let Some(written) = &draft.raw.vip_cookie else {
        return false;
    };
    let mode = draft.raw.vip_mode.as_ref().map(|mode| mode.value);
    let reads = mode == Some(VipMode::Http);
    if written.value && !reads {
        let message = "a VIP that passes connections through cannot set cookies";
        let help = "write `vip_mode = \"http\"`, or remove `vip_cookie`";
        sink.report(&written.span, Rule::Balancing, message, help);
    }
    written.value && reads
}
