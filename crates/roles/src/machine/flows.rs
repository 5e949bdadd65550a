//! The flow table with a live mark: which rows work between the machines of this process.

use serde::{Deserialize, Serialize};
use topology::flows::Lang;
use topology::resolve::Instance;
use topology::{Topology, View};

use super::ListenerStatus;

/// Whether a row of the flow table is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowLive {
    /// Every listener of it on this machine is open.
    Listening,
    /// A listener of it on this machine is not open.
    NotYet,
    /// This machine only opens connections of it.
    Outbound,
}

/// One row of the flow table at one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowStatus {
    /// The row's number.
    pub flow: u8,
    /// What it is for.
    pub purpose: String,
    /// Whether it is served here.
    pub live: FlowLive,
}

/// Returns the rows that touch a machine, as listener or as the one who connects.
pub(super) fn flow_statuses(
    topology: &Topology,
    view: &View,
    listeners: &[ListenerStatus],
) -> Vec<FlowStatus> {
    let name = view.machine.fqdn.as_str();
    let instances = topology.flows();
    let mut rows = Vec::new();
    for flow in topology::flows::TABLE {
        let mine: Vec<&ListenerStatus> = listeners
            .iter()
            .filter(|listener| listener.flows.contains(&flow.id))
            .collect();
        let connects = || opens(&instances, flow.id, name);
        let live = if !mine.is_empty() {
            if mine.iter().all(|listener| listener.open) {
                FlowLive::Listening
            } else {
                FlowLive::NotYet
            }
        } else if connects() {
            FlowLive::Outbound
        } else {
            continue;
        };
        let purpose = flow.purpose.get(Lang::En).to_owned();
        rows.push(FlowStatus {
            flow: flow.id,
            purpose,
            live,
        });
    }
    rows
}

/// Tells whether a machine opens connections of a row.
fn opens(instances: &[Instance], flow: u8, machine: &str) -> bool {
    let of_flow = instances.iter().filter(|instance| instance.flow.id == flow);
    let mut hosts = of_flow
        .flat_map(|instance| &instance.sources)
        .flat_map(|party| &party.hosts);
    hosts.any(|host| host.machines.iter().any(|name| name.as_str() == machine))
}
