//! The port summary: the flow table with the machines of a topology, in the layout of the Director's port table.
//!
//! One line per flow, leg and service: protocol, transport and port; source; destination; note. The rows of that
//! table come first and one for one. Lines are data; whoever prints them chooses form and language.

use std::net::{IpAddr, SocketAddr};

use base::net::{Face, Role};
use serde::Serialize;

use crate::flows::{Carrier, End, Lang, Origin, Protocol, Security, Text};
use crate::resolve::{Instance, Party};
use crate::{Network, Topology};

/// What of the summary is wanted; everything unless narrowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Only flows in which this machine takes part.
    pub machine: Option<&'a str>,
    /// Only flows in which this role takes part.
    pub role: Option<Role>,
}

/// One line of the summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// The row of the flow table.
    pub id: u8,
    /// What is spoken.
    pub protocol: Protocol,
    /// How it is protected.
    pub security: Security,
    /// What carries it.
    pub carrier: Carrier,
    /// On which port.
    pub port: u16,
    /// Who opens connections, in words.
    pub source: String,
    /// The hosts that do; none where networks of clients or strangers are meant.
    pub source_hosts: Vec<HostLine>,
    /// Who listens, in words.
    pub destination: String,
    /// The hosts that do.
    pub destination_hosts: Vec<HostLine>,
    /// What it is for.
    pub purpose: &'static str,
    /// What a person who opens the port should know.
    pub note: &'static str,
    /// Where the row comes from.
    pub origin: Origin,
}

/// A host of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostLine {
    /// Its name; for a VIP that of the pool.
    pub name: String,
    /// Its address, or a network.
    pub address: String,
}

impl Line {
    /// Returns the first column as it is printed: protocol, `MTLS` where both sides prove their names, transport, port.
    #[must_use]
    pub fn service(&self) -> String {
        let carrier = match self.carrier {
            Carrier::Tcp => "TCP",
            Carrier::Udp => "UDP",
        };
        let words = match (self.protocol, self.security) {
            (Protocol::Logging, _) => "MTLS".to_owned(),
            (protocol @ Protocol::Https, _) | (protocol, Security::Plain | Security::Own) => {
                protocol.name().to_owned()
            }
            (protocol, Security::Tls) => format!("{}/TLS", protocol.name()),
            (protocol, Security::Mutual | Security::Either) => format!("{}/MTLS", protocol.name()),
        };
        format!("{words}/{carrier}/{}", self.port)
    }
}

impl Topology {
    /// Returns the port summary in one language.
    #[must_use]
    pub fn summary(&self, lang: Lang, filter: Filter<'_>) -> Vec<Line> {
        let flows = self
            .flows()
            .into_iter()
            .filter(|instance| self.is_wanted(instance, filter));
        flows.map(|instance| self.line(&instance, lang)).collect()
    }

    fn is_wanted(&self, instance: &Instance, filter: Filter<'_>) -> bool {
        let hosts = || {
            let parties = instance.sources.iter().chain(&instance.destinations);
            parties
                .flat_map(|party| &party.hosts)
                .flat_map(|host| &host.machines)
        };
        let machine = filter
            .machine
            .is_none_or(|name| hosts().any(|host| *host == *name));
        let does = |name: &str, role: Role| {
            let machine = self.machine(name);
            machine.is_some_and(|m| self.pools_at(m).any(|pool| pool.role == role))
        };
        let role = filter
            .role
            .is_none_or(|role| hosts().any(|host| does(host.as_str(), role)));
        machine && role
    }

    fn line(&self, instance: &Instance, lang: Lang) -> Line {
        let port = self.ports.number(instance.service.port);
        Line {
            id: instance.flow.id,
            protocol: instance.service.protocol,
            security: instance.service.security,
            carrier: instance.service.carrier,
            port,
            source: label(&instance.sources, lang),
            source_hosts: self.hosts(&instance.sources, None),
            destination: label(&instance.destinations, lang),
            destination_hosts: self.hosts(&instance.destinations, Some(port)),
            purpose: instance.flow.purpose.get(lang),
            note: instance.flow.note.get(lang),
            origin: instance.flow.origin,
        }
    }

    /// The hosts and networks of parties; those that listen at this port, or at one of their own beside the address.
    fn hosts(&self, parties: &[Party], port: Option<u16>) -> Vec<HostLine> {
        let mut lines: Vec<HostLine> = Vec::new();
        for party in parties {
            let line = |name: String| {
                move |address: String| HostLine {
                    name: name.clone(),
                    address,
                }
            };
            for host in &party.hosts {
                let addresses = self.places(party.end, host.address, port);
                lines.extend(addresses.into_iter().map(line(host.name.to_string())));
            }
            for network in &party.networks {
                let addresses = if *network == Network::of(network.address) {
                    self.places(party.end, network.address, port)
                } else {
                    vec![network.to_string()]
                };
                lines.extend(addresses.into_iter().map(line(String::new())));
            }
        }
        lines
    }

