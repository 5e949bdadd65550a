//! What single machines are told.

use base::net::{Face, Role, Transport};
use topology::flows::Security;
use topology::{Listener, Port, RecordData, Topology, View};

use crate::{REFERENCE, SHORTEST, SMALL_OFFICE, parse, reference};

#[test]
fn an_edge_meets_servers_inside_and_clients_outside() {
    let view = view("edge01.contoso.net");
    let inside = listener(&view, "172.16.0.10:5061");
    assert_eq!(
        (inside.security, inside.face),
        (Security::Mutual, Face::Inside)
    );
    assert_eq!(inside.servers, [Role::Director, Role::FrontEnd, Role::Dns]);
    assert!(!inside.clients);
    let access = listener(&view, "203.0.113.10:443");
    assert_eq!(
        (access.security, access.face, access.clients),
        (Security::Tls, Face::Outside, true)
    );
    assert_eq!(view.next_hop.as_ref().unwrap(), &"dirpool01.contoso.net");
}

#[test]
fn partners_have_a_port_and_a_record_only_where_there_is_federation() {
    let opens = |topology: &Topology| {
        let view = topology.view("edge01.contoso.net").unwrap();
        let ports = view.listeners.iter().map(|listener| listener.port);
        let record = topology
            .records()
            .iter()
            .any(|record| record.name == "_sipfederationtls._tcp.contoso.com");
        (ports.filter(|p| *p == Port::EdgeFederation).count(), record)
    };
    assert_eq!(opens(&reference()), (0, false));
    let federated = parse(&format!("{REFERENCE}\n[federation]\nmode = \"open\"\n"));
    assert_eq!(opens(&federated), (1, true));
    let view = federated.view("edge01.contoso.net").unwrap();
    let federation = listener(&view, "203.0.113.10:5061");
    assert_eq!(
        (federation.security, federation.face),
        (Security::Mutual, Face::Outside)
    );
    let ways_out = federated.flows();
    let ways_out = ways_out
        .iter()
        .filter(|way| [28, 29].contains(&way.flow.id));
    let sources: Vec<String> = ways_out
        .flat_map(|way| &way.sources)
        .flat_map(|party| &party.hosts)
        .map(|host| host.address.to_string())
        .collect();
    assert_eq!(sources, ["203.0.113.10"; 3]);
}

#[test]
fn a_director_asks_for_certificates_and_takes_clients_without() {
    let view = view("dir01.contoso.net");
    let sip = listener(&view, "10.0.0.11:5061");
    assert_eq!(
        (sip.security, sip.transport),
        (Security::Either, Transport::Tls)
    );
    assert_eq!(sip.servers, [Role::FrontEnd, Role::Edge, Role::Dns]);
    assert!(sip.clients);
    assert_eq!(sip.flows, [6, 13, 14, 22, 30]);
    let absent = |port: u16| {
        view.listeners
            .iter()
            .all(|listener| listener.address.port() != port)
    };
    assert!(absent(444), "no flow leads to 444 of a Director");
    assert!(absent(5060), "plain SIP is off unless written");
}

#[test]
fn members_listen_for_what_their_vip_takes_whoever_holds_it() {
    let without_balancer = REFERENCE
        .replace("[[pool]]\nfqdn = \"lb01.contoso.net\"\nrole = \"load_balancer\"\n", "")
        .replace("[[machine]]\nfqdn = \"lb01.contoso.net\"\npool = \"lb01.contoso.net\"\naddress = \"10.0.0.5\"\n", "");
    for text in [REFERENCE, &without_balancer] {
        let view = parse(text).view("dir02.contoso.net").unwrap();
        for port in ["80", "443", "8080", "4443"] {
            assert!(
                !listener(&view, &format!("10.0.0.12:{port}"))
                    .flows
                    .is_empty()
            );
        }
    }
    let pool = parse(&without_balancer)
        .pool("dirpool01.contoso.net")
        .unwrap()
        .clone();
    assert!(pool.vip.is_some() && pool.balancer.is_none());
}

#[test]
fn a_front_end_takes_444_from_directors_and_front_ends_only() {
    let view = view("fe01.contoso.net");
    let inter_server = listener(&view, "10.0.0.21:444");
    assert_eq!(inter_server.security, Security::Mutual);
    assert_eq!(inter_server.servers, [Role::Director, Role::FrontEnd]);
    assert!(!inter_server.clients);
    assert_eq!(view.backup.as_ref().unwrap(), &"fepool02.contoso.net");
    assert_eq!(
        view.directory_master.as_ref().unwrap(),
        &"fepool01.contoso.net"
    );
}

