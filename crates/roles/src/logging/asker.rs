//! Who is at the other end of a connection to the agent.

use base::net::{Face, Peer};
use logs::authority::Asker;
use pki::Operator;
use runtime::tls::{Identify, Proven};
use topology::View;

use crate::identify::TrustList;

/// Knows the operators of the deployment, and its machines.
pub struct Operators {
    domains: Vec<String>,
    machines: TrustList,
}

impl Operators {
    /// Takes a machine's view.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let domains = view.domains.iter();
        Self {
            domains: domains.map(|name| name.as_str().to_owned()).collect(),
            machines: TrustList::of(view),
        }
    }

    /// Says whose certificate this is. An operator's carries one name, a URI with a domain of ours, and nothing that could
    /// be a machine's besides.
    #[must_use]
    pub fn who(&self, proven: &Proven) -> Asker {
        if let ([], [uri]) = (&*proven.names, &*proven.uris)
            && let Some(operator) = Operator::of_uri(uri)
            && self
                .domains
                .iter()
                .any(|domain| domain == operator.domain())
        {
            return Asker::Operator(operator.name().to_owned());
        }
        match self.machines.identify(&proven.names, Face::Inside) {
            Ok(Peer::Server(server)) => Asker::Machine(server.name.to_string()),
            Ok(_) | Err(_) => Asker::Stranger,
        }
    }
}

#[cfg(test)]
mod tests {
    use topology::Topology;

    use super::*;

    const FILE: &str = include_str!("../../../../examples/reference.toml");

    fn who(names: &[&str], uris: &[&str]) -> Asker {
        let topology = Topology::parse(FILE, "sample").unwrap();
        let machine = topology.machines().first().unwrap().fqdn.clone();
        let view = topology.view(machine.as_str()).unwrap();
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let domain = view.domains[0].as_str();
        let uris: Vec<String> = uris.iter().map(|uri| uri.replace("OURS", domain)).collect();
        let names: Vec<String> = owned(names);
        let names = names
            .iter()
            .map(|name| name.replace("MACHINE", machine.as_str()));
        Operators::of(&view).who(&Proven {
            names: names.collect(),
            uris,
        })
    }

    #[test]
    fn an_operator_is_a_uri_of_our_domain_and_nothing_else() {
        const ANN: &str = "spiffe://OURS/operator/ann";
        assert_eq!(who(&[], &[ANN]), Asker::Operator("ann".into()));
        assert!(matches!(who(&["MACHINE"], &[]), Asker::Machine(_)));
        assert!(matches!(who(&["MACHINE"], &[ANN]), Asker::Machine(_)));
        for (names, uris) in [
            (&[][..], &["spiffe://elsewhere.example/operator/ann"][..]),
            (&[], &[ANN, ANN]),
            (&[], &["spiffe://OURS/operator/Ann"]),
            (&["stranger.example"], &[ANN]),
            (&["ann"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(who(names, uris), Asker::Stranger, "{names:?} {uris:?}");
        }
    }
}
