//! Whom packet filters have to know beside the deployment.

use std::net::IpAddr;

use super::{machines, settings};
use crate::Firewall;
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw};

/// Returns who is named beside the deployment.
pub(super) fn firewall(raw: &Raw, sink: &mut Sink) -> Firewall {
    let written = &raw.firewall;
    let admin_networks = written.admin_networks.as_deref().unwrap_or_default();
    everybody(admin_networks, sink);
    Firewall {
        admin_networks: settings::networks(admin_networks, sink),
        time_servers: servers(&written.time_servers, sink),
        revocation_servers: servers(&written.revocation_servers, sink),
    }
}

/// Administration from everywhere is what a firewall is there to prevent.
fn everybody(networks: &[At<String>], sink: &mut Sink) {
    for text in networks {
        if text.value.ends_with("/0") {
            let message = format!("\"{}\" lets everybody administer the machines", text.value);
            let help = "write the networks of administrators, as in \"10.0.9.0/24\"";
            sink.report(&text.span, Rule::Range, message, help);
        }
    }
}

fn servers(list: &Option<Vec<At<String>>>, sink: &mut Sink) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for text in list.iter().flatten() {
        let Some(address) = machines::address(text, sink) else {
            continue;
        };
        if servers.contains(&address) {
            super::twice(&text.span, "server", &text.value, sink);
        } else {
            servers.push(address);
        }
    }
    servers
}
