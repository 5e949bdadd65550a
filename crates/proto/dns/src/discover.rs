//! The order in which a client of the Director topology looks for its server, and what it takes an answer for.
//!
//! A client goes down the list and signs in at the first server that it can use. What it remembers from the last time
//! comes before all of it, and is the first thing to forget where something has moved.

use crate::client::{Found, Kind};
use crate::record::Data;

/// What is done with what a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// A web service that tells the rest; phones that speak SIP alone do not ask it.
    Web,
    /// SIP servers; the port of those that are found by address alone.
    Sip(Option<u16>),
}

/// One name that is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// The name.
    pub name: String,
    /// What is asked of it.
    pub kind: Kind,
    /// To what it leads.
    pub leads: Leads,
}

/// Returns every name in the order in which it is tried; `inside` and `outside` are the ports of servers that are found
/// by address alone.
#[must_use]
pub fn order(domain: &str, inside: u16, outside: u16) -> Vec<Try> {
    let web = |label: &str| (format!("{label}.{domain}"), Kind::A, Leads::Web);
    let service = |label: &str| (format!("{label}.{domain}"), Kind::Srv, Leads::Sip(None));
    let host = |label: &str, port| (format!("{label}.{domain}"), Kind::A, Leads::Sip(Some(port)));
    let all = [
        web("lyncdiscoverinternal"),
        web("lyncdiscover"),
        service("_sipinternaltls._tcp"),
        service("_sip._tls"),
        host("sipinternal", inside),
        host("sip", inside),
        host("sipexternal", outside),
    ];
    let tries = all.into_iter();
    tries
        .map(|(name, kind, leads)| Try { name, kind, leads })
        .collect()
}

/// Why nothing is tried with an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoServer {
    /// The name is not there, or not with this type.
    #[error("{0}: nothing of this name")]
    Nothing(String),
    /// A service leads out of the users' domain; clients refuse that, since whoever answers DNS could send them anywhere.
    #[error("leads to {0}, which is not in the domain of the users")]
    Elsewhere(String),
}

/// Returns host and port of every server that an answer names, of services those of the lowest priority first.
///
/// # Errors
/// Why there is none.
pub fn servers(of: &Try, domain: &str, found: &Found) -> Result<Vec<(String, u16)>, NoServer> {
    let mut servers = Vec::new();
    for data in &found.data {
        match (data, of.leads) {
            (
                Data::Service {
                    priority,
                    weight,
                    port,
                    target,
                },
                _,
            ) => {
                let above = target.strip_suffix(domain);
                if !above.is_some_and(|above| above.is_empty() || above.ends_with('.')) {
                    return Err(NoServer::Elsewhere(target.clone()));
                }
                // The heavier goes first: this shows one way, and a client draws.
                servers.push((*priority, u16::MAX - *weight, target.clone(), *port));
            }
            (Data::Address(_), Leads::Sip(Some(port))) => {
                servers.push((0, 0, of.name.clone(), port));
            }
            (Data::Address(_) | Data::Alias(_) | Data::Text(_), _) => {}
        }
    }
    servers.sort();
    servers.dedup();
    if servers.is_empty() {
        return Err(NoServer::Nothing(found.code.clone()));
    }
    Ok(servers
        .into_iter()
        .map(|(_, _, host, port)| (host, port))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(target: &str) -> Found {
        let data = Data::Service {
            priority: 0,
            weight: 0,
            port: 443,
            target: target.to_owned(),
        };
        Found {
            code: "NOERROR".to_owned(),
            data: vec![data],
            truncated: false,
        }
    }

    #[test]
    fn the_order_is_that_of_the_director_topology() {
        let names: Vec<String> = order("x.example", 1, 2)
            .into_iter()
            .map(|t| t.name)
            .collect();
        let expected = [
            "lyncdiscoverinternal.x.example",
            "lyncdiscover.x.example",
            "_sipinternaltls._tcp.x.example",
            "_sip._tls.x.example",
            "sipinternal.x.example",
            "sip.x.example",
            "sipexternal.x.example",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_service_that_leads_out_of_the_domain_is_refused() {
        let step = &order("x.example", 1, 2)[3];
        let good = servers(step, "x.example", &found("sip.x.example"));
        assert_eq!(good, Ok(vec![("sip.x.example".to_owned(), 443)]));
        for other in ["sip.y.example", "sip.badx.example"] {
            let bad = servers(step, "x.example", &found(other));
            assert_eq!(bad, Err(NoServer::Elsewhere(other.to_owned())));
        }
        let mut empty = found("x");
        empty.data.clear();
        assert!(matches!(
            servers(step, "x.example", &empty),
            Err(NoServer::Nothing(_))
        ));
    }
}