#[test]
fn a_balancer_listens_on_the_vip_for_the_web_only() {
    let view = view("lb01.contoso.net");
    let vip: Vec<(u16, &str)> = view
        .listeners
        .iter()
        .filter_map(|l| Some((l.address.port(), l.vip_of.as_ref()?.as_str())))
        .collect();
    let pool = "dirpool01.contoso.net";
    assert_eq!(vip, [(80, pool), (443, pool), (4443, pool), (8080, pool)]);
}

#[test]
fn a_pool_behind_nothing_but_a_vip_is_reached_there_by_servers_too() {
    let text = REFERENCE.replace("load_balancing = \"dns+hlb\"", "load_balancing = \"hlb\"");
    let topology = parse(&text);
    let view = topology.view("lb01.contoso.net").unwrap();
    let vip: Vec<u16> = view
        .listeners
        .iter()
        .filter(|l| l.vip_of.is_some())
        .map(|l| l.address.port())
        .collect();
    assert_eq!(vip, [80, 443, 4443, 5061, 8080]);
    let addresses = addresses(&topology, Face::Inside, "dirpool01.contoso.net");
    assert_eq!(addresses, ["10.0.0.10"]);
    let member = topology.view("dir01.contoso.net").unwrap();
    assert_eq!(
        listener(&member, "10.0.0.11:5061").servers,
        [Role::FrontEnd, Role::Edge, Role::Dns]
    );
    let inter_server = |listener: &Listener| listener.port == Port::InterServer;
    assert!(
        !member.listeners.iter().any(inter_server),
        "nobody comes to the VIP for 444 of a Director, so it is not passed on"
    );
}

#[test]
fn every_name_of_a_server_is_trusted_with_its_role() {
    let view = view("dir01.contoso.net");
    let of = |name: &str| {
        view.trust
            .get(name)
            .map(|server| (server.pool.to_string(), server.role))
    };
    assert_eq!(
        of("fe02.contoso.net"),
        Some(("fepool02.contoso.net".into(), Role::FrontEnd))
    );
    assert_eq!(
        of("fepool02.contoso.net"),
        Some(("fepool02.contoso.net".into(), Role::FrontEnd))
    );
    assert_eq!(
        of("edge01.contoso.net"),
        Some(("edge01.contoso.net".into(), Role::Edge))
    );
    assert_eq!(
        of("sip.contoso.com"),
        None,
        "a public name is not a server's"
    );
    assert_eq!(
        view.trust.len(),
        9 + 3,
        "eight machines, three pools of another name"
    );
}

#[test]
fn a_machine_of_several_pools_is_known_by_the_one_that_speaks_sip() {
    let view = parse(SMALL_OFFICE).view("home.example.net").unwrap();
    assert_eq!(view.roles, [Role::FrontEnd, Role::Dns]);
    assert_eq!(view.trust["gate.example.net"].role, Role::Edge);
    assert_eq!(view.trust["proxy.example.net"].role, Role::ReverseProxy);
}

#[test]
fn certificates_carry_exactly_the_names_of_their_role() {
    let names = |machine: &str, face: Face| -> Vec<String> {
        let view = view(machine);
        let need = view.certificates.iter().find(|need| need.face == face);
        need.into_iter()
            .flat_map(|need| &need.names)
            .map(ToString::to_string)
            .collect()
    };
    let director = [
        "dirpool01.contoso.net",
        "dir01.contoso.net",
        "webdir.contoso.net",
        "webdirexternal.contoso.com",
        "meet.contoso.com",
        "dialin.contoso.com",
        "lyncdiscoverinternal.contoso.com",
        "lyncdiscover.contoso.com",
        "sip.contoso.com",
        "contoso.com",
        "sipcert.contoso.com",
        "sipcert.dirpool01.contoso.net",
    ];
    assert_eq!(names("dir01.contoso.net", Face::Inside), director);
    let front_end = [
        "fepool01.contoso.net",
        "fe01.contoso.net",
        "fepool01-webext.contoso.com",
        "sipcert.fepool01.contoso.net",
    ];
    assert_eq!(names("fe01.contoso.net", Face::Inside), front_end);
    assert_eq!(
        names("edge01.contoso.net", Face::Inside),
        ["edge01.contoso.net"]
    );
    assert_eq!(
        names("edge01.contoso.net", Face::Outside),
        ["sip.contoso.com", "contoso.com"]
    );
    let published = [
        "fepool01-webext.contoso.com",
        "fepool02-webext.contoso.com",
        "webdirexternal.contoso.com",
        "meet.contoso.com",
        "dialin.contoso.com",
        "lyncdiscover.contoso.com",
    ];
    assert_eq!(names("rp01.contoso.net", Face::Outside), published);
    assert!(names("fe01.contoso.net", Face::Outside).is_empty());
}