    /// The address of a host, with a port where that is another than the row says.
    fn places(&self, end: End, address: IpAddr, port: Option<u16>) -> Vec<String> {
        let Some(port) = port else {
            return vec![address.to_string()];
        };
        let words = |socket: SocketAddr| {
            if socket.port() == port {
                socket.ip().to_string()
            } else {
                socket.to_string()
            }
        };
        let sockets = self.sockets(end, address, port);
        sockets.into_iter().map(words).collect()
    }
}

fn label(parties: &[Party], lang: Lang) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in parties.iter().map(|party| party_name(party).get(lang)) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

fn party_name(party: &Party) -> Text {
    match party.end {
        End::Outside => Text {
            en: "Any (outside)",
            ko: "임의(외부)",
        },
        End::Clients => Text {
            en: "Internal clients",
            ko: "내부 클라이언트",
        },
        End::Anyone => Text {
            en: "Any",
            ko: "임의",
        },
        End::EveryMachine => Text {
            en: "Every machine",
            ko: "모든 컴퓨터",
        },
        End::Itself => Text {
            en: "The machine itself",
            ko: "해당 컴퓨터 자신",
        },
        End::Gateways => Text {
            en: "Gateway",
            ko: "게이트웨이",
        },
        End::GatewayPools => Text {
            en: "Front End Server",
            ko: "프런트 엔드 서버",
        },
        End::Store => Text {
            en: "Store of the pool",
            ko: "풀의 저장소",
        },
        End::TimeServers => Text {
            en: "Time server",
            ko: "시간 서버",
        },
        End::RevocationServers => Text {
            en: "Server of revocation lists",
            ko: "인증서 해지 목록 서버",
        },
        End::Resolvers => Text {
            en: "Name server",
            ko: "이름 서버",
        },
        End::Administrators => Text {
            en: "Administrators",
            ko: "관리자",
        },
        End::DirectoryMaster => Text {
            en: "Front End pool that masters the directory",
            ko: "디렉터리를 관리하는 프런트 엔드 풀",
        },
        End::OtherFrontEnds => Text {
            en: "Front End pools that follow it",
            ko: "디렉터리를 복제하는 프런트 엔드 풀",
        },
        End::Of(role) if party.vip => vip_name(role),
        End::Of(role) => role_text(role, party.face),
        End::Members(Role::Edge) => role_text(Role::Edge, party.face),
        End::Behind(role) | End::Probed(role) | End::Members(role) => member_name(role),
    }
}

fn role_text(role: Role, face: Face) -> Text {
    match (role, face) {
        (Role::Director, _) => Text {
            en: "Director",
            ko: "디렉터",
        },
        (Role::FrontEnd, _) => Text {
            en: "Front End pool or Front End Server",
            ko: "프런트 엔드 풀 또는 프런트 엔드 서버",
        },
        (Role::Edge, Face::Inside) => Text {
            en: "Edge Server, internal interface",
            ko: "에지 서버 내부 인터페이스",
        },
        (Role::Edge, Face::Outside) => Text {
            en: "Edge Server, external interface",
            ko: "에지 서버 외부 인터페이스",
        },
        (Role::ReverseProxy, Face::Inside) => Text {
            en: "Reverse proxy, internal interface",
            ko: "역방향 프록시 내부 인터페이스",
        },
        (Role::ReverseProxy, Face::Outside) => Text {
            en: "Reverse proxy, external interface",
            ko: "역방향 프록시 외부 인터페이스",
        },
        (Role::LoadBalancer, _) => Text {
            en: "Hardware load balancer",
            ko: "하드웨어 부하 분산 장치",
        },
        (Role::Dns, _) => Text {
            en: "DNS",
            ko: "DNS 서버",
        },
    }
}

/// Only Directors and Front Ends have a VIP.
fn vip_name(role: Role) -> Text {
    if role == Role::Director {
        Text {
            en: "Director HLB VIP",
            ko: "디렉터 HLB VIP",
        }
    } else {
        Text {
            en: "Front End HLB VIP",
            ko: "프런트 엔드 HLB VIP",
        }
    }
}

fn member_name(role: Role) -> Text {
    if role == Role::Director {
        Text {
            en: "Director",
            ko: "디렉터",
        }
    } else {
        Text {
            en: "Front End Server",
            ko: "프런트 엔드 서버",
        }
    }
}
