//! What the topology asks of certificates and pool keys, in the words of `pki`.

use base::net::Role;
use pki::{Need, PoolNeed, Secret};
use topology::{Machine, Topology, has_sip};

/// Returns every certificate that the machines of the topology need, in the order of the file.
pub(crate) fn certificates(topology: &Topology) -> Vec<Need> {
    topology
        .machines()
        .iter()
        .flat_map(|machine| of_machine(topology, machine))
        .collect()
}

/// Returns the certificates that one machine needs.
pub(crate) fn of_machine(topology: &Topology, machine: &Machine) -> Vec<Need> {
    let needs = topology.certificates(machine).into_iter();
    needs
        .map(|need| Need {
            machine: machine.fqdn.to_string(),
            face: need.face,
            wildcard: simple_urls(topology, machine, need.subject.as_str()),
            names: need.names.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

/// Returns who shares a key: the members of each pool that speaks SIP, of which a machine has at most one, and all who
/// sign users in.
pub(crate) fn pools(topology: &Topology) -> Vec<PoolNeed> {
    let speaking = topology.pools().iter().filter(|pool| has_sip(pool.role));
    let members = |pool| {
        topology
            .members(pool)
            .map(|machine| machine.fqdn.to_string())
    };
    let shared_by_pool = speaking.map(|pool| PoolNeed {
        pool: pool.fqdn.to_string(),
        secret: Secret::Pool,
        members: members(pool).collect(),
    });
    let signing_in = [Role::Director, Role::FrontEnd]
        .into_iter()
        .flat_map(|role| topology.pools_of(role));
    let ticket = PoolNeed {
        pool: "sign-in".to_owned(),
        secret: Secret::Ticket,
        members: signing_in.flat_map(members).collect(),
    };
    shared_by_pool.chain([ticket]).collect()
}

/// Returns the names of the short addresses, for which a wildcard will do, unless they are also a server's identity.
fn simple_urls(topology: &Topology, machine: &Machine, subject: &str) -> Vec<String> {
    let hosts = topology.simple_urls().all().map(|url| url.host.to_string());
    hosts
        .filter(|host| host != subject && *host != machine.fqdn.as_str())
        .collect()
}

/// Names the private authority of a deployment.
pub(crate) fn ca_name(topology: &Topology) -> String {
    let domain = topology
        .domains()
        .first()
        .map_or("a deployment", |domain| domain.as_str());
    format!("Vestibule CA for {domain}")
}