#[test]
fn a_balancer_proves_the_web_names_of_pools_whose_tls_ends_at_it() {
    let names = |mode: &str| -> Vec<String> {
        let vip = "vip = \"10.0.0.10\"\n";
        let text = REFERENCE.replace(vip, &format!("{vip}vip_mode = \"{mode}\"\n"));
        let topology = Topology::parse(&text, "sample").unwrap();
        let view = topology.view("lb01.contoso.net").unwrap();
        let names = view.certificates.iter().flat_map(|need| &need.names);
        names.map(ToString::to_string).collect()
    };
    assert_eq!(names("tcp"), ["lb01.contoso.net"]);
    let read = [
        "lb01.contoso.net",
        "webdir.contoso.net",
        "webdirexternal.contoso.com",
        "meet.contoso.com",
        "dialin.contoso.com",
        "lyncdiscoverinternal.contoso.com",
        "lyncdiscover.contoso.com",
    ];
    assert_eq!(names("http"), read);
}

#[test]
fn with_federation_an_edge_proves_the_domains_to_partners() {
    let text = format!("{REFERENCE}\n[federation]\nmode = \"open\"\n");
    let view = parse(&text).view("edge01.contoso.net").unwrap();
    let outside = view
        .certificates
        .iter()
        .find(|need| need.face == Face::Outside);
    let names: Vec<&str> = outside
        .unwrap()
        .names
        .iter()
        .map(topology::Fqdn::as_str)
        .collect();
    assert_eq!(names, ["sip.contoso.com", "contoso.com"]);
}

#[test]
fn without_a_director_the_front_end_carries_the_names_of_sign_in() {
    let view = parse(SHORTEST).view("fe01.contoso.net").unwrap();
    let names: Vec<&str> = view.certificates[0]
        .names
        .iter()
        .map(topology::Fqdn::as_str)
        .collect();
    assert!(
        names.contains(&"sip.contoso.com") && names.contains(&"lyncdiscoverinternal.contoso.com")
    );
}

#[test]
fn names_lead_to_members_inside_and_to_the_perimeter_outside() {
    let topology = reference();
    let inside = |name: &str| addresses(&topology, Face::Inside, name);
    let outside = |name: &str| addresses(&topology, Face::Outside, name);
    assert_eq!(inside("dirpool01.contoso.net"), ["10.0.0.11", "10.0.0.12"]);
    assert_eq!(inside("sip.contoso.com"), ["10.0.0.11", "10.0.0.12"]);
    assert_eq!(inside("meet.contoso.com"), ["10.0.0.10"]);
    assert_eq!(inside("webdirexternal.contoso.com"), ["10.0.0.10"]);
    assert_eq!(outside("sip.contoso.com"), ["203.0.113.10"]);
    assert_eq!(outside("lyncdiscover.contoso.com"), ["203.0.113.20"]);
    assert!(
        outside("dir01.contoso.net").is_empty(),
        "names of servers stay inside"
    );
}

#[test]
fn services_lead_to_a_host_of_their_own_domain() {
    let found: Vec<String> = reference()
        .records()
        .into_iter()
        .filter_map(|record| match record.data {
            RecordData::Service { port, target, .. } => {
                Some(format!("{:?} {} {port} {target}", record.face, record.name))
            }
            RecordData::Address(_) => None,
        })
        .collect();
    let expected = [
        "Inside _sip._tls.contoso.com 5061 sip.contoso.com",
        "Inside _sipinternaltls._tcp.contoso.com 5061 sip.contoso.com",
        "Inside _sips._tcp.contoso.com 5061 sip.contoso.com",
        "Outside _sip._tls.contoso.com 443 sip.contoso.com",
        "Outside _sips._tcp.contoso.com 443 sip.contoso.com",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_view_tells_where_others_are() {
    let view = view("edge01.contoso.net");
    let pool = view.pool("dirpool01.contoso.net").unwrap();
    let sockets: Vec<String> = pool
        .members
        .iter()
        .map(|member| view.socket(member, Port::Sip).to_string())
        .collect();
    assert_eq!(sockets, ["10.0.0.11:5061", "10.0.0.12:5061"]);
    assert_eq!(
        view.own_pool(Role::Edge).unwrap().members[0]
            .address
            .to_string(),
        "172.16.0.10"
    );
    assert!(reference().view("nobody.contoso.net").is_none());
}

fn view(machine: &str) -> View {
    reference().view(machine).unwrap()
}

fn listener<'a>(view: &'a View, socket: &str) -> &'a Listener {
    let found = view
        .listeners
        .iter()
        .find(|listener| listener.address.to_string() == socket);
    found.unwrap_or_else(|| panic!("nothing listens on {socket}: {:#?}", view.listeners))
}

fn addresses(topology: &Topology, face: Face, name: &str) -> Vec<String> {
    let records = topology
        .records()
        .into_iter()
        .filter(|r| r.face == face && r.name == name);
    let address = |data| match data {
        RecordData::Address(address) => Some(address.to_string()),
        RecordData::Service { .. } => None,
    };
    records.filter_map(|record| address(record.data)).collect()
}
